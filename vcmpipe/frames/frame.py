"""One picture on its way through vcmpipe."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError


def check_rgb(rgb: NDArray[np.uint8]) -> None:
    """Raise InputError for an array that is no RGB picture."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise InputError(f"a picture is uint8 of shape (height, width, 3), not {rgb.dtype} {rgb.shape}")


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture and where it comes from.

    Attributes:
        index: position in its source, from 0.
        rgb: (height, width, 3) uint8.
        source: the picture's path, or ``video.mp4#12`` for frame 12 of a video.
        timestamp: seconds from the start of a video; None for pictures.
    """

    index: int
    rgb: NDArray[np.uint8]
    source: str
    timestamp: float | None = None

    def __post_init__(self) -> None:
        check_rgb(self.rgb)

    @property
    def width(self) -> int:
        """Pixels in a row."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    @property
    def name(self) -> str:
        """A stem for output files: ``dog`` for ``dir/dog.png``, ``clip_000012`` for ``clip.mp4#12``.

        Names can repeat (``a.png`` and ``a.jpg``); whoever writes files keeps them apart.
        """
        path, mark, number = self.source.rpartition("#")
        if self.timestamp is not None and mark and number.isdecimal():
            return f"{Path(path).stem}_{int(number):06d}"
        return Path(self.source).stem


def natural_key(name: str) -> tuple[list[tuple[str, int]], str]:
    """Sorts ``2.png`` before ``10.png``, whatever the case; names that differ only in case or zeros by themselves."""
    # Splitting at digits leaves text at even and digits at odd places, so that like is always compared with like.
    parts = re.split(r"(\d+)", name.casefold())
    return [(part, 0) if place % 2 == 0 else ("", int(part)) for place, part in enumerate(parts)], name
