"""How far two pictures are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames.colour import ColourSpec, rgb_to_yuv
from vcmpipe.frames.yuv import Plane, Yuv

PSNR_CAP = 100.0
"""What equal pictures get, in dB, so that means stay finite."""

Picture = Yuv | Plane | NDArray[np.uint8]


def psnr_y(first: Picture, second: Picture) -> float:
    """The PSNR of 10-bit luma (peak 1023) in dB: 10 log10(1023^2 / MSE), ``PSNR_CAP`` at most.

    Each picture is a ``Yuv``, a (height, width) uint16 luma plane, or (height, width, 3) uint8 RGB (as BT.709 limited
    luma); InputError where their sizes differ.
    """
    a, b = _luma(first), _luma(second)
    if a.shape != b.shape:
        raise InputError(f"pictures of {a.shape[1]}x{a.shape[0]} and {b.shape[1]}x{b.shape[0]} cannot be compared")
    # Whole numbers far below 2^53, so that the sum is exact and does not depend on its order.
    difference = np.subtract(a, b, dtype=np.float64).ravel()
    squares = int(np.dot(difference, difference))
    if squares == 0:
        return PSNR_CAP
    return min(PSNR_CAP, float(10 * np.log10(1023.0**2 * a.size / squares)))


def _luma(picture: Picture) -> Plane:
    if isinstance(picture, Yuv):
        return picture.y
    if picture.ndim == 2 and picture.dtype == np.uint16:
        return picture  # type: ignore[return-value]
    height, width = picture.shape[:2]
    return rgb_to_yuv(picture, ColourSpec()).y[:height, :width]  # type: ignore[arg-type]
