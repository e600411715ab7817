"""Writing pictures: PNG files, and y4m for everything that reads raw video."""

from __future__ import annotations

import contextlib
import hashlib
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError, OutputError
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.frame import check_rgb
from vcmpipe.frames.yuv import Yuv
from vcmpipe.process import one_line, publish

_PNG_HEAD = 33  # the signature and the chunk IHDR
_PNG_TEXT = b"Software\0vcmpipe decode, sha256 "
_PNG_MARK_SIZE = 12 + len(_PNG_TEXT) + 64
_Y4M_MARK = "XWRITER=vcmpipe-decode"


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

    ``decoded`` marks the file as made from a stream; see ``is_decoded``.
    """
    data = png_bytes(rgb)
    if decoded:
        data = data[:_PNG_HEAD] + _png_mark(data) + data[_PNG_HEAD:]
    with publish(path) as part:
        part.write_bytes(data)


def is_decoded(path: Path) -> bool:
    """Whether a file is one that ``decode`` wrote: a PNG unchanged since, or a y4m; OSError where it cannot be read."""
    with path.open("rb") as file:
        head = file.read(_PNG_HEAD)
        if head.startswith(b"YUV4MPEG2"):
            return _Y4M_MARK in (head + file.readline(1024)).split(b"\n")[0].decode("latin-1").split(" ")
        mark = file.read(_PNG_MARK_SIZE)
        return mark[4:].startswith(b"tEXt" + _PNG_TEXT) and _png_mark(head + file.read()) == mark


def _png_mark(data: bytes) -> bytes:
    """The text chunk, after the first chunk of a PNG, that names the writer and the digest of all the rest."""
    body = b"tEXt" + _PNG_TEXT + hashlib.sha256(data).hexdigest().encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


class Y4mWriter:
    """Writes YUV4MPEG2 with 10-bit 4:2:0 samples (``C420p10``), whole or not at all; a context manager.

    The header states size, rate and range; y4m has no place for matrix and siting, so a comment that other readers skip
    (``XVCMPIPE=bt709/limited/left``) tells them to ``open_source``.

    Args:
        path: the file, there once the block has ended without an error.
        size: (width, height) of all pictures; may be odd.
        rate: pictures per second.
        spec: what the numbers mean.
        decoded: whether the header marks the file as made from a stream; see ``is_decoded``.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        rate: Fraction | int = 25,
        spec: ColourSpec | None = None,
        *,
        decoded: bool = False,
    ) -> None:
        if min(size) < 1:
            raise InputError(f"a video cannot have {size[0]}x{size[1]} pixels")
        rate = Fraction(rate)
        if rate <= 0:
            raise InputError(f"a video's rate is above 0 pictures per second, not {rate}")
        spec = spec or ColourSpec()
        self.path, self.size, self.count = path, size, 0
        self._header = (
            f"YUV4MPEG2 W{size[0]} H{size[1]} F{rate.numerator}:{rate.denominator} Ip A1:1 C420p10 XYSCSS=420P10 "
            f"XCOLORRANGE={spec.range.upper()} XVCMPIPE={spec.matrix}/{spec.range}/{spec.siting}"
            f"{f' {_Y4M_MARK}' if decoded else ''}\n"
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
        self._file.write(b"FRAME\n")
        for plane in (yuv.y[:height, :width], yuv.u[half], yuv.v[half]):
            self._file.write(np.ascontiguousarray(plane, dtype="<u2").data)
        self.count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file = None
        self._exit.__exit__(kind, error, traceback)
