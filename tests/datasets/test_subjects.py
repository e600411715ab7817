"""People's own answers in the statistics of a data set."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from vcmpipe.cli.main import main
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import Samples, make_table, write_samples
from vcmpipe.datasets.subjects import RATERS, read_raters, satisfaction
from vcmpipe.errors import InputError

HEAD = "anchor,jnd,mean,normality,samples,samples_no,sequence_index,standard_deviation\n"


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    """Two clips at two resolutions; level 1 only."""
    source = tmp_path / "videoset"
    source.mkdir()
    for size in ("1280x720", "640x360"):
        rows = '0,23,0,1,"[20, 24, 24, 30]",4,1,0\n0,31,0,1,"[30, 31, 32]",3,2,0\n'
        (source / f"{size}_1st.csv").write_text(HEAD + rows)
    assert main(["dataset", "import", "videoset", str(source), "--out", str(tmp_path / "samples")]) == 0
    return tmp_path / "samples"


def test_statistics_say_how_many_subjects_a_qp_satisfies(
    imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["dataset", "stats", str(imported), "--json", "--out", str(tmp_path / "drawn")]) == 0
    groups = json.loads(capsys.readouterr().out)["satisfaction"]
    assert [group["group"] for group in groups] == ["JND 1, 640x360", "JND 1, 1280x720"]
    first = groups[0]
    assert (first["pictures"], first["subjects"]) == (2, [3, 4])
    # The 25th percentiles are 23 and 30.5; the labels 23 and 31.
    assert [point["ratio"] for point in first["points"]] == [0.9, 0.75, 0.5]
    assert first["points"][1]["jnd"]["value"] == pytest.approx((23 + 30.5) / 2)
    assert first["from_labels"] == pytest.approx(0.25)
    curve = {value: share["value"] for value, share in first["curve"]}
    assert curve[20] == pytest.approx((0.75 + 1) / 2) and curve[32] == 0
    assert (tmp_path / "drawn" / "satisfaction.png").read_bytes().startswith(b"\x89PNG")
    assert main(["dataset", "stats", str(imported), "--ratios", "0.6"]) == 0
    assert "at 0.6" in capsys.readouterr().out


def test_both_data_sets_of_subjects_keep_their_answers(shared_data: Path, tmp_path: Path) -> None:
    for name, levels, subjects in (("videoset", 3, (27, 37)), ("mcl-jci", 3, (14, 31))):
        out = tmp_path / name
        assert main(["dataset", "import", name, str(shared_data / "reference" / name), "--out", str(out)]) == 0
        samples = load_samples(out)
        answers = read_raters(out, samples)
        assert answers is not None and list(answers) == samples.table["sample"].tolist()
        groups = satisfaction(samples, dict(answers), (0.75,), rounds=100)
        assert len(groups) == levels
        for group in groups:
            assert subjects[0] <= group.subjects[0] <= group.subjects[1] <= subjects[1]
            # Labels are the value that satisfies three of four, rounded in their own way.
            assert group.from_labels < 0.5
            # The doubt about one label: some QPs, and more quality factors.
            assert 0.5 < group.points[0].doubt < 8


def test_answers_that_are_missing_or_damaged_are_said(
    imported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples, raters = load_samples(imported), pd.read_parquet(imported / RATERS)

    def fails(message: str) -> None:
        with pytest.raises(InputError, match=message) as caught:
            read_raters(imported, samples)
        assert "\n" not in str(caught.value)

    raters[raters["sample"] != "640x360_001_1"].to_parquet(imported / RATERS)
    fails("has no answers about '640x360_001_1'")
    raters.assign(value=99).to_parquet(imported / RATERS)
    fails("answers outside the scale h264-qp")
    raters.drop(columns="value").to_parquet(imported / RATERS)
    fails("has no column 'value'")
    (imported / RATERS).write_bytes(b"PAR1")
    fails("is damaged")
    (imported / RATERS).unlink()
    assert read_raters(imported, samples) is None
    assert main(["dataset", "stats", str(imported)]) == 0
    capsys.readouterr()
    assert main(["dataset", "stats", str(imported), "--ratios", "0.75"]) == 2
    assert "holds no answers of single subjects" in capsys.readouterr().err
    assert main(["dataset", "stats", str(imported), "--ratios", "75"]) == 2
    assert "give shares above 0 and below 1" in capsys.readouterr().err


def test_samples_without_levels_have_no_groups(tmp_path: Path) -> None:
    samples = Samples(make_table(sample=["a"], picture=["a"], split=["test"], label=[3.0]), "x", "vvc-qp")
    write_samples(samples, tmp_path / "s", {"raters": pd.DataFrame({"sample": ["a"], "level": [1], "value": [3]})})
    assert satisfaction(samples, read_raters(tmp_path / "s", samples) or {}) == []
