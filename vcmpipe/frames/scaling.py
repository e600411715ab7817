"""Coding a picture smaller than it is, and bringing it back."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config.limits import MAX_SIDE, MIN_SIDE, MOST_REDUCTION
from vcmpipe.errors import InputError
from vcmpipe.frames.chroma import Siting, cosited
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.yuv import Plane, Yuv


def scaled_size(width: int, height: int, factor: float) -> tuple[int, int]:
    """The (width, height) of a picture scaled by a factor: each side rounded to the nearest.

    A side has at least 16 pixels, and a 16th of the picture's.

    Raises:
        InputError: the factor is not a number above 0 and up to 4, or the result would be over 16384 pixels on a side.
    """
    if not (math.isfinite(factor) and 0 < factor <= 4):
        raise InputError(f"a scale is a number above 0 and at most 4 (1 keeps the size), not {factor}")
    across, down = (max(least_side(side), math.floor(side * factor + 0.5)) for side in (width, height))
    scaled = (across, down)
    if max(scaled) > MAX_SIDE:
        raise InputError(f"a {width}x{height} picture scaled by {factor} has over {MAX_SIDE} pixels on a side")
    return scaled


def least_side(side: int) -> int:
    """The least that a side of a picture is scaled down to."""
    return max(MIN_SIDE, -(-side // MOST_REDUCTION))


def scale_rgb(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize (height, width, 3) uint8 to ``size`` (width, height) with Pillow's Lanczos filter.

    Its support grows with the reduction, so that it antialiases; a picture that has the size is returned as it is. It
    kept most detections among the filters tried: YOLOX-Nano on 70 COCO photos scaled to 0.75, 0.5 and 0.35 and back
    found 0.997, 0.987 and 0.945 of its own detections again; with OpenCV's area and cubic filters 0.984, 0.979, 0.914.
    """
    width, height = size
    if width < 1 or height < 1:
        raise InputError(f"a picture cannot be resized to {width}x{height}")
    if (height, width) == rgb.shape[:2]:
        return rgb
    from PIL import Image

    resized = Image.fromarray(np.ascontiguousarray(rgb)).resize((width, height), Image.Resampling.LANCZOS)
    return np.array(resized)


def scale_yuv(yuv: Yuv, size: tuple[int, int], *, of: tuple[int, int] | None = None, siting: Siting = "left") -> Yuv:
    """Resize the planes themselves with Pillow's Lanczos filter, each sample rounded and clipped to 0..1023.

    Chroma is moved with luma: where its samples lie on luma's columns or rows they do so afterwards. Equal input gives
    equal output, and a picture that has the size is returned as it is.

    Args:
        yuv: the picture.
        size: the (width, height) to reach. An odd side is made even by repeating the last column or row.
        of: the (width, height) of the picture within ``yuv`` where that has padding; None: all of it.
        siting: where chroma samples lie.

    Raises:
        InputError: a size is empty, or ``of`` is not the picture without at most some padding.
    """
    of = of or (yuv.width, yuv.height)
    if min(size) < 1:
        raise InputError(f"a picture cannot be resized to {size[0]}x{size[1]}")
    if not (0 < of[0] <= yuv.width and 0 < of[1] <= yuv.height):
        raise InputError(f"a {yuv.width}x{yuv.height} picture cannot be cut to {of[0]}x{of[1]}")
    if of == size and (yuv.width, yuv.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2):
        return yuv
    luma = _resized(yuv.y[: of[1], : of[0]], size, (0.0, 0.0, *of))
    luma = np.pad(luma, ((0, size[1] % 2), (0, size[0] % 2)), mode="edge")
    half, half_of = (-(-size[0] // 2), -(-size[1] // 2)), (-(-of[0] // 2), -(-of[1] // 2))
    left, right = _chroma_span(of[0], size[0], half[0], cosited(siting)[0])
    top, bottom = _chroma_span(of[1], size[1], half[1], cosited(siting)[1])
    box = (left, top, right, bottom)
    u, v = (_resized(plane[: half_of[1], : half_of[0]], half, box) for plane in (yuv.u, yuv.v))
    return Yuv(luma, u, v)


def fit_yuv(yuv: Yuv, size: tuple[int, int], spec: ColourSpec, *, of: tuple[int, int] | None = None) -> Yuv:
    """Scale a picture as a whole into a (width, height), in the middle of black where its proportions differ.

    ``of`` is the (width, height) of the picture within ``yuv`` where that has padding; sizes are as in ``scale_yuv``.
    """
    of = of or (yuv.width, yuv.height)
    if of == size:
        return scale_yuv(yuv, size, of=of, siting=spec.siting)
    factor = min(size[0] / of[0], size[1] / of[1])
    width, height = (max(2, 2 * round(side * factor / 2)) for side in of)
    frame = (size[0] + size[0] % 2, size[1] + size[1] % 2)
    width, height = min(width, frame[0]), min(height, frame[1])
    part = scale_yuv(yuv, (width, height), of=of, siting=spec.siting)
    black = np.full(frame[::-1], 0 if spec.range == "full" else 64, np.uint16)
    grey = np.full((frame[1] // 2, frame[0] // 2), 512, np.uint16)
    planes = (black, grey, grey.copy())
    left, top = (frame[0] - width) // 4, (frame[1] - height) // 4  # in chroma samples
    for plane, scaled, step in zip(planes, part.planes, (2, 1, 1), strict=True):
        rows, columns = scaled.shape
        plane[step * top : step * top + rows, step * left : step * left + columns] = scaled
    return Yuv(*planes)


def _chroma_span(of: int, size: int, half: int, cosited: bool) -> tuple[float, float]:
    """From where to where, in chroma samples of the source, a side's ``half`` chroma samples reach.

    Chroma sample i lies at luma 2i + d from the picture's edge, d = 1/2 on an even luma sample and 1 half-way to the
    next, in the source and in the result alike.
    """
    step, d = of / size, 0.5 if cosited else 1.0
    start = (1 - d) * (1 - step) / 2
    return start, start + half * step


def _resized(plane: Plane, size: tuple[int, int], box: tuple[float, float, float, float]) -> Plane:
    """The part ``box`` (left, top, right, bottom) of a plane at a (width, height); beyond its edge the edge repeats."""
    from PIL import Image

    height, width = plane.shape
    before = (math.ceil(max(0.0, -box[1])), math.ceil(max(0.0, -box[0])))
    after = (math.ceil(max(0.0, box[3] - height)), math.ceil(max(0.0, box[2] - width)))
    values = np.pad(plane.astype(np.float32), tuple(zip(before, after, strict=True)), mode="edge")
    top, left = before
    within = (box[0] + left, box[1] + top, box[2] + left, box[3] + top)
    scaled = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.LANCZOS, within), np.float32)
    return np.clip(np.rint(scaled), 0, 1023).astype(np.uint16)
