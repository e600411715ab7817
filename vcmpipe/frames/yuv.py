"""Pictures as coders take them: planar YUV 4:2:0 with 10 bits, and cutting and padding them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames.on_demand import OnDemand

Plane = NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Yuv:
    """A 4:2:0 picture with 10 bits per sample.

    Attributes:
        y: (height, width) luma samples, 0..1023; both sides even.
        u: (height / 2, width / 2) Cb samples, 0..1023.
        v: (height / 2, width / 2) Cr samples, 0..1023.

    Raises:
        InputError: the planes are not uint16 or their shapes do not fit together.
    """

    y: Plane
    u: Plane
    v: Plane

    def __post_init__(self) -> None:
        if self.y.ndim != 2 or self.y.shape[0] % 2 or self.y.shape[1] % 2 or not self.y.size:
            raise InputError(f"a 4:2:0 luma plane has two even sides, not the shape {self.y.shape}; pad it first")
        half = (self.y.shape[0] // 2, self.y.shape[1] // 2)
        if self.u.shape != half or self.v.shape != half:
            raise InputError(
                f"chroma planes of {self.y.shape} luma have the shape {half}, not {self.u.shape, self.v.shape}"
            )
        if {self.y.dtype, self.u.dtype, self.v.dtype} != {np.dtype(np.uint16)}:
            raise InputError(f"10-bit planes are uint16, not {self.y.dtype}, {self.u.dtype}, {self.v.dtype}")

    @property
    def width(self) -> int:
        """Luma samples in a row."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Luma rows."""
        return int(self.y.shape[0])

    @property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y, U, V."""
        return self.y, self.u, self.v


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in luma samples, or in CTUs where that is stated."""

    x: int
    y: int
    width: int
    height: int

    def within(self, width: int, height: int) -> Rect:
        """The part that lies in a picture of this size; of no width or height where there is none."""
        right, bottom = min(self.x + self.width, width), min(self.y + self.height, height)
        return Rect(self.x, self.y, max(right - self.x, 0), max(bottom - self.y, 0))

    def ctus(self, ctu: int) -> tuple[slice, slice]:
        """The rows and the columns of the CTUs of that size that it touches."""
        rows = slice(self.y // ctu, -(-(self.y + self.height) // ctu))
        return rows, slice(self.x // ctu, -(-(self.x + self.width) // ctu))


class LazyFrames(OnDemand[Yuv]):
    """Frames that are made on demand, so that a segment is never held as a whole; the last one is kept.

    ``make`` makes the frame at a place in 0..count - 1, the same one every time.
    """

    def __init__(self, count: int, make: Callable[[int], Yuv]) -> None:
        self._count, self._make = count, make
        self._last: tuple[int, Yuv] | None = None

    def __len__(self) -> int:
        return self._count

    def item(self, place: int) -> Yuv:
        """The frame at a place."""
        last = self._last  # read once: another thread may replace it
        if last is None or last[0] != place:
            last = self._last = (place, self._make(place))
        return last[1]


def lazy(frames: Sequence[Yuv], change: Callable[[Yuv], Yuv]) -> LazyFrames:
    """The frames with a change made to each on demand."""
    return LazyFrames(len(frames), lambda place: change(frames[place]))


def crop_yuv(yuv: Yuv, rect: Rect) -> Yuv:
    """Cuts a rectangle of even numbers of luma samples out (views of the same memory).

    Raises:
        InputError: the rectangle is odd, empty, or not inside the picture.
    """
    x, y, width, height = rect.x, rect.y, rect.width, rect.height
    if x % 2 or y % 2 or width % 2 or height % 2:
        raise InputError(f"a rectangle in a 4:2:0 picture has even numbers, not {width}x{height} at {x},{y}")
    if x < 0 or y < 0 or width <= 0 or height <= 0 or x + width > yuv.width or y + height > yuv.height:
        raise InputError(f"the rectangle {width}x{height} at {x},{y} is not inside a {yuv.width}x{yuv.height} picture")
    half = (slice(y // 2, (y + height) // 2), slice(x // 2, (x + width) // 2))
    return Yuv(yuv.y[y : y + height, x : x + width], yuv.u[half], yuv.v[half])


def pad_yuv(yuv: Yuv, multiple: int = 8) -> Yuv:
    """Repeats the last column and row until both luma sides are multiples of an even number."""
    if multiple < 2 or multiple % 2:
        raise InputError(f"a 4:2:0 picture is padded to an even multiple, not {multiple}")
    return _extended(yuv, -yuv.width % multiple, -yuv.height % multiple)


def extend_yuv(yuv: Yuv, height: int) -> Yuv:
    """Repeats the last row until the picture has an even ``height``, which must not be less than it has."""
    if height % 2 or height < yuv.height:
        raise InputError(f"a 4:2:0 picture of {yuv.height} rows cannot be extended to {height}")
    return _extended(yuv, 0, height - yuv.height)


def _extended(yuv: Yuv, right: int, below: int) -> Yuv:
    if not right and not below:
        return yuv
    return Yuv(
        np.pad(yuv.y, ((0, below), (0, right)), mode="edge"),
        np.pad(yuv.u, ((0, below // 2), (0, right // 2)), mode="edge"),
        np.pad(yuv.v, ((0, below // 2), (0, right // 2)), mode="edge"),
    )


def yuv_pieces(yuv: Yuv) -> Iterator[memoryview]:
    """The planes Y, U, V one after the other, 16-bit little endian samples (FFmpeg's yuv420p10le), uncopied."""
    for plane in yuv.planes:
        yield np.ascontiguousarray(plane, dtype="<u2").data.cast("B")


def yuv_bytes(yuv: Yuv) -> bytes:
    """The same as bytes."""
    return b"".join(yuv_pieces(yuv))


def yuv_bytes_8(yuv: Yuv, *, full_range: bool = False) -> bytes:
    """The planes Y, U, V one after the other with 8 bits per sample (FFmpeg's yuv420p); see ``eight_bits``."""
    return b"".join(plane.tobytes() for plane in eight_bits(yuv, full_range=full_range))


def eight_bits(yuv: Yuv, *, full_range: bool = False) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Y, U, V with 8 bits per sample, rounded to the nearest.

    Limited range differs from 10 bits by a power of two, full range by the ratio of the largest values (H.273).
    """
    scale = np.float32(255 / 1023 if full_range else 1 / 4)

    def rounded(plane: Plane, *, chroma: bool) -> NDArray[np.uint8]:
        middle = (512, 128) if chroma and full_range else (0, 0)
        values: NDArray[np.float32] = (plane.astype(np.float32) - middle[0]) * scale + middle[1]
        return np.clip(np.rint(values), 0, 255).astype(np.uint8)

    return rounded(yuv.y, chroma=False), rounded(yuv.u, chroma=True), rounded(yuv.v, chroma=True)
