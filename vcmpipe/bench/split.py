"""Which bits of a coded picture pay for objects, and which for the background."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder

Bits = tuple[int, int, int]


def split_bits(coder: SegmentCoder, coded: CodedSegment, boxes_xyxy: NDArray[np.floating]) -> Bits | None:
    """Bits of the regions that touch an object, of the other regions, and of what belongs to the whole picture.

    A region is the smallest part whose bits are known without decoding: inside a slice, CABAC has no borders between
    CTUs. So a picture coded in one piece has no such split, unless it holds no objects: then all is background.

    Args:
        coder: The picture's coder.
        coded: What it made.
        boxes_xyxy: (N, 4) the objects in source pixels, not dilated.

    Returns:
        (objects, background, headers), or None where they cannot be told apart.
    """
    if coded.realisation != "regions" and len(boxes_xyxy):
        return None
    factor = np.array([coder.size[0] / coder.segment.width, coder.size[1] / coder.segment.height] * 2)
    boxes = boxes_xyxy * factor
    left, top, right, bottom = np.array(
        [(rect.x, rect.y, rect.x + rect.width, rect.y + rect.height) for rect in coded.layout.regions()]
    ).T[:, :, None]
    x0, y0, x1, y1 = boxes.T
    touched = ((x0 < right) & (x1 > left) & (y0 < bottom) & (y1 > top)).any(axis=1)
    bits = np.array(coded.region_bits)
    objects, background = int(bits[touched].sum()), int(bits[~touched].sum())
    return objects, background, coded.bits - objects - background
