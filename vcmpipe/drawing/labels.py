"""Where the labels of boxes stand, so that none hides another one as long as there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Corners = tuple[float, float, float, float]
"""Left, top, right, bottom."""
_MOST = 500
"""Labels that a place is looked for: a picture has no room for more."""


def place_labels(
    boxes: Sequence[Corners], sizes: Sequence[tuple[float, float]], width: float, height: float
) -> list[tuple[float, float]]:
    """Left and top of each box's label, within a picture.

    Labels stand above their boxes where that is free, else below, within, or beside them; where nothing is free, at the
    place where they hide least. Those that come first choose first; beyond ``_MOST`` they stand above their boxes.

    Args:
        boxes: Of each label, within the picture.
        sizes: Width and height of each label.
        width: Of the picture.
        height: Of the picture.
    """
    taken = np.zeros((len(boxes), 4))
    for number, (box, (wide, tall)) in enumerate(zip(boxes, sizes, strict=True)):
        best, least = (0.0, 0.0, wide, tall), float("inf")
        for left, top in _spots(box, wide, tall):
            x, y = min(max(left, 0.0), max(width - wide, 0.0)), min(max(top, 0.0), max(height - tall, 0.0))
            label = (x, y, x + wide, y + tall)
            # Away from its box a label says less: but still more than when it is hidden.
            cost = _overlap(label, taken[:number]) + 0.01 * (abs(x - left) + abs(y - top))
            if cost < least:
                best, least = label, cost
            if cost == 0 or number >= _MOST:
                break
        taken[number] = best
    return [(left, top) for left, top in taken[:, :2].tolist()]


def _spots(box: Corners, wide: float, tall: float) -> Iterator[tuple[float, float]]:
    left, top, right, bottom = box
    for y in (top - tall, bottom, top, bottom - tall):
        yield left, y
        yield right - wide, y
    for y in (top, bottom - tall):
        yield right, y
        yield left - wide, y


def _overlap(label: Corners, others: NDArray[np.float64]) -> float:
    """The area that a label shares with others, (N, 4)."""
    low, high = np.maximum(others[:, :2], label[:2]), np.minimum(others[:, 2:], label[2:])
    return float(np.clip(high - low, 0.0, None).prod(axis=1).sum())
