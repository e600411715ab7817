"""VTM's map files: they hold the whole map, and are refused where they cannot."""

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
    write_frame_deltas,
    write_mask,
    write_rectangles,
)

SAFE = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
grids = arrays(np.int8, (3, 4), elements=st.integers(0, 63))
SIZE = (4 * 64 - 10, 3 * 64 - 22)


def at_picture_size(item: QpMap) -> np.ndarray:
    return item.qp.repeat(item.ctu, axis=0).repeat(item.ctu, axis=1)[: item.height, : item.width]


@SAFE
@given(st.lists(grids, min_size=1, max_size=3))
def test_rectangles_come_back(tmp_path: Path, values: list[np.ndarray]) -> None:
    maps = [fit_map(QpMap(v, 64, *SIZE), MapLimits(rectangles=MAX_RECTANGLES)).map for v in values]
    backgrounds = write_rectangles(tmp_path / "r.txt", maps)
    lines = iter((tmp_path / "r.txt").read_text().splitlines())
    for item, background in zip(maps, backgrounds, strict=True):
        painted = np.full(SIZE[::-1], background)
        for _ in range(int(next(lines))):
            x, y, width, height, qp = map(int, next(lines).split())
            painted[y : y + height, x : x + width] = qp
        assert (painted == at_picture_size(item)).all()
    assert not list(lines)


@SAFE
@given(st.lists(grids, min_size=1, max_size=3))
def test_masks_come_back(tmp_path: Path, values: list[np.ndarray]) -> None:
    maps = [fit_map(QpMap(v, 64, *SIZE), MapLimits(levels=2)).map for v in values]
    levels = write_mask(tmp_path / "m.bin", maps)
    masks = np.frombuffer((tmp_path / "m.bin").read_bytes(), np.uint8).reshape(-1, *SIZE[::-1])
    for item, (inside, outside), mask in zip(maps, levels, masks, strict=True):
        assert (np.select([mask == 255, mask == 0], [inside, outside], -1) == at_picture_size(item)).all()


def test_what_the_files_hold(tmp_path: Path) -> None:
    item = QpMap(np.array([[20, 45], [45, 30]]), 64, 100, 120)
    assert write_rectangles(tmp_path / "r.txt", [item]) == [45]
    assert (tmp_path / "r.txt").read_text() == "2\n0 0 64 64 20\n64 64 36 56 30\n"
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


@SAFE
@given(st.lists(st.integers(0, 63), min_size=1, max_size=20), st.integers(0, 63), st.integers(0, 70))
def test_frame_deltas_come_back_and_go_on_behind_the_end(tmp_path: Path, qps: list[int], base: int, spare: int) -> None:
    write_frame_deltas(tmp_path / "d.txt", qps, base, spare=spare)
    assert [base + int(line) for line in (tmp_path / "d.txt").read_text().split()] == qps + [qps[-1]] * spare


@pytest.mark.parametrize(("qps", "base"), [([], 30), ([64], 30), ([30], -1)])
def test_frame_deltas_that_are_none(tmp_path: Path, qps: list[int], base: int) -> None:
    with pytest.raises(InputError):
        write_frame_deltas(tmp_path / "d.txt", qps, base)
    assert not (tmp_path / "d.txt").exists()
