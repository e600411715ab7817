"""Reading MOTChallenge's ground truth: what a line says, and lines that say it wrongly."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcmpipe.errors import InputError
from vcmpipe.evaluation.mot import read_mot


def test_boxes_by_frame(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(
        "1,7,11,21,30,40,1,1,0.5\n\n2, 7, 12.5, 21, 30, 40, 1, 3, 1\n2,8,1,1,5,5,0,8,1\n2,9,1,1,5,5,1,-1,1\n"
    )
    frames = read_mot(path)
    assert sorted(frames) == [1, 2]
    (box,) = frames[1]
    assert (box.track, box.xyxy, box.counts, box.name) == (7, (10.0, 20.0, 40.0, 60.0), True, "person")
    assert [(each.track, each.counts, each.name) for each in frames[2]] == [
        (7, True, "car"),
        (8, False, None),
        (9, True, None),
    ]


def test_the_format_of_2015_has_no_classes(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("1,1,1,1,5,5,1,-1,-1,-1\n")
    assert read_mot(path)[1][0].name is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,7,11,21,30,40,1,1\n", r"gt\.txt, line 1: 8 columns, where frame,id,x,y"),
        ("1,7,11,21,30,40,1,1,1\n0,7,11,21,30,40,1,1,1\n", r"gt\.txt, line 2: frame 0, but the first one is 1"),
        ("1,7,a,21,30,40,1,1,1\n", r"line 1: x 'a' is not a number"),
        ("1,7,nan,21,30,40,1,1,1\n", r"line 1: x 'nan' is not finite"),
        ("1.5,7,1,21,30,40,1,1,1\n", r"line 1: frame '1.5' is not a whole number"),
        ("1,1e30,1,21,30,40,1,1,1\n", r"line 1: id '1e30' is not a whole number up to 1,000,000,000"),
        ("1,7,11,21,0,40,1,1,1\n", r"line 1: a box of 0x40 pixels"),
        (
            "1,7,1,2,3,4,1,1,1\n1,8,1,2,3,4,1,1,1\n1,7,1,2,3,4,1,1,1\n",
            r"line 3: track 7 is in frame 1 already, in line 1",
        ),
        ("1,7,1,2,3,4,0,1,1\n", r"gt\.txt: there is no object in it that counts"),
        ("", r"gt\.txt: there is no object"),
    ],
)
def test_what_is_damaged_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_mot(path)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the annotations .*none\.txt does not exist"):
        read_mot(tmp_path / "none.txt")
    (tmp_path / "gt.txt").write_bytes(b"\xff\xfe1,2")
    with pytest.raises(InputError, match="is not text in UTF-8"):
        read_mot(tmp_path / "gt.txt")
