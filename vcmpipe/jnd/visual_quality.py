"""How good a coded picture looks: XPSNR and VMAF, by FFmpeg's filters.

XPSNR weighs each block's error by how visible it is where it stands (Helmrich et al., ICASSP 2020); VMAF is a model
learned from human ratings of video (Netflix, model ``vmaf_v0.6.1``, 1080p at three heights' distance).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe import process
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, Frame, Yuv, rgb_to_yuv, yuv_bytes
from vcmpipe.frames.quality import PSNR_CAP

SMALLEST = 32
"""Pixels below which VMAF sees nothing: its coarsest scale has none left."""
# Versions in one process: its start costs as much as a picture or two.
_AT_ONCE = 16
_SECONDS_PER_MEGAPIXEL = 20.0
XPSNR, VMAF = "xpsnr", "libvmaf"


@dataclass(frozen=True)
class HumanQuality:
    """A coded picture beside its source, for human eyes.

    Attributes:
        xpsnr: XPSNR of the luma in dB, ``PSNR_CAP`` at most.
        vmaf: VMAF, 0..100. In a still nothing moves, so that a picture equal to its source gets about 97, not 100.
    """

    xpsnr: float
    vmaf: float


def human_quality(
    source: NDArray[np.uint8], versions: Sequence[NDArray[np.uint8]], ffmpeg: Path | None = None
) -> list[HumanQuality]:
    """XPSNR and VMAF of coded versions of a picture, as they are shown: at the source's size, 8 bits RGB.

    Args:
        source: (height, width, 3) uint8 RGB, 32 pixels a side at least.
        versions: Pictures of the same size.
        ffmpeg: FFmpeg with both filters; default: the one that is found.

    Raises:
        InputError: A version has another size, the picture is too small, or no FFmpeg with both filters is there.
        ProcessError: FFmpeg fails, or its output is not what was requested.
    """
    for version in versions:
        _check_sizes(source.shape[1::-1], version.shape[1::-1])
    if min(source.shape[:2]) < SMALLEST:
        raise InputError(
            f"a picture of {source.shape[1]}x{source.shape[0]} is too small for VMAF: {SMALLEST} a side is the least"
        )
    binary = ffmpeg or find_ffmpeg("filter", XPSNR, VMAF)
    # The colours of one and the same conversion for both: what differs is what coding did.
    spec = ColourSpec()
    reference = rgb_to_yuv(source, spec)
    found: list[HumanQuality] = []
    for start in range(0, len(versions), _AT_ONCE):
        part = [rgb_to_yuv(version, spec) for version in versions[start : start + _AT_ONCE]]
        logs = _logs(binary, reference, part, (XPSNR, VMAF))
        found += [HumanQuality(read_xpsnr(log[XPSNR]), read_vmaf(log[VMAF])) for log in logs]
    return found


def xpsnr(source: Frame | Yuv, coded: Frame | Yuv) -> float:
    """XPSNR of the luma alone, in dB; of equal pictures ``PSNR_CAP``.

    Args:
        source: The picture as it was; RGB is compared as BT.709 of limited range.
        coded: The picture as it was decoded, of the same size.

    Raises:
        InputError: The sizes differ, or no FFmpeg here has the filter.
        ProcessError: FFmpeg failed.
    """
    _check_sizes((source.width, source.height), (coded.width, coded.height))
    (log,) = _logs(find_ffmpeg("filter", XPSNR), _yuv(source), [_yuv(coded)], (XPSNR,))
    return read_xpsnr(log[XPSNR])


def _check_sizes(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    if first != second:
        raise InputError(f"pictures of {first[0]}x{first[1]} and {second[0]}x{second[1]} cannot be compared")


def _yuv(picture: Frame | Yuv) -> Yuv:
    return picture if isinstance(picture, Yuv) else rgb_to_yuv(picture.rgb, ColourSpec())


def _logs(ffmpeg: Path, reference: Yuv, versions: Sequence[Yuv], filters: Sequence[str]) -> list[dict[str, str]]:
    """What each filter writes of each version."""
    count, steps = len(versions), len(filters)
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{reference.width}x{reference.height}", "-r", "1"]
    filter_text = {XPSNR: "xpsnr=stats_file={0}.xpsnr", VMAF: "libvmaf=log_fmt=json:log_path={0}.libvmaf:n_threads=1"}
    with process.temporary_folder("quality") as folder:
        argv: list[str | Path] = [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error"]
        for number, picture in enumerate([*versions, reference]):
            (folder / f"{number}.yuv").write_bytes(yuv_bytes(picture))
            argv += [*raw, "-i", f"{number}.yuv"]
        # Each version is a film of its own: in one film XPSNR would take the next version for movement. Logs are files,
        # since what FFmpeg prints differs between its versions; their names are relative, since a filter's argument
        # has an escaping of its own.
        copies = "".join(f"[r{n}s{step}]" for n in range(count) for step in range(steps))
        graph = [f"[{count}:v]split={count * steps}{copies}"]
        for n in range(count):
            taken = f"{n}:v"
            for step, name in enumerate(filters):
                graph.append(f"[{taken}][r{n}s{step}]{filter_text[name].format(n)}[o{n}s{step}]")
                taken = f"o{n}s{step}"
        argv += ["-filter_complex", ";".join(graph)]
        for n in range(count):
            argv += ["-map", f"[o{n}s{steps - 1}]", "-f", "null", "-"]
        megapixels = reference.width * reference.height * count / 1e6
        process.run(argv, cwd=folder, timeout=60.0 + _SECONDS_PER_MEGAPIXEL * megapixels)
        return [{name: _text(folder / f"{n}.{name}") for name in filters} for n in range(count)]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ProcessError(f"FFmpeg wrote no {path.name} ({error.strerror}): try another FFmpeg") from error


def read_xpsnr(text: str) -> float:
    """XPSNR of the luma of a picture, from the log of FFmpeg's ``xpsnr``: ``n: 1  XPSNR y: 39.5  XPSNR u: ...``.

    Raises:
        ProcessError: It is no such log of one picture, or the value is no number.
    """
    found = re.findall(r"^\s*n:\s*\d+\s+XPSNR y:\s*(\S+)", text, re.MULTILINE)
    try:
        (value,) = map(float, found)
    except ValueError as error:
        raise ProcessError(f"FFmpeg's XPSNR is not understood ({text[:80]!r}): try another FFmpeg") from error
    if math.isnan(value):
        raise ProcessError("FFmpeg's XPSNR is not a number: try another FFmpeg")
    return min(value, PSNR_CAP)


def read_vmaf(text: str) -> float:
    """VMAF of a picture, from libvmaf's JSON log.

    Raises:
        ProcessError: It is no such log of one picture, or the value is out of range.
    """
    try:
        (frame,) = json.loads(text)["frames"]
        value = float(frame["metrics"]["vmaf"])
    except (ValueError, KeyError, TypeError) as error:
        raise ProcessError(f"libvmaf's log is not understood ({error!r}): try another FFmpeg") from error
    if not 0.0 <= value <= 100.0:
        raise ProcessError(f"libvmaf gives a VMAF of {value}: it lies in 0..100")
    return value
