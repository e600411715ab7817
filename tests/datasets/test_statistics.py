"""Figures of a data set, against the same taken by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vcmpipe.cli.main import main
from vcmpipe.commands.dataset_stats import statistics
from vcmpipe.config import DatasetStatsOptions
from vcmpipe.datasets.samples import Samples, make_table, write_label_table
from vcmpipe.datasets.statistics import describe, not_monotone
from vcmpipe.datasets.store import Store
from vcmpipe.errors import InputError


def some() -> Samples:
    """Six objects: one never recognised, one with a gap in its string."""
    strings = ["1" * 41 + "0" * 23, "1" * 31 + "0" * 33, "0" * 64, "1" * 21 + "0" * 1 + "1" * 30 + "0" * 12]
    strings += ["1" * 61 + "0" * 3, "1" * 20 + "?" * 20 + "0" * 24]
    return Samples(
        make_table(
            sample=[f"p{i}_1" for i in range(6)],
            picture=[f"p{i}" for i in range(6)],
            split=["train", "train", "train", "test", "test", "val"],
            label=[40.0, 30.0, 0.0, 51.0, 60.0, 39.0],
            recognisable=[True, True, False, True, True, True],
            class_name=["cat", "dog", "cat", "cat", "cat", pd.NA],
            x1=[0.0, 0.0, 0.0, 0.0, 0.0, np.nan],
            y1=[0.0, 0.0, 0.0, 0.0, 0.0, np.nan],
            x2=[32.0, 31.0, 5.0, 96.0, 95.0, np.nan],
            y2=[32.0, 31.0, 5.0, 96.0, 95.0, np.nan],
            string=strings,
        ),
        "some",
        "vvc-qp",
        qps=tuple(range(64)),
    )


def test_figures_are_those_taken_by_hand() -> None:
    found = describe(some(), "here")
    assert (found.samples, found.labelled, found.unrecognisable, found.pictures) == (6, 6, 1, 6)
    assert (found.strings, found.not_monotone, found.without_objects) == (6, 1, None)
    assert found.labels is not None
    assert (found.labels.count, found.labels.mean, found.labels.percentiles[2]) == (5, 44.0, 40.0)
    assert found.labels.mae == np.mean([0, 10, 11, 20, 1])
    assert [(each.group, each.count, each.mean) for each in found.by_class] == [("cat", 3, 151 / 3), ("dog", 1, 30.0)]
    # At 32x32 an object is medium, at 96x96 large.
    assert [(each.group.split(",")[0], each.count) for each in found.by_size] == [
        ("small", 1),
        ("medium", 2),
        ("large", 1),
    ]
    assert [each.group for each in found.by_split] == ["train", "val", "test"]
    by_group = {each.group: each for each in found.baselines}
    assert {each.guess for each in found.baselines} == {35.0}  # the median of train alone
    assert (by_group["test"].mae, by_group["test"].inner_mae) == ((16 + 25) / 2, 16.0)
    assert by_group["all"].count == 5
    # The share at QP 0 and where the gap is; what was not coded answers as its neighbours.
    assert dict(found.recognised)[0] == 5 / 6 and dict(found.recognised)[21] == 4 / 6
    assert found.rates == [] and not_monotone(some()).tolist() == [False, False, False, True, False, False]


def test_constant_guesses_are_the_published_ones(shared_data: Path, tmp_path: Path) -> None:
    for name in ("ow-jrd", "videoset"):
        source = shared_data / "reference" / name
        assert main(["dataset", "import", name, str(source), "--out", str(tmp_path / name)]) == 0
    found = statistics(DatasetStatsOptions(store=str(tmp_path / "ow-jrd")))
    (test,) = [each for each in found.baselines if each.group == "test"]
    assert (test.guess, round(test.mae, 3), round(test.inner_mae or 0, 3)) == (41.0, 7.499, 5.321)
    found = statistics(DatasetStatsOptions(store=str(tmp_path / "videoset")))
    assert [(each.group, round(each.mae, 2)) for each in found.by_level] == [
        ("JND 1", 2.34),
        ("JND 2", 2.46),
        ("JND 3", 2.32),
    ]


def test_a_built_store_has_rates(built: Store) -> None:
    found = statistics(DatasetStatsOptions(store=str(built.path), rule="last"))
    records = list(built.records())
    assert (found.pictures, found.samples, found.rule) == (3, sum(len(each.xyxy) for each in records), "last")
    assert [rate.qp for rate in found.rates] == [26, 34, 42, 50] and found.curve == found.rates
    assert found.rates[0].bits == np.mean([each.bits[0] for each in records])
    assert found.rates[0].bpp == np.median([each.bits[0] / (each.width * each.height) for each in records])
    kept = np.concatenate([each.found[:, 2] for each in records])
    assert found.rates[2].found == kept.mean() == dict(found.recognised)[42]


@pytest.mark.parametrize("what", ["store", "table", "levels", "nothing"])
def test_everything_can_be_looked_at(
    what: str, built: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, drawn = tmp_path / "t.parquet", {"labels.png"}
    if what == "store":
        path, drawn = built.path, {"labels.png", "rate.png"}
    elif what == "table":
        write_label_table(some(), path)
    elif what == "levels":
        table = make_table(
            sample=["a1", "a2"], picture=["a", "a"], split=["val", "val"], label=[30.0, 35.0], level=[1, 2]
        )
        write_label_table(Samples(table, "jnd", "h264-qp"), path)
    else:
        drawn = set()
        write_label_table(Samples(make_table(sample=[], picture=[], split=[], label=[]), "none", "vvc-qp"), path)
    out = tmp_path / "drawings"
    assert main(["dataset", "stats", str(path), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("data set") and ("E_A" in said) == (what != "nothing")
    assert {file.name for file in out.iterdir()} == drawn
    assert all(file.read_bytes()[:4] == b"\x89PNG" and file.stat().st_size > 10_000 for file in out.iterdir())
    assert main(["dataset", "stats", str(path), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["path"] == str(path) and (len(again["rates"]) == 4) == (what == "store")


def test_a_rule_that_does_not_fit_is_refused(built: Store) -> None:
    with pytest.raises(InputError, match="QPs 0 to 63"):
        statistics(DatasetStatsOptions(store=str(built.path), rule="tolerance"))
    with pytest.raises(InputError, match="no label rule 'x'"):
        statistics(DatasetStatsOptions(store=str(built.path), rule="x"))
