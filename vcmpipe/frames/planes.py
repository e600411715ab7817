"""YUV samples as a video has them: 8 or 10 bits, 4:2:0, any size, with the colours that they mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames.colour import ColourSpec, planes_to_rgb, rgb_to_yuv, to_ten_bits
from vcmpipe.frames.yuv import Yuv

Samples = NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class Planes:
    """A 4:2:0 picture with its own bit depth.

    Attributes:
        y: (height, width) luma, uint8 for 8 bits, uint16 for 10.
        u: (ceil(height / 2), ceil(width / 2)) Cb.
        v: the same of Cr.
        colour: what the samples mean.

    Raises:
        InputError: the planes differ in type or do not fit together.
    """

    y: Samples
    u: Samples
    v: Samples
    colour: ColourSpec

    def __post_init__(self) -> None:
        if self.y.ndim != 2 or not self.y.size:
            raise InputError(f"a luma plane is (height, width), not {self.y.shape}")
        half = (-(-self.y.shape[0] // 2), -(-self.y.shape[1] // 2))
        if self.u.shape != half or self.v.shape != half:
            raise InputError(f"chroma of {self.y.shape} luma has the shape {half}, not {self.u.shape, self.v.shape}")
        kinds = {self.y.dtype, self.u.dtype, self.v.dtype}
        if len(kinds) > 1 or not kinds <= {np.dtype(np.uint8), np.dtype(np.uint16)}:
            raise InputError(f"planes are all uint8 (8 bits) or all uint16 (10 bits), not {kinds}")

    @property
    def width(self) -> int:
        """Luma samples in a row."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Luma rows."""
        return int(self.y.shape[0])

    @property
    def depth(self) -> int:
        """Bits per sample: 8 or 10."""
        return 8 if self.y.dtype == np.uint8 else 10

    @property
    def arrays(self) -> tuple[Samples, Samples, Samples]:
        """Y, U, V."""
        return self.y, self.u, self.v

    @classmethod
    def of_yuv(cls, yuv: Yuv, colour: ColourSpec, size: tuple[int, int] | None = None) -> Planes:
        """10-bit samples, cut to a (width, height) that may be odd."""
        width, height = size or (yuv.width, yuv.height)
        half = (slice(-(-height // 2)), slice(-(-width // 2)))
        return cls(yuv.y[:height, :width], yuv.u[half], yuv.v[half], colour)

    @classmethod
    def of_rgb(cls, rgb: NDArray[np.uint8], colour: ColourSpec) -> Planes:
        """RGB as 10-bit planes of the same size."""
        return cls.of_yuv(rgb_to_yuv(rgb, colour), colour, (rgb.shape[1], rgb.shape[0]))

    def yuv(self) -> Yuv:
        """The samples with 10 bits, an odd side made even by repeating the last column or row."""
        below, right = self.height % 2, self.width % 2
        luma: Samples = np.pad(self.y, ((0, below), (0, right)), mode="edge") if below or right else self.y
        return Yuv(*self._ten_bits((luma, self.u, self.v)))

    def rgb(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8."""
        return planes_to_rgb(self._ten_bits(self.arrays), self.colour)

    def _ten_bits(
        self, arrays: tuple[Samples, Samples, Samples]
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16], NDArray[np.uint16]]:
        y, u, v = (to_ten_bits(array, self.depth, self.colour, chroma=i > 0) for i, array in enumerate(arrays))
        return y, u, v
