from __future__ import annotations

import struct
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vcmpipe.errors import InputError, OutputError
from vcmpipe.qpmap import (
    QpMap,
    read_csv,
    write_csv,
    write_png,
    write_roi,
)

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def maps(draw: st.DrawFn, top: int = 63, ctu: int | None = None, size: tuple[int, int] | None = None) -> QpMap:
    step = ctu or draw(st.sampled_from((32, 64, 128)))
    width, height = size or (draw(st.integers(1, 300)), draw(st.integers(1, 300)))
    rows, cols = -(-height // step), -(-width // step)
    seed = draw(st.integers(0, 2**32 - 1))
    return QpMap.of(np.random.default_rng(seed).integers(0, top + 1, (rows, cols)), step, width, height)


def roi_grids(data: bytes, binary: bool) -> list[list[list[int]]]:
    """The deltas of every picture, row by row, as the encoders read them."""
    numbers = iter(data if binary else map(int, data.split()))
    grids = []
    for first in numbers:
        if binary:
            cols, rows = struct.unpack("<ii", bytes([first, *islice(numbers, 7)]))
        else:
            cols, rows = first, next(numbers)
        values = np.array([*islice(numbers, cols * rows)]).astype(np.int8)
        grids.append(values.reshape(rows, cols).tolist())
    return grids


@few
@given(data=st.data(), binary=st.booleans(), base=st.integers(0, 51), size=st.tuples(*[st.integers(1, 300)] * 2))
def test_roi_round_trip(tmp_path: Path, data: st.DataObject, binary: bool, base: int, size: tuple[int, int]) -> None:
    items = data.draw(st.lists(maps(51, 64, size), min_size=1, max_size=3))
    path = tmp_path / "map.roi"
    report = write_roi(path, items, base, binary=binary)
    assert list(report.maps) == items and report.notes == ()
    assert roi_grids(path.read_bytes(), binary) == [item.deltas(base).tolist() for item in items]


def test_roi_files_are_what_the_encoders_read(tmp_path: Path) -> None:
    items = [QpMap.of([[30, 51, 22]], 64, 192, 64), QpMap.of([[32], [0]], 64, 50, 100)]
    write_roi(tmp_path / "a.txt", items, 32)
    assert (tmp_path / "a.txt").read_text() == "3 1\n-2 19 -10\n1 2\n0\n-32\n"
    write_roi(tmp_path / "a.bin", items, 32, binary=True)
    expected = struct.pack("<ii3b", 3, 1, -2, 19, -10) + struct.pack("<ii2b", 1, 2, 0, -32)
    assert (tmp_path / "a.bin").read_bytes() == expected


def test_changes_for_an_encoder_are_noted(tmp_path: Path) -> None:
    item = QpMap.of([[20, 63], [52, 30]], 32, 64, 64)
    report = write_roi(tmp_path / "m.roi", [item], 30, ctu=32)
    assert report.maps[0].qp.tolist() == [[20, 51], [51, 30]]
    assert report.notes == ("picture 0: 2 of 4 QPs clamped to 0..51",)
    report = write_roi(tmp_path / "m.roi", [item], 30, ctu=32, step_limit=25)
    assert report.maps[0].qp.tolist() == [[20, 45], [45, 30]]
    assert report.notes[1] == "picture 0: 2 of 4 QPs lowered, by 6 at most, to keep steps <= 25"
    report = write_roi(tmp_path / "m.roi", [QpMap.uniform(40, 64, 64, 64), item], 30)
    assert report.notes == ("picture 1: map resampled from CTU 32 to 64 (minimum)",)
    assert (tmp_path / "m.roi").read_text() == "1 1\n10\n1 1\n-10\n"


def test_roi_files_that_cannot_be(tmp_path: Path) -> None:
    path = tmp_path / "m.roi"
    with pytest.raises(InputError, match="no QP map to write"):
        write_roi(path, [], 30)
    with pytest.raises(InputError, match=r"base QP 52 is outside the encoder's 0\.\.51"):
        write_roi(path, [QpMap.uniform(50, 128, 64)], 52)


@few
@given(items=st.lists(maps(), min_size=1, max_size=3))
def test_csv_round_trip(tmp_path: Path, items: list[QpMap]) -> None:
    path = tmp_path / "maps.csv"
    write_csv(path, items)
    assert read_csv(path) == items


def test_csv_is_a_plain_table(tmp_path: Path) -> None:
    path = tmp_path / "maps.csv"
    write_csv(path, [QpMap.of([[30, 51]], 64, 100, 60)])
    assert path.read_text() == "picture,width,height,ctu,row,col,qp\n0,100,60,64,0,0,30\n0,100,60,64,0,1,51\n"
    head, *lines = path.read_text().splitlines()
    path.write_bytes(("\ufeff" + "\r\n".join([head, *reversed(lines), ""])).encode())  # as a spreadsheet saves it
    assert read_csv(path) == [QpMap.of([[30, 51]], 64, 100, 60)]


HEAD = "picture,width,height,ctu,row,col,qp\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the first line must be picture,"),
        ("a,b\n", "the first line must be picture,"),
        (HEAD, "the table holds no CTU"),
        (HEAD + "0,64,64,64,0,0\n", "line 2 does not hold 7 whole numbers"),
        (HEAD + "0,64,64,64,0,0,3.5\n", "line 2 does not hold"),
        (HEAD + "0,64,64,64,0,0," + "9" * 40 + "\n", "line 2 does not hold"),
        (HEAD + "0,64,64,64,0,0,64\n", "picture 0: QP 64"),
        (HEAD + "1,64,64,64,0,0,30\n", "numbered 0, 1, 2"),
        (HEAD + "0,128,64,64,0,0,30\n", "1 lines do not name each of its 1 x 2 CTUs once"),
        (HEAD + "0,128,64,64,0,0,30\n" * 2, "2 lines do not name each"),
        (HEAD + "0,64,64,64,0,1,30\n", "outside the grid of 1 rows x 1 columns"),
        (HEAD + "0,64,64,64,-1,0,30\n", "outside the grid"),
        (HEAD + "0,64,64,48,0,0,30\n", "CTU size 48"),
        (HEAD + "0,64,64,64,0,0,30\n0,65,64,64,0,0,30\n", "changes its size"),
        ("\xff\xfe", "not text in UTF-8"),
    ],
)
def test_damaged_csv_files(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        read_csv(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    item = QpMap.uniform(30, 64, 64)
    blocked = tmp_path / "file"
    blocked.write_text("a file, not a folder")
    for write in (lambda p: write_png(p, item), lambda p: write_csv(p, [item]), lambda p: write_roi(p, [item], 30)):
        with pytest.raises(OutputError, match="file"):
            write(blocked / "map")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
