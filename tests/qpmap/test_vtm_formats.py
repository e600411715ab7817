"""VTM's map files: read back exactly, and refused where they cannot hold a map."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import arrays

from vcmpipe.errors import InputError
from vcmpipe.qpmap import (
    MAX_RECTANGLES,
    MapLimits,
    QpMap,
    fit_map,
    read_mask,
    read_picture_qps,
    read_rectangles,
    write_mask,
    write_picture_qps,
    write_rectangles,
)

SAFE = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
grids = arrays(np.int8, (3, 4), elements=st.integers(0, 63))
SIZE = (4 * 64 - 10, 3 * 64 - 22)


@SAFE
@given(st.lists(grids, min_size=1, max_size=3))
def test_rectangles_come_back(tmp_path: Path, values: list[np.ndarray]) -> None:
    maps = [fit_map(QpMap(v, 64, *SIZE), MapLimits(rectangles=MAX_RECTANGLES)).map for v in values]
    backgrounds = write_rectangles(tmp_path / "r.txt", maps)
    for number, (item, background) in enumerate(zip(maps, backgrounds, strict=True)):
        assert read_rectangles(tmp_path / "r.txt", background, *SIZE, 64)[number] == item


@SAFE
@given(st.lists(grids, min_size=1, max_size=3))
def test_masks_come_back(tmp_path: Path, values: list[np.ndarray]) -> None:
    maps = [fit_map(QpMap(v, 64, *SIZE), MapLimits(levels=2)).map for v in values]
    for number, qps in enumerate(write_mask(tmp_path / "m.bin", maps)):
        assert read_mask(tmp_path / "m.bin", qps, *SIZE, 64)[number] == maps[number]


@SAFE
@given(st.lists(st.integers(0, 63), min_size=1, max_size=9), st.integers(0, 63))
def test_picture_qps_come_back(tmp_path: Path, qps: list[int], base: int) -> None:
    write_picture_qps(tmp_path / "d.txt", qps, base)
    assert read_picture_qps(tmp_path / "d.txt", base) == qps


def test_what_the_files_hold(tmp_path: Path) -> None:
    item = QpMap(np.array([[20, 45], [45, 30]]), 64, 100, 120)
    assert write_rectangles(tmp_path / "r.txt", [item]) == [45]
    assert (tmp_path / "r.txt").read_text() == "2\n0 0 64 64 20\n64 64 36 56 30\n"
    write_picture_qps(tmp_path / "d.txt", [30, 40], 32)
    assert (tmp_path / "d.txt").read_text() == "-2\n8\n"
    two = QpMap(np.array([[20, 45], [45, 45]]), 64, 100, 120)
    assert write_mask(tmp_path / "m.bin", [two]) == [(20, 45)]
    mask = np.frombuffer((tmp_path / "m.bin").read_bytes(), np.uint8).reshape(120, 100)
    assert mask[:64, :64].all() and not mask[64:].any() and not mask[:, 64:].any()


def test_a_form_that_cannot_hold_a_map_refuses_it(tmp_path: Path) -> None:
    many = QpMap(np.arange(42, dtype=np.int8).reshape(6, 7), 32, 224, 192)
    with pytest.raises(InputError, match="41 rectangles, 20 fit"):
        write_rectangles(tmp_path / "r.txt", [many])
    with pytest.raises(InputError, match="42 QPs, a mask has two"):
        write_mask(tmp_path / "m.bin", [many])
    for write in (write_rectangles, write_mask):
        with pytest.raises(InputError, match="no QP map"):
            write(tmp_path / "x", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "empty"),
        ("1\n", "fewer than the 1"),
        ("99\n", "begins with 99"),
        ("1\n0 0 64 64\n", "line 2 does not hold"),
        ("1\n0 0 60 64 20\n", "does not lie on CTUs"),
        ("1\n64 0 128 64 20\n", "does not lie on CTUs"),
        ("1\n0 0 64 64 99\n", "outside 0..63"),
        ("x\n", "whole numbers"),
    ],
)
def test_damaged_rectangle_files(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "r.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=named) as caught:
        read_rectangles(path, 45, 100, 120, 64)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("data", "named"), [(b"", "no whole number"), (b"\0" * 7, "no whole number"), (b"\1" * 16, "0 or 255")]
)
def test_damaged_masks(tmp_path: Path, data: bytes, named: str) -> None:
    path = tmp_path / "m.bin"
    path.write_bytes(data)
    with pytest.raises(InputError, match=named):
        read_mask(path, (20, 40), 4, 4, 32)
