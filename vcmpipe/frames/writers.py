"""Writing pictures: PNG files, and y4m for everything that reads raw video."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError, OutputError
from vcmpipe.frames.chroma import Siting
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.limits import check_rgb
from vcmpipe.frames.marks import PNG_HEAD, Y4M_MARK, png_mark
from vcmpipe.frames.yuv import Yuv, eight_bits
from vcmpipe.process import one_line, publish

# How 8-bit y4m states where chroma lies; there are no such names for 10 bits.
_SITED: dict[Siting, str] = {"left": "420mpeg2", "centre": "420jpeg", "topleft": "420paldv"}


def png_bytes(rgb: NDArray[np.uint8]) -> bytes:
    """(height, width, 3) uint8 RGB (else InputError) as the bytes of a PNG file; OutputError where that fails."""
    import cv2

    check_rgb(rgb)
    # Encoded in memory: cv2.imwrite says neither why nor where it failed. Level 1 is fast and a few per cent larger.
    done, data = cv2.imencode(".png", rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise OutputError(f"a picture of {rgb.shape[1]}x{rgb.shape[0]} pixels could not be coded as PNG")
    return bytes(data.tobytes())


def write_png(path: Path, rgb: NDArray[np.uint8], *, decoded: bool = False) -> None:
    """Writes (height, width, 3) uint8 RGB as a PNG file, whole or not at all; OutputError where it cannot be.

    ``decoded`` marks the file as made from a stream; see ``marks.is_decoded``.
    """
    data = png_bytes(rgb)
    if decoded:
        data = data[:PNG_HEAD] + png_mark(data) + data[PNG_HEAD:]
    with publish(path) as part:
        part.write_bytes(data)


class Y4mWriter:
    """Writes YUV4MPEG2 with 4:2:0 samples of 10 or 8 bits, whole or not at all; a context manager.

    The header states size, rate, sample aspect and range, and that frames are progressive; y4m has no place for matrix
    and siting, so a comment that other readers skip (``XVCMPIPE=bt709/limited/left``) tells them to ``open_source``.

    Args:
        path: the file, there once the block has ended without an error.
        size: (width, height) of all pictures; may be odd.
        rate: pictures per second.
        spec: what the numbers mean.
        depth: bits of a sample, 10 or 8 (rounded to the nearest).
        aspect: width of a sample by its height.
        decoded: whether the header marks the file as made from a stream; see ``marks.is_decoded``.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction | int = 25,
        spec: ColourSpec | None = None,
        *,
        depth: Literal[8, 10] = 10,
        aspect: Fraction | int = 1,
        decoded: bool = False,
    ) -> None:
        if min(size) < 1:
            raise InputError(f"a video cannot have {size[0]}x{size[1]} pixels")
        rate = Fraction(rate)
        if rate <= 0:
            raise InputError(f"a video's rate is above 0 pictures per second, not {rate}")
        spec = spec or ColourSpec()
        aspect = Fraction(aspect)
        self.path, self.size, self.count = path, size, 0
        self._depth, self._full_range = depth, spec.range == "full"
        samples = _SITED[spec.siting] if depth == 8 else "420p10"
        self._header = (
            f"YUV4MPEG2 W{size[0]} H{size[1]} F{rate.numerator}:{rate.denominator} Ip "
            f"A{aspect.numerator}:{aspect.denominator} C{samples} XCOLORRANGE={spec.range.upper()} "
            f"XVCMPIPE={spec.matrix}/{spec.range}/{spec.siting}{f' {Y4M_MARK}' if decoded else ''}\n"
        )
        self._exit = contextlib.ExitStack()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Y4mWriter:
        with contextlib.ExitStack() as stack:
            part = stack.enter_context(publish(self.path))
            self._file = stack.enter_context(part.open("wb"))
            self._file.write(self._header.encode("ascii"))
            self._exit = stack.pop_all()
        return self

    def write(self, yuv: Yuv) -> None:
        """Add a picture, cut to the video's size; InputError where it is smaller, or larger by more than padding."""
        if self._file is None:
            raise InputError("the y4m writer is not open: use it in a with statement")
        width, height = self.size
        if not (0 <= yuv.width - width < 256 and 0 <= yuv.height - height < 256):
            raise InputError(
                f"a {yuv.width}x{yuv.height} picture does not fit into {one_line(str(self.path))} of {width}x{height}: "
                "y4m holds one size only; write PNG files instead"
            )
        half = (slice((height + 1) // 2), slice((width + 1) // 2))
        kind = "<u2"
        planes: tuple[NDArray[Any], ...] = yuv.planes
        if self._depth == 8:
            kind, planes = "u1", eight_bits(yuv, full_range=self._full_range)
        self._file.write(b"FRAME\n")
        for plane, part in zip(planes, ((slice(height), slice(width)), half, half), strict=True):
            self._file.write(np.ascontiguousarray(plane[part], dtype=kind).data)
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file = None
        self._exit.__exit__(kind, error, traceback)
