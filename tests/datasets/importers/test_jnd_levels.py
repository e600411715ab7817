"""Pictures with three JNDs: by position and by name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.datasets.importers.conftest import importing, picture
from vcmpipe.cli.main import main
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.errors import InputError
from vcmpipe.jnd.importers import jnd_levels
from vcmpipe.jnd.importers.jnd_manifest import MANIFEST

ROWS = {"train": "24 28 33\n20 25 25\n", "valid": "30 31 40\n", "test": "JND1 JND2 JND3\n 18\t27  36 \n"}
NAMES = {"train": ["b.png", "a.png"], "valid": ["c.png"], "test": ["d.png"]}


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    """Four pictures in three parts, those of train and valid with coded versions at JND 1."""
    folder = tmp_path / "frames"
    for part, names in NAMES.items():
        for name in names:
            picture(folder / part / name)
            if part != "test":
                picture(folder / f"jnd1{part}" / name)
        (folder / part / "JND-Levels.txt").write_text(ROWS[part])
    return folder


def rows_of(table: pd.DataFrame) -> list[tuple[str, str, int, float]]:
    return list(zip(table["path"], table["split"], table["level"], table["label"], strict=True))


EXPECTED = [
    *[("train/a.png", "train", level, label) for level, label in ((1, 24), (2, 28), (3, 33))],
    *[("train/b.png", "train", level, label) for level, label in ((1, 20), (2, 25), (3, 25))],
    *[("valid/c.png", "val", level, label) for level, label in ((1, 30), (2, 31), (3, 40))],
    *[("test/d.png", "test", level, label) for level, label in ((1, 18), (2, 27), (3, 36))],
]


def test_rows_go_to_the_pictures_in_the_order_of_their_names(legacy: Path, tmp_path: Path) -> None:
    out = tmp_path / "samples"
    assert main(["dataset", "import", "jnd-levels", str(legacy), "--out", str(out)]) == 0
    samples = load_samples(out)
    assert rows_of(samples.table) == EXPECTED and samples.scale == "h264-qp"
    assert samples.table["picture"].nunique() == 4 and set(samples.table["width"]) == {24}
    coded = pd.read_parquet(out / "coded.parquet")
    assert coded.to_numpy().tolist() == [
        ["train/a.png_1", "train/a.png", "jnd1train/a.png"],
        ["train/b.png_1", "train/b.png", "jnd1train/b.png"],
        ["valid/c.png_1", "valid/c.png", "jnd1valid/c.png"],
    ]
    assert set(coded["sample"]) <= set(samples.table["sample"])
    assert samples.missing == (
        "1 of 4 pictures coded at their JND 1",
        "4 of 4 pictures coded at their JND 2",
        "4 of 4 pictures coded at their JND 3",
    )


def test_one_file_beside_the_parts_has_all_rows(legacy: Path) -> None:
    text = ROWS["train"] + ROWS["valid"] + "18 27 36\n"
    (legacy / "JND-Levels.txt").write_text(text)
    with pytest.raises(InputError, match="leave one of them"):
        jnd_levels.read(importing("jnd-levels", legacy))
    for part in NAMES:
        (legacy / part / "JND-Levels.txt").unlink()
    assert rows_of(jnd_levels.read(importing("jnd-levels", legacy)).samples.table) == EXPECTED
    (legacy / "JND-Levels.txt").write_text(ROWS["train"])
    with pytest.raises(InputError, match=r"has 2 rows, train and valid and test have 4 pictures"):
        jnd_levels.read(importing("jnd-levels", legacy))


def test_what_was_read_by_position_is_the_same_by_name(legacy: Path) -> None:
    by_position = jnd_levels.read(importing("jnd-levels", legacy, write_manifest=str(legacy / MANIFEST)))
    # Now the names count: what stands in the old files does not matter any more.
    (legacy / "train" / "JND-Levels.txt").write_text("nonsense")
    by_name = jnd_levels.read(importing("jnd-levels", legacy))
    pd.testing.assert_frame_equal(by_name.samples.table, by_position.samples.table)
    pd.testing.assert_frame_equal(by_name.companions["coded"], by_position.companions["coded"])
    assert by_name.samples.source["by"] == "name"


def test_a_manifest_names_sources_and_splits(tmp_path: Path) -> None:
    for name in ("x/1.png", "x/2.png", "y.png"):
        picture(tmp_path / name)
    text = "name,jnd1,jnd2,jnd3,source,split\nx/1.png,80,,60,clip,valid\nx/2.png,90,50,40,clip,val\ny.png,30,20,10,,\n"
    (tmp_path / MANIFEST).write_text(text)
    samples = jnd_levels.read(importing("jnd-levels", tmp_path, scale="jpeg-qf")).samples
    table = samples.table
    assert len(table) == 8 and "JND 2 of 1 of 3 pictures" in samples.missing
    assert set(table["split"][table["picture"] == "clip"]) == {"val"}
    assert table["picture"].iloc[-1] == "y" and samples.source["split_seed"] == "0"
    with pytest.raises(InputError, match="row 2: JND1 is '80', outside the scale vvc-qp"):
        jnd_levels.read(importing("jnd-levels", tmp_path, scale="vvc-qp"))
    (tmp_path / MANIFEST).write_text(text.replace(",val\n", ",train\n"))
    with pytest.raises(InputError, match="picture 'clip', which is in two splits"):
        jnd_levels.read(importing("jnd-levels", tmp_path, scale="jpeg-qf"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 rows, train has 2 pictures"),
        ("24 28 33\n", "has 1 rows, train has 2 pictures"),
        (ROWS["train"] + "1 2 3\n", "has 3 rows, train has 2 pictures"),
        ("24 28\n", "row 1: '24 28' has 2 columns"),
        ("24 28 33\n24 28 33 40\n", "row 2: '24 28 33 40' has 4 columns"),
        ("24 28 33\n24 x 33\n", "row 2: JND2 is 'x': it must be a number"),
        ("24 28 33\n\n24 28 52\n", "row 3: JND3 is '52', outside the scale h264-qp, 0..51"),
        ("-1 28 33\n", "row 1: JND1 is '-1', outside"),
        ("24 nan 33\n", "row 1: JND2 is 'nan', outside"),
        ("24 33 28\n", "row 1: 24, 33, 28 is not JND1 <= JND2 <= JND3"),
        (b"\xff\xfe2", "not text in UTF-8"),
    ],
)
def test_a_label_file_that_is_wrong_is_one_line(legacy: Path, text: str | bytes, message: str) -> None:
    path = legacy / "train" / "JND-Levels.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as caught:
        jnd_levels.read(importing("jnd-levels", legacy))
    assert "JND-Levels.txt" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column 'name'"),
        ("name,jnd1,jnd2\n", "lacks the column 'jnd3'"),
        ("name,jnd1,jnd2,jnd3,jnd4\n", "has a column 'jnd4' too many"),
        ("name,jnd1,jnd2,jnd3,jnd1\n", "has a column 'jnd1' too many"),
        ("name,jnd1,jnd2,jnd3\n", "has no rows"),
        ("name,jnd1,jnd2,jnd3\na.png,1,2\n", "row 2 has not 4 columns"),
        ("name,jnd1,jnd2,jnd3\na.png,1,2,3,4\n", "row 2 has not 4 columns"),
        ("name,jnd1,jnd2,jnd3\n,1,2,3\n", "row 2: the name is empty"),
        ("name,jnd1,jnd2,jnd3\nc.png,1,2,3\n", "row 2: name: 'c.png' is not in"),
        ("name,jnd1,jnd2,jnd3\n../a.png,1,2,3\n", "row 2: name is '../a.png': give a path below"),
        ("name,jnd1,jnd2,jnd3\n/etc/passwd,1,2,3\n", "give a path below"),
        ("name,jnd1,jnd2,jnd3\na.png,1,2,3\na.png,1,2,3\n", "'a.png' occurs twice"),
        ("name,jnd1,jnd2,jnd3\na.png,1,2,3\n", "names 1 pictures, but not 'b.png', which is beside them"),
        ("name,jnd1,jnd2,jnd3\na.png,,,\n", "row 2: no JND is given"),
        ("name,jnd1,jnd2,jnd3,split\na.png,1,2,3,all\n", "row 2: the split is 'all'"),
        ("name,jnd1,jnd2,jnd3,coded2\na.png,1,2,3,c.png\n", "row 2: coded2: 'c.png' is not in"),
        ('name,jnd1,jnd2,jnd3\n"a.png,1,2,3\n', "cannot be read as CSV"),
    ],
)
def test_a_manifest_that_is_wrong_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        jnd_levels.read(importing("jnd-levels", tmp_path))
    assert MANIFEST in str(caught.value) and "\n" not in str(caught.value)


def test_coded_versions_must_match_their_pictures(legacy: Path, tmp_path: Path) -> None:
    coded = legacy / "jnd1train"
    (coded / "a.png").rename(coded / "z.png")
    with pytest.raises(InputError, match="jnd1train has no 'a', but others by name"):
        jnd_levels.read(importing("jnd-levels", legacy))
    (coded / "b.png").rename(coded / "y.png")  # no name is left: the order counts
    found = jnd_levels.read(importing("jnd-levels", legacy)).companions["coded"]
    assert found["coded"].tolist()[:2] == ["jnd1train/y.png", "jnd1train/z.png"]
    picture(coded / "y.png", (32, 16))
    with pytest.raises(InputError, match=r"y\.png has 32x16 pixels, .*a\.png 24x16"):
        jnd_levels.read(importing("jnd-levels", legacy))
    (coded / "y.png").unlink()
    with pytest.raises(InputError, match=r"jnd1train has 1 picture, .*train has 2"):
        jnd_levels.read(importing("jnd-levels", legacy))


def test_folders_that_are_something_else_are_named(legacy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has neither manifest\.csv nor folders train, valid, test"):
        jnd_levels.read(importing("jnd-levels", tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not a folder"):
        jnd_levels.read(importing("jnd-levels", tmp_path / "file"))
    picture(legacy / "train" / "a.jpg")
    (legacy / "train" / "JND-Levels.txt").write_text(ROWS["train"] + "40 40 40\n")
    with pytest.raises(InputError, match=r"train: a.jpg and a.png have one name"):
        jnd_levels.read(importing("jnd-levels", legacy))
    (legacy / "train" / "a.jpg").unlink()
    (legacy / "valid" / "JND-Levels.txt").unlink()
    with pytest.raises(InputError, match=r"valid/JND-Levels.txt does not exist"):
        jnd_levels.read(importing("jnd-levels", legacy))
    (legacy / "test" / "d.png").unlink()
    with pytest.raises(InputError, match="test holds no pictures"):
        jnd_levels.read(importing("jnd-levels", legacy))
    with pytest.raises(InputError, match="--scale is for jnd-levels"):
        importing("videoset", tmp_path, scale="vvc-qp")
