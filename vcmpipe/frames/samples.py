"""What FFmpeg has decoded, as planes: every pixel format becomes YUV 4:2:0 with 8 or 10 bits.

4:2:0 with 8 or 10 bits is taken as it is. Other chroma formats are brought to 4:2:0 with the filters of ``chroma``,
other bit depths to 10. RGB, palettes and XYZ become BT.709 with limited range: a source then has planes whatever it
holds, so that there is one way from a video to the encoder, and a viewer sees what was coded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.frames.chroma import Siting, halve_columns, halve_rows
from vcmpipe.frames.colour import ColourSpec, Matrix, to_ten_bits
from vcmpipe.frames.planes import Planes, Samples

if TYPE_CHECKING:
    import av

_PLANAR = re.compile(r"(?:yuvj?a?4(?:20|22|44)p|gray)(\d*)(?:le)?")
_MATRICES: dict[int, Matrix] = {1: "bt709", 5: "bt601", 6: "bt601", 9: "bt2020", 10: "bt2020"}
_SITINGS: dict[str, Siting] = {"mjpeg": "centre", "mpeg1video": "centre", "dvvideo": "topleft"}


def planes_of(picture: av.VideoFrame, colour: ColourSpec) -> Planes:
    """Copies a decoded picture's samples; ``colour`` is what they mean where they are YUV.

    Raises:
        av.FFmpegError, ValueError: FFmpeg cannot convert the pixel format.
    """
    form = picture.format
    if _PLANAR.fullmatch(form.name) is None:
        name = _planar_name(form)
        if name is None:
            rgb: NDArray[Any] = np.ascontiguousarray(_converted(picture, "rgb24", colour).to_ndarray())
            return Planes.of_rgb(rgb, ColourSpec(primaries=colour.primaries, transfer=colour.transfer))
        picture = _converted(picture, name, colour)
    found = _PLANAR.fullmatch(picture.format.name)
    depth = int(found[1] or 8) if found else 0
    if not 8 <= depth <= 16:
        raise ValueError(f"samples of {depth} bits are not read")
    arrays: list[Samples] = [plane_array(plane, depth) for plane in picture.planes[:3]]
    if len(arrays) == 2:
        del arrays[1]  # grey with alpha
    if depth not in (8, 10):
        arrays = [to_ten_bits(array, depth, colour, chroma=number > 0) for number, array in enumerate(arrays)]
    y, u, v = to_420(arrays, colour.siting, 8 if depth == 8 else 10)
    # A view is copied: FFmpeg uses its memory again.
    y, u, v = (array if array.flags.owndata else np.array(array) for array in (y, u, v))
    return Planes(y, u, v, colour)


def colour_of_picture(picture: av.VideoFrame, codec: str, siting: Siting | None = None) -> ColourSpec:
    """What a decoded picture states about its colours.

    Matrices 1, 5, 6, 9 and 10 of H.273 are known; where it states another or none, BT.709 from 720 lines up and BT.601
    below, limited range (grey: full), as players do. Primaries and transfer are carried, unspecified ones as BT.709's.

    Args:
        picture: the picture.
        codec: FFmpeg's name of its codec: JPEG and MPEG-1 have chroma in the centre, all others at the left.
        siting: where chroma lies, if it is known from elsewhere.
    """
    matrix = _MATRICES.get(int(picture.colorspace), "bt709" if picture.height >= 720 else "bt601")
    name, stated = picture.format.name, int(picture.color_range)
    full = stated == 2 or name.startswith("yuvj") or (stated == 0 and name.startswith(("gray", "ya")))
    primaries, transfer = (
        code if 0 < code <= 255 and code != 2 else 1 for code in (int(picture.color_primaries), int(picture.color_trc))
    )
    return ColourSpec(matrix, "full" if full else "limited", siting or _SITINGS.get(codec, "left"), primaries, transfer)


def plane_array(plane: av.video.plane.VideoPlane, depth: int) -> NDArray[np.unsignedinteger]:
    """A plane's samples as (height, width): uint8, or uint16 above 8 bits; a view into FFmpeg's memory."""
    kind = np.dtype(np.uint8 if depth <= 8 else "<u2")
    samples: NDArray[Any] = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)
    return samples[: plane.height, : plane.width]


def to_420(arrays: Sequence[Samples], siting: Siting, depth: int) -> tuple[Samples, Samples, Samples]:
    """Y, U, V with chroma at half of luma's resolution, rounded up, from 4:4:4, 4:2:2, 4:2:0 or luma alone.

    Args:
        arrays: three planes, or luma alone, which gets neutral chroma.
        siting: where chroma lies.
        depth: bits per sample.
    """
    luma = arrays[0]
    half = (-(-luma.shape[0] // 2), -(-luma.shape[1] // 2))
    if len(arrays) == 1:
        u, v = (np.full(half, 1 << (depth - 1), luma.dtype) for _ in range(2))
        return luma, u, v
    u, v = (_quarter(array, half, siting, (1 << depth) - 1) for array in arrays[1:])
    return luma, u, v


def even(plane: Samples, *, columns: bool = True) -> Samples:
    """A plane with two even sides (``columns=False``: an even number of rows), the last row and column repeated."""
    below, right = plane.shape[0] % 2, plane.shape[1] % 2 if columns else 0
    return np.pad(plane, ((0, below), (0, right)), mode="edge") if below or right else plane


def _quarter(plane: Samples, half: tuple[int, int], siting: Siting, peak: int) -> Samples:
    if plane.shape == half:
        return plane
    values: NDArray[Any] = even(plane, columns=plane.shape[1] > half[1]).astype(np.float32)
    if values.shape[0] > half[0]:
        values = halve_rows(values, siting)
    if values.shape[1] > half[1]:
        values = halve_columns(values, siting)
    return np.ascontiguousarray(np.clip(np.rint(values), 0, peak).astype(plane.dtype))


def _planar_name(form: av.VideoFormat) -> str | None:
    """The planar format that holds the same YUV samples (4:4:4 for a rare chroma format); None for what is no YUV."""
    colours = [component for component in form.components if not component.is_alpha]
    depth = colours[0].bits
    if form.is_rgb or form.has_palette or form.is_bayer or form.name.startswith("xyz") or not 8 <= depth <= 16:
        return None
    deep = "" if depth == 8 else f"{depth if depth in (9, 10, 12, 14) else 16}le"
    if len(colours) == 1:
        return f"gray{deep}"
    kind = {(32, 32): "420", (32, 64): "422"}.get((form.chroma_width(64), form.chroma_height(64)), "444")
    return f"yuv{kind}p{deep}"


def _converted(picture: av.VideoFrame, form: str, colour: ColourSpec) -> av.VideoFrame:
    """A picture in another pixel format, by FFmpeg's own converter."""
    from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

    kinds = {"bt709": Colorspace.ITU709, "bt601": Colorspace.ITU601, "bt2020": Colorspace.BT2020}
    to_rgb = form == "rgb24"
    own = ColorRange.JPEG if colour.range == "full" or picture.format.is_rgb else ColorRange.MPEG
    return VideoReformatter().reformat(
        picture,
        format=form,
        src_colorspace=kinds[colour.matrix],
        dst_colorspace=None if to_rgb else kinds[colour.matrix],
        interpolation=Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.FULL_CHR_H_INP
        | Interpolation.BITEXACT,
        src_color_range=own,
        dst_color_range=ColorRange.JPEG if to_rgb else own,
        threads=1,
    )
