"""What each CTU is worth to a detector, in units of loss: by its detections, or by what it does without the CTU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from vcmpipe.errors import InputError
from vcmpipe.qpmap.expected_loss import Floats, coverage
from vcmpipe.qpmap.qp_map import grid_shape

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

TILE = 64
"""Samples of the source's width and height that are hidden at once."""
GREY = 114
"""What a hidden tile is filled with: the grey with which detectors pad."""
_AT_ONCE = 16


def spread(boxes_xyxy: ArrayLike, worth: ArrayLike, width: int, height: int, ctu: int) -> Floats:
    """What boxes are worth, (N,), spread evenly over their samples: (rows, cols), a CTU having what lies in it.

    Args:
        boxes_xyxy: (N, 4) in samples of the coded picture.
        worth: (N,) 0 or more, such as a detection's weight in the loss.
        width: Of the coded picture in luma samples.
        height: Likewise.
        ctu: CTU size: 32, 64 or 128.

    Raises:
        InputError: Boxes and worth do not go together.
    """
    shape = grid_shape(width, height, ctu)
    each = np.asarray(worth, np.float64).reshape(-1)
    covered = coverage(boxes_xyxy, shape, ctu)
    if len(covered) != len(each):
        raise InputError(f"{len(covered)} boxes but {len(each)} values of what they are worth")
    total = covered.sum(axis=(1, 2), keepdims=True)
    shares = np.divide(covered, total, out=np.zeros_like(covered), where=total > 0)
    result: Floats = np.tensordot(each, shares, axes=1) if len(each) else np.zeros(shape)
    return result


def occluded(
    detector: Detector,
    frame: Frame,
    loss: Callable[[sv.Detections], float],
    *,
    tile: int = TILE,
) -> tuple[Floats, Floats]:
    """What is lost where a tile of a picture is hidden, tile by tile: works with any detector, at a look per tile.

    Args:
        detector: Looks at every version.
        frame: The source.
        loss: Of what is found in a version.
        tile: Width and height of tiles in samples of the source, 8 or more.

    Returns:
        (T, 4) tiles in source pixels, and (T,) the loss of each.

    Raises:
        InputError: The tile is too small.
    """
    if tile < 8:
        raise InputError(f"a tile of {tile} samples is too small: 8 at least")
    boxes = np.array(
        [
            (x, y, min(x + tile, frame.width), min(y + tile, frame.height))
            for y in range(0, frame.height, tile)
            for x in range(0, frame.width, tile)
        ],
        np.int64,
    )
    found: list[float] = []
    for start in range(0, len(boxes), _AT_ONCE):
        hidden = []
        for x1, y1, x2, y2 in boxes[start : start + _AT_ONCE].tolist():
            rgb = frame.rgb.copy()
            rgb[y1:y2, x1:x2] = GREY
            hidden.append(frame.with_rgb(rgb))
        found += [loss(each) for each in detector.detect(hidden)]
    return boxes.astype(np.float64), np.array(found, np.float64)
