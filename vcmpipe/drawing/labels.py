"""Where the labels of boxes stand, so that none hides another one as long as there is room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Corners = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def place_labels(
    boxes: Sequence[Corners], sizes: Sequence[tuple[float, float]], width: float, height: float
) -> list[tuple[float, float]]:
    """Left and top of each box's label, within a picture.

    Labels stand above their boxes where that is free, else below, within, or beside them; where nothing is free, at the
    place where they hide least. Those that come first choose first.

    Args:
        boxes: Of each label, within the picture.
        sizes: Width and height of each label.
        width: Of the picture.
        height: Of the picture.
    """
    taken: list[Corners] = []
    for box, (wide, tall) in zip(boxes, sizes, strict=True):
        best, least = (0.0, 0.0, wide, tall), float("inf")
        for left, top in _spots(box, wide, tall):
            x, y = min(max(left, 0.0), max(width - wide, 0.0)), min(max(top, 0.0), max(height - tall, 0.0))
            label = (x, y, x + wide, y + tall)
            # Away from its box a label says less: but still more than when it is hidden.
            cost = sum(_overlap(label, other) for other in taken) + 0.01 * (abs(x - left) + abs(y - top))
            if cost < least:
                best, least = label, cost
            if cost == 0:
                break
        taken.append(best)
    return [(left, top) for left, top, _, _ in taken]


def _spots(box: Corners, wide: float, tall: float) -> Iterator[tuple[float, float]]:
    left, top, right, bottom = box
    for y in (top - tall, bottom, top, bottom - tall):
        yield left, y
        yield right - wide, y
    for y in (top, bottom - tall):
        yield right, y
        yield left - wide, y


def _overlap(a: Corners, b: Corners) -> float:
    wide, tall = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0.0) * max(tall, 0.0)
