"""How small and how large pictures may be, wherever they come from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config.limits import MAX_PIXELS, MAX_SIDE, MIN_SIDE
from vcmpipe.errors import InputError
from vcmpipe.process import one_line


def check_size(width: int, height: int, source: str, least: int = MIN_SIDE) -> None:
    """Refuses pictures that are too small to code or absurdly large, before they are decoded.

    Raises:
        InputError: a side under ``least`` (1 for what is not to be coded, such as the crop of an object) or over
            ``MAX_SIDE`` pixels, or more than ``MAX_PIXELS`` in all; the message names ``source``.
    """
    if min(width, height) < least:
        raise InputError(
            f"{one_line(source)} has {width}x{height} pixels: the least is {least}x{least}; leave it out or enlarge it"
        )
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(
            f"{one_line(source)} states {width}x{height} pixels: the most is {MAX_SIDE} on a side and "
            f"{MAX_PIXELS // 1_000_000} million in all; make it smaller or cut it into tiles"
        )


def check_rgb(rgb: NDArray[np.uint8]) -> None:
    """Raise InputError for an array that is no RGB picture."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise InputError(f"a picture is uint8 of shape (height, width, 3), not {rgb.dtype} {rgb.shape}")
