"""Opening what holds a video through PyAV: files and addresses, never what they point to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.config.limits import MAX_PIXELS
from vcmpipe.errors import InputError
from vcmpipe.process import one_line

if TYPE_CHECKING:
    import av.container

# Containers that hold their own pictures. Playlists and scripts (HLS, concat, DASH, ...) would open further files and
# addresses that somebody else wrote down.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,yuv4mpegpipe,mpegts,mpeg,mpegvideo,m4v,h264,hevc,vvc,av1,obu,ivf,"
    "flv,asf,ogg,mxf,gif,dv,nut,wmv"
)
# Per scheme: the demuxers beside those, and the protocols that it consists of. No other one is ever opened, whatever a
# server answers.
_WEB = ("mpjpeg", "http,https,tcp,tls,httpproxy")
_CAMERA = ("rtsp", "rtp,udp,tcp,tls")
_SCHEMES = {
    "http": _WEB,
    "https": _WEB,
    "rtsp": _CAMERA,
    "rtsps": _CAMERA,
    "srt": ("", "srt"),
    "udp": ("", "udp"),
}
WAY_OUT = "convert it, copy it again, or name a folder of pictures"


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
            f"({reason(error)}): {WAY_OUT}"
        ) from error
    return _with_video(container, name)


def is_address(text: str) -> bool:
    """Whether a name is an address (``scheme://...``), not a path; a file of such a name is named with ``./``."""
    return re.match(r"[A-Za-z][^/:]*://", text) is not None


def open_address(url: str, opening: float, stall: float) -> av.container.InputContainer:
    """Open a video that a server or a camera sends.

    Args:
        url: ``rtsp``, ``rtsps``, ``http``, ``https``, ``srt`` or ``udp``.
        opening: seconds within which it has to answer and to send what the video is known by.
        stall: seconds for which it may be silent afterwards.

    Raises:
        InputError: another scheme, no answer, or an answer that is no video (a playlist, a page).
    """
    import av

    name = address_name(url)
    scheme = url.partition("://")[0].lower()
    if scheme not in _SCHEMES:
        raise InputError(
            f"{name}: addresses of the scheme {one_line(scheme[:20])} are not opened: "
            f"{', '.join(_SCHEMES)} are, and files and folders by their paths"
        )
    if not url.isprintable() or " " in url:
        raise InputError(f"{name}: an address has no spaces and control characters: write them as %20 and the like")
    formats, protocols = _SCHEMES[scheme]
    options = {
        "format_whitelist": f"{_FORMATS},{formats}".rstrip(","),
        "protocol_whitelist": protocols,
        "max_pixels": str(MAX_PIXELS),
    }
    try:
        container = av.open(url, options=options, metadata_errors="replace", timeout=(opening, stall))
    except av.ProtocolNotFoundError as error:
        raise InputError(
            f"{name}: PyAV's FFmpeg was built without {scheme}: let it be sent as rtsp, http or udp"
        ) from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(
            f"{name} cannot be opened ({reason(error)}): check the address, and that a video is sent there now (no "
            "playlist such as .m3u8)"
        ) from error
    return _with_video(container, name)


def address_name(url: str) -> str:
    """An address as it may be shown and written down: without user, password and query, which can be secret."""
    scheme, _, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return one_line(f"{scheme}://{host.rpartition('@')[2]}{slash}{path}")


def reason(error: BaseException) -> str:
    """What FFmpeg says went wrong, as a line."""
    import av

    if isinstance(error, av.error.ExitError):
        return "no data within the time allowed"
    return one_line(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _with_video(container: av.container.InputContainer, name: str) -> av.container.InputContainer:
    if not any(stream.codec_context is not None for stream in container.streams.video):
        known = "a video stream that can be decoded" if container.streams.video else "video stream"
        container.close()
        raise InputError(f"{name} holds no {known.removeprefix('a ')}: {WAY_OUT}")
    return container
