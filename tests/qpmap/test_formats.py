from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vcmpipe.errors import InputError, OutputError
from vcmpipe.qpmap import (
    QpMap,
    fit_for_roi,
    read_csv,
    read_png,
    read_roi,
    read_roi_deltas,
    write_csv,
    write_png,
    write_roi,
)
from vcmpipe.qpmap.formats import palette

few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def maps(draw: st.DrawFn, top: int = 63, ctu: int | None = None, size: tuple[int, int] | None = None) -> QpMap:
    step = ctu or draw(st.sampled_from((32, 64, 128)))
    width, height = size or (draw(st.integers(1, 300)), draw(st.integers(1, 300)))
    rows, cols = -(-height // step), -(-width // step)
    seed = draw(st.integers(0, 2**32 - 1))
    return QpMap.of(np.random.default_rng(seed).integers(0, top + 1, (rows, cols)), step, width, height)


@few
@given(data=st.data(), binary=st.booleans(), base=st.integers(0, 51), size=st.tuples(*[st.integers(1, 300)] * 2))
def test_roi_round_trip(tmp_path: Path, data: st.DataObject, binary: bool, base: int, size: tuple[int, int]) -> None:
    items = data.draw(st.lists(maps(51, 64, size), min_size=1, max_size=3))
    path = tmp_path / "map.roi"
    report = write_roi(path, items, base, binary=binary)
    assert list(report.maps) == items and report.notes == ()
    assert read_roi(path, base, *size) == items
    assert [grid.tolist() for grid in read_roi_deltas(path)] == [item.deltas(base).tolist() for item in items]


def test_roi_files_are_what_the_encoders_read(tmp_path: Path) -> None:
    items = [QpMap.of([[30, 51, 22]], 64, 192, 64), QpMap.of([[32], [0]], 64, 50, 100)]
    write_roi(tmp_path / "a.txt", items, 32)
    assert (tmp_path / "a.txt").read_text() == "3 1\n-2 19 -10\n1 2\n0\n-32\n"
    write_roi(tmp_path / "a.bin", items, 32, binary=True)
    expected = struct.pack("<ii3b", 3, 1, -2, 19, -10) + struct.pack("<ii2b", 1, 2, 0, -32)
    assert (tmp_path / "a.bin").read_bytes() == expected


def test_changes_for_an_encoder_are_told(tmp_path: Path) -> None:
    item = QpMap.of([[20, 63], [52, 30]], 32, 64, 64)
    report = fit_for_roi([item], ctu=32)
    assert report.maps[0].qp.tolist() == [[20, 51], [51, 30]]
    assert report.notes == ("picture 0: 2 of 4 QPs clamped to 0..51",)
    report = fit_for_roi([item], ctu=32, step_limit=25)
    assert report.maps[0].qp.tolist() == [[20, 45], [45, 30]]
    assert report.notes[1] == "picture 0: 2 of 4 QPs lowered, by 6 at most, to keep steps <= 25"
    report = write_roi(tmp_path / "m.roi", [QpMap.uniform(40, 64, 64, 64), item], 30)
    assert report.notes == ("picture 1: map resampled from CTU 32 to 64 (minimum)",)
    assert read_roi(tmp_path / "m.roi", 30, 64, 64)[1].qp.tolist() == [[20]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the ROI file is empty"),
        (b"  \n", "the ROI file is empty"),
        (b"2 1\n5", "picture 0 has 1 of 2x1 deltas"),
        (b"1 1\n5\n1", "picture 1 is cut off after its first number"),
        (b"0 1\n", "picture 0 claims a grid of 0x1"),
        (b"99999 1\n", "claims a grid of 99999x1"),
        (b"1 1\n64", "picture 0 has a QP delta outside"),
        (b"1 1\n5-3", "not a ROI text file"),
        (b"1 1\n+", "not a ROI text file"),
        (b"1 1\n" + b"9" * 5000, "'999999999999' is no number it could hold"),
        (struct.pack("<ii", 2, 2) + b"\0", "picture 0 has 1 of 2x2 deltas"),
        (struct.pack("<ii", 1, 1) + b"\0\1\2", "picture 1 is cut off in its header"),
        (struct.pack("<iib", 1, 1, -64), "QP delta outside"),
        (struct.pack("<iib", 1, 1, -128), "QP delta outside"),
        (struct.pack("<ii", -1, 1), "claims a grid of -1x1"),
        (b"picture,row\n", "not a ROI file"),
    ],
)
def test_damaged_roi_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.roi"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_roi_deltas(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@few
@given(content=st.binary(max_size=60) | st.text("0123456789 -+\n", max_size=40).map(str.encode))
def test_roi_reader_survives_anything(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.roi"
    path.write_bytes(content)
    try:
        grids = read_roi_deltas(path)
    except InputError:
        return
    assert sum(grid.size for grid in grids) > 0


def test_roi_of_another_picture(tmp_path: Path) -> None:
    path = tmp_path / "m.roi"
    write_roi(path, [QpMap.uniform(50, 128, 64)], 30)
    for base, width, message in (
        (30, 200, "picture 0: a QP map for 200x64"),
        (60, 128, "QP 80"),
        (64, 128, "base QP 64"),
    ):
        with pytest.raises(InputError, match=message):
            read_roi(path, base, width, 64)
    with pytest.raises(InputError, match=r"cannot be read: No such file"):
        read_roi(tmp_path / "absent.roi", 30, 64, 64)
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
        ("\xff\xfe", "not a text file"),
    ],
)
def test_damaged_csv_files(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(InputError, match=message) as caught:
        read_csv(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


@few
@given(item=maps())
def test_png_round_trip(tmp_path: Path, item: QpMap) -> None:
    path = tmp_path / "map.png"
    write_png(path, item)
    assert read_png(path) == item
    with Image.open(path) as image:
        assert image.size == (item.width, item.height)


def test_png_survives_a_lossless_save(tmp_path: Path) -> None:
    item = QpMap.of(np.arange(64).reshape(8, 8), 32, 256, 250)
    write_png(tmp_path / "map.png", item)
    with Image.open(tmp_path / "map.png") as image:
        image.convert("RGB").save(tmp_path / "again.png")
    assert read_png(tmp_path / "again.png", ctu=32) == item
    with pytest.raises(InputError, match="does not say its CTU size"):
        read_png(tmp_path / "again.png")
    with pytest.raises(InputError, match="holds more than one QP"):
        read_png(tmp_path / "again.png", ctu=64)
    with pytest.raises(InputError, match="CTU size 33"):
        read_png(tmp_path / "again.png", ctu=33)


def test_png_colours_are_all_different_and_darken_with_the_qp() -> None:
    colours = palette().astype(int)
    assert len({tuple(colour) for colour in colours.tolist()}) == 64
    assert (np.diff(colours @ (2, 7, 1)) < 0).all()


def test_pngs_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(np.full((64, 64, 3), 77, np.uint8)).save(path)
    with pytest.raises(InputError, match="not of the QP scale"):
        read_png(path, ctu=64)
    whole = io.BytesIO()
    Image.fromarray(np.full((64, 64, 3), 77, np.uint8)).save(whole, "PNG")
    for content in (b"", b"no picture", whole.getvalue()[:60]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"photo\.png: not a readable PNG"):
            read_png(path, ctu=64)


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    item = QpMap.uniform(30, 64, 64)
    blocked = tmp_path / "file"
    blocked.write_text("a file, not a folder")
    for write in (lambda p: write_png(p, item), lambda p: write_csv(p, [item]), lambda p: write_roi(p, [item], 30)):
        with pytest.raises(OutputError, match="file"):
            write(blocked / "map")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
