"""Pictures as the codecs of JND data sets leave them: H.264 at a QP, JPEG at a quality factor."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe import process
from vcmpipe.datasets.scales import RANGES
from vcmpipe.encoders.ffmpeg import ffmpeg_build, find_ffmpeg
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, Yuv, rgb_to_yuv, yuv_bytes_8
from vcmpipe.frames.colour import to_ten_bits
from vcmpipe.frames.samples import plane_array

H264_RANGE, JPEG_RANGE = RANGES["h264-qp"], RANGES["jpeg-qf"]
_SECONDS = 60
_SECONDS_PER_MEGAPIXEL = 20


def codec_identity(scale: str) -> tuple[str, ...]:
    """What a coded picture of one of these scales depends on besides picture and value: ``h264-qp`` or ``jpeg-qf``."""
    if scale == "h264-qp":
        return scale, ffmpeg_build(find_ffmpeg("encoder", "libx264"))
    import cv2

    return scale, cv2.__version__


def h264_picture(yuv: Yuv, qp: int) -> bytes:
    """One intra picture by x264, every macroblock at the QP.

    x264 would code an intra picture 3 QPs below the one that is requested (``ipratio`` 1.4).

    Args:
        yuv: The picture; it is coded with 8 bits.
        qp: 0..51; 0 is lossless.

    Returns:
        An Annex-B stream.

    Raises:
        InputError: The QP is outside, or no FFmpeg here has libx264.
        ProcessError: FFmpeg failed.
    """
    if not H264_RANGE[0] <= qp <= H264_RANGE[1]:
        raise InputError(f"QP {qp} is not a QP of H.264: give {H264_RANGE[0]}..{H264_RANGE[1]}")
    binary = find_ffmpeg("encoder", "libx264")
    argv: list[str | Path] = [binary, "-hide_banner", "-loglevel", "error", "-nostdin"]
    argv += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{yuv.width}x{yuv.height}", "-i", "in.yuv"]
    argv += ["-frames:v", "1", "-c:v", "libx264", "-preset", "medium", "-qp", str(qp)]
    argv += ["-x264-params", "ipratio=1:keyint=1:threads=1", "-f", "h264", "out.264"]
    with process.temporary_folder("h264") as folder:
        (folder / "in.yuv").write_bytes(yuv_bytes_8(yuv))
        process.run(argv, timeout=_SECONDS + _SECONDS_PER_MEGAPIXEL * yuv.y.size / 1e6, cwd=folder)
        out = folder / "out.264"
        data = out.read_bytes() if out.is_file() else b""
    if not data:
        raise ProcessError("libx264 exited with 0 but wrote nothing")
    return data


def h264_decoded(data: bytes, width: int, height: int) -> Yuv:
    """The picture in a stream of ``h264_picture``, as 10-bit samples.

    Raises:
        ProcessError: It does not decode to one picture of this size.
    """
    import av

    try:
        with av.open(io.BytesIO(data), "r", format="h264") as container:
            pictures = list(container.decode(video=0))
    except (av.FFmpegError, IndexError) as error:
        raise ProcessError(f"libx264 exited with 0 but its stream does not decode: {error}") from error
    sizes = [(picture.width, picture.height, picture.format.name) for picture in pictures]
    if sizes != [(width, height, "yuv420p")]:
        raise ProcessError(f"libx264's stream decodes to {sizes}, not to one picture of {width}x{height}")
    spec = ColourSpec()
    y, u, v = (plane_array(plane, 8) for plane in pictures[0].planes)
    return Yuv(to_ten_bits(y, 8, spec, chroma=False), *(to_ten_bits(plane, 8, spec, chroma=True) for plane in (u, v)))


def jpeg_picture(rgb: NDArray[np.uint8], factor: int) -> bytes:
    """A baseline JPEG by libjpeg (of OpenCV), chroma 4:2:0.

    Args:
        rgb: (height, width, 3) uint8.
        factor: The quality factor, 0..100; 0 is taken for 1.

    Raises:
        InputError: The factor is outside.
        ProcessError: OpenCV failed.
    """
    import cv2

    if not JPEG_RANGE[0] <= factor <= JPEG_RANGE[1]:
        raise InputError(f"{factor} is not a quality factor of JPEG: give {JPEG_RANGE[0]}..{JPEG_RANGE[1]}")
    settings = [cv2.IMWRITE_JPEG_QUALITY, factor]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), settings)
    if not done:
        raise ProcessError(f"OpenCV could not write a JPEG of quality factor {factor}")
    return data.tobytes()


def jpeg_decoded(data: bytes) -> Yuv:
    """The picture in a JPEG file, as 10-bit samples of BT.709, limited range."""
    import cv2

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ProcessError("OpenCV cannot read the JPEG that it wrote")
    return rgb_to_yuv(np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8), ColourSpec())
