"""Reading videos through PyAV, one frame at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config.limits import MAX_PIXELS
from vcmpipe.errors import InputError
from vcmpipe.frames.colour import ColourSpec, Matrix, planes_to_rgb, to_ten_bits
from vcmpipe.frames.frame import Frame
from vcmpipe.frames.limits import check_size
from vcmpipe.frames.truncation import stated_end
from vcmpipe.process import one_line

if TYPE_CHECKING:
    import av
    import av.container

# Containers that hold their own pictures. Playlists and scripts (HLS, concat, DASH, ...) would open further files and
# addresses that somebody else wrote down.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,yuv4mpegpipe,mpegts,mpeg,mpegvideo,m4v,h264,hevc,vvc,av1,obu,ivf,"
    "flv,asf,ogg,mxf,gif,dv,nut,wmv"
)
_WAY_OUT = "convert it, copy it again, or name a folder of pictures"


def read_video(path: Path, limit: int | None = None) -> Iterator[Frame]:
    """Yields the frames of a video file's first video stream in display order, upright.

    YUV is turned into RGB with the matrix and range that the file states; where it states none, BT.709 from 720 lines
    up and BT.601 below, limited range, as players do. A y4m of vcmpipe's own states its matrix.

    Args:
        path: the file; its name is never taken for a protocol.
        limit: the most frames to yield.

    Raises:
        InputError: no video, damaged, truncated, or of a refused size.
    """
    import av

    index, end = 0, 0
    cut = f"the file is truncated; {_WAY_OUT}"
    own = _own_y4m_spec(path)
    with open_video(path) as container:
        if (stated_end(path) or 0) > path.stat().st_size:
            raise InputError(f"{one_line(str(path))}: {cut}")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        try:
            for packet in container.demux(stream):
                end = max(end, (packet.pos or 0) + packet.size)
                if packet.is_corrupt:
                    raise InputError(f"{_after(path, index)}: the file is truncated or damaged; {_WAY_OUT}")
                for picture in packet.decode():
                    if limit is not None and index >= limit:
                        return
                    source = f"{path}#{index}"
                    check_size(picture.width, picture.height, source)
                    if picture.is_corrupt:
                        raise InputError(f"{_after(path, index)}: the next one is damaged; {_WAY_OUT}")
                    time = picture.time if picture.time is not None else float(index / (stream.average_rate or 25))
                    yield Frame(index, _rgb(picture, own), source, time)
                    index += 1
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise InputError(f"{_after(path, index)}: {one_line(_reason(error))}; {_WAY_OUT}") from error
        # A cut y4m ends for FFmpeg with its last whole picture, without a word.
        if container.format.name == "yuv4mpegpipe" and index and end < path.stat().st_size:
            raise InputError(f"{_after(path, index)}: {cut}")
    if not index:
        raise InputError(f"{one_line(str(path))} holds a video stream without pictures: {_WAY_OUT}")


def count_video(path: Path) -> int | None:
    """The number of frames that a video's header states; None where it states none."""
    with open_video(path) as container:
        return container.streams.video[0].frames or None


def open_video(path: Path) -> av.container.InputContainer:
    """Open a video file; InputError where it is missing, unreadable, or holds no video."""
    import av

    name = one_line(str(path))
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file", "max_pixels": str(MAX_PIXELS)}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except FileNotFoundError as error:
        raise InputError(f"{name} does not exist: check the path") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{name} is neither a picture (JPEG, PNG, WebP, BMP, TIFF) nor a video that can be read "
            f"({one_line(_reason(error))}): {_WAY_OUT}"
        ) from error
    if not container.streams.video:
        container.close()
        raise InputError(f"{name} holds no video stream: {_WAY_OUT}")
    return container


def _after(path: Path, index: int) -> str:
    return f"{one_line(str(path))} cannot be read beyond its first {index} frames"


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _rgb(picture: av.VideoFrame, own: ColourSpec | None) -> NDArray[np.uint8]:
    spec = own or _spec(picture)
    planar = re.fullmatch(r"yuvj?4(?:20|22|44)p(\d*)(?:le)?", picture.format.name)
    if planar is not None:
        depth = int(planar[1] or 8)
        y, u, v = (
            to_ten_bits(plane_array(plane, depth), depth, spec, chroma=number > 0)
            for number, plane in enumerate(picture.planes)
        )
        rgb = planes_to_rgb((y, u, v), spec)
    else:
        rgb = _through_swscale(picture, spec)
    # PyAV gives the counter-clockwise turn that makes the picture upright.
    turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns)) if turns else rgb


def _through_swscale(picture: av.VideoFrame, spec: ColourSpec) -> NDArray[np.uint8]:
    """Every other pixel format (RGB, palettes, grey, packed YUV), by FFmpeg's own converter."""
    from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

    full = spec.range == "full" or picture.format.is_rgb
    rgb = VideoReformatter().reformat(
        picture,
        format="rgb24",
        src_colorspace=Colorspace.ITU709 if spec.matrix == "bt709" else Colorspace.ITU601,
        interpolation=Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INT
        | Interpolation.FULL_CHR_H_INP
        | Interpolation.BITEXACT,
        src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        threads=1,
    )
    return np.ascontiguousarray(rgb.to_ndarray())


def _spec(picture: av.VideoFrame) -> ColourSpec:
    unstated: Matrix = "bt709" if picture.height >= 720 else "bt601"
    matrix: Matrix = {1: "bt709", 5: "bt601", 6: "bt601"}.get(int(picture.colorspace), unstated)  # type: ignore[assignment]
    full = int(picture.color_range) == 2 or picture.format.name.startswith("yuvj")
    return ColourSpec(matrix, "full" if full else "limited", "left")


def _own_y4m_spec(path: Path) -> ColourSpec | None:
    """The colours that ``Y4mWriter`` noted in a comment of the header; None for every other file."""
    try:
        with path.open("rb") as file:
            head = file.readline(400)
    except OSError:
        return None
    found = re.match(rb"YUV4MPEG2 (?:[^\n]* )?XVCMPIPE=(\w+)/(\w+)/(\w+)\s", head)
    try:
        return ColourSpec(*(item.decode() for item in found.groups())) if found else None  # type: ignore[arg-type]
    except InputError:
        return None


def plane_array(plane: av.video.plane.VideoPlane, depth: int) -> NDArray[np.unsignedinteger]:
    """A plane's samples as (height, width): uint8, or uint16 above 8 bits; a view into FFmpeg's memory."""
    kind = np.dtype(np.uint8 if depth <= 8 else "<u2")
    samples: NDArray[Any] = np.frombuffer(memoryview(plane), kind).reshape(-1, plane.line_size // kind.itemsize)
    return samples[: plane.height, : plane.width]
