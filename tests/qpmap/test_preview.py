"""The preview of a map: the map itself at picture size, and below it a scale that says which colour is which QP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vcmpipe.qpmap import QpMap, write_png
from vcmpipe.qpmap.preview import palette


def drawn(tmp_path: Path, item: QpMap) -> Image.Image:
    write_png(tmp_path / "map.png", item)
    with Image.open(tmp_path / "map.png") as image:
        image.load()
    return image


@pytest.mark.parametrize(("width", "height", "ctu"), [(640, 480, 32), (1, 1, 128), (97, 33, 64), (1920, 1080, 64)])
def test_the_map_is_at_the_top_left_and_its_index_is_the_qp(tmp_path: Path, width: int, height: int, ctu: int) -> None:
    grid = np.random.default_rng(width).integers(0, 64, (-(-height // ctu), -(-width // ctu)))
    item = QpMap.of(grid, ctu, width, height)
    image = drawn(tmp_path, item)
    assert (image.text["vcmpipe-ctu"], image.text["vcmpipe-size"]) == (str(ctu), f"{width}x{height}")
    index = np.asarray(image)[:height, :width]
    assert (index[::ctu, ::ctu] == item.qp).all()
    assert (np.asarray(image.convert("RGB"))[:height, :width] == palette()[index]).all()


@pytest.mark.parametrize(("low", "high"), [(22, 51), (30, 30), (0, 63)])
def test_the_scale_has_every_qp_in_its_order_and_marks_those_of_the_map(tmp_path: Path, low: int, high: int) -> None:
    grid = np.full((4, 5), high)
    grid[1, 2] = low
    item = QpMap.of(grid, 64, 320, 256)
    index = np.asarray(drawn(tmp_path, item))[256:]
    (bar,) = {tuple(row[row <= 63].tolist()) for row in index if (row <= 63).any()}
    assert sorted(bar) == list(bar) and set(bar) == set(range(64))
    widths = np.bincount(bar)
    assert widths.max() - widths.min() <= 1
    # The line above the bar reaches from the map's lowest to its highest QP.
    first = int(np.argmax((index <= 63).any(axis=1)))
    ink = index.max()
    marked = next(np.flatnonzero(row == ink) for row in index[first - 1 :: -1] if (row == ink).any())
    below = index[first][marked]
    assert (below.min(), below.max()) == (low, high)


def test_a_small_map_has_a_scale_that_can_be_read(tmp_path: Path) -> None:
    assert drawn(tmp_path, QpMap.uniform(30, 16, 16)).width >= 300


def test_colours_are_all_different_and_darken_with_the_qp() -> None:
    colours = palette().astype(int)
    assert len({tuple(colour) for colour in colours.tolist()}) == 64
    assert (np.diff(colours @ (2, 7, 1)) < 0).all()
