"""The table of samples: its rules, its files, its splits, and the way there from a built store."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.datasets.label_table import label_table, load_samples, short_names
from vcmpipe.datasets.samples import (
    SPLITS,
    Samples,
    make_table,
    split_by_picture,
    write_label_table,
    write_samples,
)
from vcmpipe.datasets.store import Store
from vcmpipe.errors import InputError
from vcmpipe.measurement import label

QPS = tuple(range(64))


def some(**changes: object) -> Samples:
    """Three objects in two pictures."""
    columns: dict[str, object] = {
        "sample": ["a_1", "a_2", "b_1"],
        "picture": ["a", "a", "b"],
        "split": ["train", "train", "test"],
        "label": [40.0, 0.0, 50.0],
        "recognisable": [True, False, True],
        "string": ["1" * 41 + "0" * 23, "0" * 64, "1" * 51 + "0" * 13],
        "class_name": ["cat", pd.NA, "dog"],
    }
    rest = {
        key: changes.pop(key) for key in ("name", "scale", "missing", "qps", "source", "root", "rule") if key in changes
    }
    values = {"name": "some", "scale": "vvc-qp", "qps": QPS, "missing": ("the crops",)} | rest
    return Samples(make_table(**(columns | changes)), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": [64.0, 0.0, 1.0]}, "'a_1' has a label outside 0..63"),
        ({"label": [1.0, -1.0, -2.0]}, r"'a_2' \(and 1 more\) has a label outside"),
        ({"label": [1.0, 2.0, np.inf]}, "'b_1' has a label outside"),
        ({"label": [1.0, 2.5, 3.0]}, "'a_2' has a label that is not a whole QP"),
        ({"label": [0.0, 0.0, 101.0], "scale": "jpeg-qf"}, "outside 0..100"),
        ({"label": [0.0, 0.0, 52.0], "scale": "h264-qp"}, "outside 0..51"),
        ({"scale": "none"}, "the scale has none"),
        ({"scale": "qp"}, "no label scale 'qp': choose from vvc-qp"),
        ({"label": ["x", 1, 2]}, None),
        ({"sample": ["a_1", "a_1", "b_1"]}, "'a_1' occurs twice"),
        ({"sample": ["a_1", "", "b_1"]}, "lacks its name"),
        ({"picture": ["a", pd.NA, "b"]}, "lacks its name, its picture"),
        ({"split": ["train", "test", "test"]}, r"'a_1' \(and 1 more\) is of picture 'a', which is in two splits"),
        ({"split": ["train", "train", "dev"]}, "'b_1' has a split that is none of train, val, test"),
        ({"string": ["1" * 64, "0" * 63, "0" * 64]}, "'a_2' has a string that is not 64 of the characters"),
        ({"string": ["1" * 64, "2" * 64, "0" * 64]}, "'a_2' has a string"),
        ({"string": ["1" * 64, "?" * 64, "0" * 64]}, "'a_2' has a string without one coded QP"),
        ({"qps": None}, "strings need their QPs"),
        ({"qps": QPS[::-1]}, "strings need their QPs, ascending"),
        ({"x1": [1.0, 2.0, np.nan]}, "has a box with a side that is not a number"),
        ({"label": [1.0, 2.0, 3.0]}, "'a_2' is never recognised, and its label is not 0"),
        ({"label": [1.0, np.nan, 3.0]}, "'a_2' is never recognised, and its label is not 0"),
        ({"level": [1, 9, pd.NA]}, "'a_2' has a JND level other than 1, 2, 3"),
        ({"level": [0, 1, 2]}, "'a_1' has a JND level"),
        ({"score": [0.5, np.nan, 2.0]}, r"'b_1' has a score outside 0\.\.1"),
        ({"score": [-0.1, np.inf, 1.0]}, r"'a_1' \(and 1 more\) has a score outside"),
        ({"width": [0, 5, pd.NA]}, "'a_1' has a width below 1"),
        ({"height": [5, -5, 5]}, "'a_2' has a height below 1"),
        ({"path": ["a..b/c.png", "x/../../y.png", pd.NA]}, r"'a_2' has a path with \.\. in it"),
        ({"path": ["a/b.png", "..\\y.png", ".."]}, r"'a_2' \(and 1 more\) has a path with"),
        ({"rule": "luck"}, "there is no label rule 'luck': choose from last, "),
        ({"x1": [9.0] * 3, "y1": [0.0] * 3, "x2": [8.0] * 3, "y2": [9.0] * 3}, "has a box inside out"),
    ],
)
def test_a_table_that_breaks_a_rule_is_refused(changes: dict[str, object], message: str | None) -> None:
    if message is None:
        with pytest.raises(ValueError, match="could not convert"):
            some(**changes)
        return
    with pytest.raises(InputError, match=message):
        some(**changes)


def test_a_table_without_a_column_or_with_wrong_kinds_is_refused() -> None:
    table = some().table
    with pytest.raises(InputError, match="no column 'picture'"):
        Samples(table.drop(columns="picture"), "x", "vvc-qp")
    with pytest.raises(InputError, match="values of the wrong kind"):
        Samples(table.assign(label=["x", "y", "z"]), "x", "vvc-qp")


@pytest.mark.parametrize("as_folder", [True, False])
def test_what_is_written_is_read_again(tmp_path: Path, as_folder: bool) -> None:
    samples = some(root="/pictures", source={"kind": "test"})
    raters = pd.DataFrame({"sample": ["a_1"], "value": [3]})
    path = tmp_path / ("folder" if as_folder else "table.parquet")
    if as_folder:
        write_samples(samples, path, {"raters": raters})
        pd.testing.assert_frame_equal(pd.read_parquet(path / "raters.parquet"), raters)
        with pytest.raises(InputError, match="exists and is not empty"):
            write_samples(samples, path)
    else:
        write_label_table(samples, path)
    again = load_samples(path)
    pd.testing.assert_frame_equal(again.table, samples.table)
    assert (again.name, again.scale, again.missing, again.qps) == ("some", "vvc-qp", ("the crops",), QPS)
    assert again.source == {"kind": "test"}
    # A table that is passed on names no folder of the machine that it was made on.
    assert again.root == ("/pictures" if as_folder else None)
    assert load_samples(path, "last").table["label"].tolist() == [40.0, 0.0, 50.0]


def test_damaged_files_are_named_in_one_line(tmp_path: Path) -> None:
    folder, file = tmp_path / "folder", tmp_path / "table.parquet"
    write_samples(some(), folder)
    write_label_table(some(), file)
    whole = file.read_bytes()
    for size in (0, 3, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"table\.parquet is damaged \(it does not end with PAR1") as caught:
            load_samples(file)
        assert len(str(caught.value)) < len(str(file)) + 140  # pyarrow has more to say
    some().table.to_parquet(file)
    with pytest.raises(InputError, match="is not a label table"):
        load_samples(file)
    manifest = folder / "manifest.json"
    text = json.loads(manifest.read_text())
    for change, message in [
        ({"kind": "cake"}, "kind 'cake'"),
        ({"version": 2}, "version 2"),
        ({"scale": "x"}, "no label scale"),
        ({"qps": ["a"]}, "damaged"),
        ({"qps": 3}, "damaged"),
    ]:
        manifest.write_text(json.dumps(text | change))
        with pytest.raises(InputError, match=message):
            load_samples(folder)
    for damage in ("{", "[]", "null", "3", json.dumps({k: v for k, v in text.items() if k != "name"})):
        manifest.write_text(damage)
        with pytest.raises(InputError, match=r"manifest|damaged"):
            load_samples(folder)
    manifest.unlink()
    with pytest.raises(InputError, match="holds no samples"):
        load_samples(folder)
    with pytest.raises(InputError, match="does not exist"):
        load_samples(tmp_path / "nothing")


def test_labels_without_strings_cannot_be_made_again() -> None:
    with pytest.raises(InputError, match="no strings"):
        some(string=[pd.NA] * 3).relabelled("last")


NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), unique=True)


@given(NAMES, NAMES, st.integers(0, 3))
def test_a_split_does_not_move_when_pictures_are_added(names: list[str], more: list[str], seed: int) -> None:
    assert split_by_picture(names + more, seed)[: len(names)] == split_by_picture(names, seed)


def test_a_split_meets_its_shares_on_average() -> None:
    names = [f"{i:012}.jpg" for i in range(4000)]
    first, second = split_by_picture(names, 0), split_by_picture(names, 1)
    assert first != second
    for split, share in zip(SPLITS, (0.8, 0.1, 0.1), strict=True):
        assert abs(first.count(split) / len(names) - share) < 0.02
    assert set(split_by_picture(names, 0, (0.0, 0.0, 1.0))) == {"test"}
    with pytest.raises(InputError, match="sum to 1"):
        split_by_picture(names, 0, (0.5, 0.1, 0.1))


@given(NAMES)
def test_short_names_are_unique(names: list[str]) -> None:
    names = [name.replace("/", "_").replace("\0", "_") + ending for name in names for ending in (".png", ".png.jpg")]
    short = short_names(list(dict.fromkeys(names)))
    assert len(set(short.values())) == len(short)


def test_endings_stay_where_names_would_clash() -> None:
    assert short_names(["a.png", "sub/a.png", "b.png", "b.jpg", "b.png.jpg"]) == {
        "a.png": "a",
        "sub/a.png": "sub/a",
        "b.png": "b.png",
        "b.jpg": "b.jpg",
        "b.png.jpg": "b.png.jpg",
    }


def test_a_store_yields_its_objects(built: Store, tmp_path: Path) -> None:
    samples = label_table(built)
    # Four QPs are no full ladder: the default rule for those is the best step.
    assert (samples.rule, samples.qps, samples.scale) == ("best-step", (26, 34, 42, 50), "vvc-qp")
    rows = iter(samples.table.itertuples())
    for record in built.records():
        labels, recognisable = label(record.found, record.qps, "best-step")
        for n in range(len(record.xyxy)):
            row = next(rows)
            assert (row.sample, row.picture) == (f"{record.name.removesuffix('.png')}_{n + 1}", record.name)
            assert (row.label, row.recognisable) == (labels[n], recognisable[n])
            assert np.float32([row.x1, row.y1, row.x2, row.y2]).tolist() == record.xyxy[n].tolist()
            assert [mark == "1" for mark in row.string] == record.found[n].tolist()
            assert (row.width, row.height) == (record.width, record.height)
            assert Path(samples.root or "", row.path).is_file()
    assert next(rows, None) is None and len(samples) > 0
    # The same through its path, and through a label table that needs no store.
    pd.testing.assert_frame_equal(load_samples(built.path).table, samples.table)
    write_label_table(samples, tmp_path / "table.parquet")
    for rule in ("last", "first-loss"):
        again = load_samples(tmp_path / "table.parquet", rule)
        pd.testing.assert_frame_equal(again.table, label_table(built, rule).table)
        assert again.rule == rule
    with pytest.raises(InputError, match="QPs 0 to 63"):
        label_table(built, "tolerance")


def test_strings_of_a_search_are_labelled_as_if_completed() -> None:
    samples = some(string=["?" * 21 + "1" * 20 + "?" * 23, "??" + "0" * 62, "1" + "?" * 49 + "10" + "?" * 12])
    labels = samples.relabelled("last").table["label"].tolist()
    assert labels == [63, 0, 50]
