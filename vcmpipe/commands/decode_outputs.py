"""What ``decode`` writes: PNG files in a folder, a y4m, or an H.264 preview."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from vcmpipe.commands.restoring import Restored
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError
from vcmpipe.frames import Schedule, Y4mWriter, Yuv, fit_yuv, is_decoded, write_png, write_preview
from vcmpipe.frames.preview import SUFFIXES as PREVIEW_SUFFIXES
from vcmpipe.frames.preview import pyav_has_h264
from vcmpipe.process import only_writer
from vcmpipe.process.folders import publish_folder, safe_stem
from vcmpipe.process.progress import Warn

Own = Callable[[Sequence[Path]], None]
"""Raises InputError where one of some files must not be replaced."""
Done = Callable[[int], None]
"""Called with the number of pictures written."""


@dataclass(frozen=True)
class Shown:
    """How a video is to be shown.

    Attributes:
        schedule: When each picture is.
        aspect: Width of a sample by its height.
        depth: Bits per sample that the source had; what was coded has 10 in any case.
    """

    schedule: Schedule
    aspect: Fraction = Fraction(1)
    depth: Literal[8, 10] = 10


def write_pictures(
    pictures: Iterator[Restored],
    out: Path,
    sources: Sequence[str],
    shown: Shown,
    *,
    progress: Done,
    own: Own,
    warn: Warn,
) -> int:
    """Write all pictures as what the name asks for, whole or not at all; return how many.

    Args:
        pictures: The pictures, in presentation order.
        out: A .y4m, .mp4 or .mkv file, or a folder.
        sources: The name of each picture's source, or an empty one; for the names of files.
        shown: How they are shown.
        progress: Called with the number done.
        own: Raises where a file must not be replaced; asked before and after the work, which may take hours.
        warn: Called with what the output cannot hold.

    Raises:
        InputError: The name asks for something else, or the pictures do not fit into it.
        OutputError: The output cannot be written.
        ProcessError: FFmpeg failed.
    """
    kind = "" if out.is_dir() else out.suffix.lower()
    if kind == ".y4m":
        return _write_y4m(pictures, out, shown, progress, own, warn)
    if kind in PREVIEW_SUFFIXES:
        return _write_preview(pictures, out, shown, progress, own, warn)
    return _write_folder(pictures, out, _file_names(sources), progress, own)


def refuse_replacing(paths: Sequence[Path]) -> None:
    """Refuse to take the place of files that ``decode`` did not write itself."""
    others = []
    for path in paths:
        try:
            if path.is_file() and not is_decoded(path):
                others.append(path)
        except OSError:
            others.append(path)
    if others:
        more = f" (and {len(others) - 1} more)" if others[1:] else ""
        raise InputError(
            f"{others[0]}{more} exists and was not written by decode, or was changed since: name another --out, or "
            "replace it by --overwrite"
        )


def _write_folder(pictures: Iterator[Restored], out: Path, names: list[str], progress: Done, own: Own) -> int:
    """Write pictures as PNG files that all appear when the last one is there."""
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: name a folder for PNG files, or a file ending in .y4m, .mp4 or .mkv")
    paths = [out / name for name in names]
    own(paths)
    with publish_folder(out, names) as folder:
        for done, (name, picture) in enumerate(zip(names, pictures, strict=True), 1):
            write_png(folder / name, picture.rgb(), decoded=True)
            progress(done)
        own(paths)  # decoding may have taken hours
    return len(names)


def _file_names(sources: Sequence[str]) -> list[str]:
    """``dog.png`` for dog.jpg, ``clip_000012.png`` for frame 12 of clip.mp4; never a path, never one twice."""
    names: dict[str, None] = {}
    for index, source in enumerate(sources):
        video, mark, number = source.rpartition("#")
        # The sidecar is a file from outside: what it calls a name must not lead out of the folder.
        is_video = mark and number.isdecimal() and len(number) < 20
        stem = f"{Path(video).stem}_{int(number):06d}" if is_video else Path(source).stem
        name = stem = safe_stem(stem, f"picture_{index:06d}")
        again = 0
        while f"{name}.png" in names:
            name = f"{stem}_{index:06d}" if not again else f"{stem}_{index:06d}_{again}"
            again += 1
        names[f"{name}.png"] = None
    return list(names)


def _write_y4m(pictures: Iterator[Restored], out: Path, shown: Shown, progress: Done, own: Own, warn: Warn) -> int:
    own([out])
    schedule = shown.schedule
    if not schedule.constant:
        mean = f"{float(schedule.rate):.5g} per second"
        warn(
            f"the source's frames come at varying times, y4m has one rate: it gets their mean, {mean}; .mp4 and .mkv "
            "keep the times"
        )
    first = next(pictures)
    spec, size = first.picture.spec, first.target
    how: dict[str, Any] = {"depth": shown.depth, "aspect": shown.aspect}
    with only_writer(out), Y4mWriter(out, size, schedule.rate, spec, decoded=True, **how) as writer:
        for picture in chain([first], pictures):
            if picture.target != size:
                raise InputError(
                    f"picture {picture.picture.index} has {picture.target[0]}x{picture.target[1]} pixels, the first "
                    f"one {size[0]}x{size[1]}: y4m holds one size, so name a folder for PNG files"
                )
            writer.write(picture.yuv(spec))
            progress(writer.count)
        own([out])
    return writer.count


def _write_preview(pictures: Iterator[Restored], out: Path, shown: Shown, progress: Done, own: Own, warn: Warn) -> int:
    own([out])
    first = next(pictures)
    spec, size = first.picture.spec, first.target

    def frames() -> Iterator[Yuv]:
        fitted = False
        for done, picture in enumerate(chain([first], pictures), 1):
            if picture.target != size and not fitted:
                fitted = True
                warn(f"pictures have several sizes: they are fitted into the first one's {size[0]}x{size[1]}")
            yield fit_yuv(picture.yuv(spec), size, spec, of=picture.target)
            progress(done)
        own([out])

    ffmpeg = None if pyav_has_h264() else find_ffmpeg("encoder", "libx264")
    with only_writer(out):
        return write_preview(out, frames(), size, shown.schedule, spec, aspect=shown.aspect, ffmpeg=ffmpeg)
