"""VideoSet and MCL-JCI: labels out of people's answers, which are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from tests.datasets.importers.conftest import importing
from vcmpipe.cli.main import main
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.errors import InputError
from vcmpipe.jnd.importers import mcl_jci, videoset

HEAD = "anchor,jnd,mean,normality,samples,samples_no,sequence_index,standard_deviation\n"
ROW = '0,25,28.5,1,"[27, 30]",2,1,1.5\n'


def test_the_published_median_guesses_of_videoset_come_out(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples"
    assert main(["dataset", "import", "videoset", str(shared_data / "reference" / "videoset"), "--out", str(out)]) == 0
    samples = load_samples(out)
    assert (samples.scale, len(samples)) == ("h264-qp", 660)
    for level, published in ((1, 2.34), (2, 2.46), (3, 2.32)):
        labels = samples.table["label"][samples.table["level"] == level]
        assert len(labels) == 220
        assert round((labels - labels.median()).abs().mean(), 2) == published
    raters = pd.read_parquet(out / "raters.parquet")
    first = raters[raters["sample"] == "1280x720_001_1"]
    assert first["value"].tolist()[:5] == [33, 35, 31, 32, 33] and len(first) == 30
    assert set(raters["sample"]) == set(samples.table["sample"])
    # The label is nearly always their 25th percentile, rounded.
    quarter = raters.groupby("sample")["value"].quantile(0.25).round().reindex(samples.table["sample"])
    assert (samples.table.set_index("sample")["label"] == quarter).mean() > 0.97
    assert any("1920x1080" in line for line in samples.missing)
    # Clips, not rows, are split.
    assert samples.table.groupby("picture")["split"].nunique().eq(1).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as CSV"),
        (HEAD, "has no rows"),
        ("a,b\n1,2\n", "has no column 'anchor'"),
        (HEAD + ROW + ROW, "line 3: clip 1 occurs twice"),
        (HEAD + ROW.replace("0,25,", "0,52,"), "line 2: jnd is 52"),
        (HEAD + ROW.replace("0,25,", "0,,"), "line 2: jnd is nan"),
        (HEAD + ROW.replace("0,25,", "0,inf,"), "line 2: jnd is inf"),
        (HEAD + ROW.replace("0,25,", "0,x,"), "line 2: jnd is 'x'"),
        (HEAD + ROW.replace("[27, 30]", "27"), "samples should be a list"),
        (HEAD + ROW.replace("[27, 30]", "[27, 3"), "samples should be a list"),
        (HEAD + ROW.replace("[27, 30]", "[]"), "samples should be a list"),
        (HEAD + ROW.replace('"[27, 30]"', ""), "samples should be a list"),
        (HEAD + ROW.replace("[27, 30]", "[27, 99]"), "a sample is 99"),
        (HEAD + ROW.replace(",2,1,", ",3,1,"), "samples_no is 3, but there are 2"),
        (HEAD + ROW.replace(",2,1,", ",2,0,"), "sequence_index is 0"),
        (HEAD + ROW[:18], "cannot be read as CSV"),
    ],
)
def test_a_csv_that_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "1280x720_1st.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        videoset.read(importing("videoset", tmp_path))
    assert "\n" not in str(caught.value) and path.name in str(caught.value)


def test_files_are_told_by_their_names(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file like"):
        videoset.read(importing("videoset", tmp_path))
    (tmp_path / "labels.csv").write_text(HEAD + ROW)
    with pytest.raises(InputError, match="should tell resolution and level"):
        videoset.read(importing("videoset", tmp_path / "labels.csv"))
    (tmp_path / "640x360_2nd.csv").write_text(HEAD + ROW)
    samples = videoset.read(importing("videoset", tmp_path / "640x360_2nd.csv")).samples
    (row,) = samples.table.itertuples()
    assert (row.sample, row.level, row.width, row.height, row.label) == ("640x360_001_2", 2, 640, 360, 25)
    assert "219 of 220 clips at 640x360, JND 2" in samples.missing


def test_the_answers_of_mcl_jci_are_told_apart(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples"
    assert main(["dataset", "import", "mcl-jci", str(shared_data / "reference" / "mcl-jci"), "--out", str(out)]) == 0
    samples = load_samples(out)
    assert (samples.scale, len(samples), samples.table["picture"].nunique()) == ("jpeg-qf", 150, 50)
    raters = pd.read_parquet(out / "raters.parquet")
    first = raters[raters["picture"] == "01"].groupby("rater")["value"].apply(list).tolist()
    assert first[:3] == [[29, 18, 13, 11, 8], [23, 12, 10, 7], [31, 17, 11, 6]]
    # 29 to 31 subjects, as published.
    assert raters.groupby("picture")["rater"].max().between(29, 31).all()
    for picture, level in (("01", 1), ("02", 1), ("37", 3)):
        values, label = (
            table.loc[(table["picture"] == picture) & (table["level"] == level), column]
            for table, column in ((raters, "value"), (samples.table, "label"))
        )
        label = label.item()
        # At the label at most a quarter has seen the difference before, that is, at a higher factor.
        assert (values > label).mean() <= 0.25 < (values >= label).mean()
    coarser = samples.table.pivot(index="picture", columns="level", values="label")
    assert (np.diff(coarser.to_numpy(), axis=1) < 0).all()


def write_xlsx(path: Path, rows: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "has no rows"),
        ([[1]], "row 1: there should be two columns"),
        ([["picture", "samples"]], "row 1: the number of the picture is 'picture'"),
        ([[1.5, "[3]"]], "is 1.5"),
        ([[1, "[3]"], [1, "[3]"]], "row 2: picture 1 occurs twice"),
        ([[1, None]], "should be a list"),
        ([[1, "[30, 20"]], "should be a list"),
        ([[1, "30"]], "should be a list"),
        ([[1, "[]"]], "should be a list"),
        ([[1, "[101]"]], "an answer is 101"),
        ([[1, "[1.5]"]], "an answer is 1.5"),
        ([[1, '["a"]']], "an answer is 'a'"),
    ],
)
def test_an_xlsx_that_is_wrong_is_one_line(tmp_path: Path, rows: list[list[Any]], message: str) -> None:
    path = write_xlsx(tmp_path / "raw.xlsx", rows)
    with pytest.raises(InputError, match=message):
        mcl_jci.read(importing("mcl-jci", path))


def test_an_xlsx_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no \.xlsx file"):
        mcl_jci.read(importing("mcl-jci", tmp_path))
    whole = write_xlsx(tmp_path / "raw.xlsx", [[1, "[30, 20, 40]"]]).read_bytes()
    samples = mcl_jci.read(importing("mcl-jci", tmp_path)).samples
    # Two subjects, 30 and 40 first; only one has a second point; nobody a third.
    assert samples.table[["level", "label"]].to_numpy().tolist() == [[1, 40], [2, 20]]
    for content in (b"", b"no zip", whole[: len(whole) // 2], whole[:-1]):
        (tmp_path / "raw.xlsx").write_bytes(content)
        with pytest.raises(InputError, match=r"raw\.xlsx cannot be read as XLSX"):
            mcl_jci.read(importing("mcl-jci", tmp_path))
    (tmp_path / "second.xlsx").touch()
    with pytest.raises(InputError, match="more than one"):
        mcl_jci.read(importing("mcl-jci", tmp_path))
