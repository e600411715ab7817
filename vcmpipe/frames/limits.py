"""How small and how large pictures may be, wherever they come from."""

from __future__ import annotations

from vcmpipe.errors import InputError
from vcmpipe.process import one_line

MIN_SIDE = 16
"""Pixels below which a side is refused: no encoder takes less."""
MAX_SIDE = 16384
"""Pixels above which a side is refused."""
MAX_PIXELS = 89_478_485
"""Pixels above which a picture is refused: where Pillow begins to suspect a decompression bomb."""
MAX_SAMPLES = 96_000_000
"""Luma samples above which a coded picture is refused: level 6.3 ends at 80 million, our own encodes at 90 million."""


def check_size(width: int, height: int, source: str, least: int = MIN_SIDE) -> None:
    """Refuses pictures that are too small to code or absurdly large, before they are decoded.

    Args:
        width: in pixels.
        height: in pixels.
        source: its name, for the error.
        least: pixels that a side must have; 1 for what is not to be coded, such as the crop of an object.

    Raises:
        InputError: a side under ``least`` or over ``MAX_SIDE`` pixels, or more than ``MAX_PIXELS`` in all.
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
