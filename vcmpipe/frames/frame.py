"""One picture on its way through vcmpipe."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames.limits import check_rgb
from vcmpipe.frames.planes import Planes


@dataclass(frozen=True, eq=False, init=False)
class Frame:
    """A picture and where it comes from: RGB, or the YUV planes of a video, which are what is coded then.

    Attributes:
        index: position in its source, from 0.
        source: the picture's path, or ``video.mp4#12`` for frame 12 of a video.
        timestamp: seconds from the start of a video, exact; None for pictures.
        planes: the source's own YUV samples with their colours; None where it has RGB samples.

    Raises:
        InputError: ``rgb`` is no (height, width, 3) uint8 array, or neither or both of ``rgb`` and ``planes`` are
            given.
    """

    index: int
    source: str
    timestamp: Fraction | None = None
    planes: Planes | None = None
    _rgb: list[NDArray[np.uint8]] = field(default_factory=list, repr=False)

    def __init__(
        self,
        index: int,
        rgb: NDArray[np.uint8] | None,
        source: str,
        timestamp: Fraction | float | None = None,
        *,
        planes: Planes | None = None,
    ) -> None:
        if (rgb is None) == (planes is None):
            raise InputError(f"{source}: a frame has either RGB samples or YUV planes")
        if rgb is not None:
            check_rgb(rgb)
        exact = timestamp if timestamp is None else Fraction(timestamp)
        values = {"index": index, "source": source, "timestamp": exact, "planes": planes}
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_rgb", [] if rgb is None else [rgb])

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8 for whoever looks at it; of planes it is made when it is first asked for."""
        if not self._rgb:
            assert self.planes is not None
            self._rgb.append(self.planes.rgb())
        return self._rgb[0]

    def with_rgb(self, rgb: NDArray[np.uint8]) -> Frame:
        """The frame with other samples."""
        return Frame(self.index, rgb, self.source, self.timestamp)

    def with_planes(self, planes: Planes) -> Frame:
        """The frame with other samples; without RGB until somebody asks for it."""
        return Frame(self.index, None, self.source, self.timestamp, planes=planes)

    @property
    def width(self) -> int:
        """Pixels in a row."""
        return self.planes.width if self.planes is not None else int(self._rgb[0].shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return self.planes.height if self.planes is not None else int(self._rgb[0].shape[0])

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self.width * self.height

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
