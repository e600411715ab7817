"""How good a coded picture looks: XPSNR and VMAF, by FFmpeg's filters.

XPSNR weights each block's error by how visible it is there (Helmrich et al., ICASSP 2020); VMAF is a model learned
from people's ratings of video (Netflix, model ``vmaf_v0.6.1``, 1080p at three heights' distance).
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from vcmpipe import process
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, Frame, Yuv, rgb_to_yuv, yuv_bytes
from vcmpipe.frames.quality import PSNR_CAP

_SECONDS = 60
_SECONDS_PER_MEGAPIXEL = 20
# VMAF's coarsest scale needs this much.
_VMAF_SIDE = 32


def xpsnr(source: Frame | Yuv, coded: Frame | Yuv) -> float:
    """XPSNR of the luma, in dB; of equal pictures ``PSNR_CAP``.

    Args:
        source: The picture as it was; RGB is compared as BT.709 of limited range.
        coded: The picture as it was decoded, of the same size.

    Raises:
        InputError: The sizes differ, or no FFmpeg here has the filter.
        ProcessError: FFmpeg failed.
    """
    text = _filtered(source, coded, "xpsnr", "xpsnr=stats_file=log")
    # n:    1  XPSNR y: 38.8012  XPSNR u: 43.5301  XPSNR v: 43.8467
    _, _, after = text.partition("XPSNR y:")
    try:
        value = float(after.split()[0])
        if math.isnan(value):
            raise ValueError
    except (IndexError, ValueError) as error:
        raise ProcessError(f"FFmpeg's filter xpsnr wrote no figure but {text[:80]!r}") from error
    return min(PSNR_CAP, value)


def vmaf(source: Frame | Yuv, coded: Frame | Yuv) -> float:
    """VMAF, 0..100.

    Args:
        source: The picture as it was; RGB is compared as BT.709 of limited range.
        coded: The picture as it was decoded, of the same size.

    Raises:
        InputError: The sizes differ or are below 32x32, or no FFmpeg here has the filter.
        ProcessError: FFmpeg failed.
    """
    text = _filtered(source, coded, "libvmaf", "libvmaf=log_fmt=json:log_path=log:n_threads=1", _VMAF_SIDE)
    try:
        value = float(json.loads(text)["pooled_metrics"]["vmaf"]["mean"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProcessError(f"FFmpeg's filter libvmaf wrote no figure ({error})") from error
    if not math.isfinite(value):
        raise ProcessError(f"FFmpeg's filter libvmaf says {value}")
    return value


def _filtered(source: Frame | Yuv, coded: Frame | Yuv, name: str, words: str, side: int = 2) -> str:
    """What a filter that compares two pictures writes to the file ``log``."""
    sizes = [(each.width, each.height) for each in (source, coded)]
    if sizes[0] != sizes[1]:
        (a, b), (c, d) = sizes
        raise InputError(f"pictures of {a}x{b} and {c}x{d} cannot be compared")
    if min(sizes[0]) < side:
        called = {"libvmaf": "VMAF", "xpsnr": "XPSNR"}[name]
        raise InputError(f"{called} needs a picture of {side}x{side} and more, not {sizes[0][0]}x{sizes[0][1]}")
    binary = find_ffmpeg("filter", name)
    pictures = [_yuv(each) for each in (coded, source)]  # the filters want the coded one first
    argv: list[str | Path] = [binary, "-hide_banner", "-loglevel", "error", "-nostdin"]
    with process.temporary_folder("compare") as folder:
        for i, yuv in enumerate(pictures):
            (folder / f"{i}.yuv").write_bytes(yuv_bytes(yuv))
            argv += ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{yuv.width}x{yuv.height}", "-i", f"{i}.yuv"]
        argv += ["-lavfi", words, "-f", "null", "-"]
        seconds = _SECONDS + _SECONDS_PER_MEGAPIXEL * pictures[0].y.size / 1e6
        process.run(argv, timeout=seconds, cwd=folder)
        log = folder / "log"
        return log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""


def _yuv(picture: Frame | Yuv) -> Yuv:
    return picture if isinstance(picture, Yuv) else rgb_to_yuv(picture.rgb, ColourSpec())
