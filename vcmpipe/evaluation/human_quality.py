"""How good coded pictures look to people: XPSNR and VMAF, by FFmpeg's filters."""

from __future__ import annotations

import functools
import json
import math
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe import process
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, rgb_to_yuv, yuv_bytes

XPSNR_CAP = 100.0
"""What equal pictures get, in dB, as with PSNR: means stay finite."""
SMALLEST = 32
"""Pixels below which VMAF sees nothing: its coarsest scale has none left."""
# Versions in one process: its start costs as much as a picture or two.
_AT_ONCE = 16
_SECONDS_PER_MEGAPIXEL = 20.0
_FILTERS = ("xpsnr", "libvmaf")


@dataclass(frozen=True)
class HumanQuality:
    """A coded picture beside its source, for human eyes.

    Attributes:
        xpsnr: XPSNR of the luma in dB: PSNR that weighs errors by how visible they are where they stand (Helmrich et
            al. 2020; FFmpeg's ``xpsnr``), ``XPSNR_CAP`` at most.
        vmaf: VMAF, 0..100 (model vmaf_v0.6.1). In a still nothing moves, so that a picture equal to its source gets
            about 97, not 100.
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
        ProcessError: FFmpeg fails or says something else than was asked.
    """
    for version in versions:
        if version.shape != source.shape:
            sizes = (f"{shape[1]}x{shape[0]}" for shape in (version.shape, source.shape))
            raise InputError(f"pictures of {' and '.join(sizes)} cannot be compared")
    if min(source.shape[:2]) < SMALLEST:
        raise InputError(
            f"a picture of {source.shape[1]}x{source.shape[0]} is too small for VMAF: {SMALLEST} a side is the least"
        )
    binary = ffmpeg or find_ffmpeg()
    found: list[HumanQuality] = []
    for start in range(0, len(versions), _AT_ONCE):
        found += _compared(binary, source, versions[start : start + _AT_ONCE])
    return found


@functools.cache
def find_ffmpeg() -> Path:
    """An FFmpeg with both filters: that of imageio-ffmpeg, else the one on PATH.

    Raises:
        InputError: There is none.
    """
    places: list[Path] = []
    try:
        import imageio_ffmpeg

        places.append(Path(imageio_ffmpeg.get_ffmpeg_exe()))
    except (ImportError, RuntimeError):
        pass
    if on_path := shutil.which("ffmpeg"):
        places.append(Path(on_path))
    for place in places:
        listed = process.probe([place, "-hide_banner", "-filters"]) or ""
        names = {words[1] for line in listed.splitlines() if len(words := line.split()) > 2}
        if names.issuperset(_FILTERS):
            return place
    raise InputError(
        "no FFmpeg with the filters xpsnr and libvmaf was found: install imageio-ffmpeg>=0.8.1, or leave quality for "
        "people out"
    )


def _compared(ffmpeg: Path, source: NDArray[np.uint8], versions: Sequence[NDArray[np.uint8]]) -> list[HumanQuality]:
    # The colours of one and the same conversion for both: what differs is what coding did.
    spec, count = ColourSpec(), len(versions)
    reference = rgb_to_yuv(source, spec)
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{reference.width}x{reference.height}", "-r", "1"]
    pixels = reference.width * reference.height * count
    with process.temporary_folder("vcmpipe-quality") as folder:
        argv: list[str | Path] = [ffmpeg, "-hide_banner", "-nostdin", "-loglevel", "error"]
        for number, picture in enumerate([*(rgb_to_yuv(version, spec) for version in versions), reference]):
            (folder / f"{number}.yuv").write_bytes(yuv_bytes(picture))
            argv += [*raw, "-i", f"{number}.yuv"]
        # Each version is a film of its own: in one film XPSNR would take the next version for movement. Logs are files,
        # since what FFmpeg prints differs between its versions; their names are relative, since a filter's argument
        # has an escaping of its own.
        graph = [f"[{count}:v]split={2 * count}" + "".join(f"[x{n}][v{n}]" for n in range(count))]
        for n in range(count):
            graph.append(f"[{n}:v][x{n}]xpsnr=stats_file={n}.log[c{n}]")
            graph.append(f"[c{n}][v{n}]libvmaf=log_fmt=json:log_path={n}.json:n_threads=1[o{n}]")
        argv += ["-filter_complex", ";".join(graph)]
        for n in range(count):
            argv += ["-map", f"[o{n}]", "-f", "null", "-"]
        process.run(argv, cwd=folder, timeout=60.0 + _SECONDS_PER_MEGAPIXEL * pixels / 1e6)
        return [
            HumanQuality(read_xpsnr(_text(folder / f"{n}.log")), read_vmaf(_text(folder / f"{n}.json")))
            for n in range(count)
        ]


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
        raise ProcessError("FFmpeg's XPSNR is no number: try another FFmpeg")
    return min(value, XPSNR_CAP)


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
