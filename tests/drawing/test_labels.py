"""Labels of boxes: within the picture, and none hides another one while there is room."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.drawing.labels import Corners, place_labels

WIDTH, HEIGHT = 400.0, 300.0
SIZE = (60.0, 14.0)


def placed(*boxes: Corners, size: tuple[float, float] = SIZE) -> list[Corners]:
    spots = place_labels(boxes, [size] * len(boxes), WIDTH, HEIGHT)
    return [(left, top, left + size[0], top + size[1]) for left, top in spots]


def apart(a: Corners, b: Corners) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


@pytest.mark.parametrize(
    ("box", "left", "top"),
    [
        ((100, 100, 200, 200), 100, 86),  # above
        ((100, 0, 200, 200), 100, 200),  # no room above: below
        ((100, 0, 200, 300), 100, 0),  # nor below: within
        ((380, 100, 400, 200), 340, 86),  # at the right edge: ends with its box
        ((0, 100, 5, 200), 0, 86),
    ],
)
def test_where_one_label_stands(box: Corners, left: float, top: float) -> None:
    assert placed(box)[0][:2] == (left, top)


@pytest.mark.parametrize(
    "boxes",
    [
        [(100, 100, 200, 200)] * 6,
        [(x, 0, x + 20, 60) for x in range(0, 380, 40)],  # a crowd at the upper edge
        [(100, 100, 200, 200), (105, 98, 190, 210), (98, 105, 205, 190), (90, 90, 210, 230)],
        [(0, 0, WIDTH, HEIGHT)] * 4,
    ],
)
def test_labels_of_crowded_boxes_do_not_hide_each_other(boxes: list[Corners]) -> None:
    labels = placed(*boxes)
    assert all(apart(a, b) for a, b in combinations(labels, 2))


@given(
    boxes=st.lists(
        st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT), st.floats(0, WIDTH), st.floats(0, HEIGHT)), max_size=12
    ),
    size=st.tuples(st.floats(1, WIDTH), st.floats(1, HEIGHT)),
)
def test_labels_stay_within_the_picture(boxes: list[Corners], size: tuple[float, float]) -> None:
    ordered = [(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in boxes]
    for left, top, right, bottom in placed(*ordered, size=size):
        assert left >= 0 and top >= 0 and right <= WIDTH + 1e-9 and bottom <= HEIGHT + 1e-9


def test_those_that_come_first_choose_first() -> None:
    box = (100.0, 100.0, 200.0, 200.0)
    first, second = placed(box, box)
    assert first[:2] == (100, 86) and second[:2] != (100, 86)


def test_thousands_of_labels_take_no_time() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 100, (10_000, 2))
    boxes = [(x, y, x + 20, y + 20) for x, y in corners.tolist()]
    began = time.process_time()
    assert len(placed(*boxes)) == 10_000
    assert time.process_time() - began < 10
