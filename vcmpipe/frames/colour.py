"""RGB <-> YUV 4:2:0 with 10 bits: which numbers a colour becomes is stated by ``ColourSpec`` and by the stream's VUI.

The equations are those of ITU-T H.273 clause 8.3 (BT.709, BT.601). RGB values are taken and given back as they are in
the files: sRGB's transfer curve is not undone, as every player and detector expects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import WholeCodingOptions
from vcmpipe.errors import InputError
from vcmpipe.frames.chroma import Floats, Siting, double_columns, double_rows, halve
from vcmpipe.frames.limits import check_rgb
from vcmpipe.frames.yuv import Plane, Yuv

Matrix = Literal["bt709", "bt601", "bt2020"]
Range = Literal["limited", "full"]

_STRIP = 512
_KR_KB: dict[Matrix, tuple[float, float]] = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "bt2020": (0.2627, 0.0593),
}
MATRIX_CODES: dict[Matrix, int] = {"bt709": 1, "bt601": 6, "bt2020": 9}
"""H.273's MatrixCoefficients."""


@dataclass(frozen=True)
class ColourSpec:
    """How YUV numbers mean colours.

    Attributes:
        matrix: ``bt709``, ``bt601`` or ``bt2020`` (its non-constant luminance).
        range: ``limited`` (luma 64..940, chroma 64..960 of 10 bits) or ``full`` (0..1023).
        siting: where chroma samples lie: ``left`` (on even columns, half-way between two rows: MPEG's default),
            ``centre`` (amid four luma samples: JPEG's), ``topleft`` (on even columns and even rows).
        primaries: H.273's ColourPrimaries; 1, BT.709, which sRGB shares. Carried, never converted.
        transfer: H.273's TransferCharacteristics, 1 for BT.709. Pictures have it, too: sRGB's own code 13 would be the
            letter of it, but players treat pictures with it inconsistently, and none applies a curve between the two.
    """

    matrix: Matrix = WholeCodingOptions.matrix
    range: Range = WholeCodingOptions.range
    siting: Siting = WholeCodingOptions.siting
    primaries: int = 1
    transfer: int = 1

    def __post_init__(self) -> None:
        for name, value, kinds in (
            ("matrix", self.matrix, get_args(Matrix)),
            ("range", self.range, get_args(Range)),
            ("siting", self.siting, get_args(Siting)),
        ):
            if value not in kinds:
                raise InputError(f"unknown colour {name} {value!r}: choose one of {', '.join(kinds)}")
        for name, code in (("primaries", self.primaries), ("transfer", self.transfer)):
            if not 0 <= code <= 255:
                raise InputError(f"colour {name} {code} is not one of H.273's codes, 0..255")


def rgb_to_yuv(rgb: NDArray[np.uint8], spec: ColourSpec) -> Yuv:
    """Convert (height, width, 3) uint8 to 10 bits, each sample rounded to the nearest and clipped to 0..1023.

    An odd side is made even by repeating the last column or row.
    """
    check_rgb(rgb)
    right, below = rgb.shape[1] % 2, rgb.shape[0] % 2
    if right or below:
        rgb = np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge")
    rows, columns = rgb.shape[:2]
    y = np.empty((rows, columns), np.uint16)
    u, v = (np.empty((rows // 2, columns // 2), np.uint16) for _ in range(2))
    for start, stop, first, last in _strips(rows):
        kept = slice(start - first, stop - first)
        half, kept_half = slice(start // 2, stop // 2), slice((start - first) // 2, (stop - first) // 2)
        strip = _strip_to_yuv(rgb[first:last], spec)
        y[start:stop], u[half], v[half] = strip[0][kept], strip[1][kept_half], strip[2][kept_half]
    return Yuv(y, u, v)


def _strip_to_yuv(rgb: NDArray[np.uint8], spec: ColourSpec) -> tuple[Plane, Plane, Plane]:
    red, green, blue = (np.ascontiguousarray(rgb[..., c]).astype(np.float32) for c in range(3))
    kr, kb = _KR_KB[spec.matrix]
    luma_scale, luma_offset, chroma_scale = _quantisation(spec)
    # Everything is linear: values stay in units of 0..255 until the last step scales them to 10 bits.
    luma = red * np.float32(kr)
    luma += green * np.float32(1 - kr - kb)
    luma += blue * np.float32(kb)
    blue -= luma
    red -= luma
    return (
        _quantise(luma, luma_scale / 255, luma_offset),
        _quantise(halve(blue, spec.siting), chroma_scale / 255 / (2 * (1 - kb)), 512),
        _quantise(halve(red, spec.siting), chroma_scale / 255 / (2 * (1 - kr)), 512),
    )


def yuv_to_rgb(yuv: Yuv, spec: ColourSpec, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Convert a picture back to (height, width, 3) uint8, rounded to the nearest and clipped.

    ``size`` is the (width, height) cut from the top left corner, which drops the padding of odd sizes; None: all.
    InputError where it is larger than the picture.
    """
    width, height = size or (yuv.width, yuv.height)
    if not (0 < width <= yuv.width and 0 < height <= yuv.height):
        raise InputError(f"a {yuv.width}x{yuv.height} picture cannot be cut to {width}x{height}")
    return np.ascontiguousarray(planes_to_rgb(yuv.planes, spec)[:height, :width])


def planes_to_rgb(planes: tuple[Plane, Plane, Plane], spec: ColourSpec) -> NDArray[np.uint8]:
    """Converts 10-bit planes with chroma in 4:4:4, 4:2:2 (half of luma's columns) or 4:2:0 (half of both).

    Returns:
        (height, width, 3) uint8 of luma's size; an odd side of luma may have chroma for one more sample.
    """
    rows, width = planes[0].shape
    tall = 1 if planes[1].shape[0] == rows else 2
    out = np.empty((rows, width, 3), np.uint8)
    for start, stop, first, last in _strips(rows):
        chroma = slice(first // tall, -(-last // tall))
        strip = (planes[0][start:stop], planes[1][chroma], planes[2][chroma])
        _strip_to_rgb(strip, spec, slice(start - first, stop - first), tall, out[start:stop])
    return out


def _strip_to_rgb(
    planes: tuple[Plane, Plane, Plane], spec: ColourSpec, kept: slice, tall: int, out: NDArray[np.uint8]
) -> None:
    kr, kb = _KR_KB[spec.matrix]
    kg = 1 - kr - kb
    luma_scale, luma_offset, chroma_scale = _quantisation(spec)
    luma = planes[0].astype(np.float32)
    luma -= np.float32(luma_offset)
    luma *= np.float32(255 / luma_scale)
    differences = []  # B - Y and R - Y
    for plane, factor in ((planes[1], 2 * (1 - kb)), (planes[2], 2 * (1 - kr))):
        values = (plane.astype(np.float32) - np.float32(512)) * np.float32(factor * 255 / chroma_scale)
        if plane.shape[1] != luma.shape[1]:
            values = double_columns(values, spec.siting)
        if tall == 2:
            values = double_rows(values, spec.siting)
        differences.append(values[kept, : luma.shape[1]])
    blue, red = differences
    green = luma - red * np.float32(kr / kg)
    green -= blue * np.float32(kb / kg)
    blue = blue + luma
    red = red + luma
    for channel, values in enumerate((red, green, blue)):
        np.rint(values, out=values)
        np.clip(values, 0, 255, out=values)
        out[..., channel] = values.astype(np.uint8)


def to_ten_bits(plane: NDArray[np.unsignedinteger], depth: int, spec: ColourSpec, *, chroma: bool) -> Plane:
    """Samples of another bit depth as 10-bit ones.

    Limited range differs by a power of two; full range by the ratio of the largest values (H.273 equations 24 to 31).
    """
    if depth == 10:
        return plane.astype(np.uint16)
    if depth < 10 and spec.range == "limited":
        return plane.astype(np.uint16) << np.uint16(10 - depth)
    values = plane.astype(np.float32)
    if spec.range == "limited":
        return _quantise(values, 2.0 ** (10 - depth), 0)
    middle = float(1 << (depth - 1)) if chroma else 0.0
    return _quantise(values - np.float32(middle), 1023 / ((1 << depth) - 1), 512 if chroma else 0)


def _strips(rows: int) -> Iterator[tuple[int, int, int, int]]:
    """(start, stop, first, last): rows to make, and the rows to make them from, 8 more on each side for the filters.

    Strips keep the float planes small: in the cache for common pictures, and out of the way of memory for huge ones.
    """
    for start in range(0, rows, _STRIP):
        stop = min(start + _STRIP, rows)
        yield start, stop, max(0, start - 8), min(rows, stop + 8)


def _quantisation(spec: ColourSpec) -> tuple[float, float, float]:
    """Luma's scale and offset and chroma's scale at 10 bits, for Y' in 0..1 and Cb, Cr in -0.5..0.5."""
    return (876.0, 64.0, 896.0) if spec.range == "limited" else (1023.0, 0.0, 1023.0)


def _quantise(values: Floats, scale: float, offset: float) -> Plane:
    scaled = values * np.float32(scale)
    scaled += np.float32(offset)
    np.rint(scaled, out=scaled)
    np.clip(scaled, 0, 1023, out=scaled)
    return np.ascontiguousarray(scaled.astype(np.uint16))
