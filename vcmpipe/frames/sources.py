"""Where frames come from: pictures, videos, addresses and pipes, read one by one as they are requested."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from vcmpipe.errors import InputError
from vcmpipe.frames.address import LiveRules
from vcmpipe.frames.containers import is_address, open_video
from vcmpipe.frames.frame import Frame, natural_key
from vcmpipe.frames.info import VideoInfo
from vcmpipe.frames.live import STDIN, LiveSource, open_live, open_pipe
from vcmpipe.frames.pictures import SUFFIXES, looks_like_picture, picture_size, read_picture, unreadable
from vcmpipe.frames.selection import Selection
from vcmpipe.frames.video import count_video, read_video, video_info
from vcmpipe.process import one_line
from vcmpipe.process.folders import same_file

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm", ".y4m"})
"""Endings that no output but a video has; a video to read is known by its content."""


@dataclass(frozen=True)
class PictureSource:
    """Picture files, in natural order.

    Attributes:
        path: the folder or the one picture.
        paths: the files that are taken.
        first: the number of the first of them among all.
        stride: every how many one is taken.
        fps: pictures per second of all of them, by which they have times; None: they have none.
        notes: lines for the user about what reading found; pictures have none.
        live: False: it can be read again and again.
    """

    live: ClassVar[bool] = False
    path: Path
    paths: tuple[Path, ...]
    first: int = 0
    stride: int = 1
    fps: Fraction | None = None
    notes: list[str] = field(default_factory=list, compare=False)

    @property
    def count(self) -> int:
        """The number of files."""
        return len(self.paths)

    @property
    def info(self) -> VideoInfo | None:
        """With ``fps`` what a video would state; None without."""
        return None if self.fps is None else VideoInfo(self.fps / self.stride)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Frame:
        path = self.paths[index]
        number = self.first + index % len(self.paths) * self.stride
        return Frame(number, read_picture(path), str(path), None if self.fps is None else number / self.fps)

    def __iter__(self) -> Iterator[Frame]:
        return (self[index] for index in range(len(self.paths)))

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yields (width, height) per file, read from its header."""
        return (picture_size(path) for path in self.paths)


@dataclass(frozen=True)
class VideoSource:
    """A video file's first video stream.

    Attributes:
        path: the file.
        selection: which frames are taken.
        notes: lines for the user about what the last reading found, such as times that go back; whole once it has
            ended.
        live: False: it can be read again and again.
    """

    live: ClassVar[bool] = False
    path: Path
    selection: Selection = field(default_factory=Selection)
    notes: list[str] = field(default_factory=list, compare=False)

    @cached_property
    def count(self) -> int | None:
        """How many frames are taken by what the header states; a damaged or edited file may hold another number.

        None where it states none. With a start it is an estimate by the average rate, None where that is not known.
        """
        stated, rate = count_video(self.path)
        if stated is None or (self.selection.start and rate is None):
            return None
        left = max(stated - math.ceil(self.selection.start * (rate or 0)), 1)
        taken = -(-left // self.selection.stride)
        return taken if self.selection.limit is None else min(taken, self.selection.limit)

    @cached_property
    def info(self) -> VideoInfo:
        """What the file states about itself, from its headers and its first frame; InputError where it has none."""
        return video_info(self.path, self.selection)

    def __iter__(self) -> Iterator[Frame]:
        self.notes.clear()
        return read_video(self.path, self.selection, self.notes)

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yields (width, height) per frame, by decoding them."""
        return ((frame.width, frame.height) for frame in self)


FrameSource = PictureSource | VideoSource | LiveSource
"""Frames in order; iterating again begins again, but for live ones. Memory does not grow with their number."""


def open_source(
    path: str | os.PathLike[str],
    *,
    limit: int | None = None,
    start: float = 0.0,
    stride: int = 1,
    fps: str | None = None,
    rules: LiveRules | None = None,
) -> FrameSource:
    """Opens a folder of pictures, one picture, a video, an address, or y4m on standard input.

    In a folder the files that end like a picture (any case) are taken, hidden ones and sub-folders are not. A file is a
    picture by its suffix or its first bytes, else a video. Names like ``-i.png`` or ``http:x.png`` are files. ``-`` is
    y4m on standard input; ``scheme://...`` is an address of one of the schemes rtsp, rtsps, http, https, srt and udp.

    Frames keep their numbers and times in the source whatever is left out.

    Args:
        path: the folder, file or address, or ``-``.
        limit: the most frames to give, at least 1.
        start: seconds; what comes before that time, in the source's own times, is left out. Pictures have times by
            ``fps``.
        stride: every how many frames one is given, counted from the first.
        fps: frames per second of the source, such as ``25`` or ``30000/1001``: frame n of the source gets the time
            n / fps, instead of what a video states.
        rules: how an address is read.

    Raises:
        InputError: Nothing is there, it cannot be read, or the folder holds no pictures; a number is out of its range.
            A file that is damaged further on raises when it is reached.
    """
    selection = Selection.of(limit, start, stride, fps)
    if rules is not None and rules.reconnect and not is_address(str(path)):
        raise InputError(f"--reconnect is for addresses, which {one_line(str(path))} is none of: leave it out")
    if path == STDIN:
        return open_pipe(None, selection)
    if isinstance(path, str) and is_address(path):
        return open_live(path, selection, rules)
    path = Path(path)
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(info.st_mode):
        return picture_source(path, list_pictures(path), selection)
    if not stat.S_ISREG(info.st_mode):
        raise InputError(
            f"{one_line(str(path))} is neither a file nor a folder: copy its data into a file first, or give y4m to "
            "standard input and name - as the input"
        )
    if info.st_size == 0:
        raise InputError(f"{one_line(str(path))} is empty (0 bytes): copy it again")
    if looks_like_picture(path):
        return picture_source(path, (path,), selection)
    open_video(path).close()
    return VideoSource(path, selection)


def picture_source(path: Path, paths: tuple[Path, ...], selection: Selection) -> PictureSource:
    """Those of some picture files that are taken; ``path`` is the folder that they are in, or the one file.

    Raises:
        InputError: There is none to take, or a time to start at without a rate.
    """
    if selection.start and selection.fps is None:
        raise InputError(
            f"{one_line(str(path))}: pictures have no times, which --start needs: give their rate "
            "with --fps, such as --fps 25"
        )
    first = math.ceil(selection.start * (selection.fps or 0))
    if first >= len(paths):
        raise InputError(
            f"{one_line(str(path))} has no picture from {float(selection.start):g} s on: with {selection.fps} pictures "
            f"per second its {len(paths)} end before"
        )
    taken = paths[first :: selection.stride][: selection.limit]
    return PictureSource(path, taken, first, selection.stride, selection.fps)


def list_pictures(folder: Path) -> tuple[Path, ...]:
    """The picture files of a folder, in natural order, those of sub-folders not; InputError where there are none."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file()]
    except OSError as error:
        raise unreadable(folder, error) from error
    pictures = [name for name in names if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES]
    if not pictures:
        raise InputError(
            f"{one_line(str(folder))} holds no pictures (JPEG, PNG, WebP, BMP or TIFF; {len(names)} other files; "
            "sub-folders are not searched): name the folder that holds them"
        )
    return tuple(folder / name for name in sorted(pictures, key=natural_key))


def refuse_inputs(out: Path, source: FrameSource) -> None:
    """Raises InputError for an output file that is one of the inputs.

    A link stands for what it leads to; all inputs that are there count, whatever the limit.
    """
    if out.is_file() and not source.live:
        inputs = [source.path, *(source.paths if isinstance(source, PictureSource) else ())]
        if source.path.is_dir():
            inputs += _find(source.path, SUFFIXES, below=False).values()
        if any(same_file(out, path) for path in inputs):
            raise InputError(f"--out {one_line(str(out))} is one of the inputs: name another file")


def refuse_as_output(out: Path, source: FrameSource, endings: str) -> None:
    """Raises InputError for an output file that is an input or a folder, or has the ending of a picture or a video.

    The message names ``endings``, good ones.
    """
    refuse_inputs(out, source)
    refuse_frame_endings(out, endings)


def refuse_frame_endings(out: Path, endings: str) -> None:
    """Refuses a file to be written with the name of a folder, a picture or a video; see ``refuse_as_output``."""
    if out.is_dir():
        raise InputError(f"--out {one_line(str(out))}: it is a folder; name a file that ends in {endings}")
    for path in (out, Path(os.path.realpath(out))):
        if path.suffix.lower() in SUFFIXES | VIDEO_SUFFIXES:
            raise InputError(
                f"--out {one_line(str(out))}: {path.suffix} is the ending of a picture or a video; name a file that "
                f"ends in {endings}"
            )


def find_pictures(folder: Path, *, limit: int | None = None) -> dict[str, Path]:
    """The picture files of a folder and its sub-folders, by their path below it (with ``/``), in natural order.

    Hidden files and folders are left out, symbolic links to folders not followed; at most ``limit`` pictures are given.

    Raises:
        InputError: the folder is missing, is none, cannot be read, or holds no pictures.
    """
    if not folder.is_dir():
        if folder.exists():
            raise InputError(f"{one_line(str(folder))} is not a folder: name the folder that holds the pictures")
        raise unreadable(folder, FileNotFoundError())
    found = _find(folder, SUFFIXES)
    if not found:
        raise InputError(f"{one_line(str(folder))} and its sub-folders hold no pictures (JPEG, PNG, WebP, BMP or TIFF)")
    return {name: found[name] for name in sorted(found, key=natural_key)[:limit]}


def find_videos(place: Path) -> dict[str, Path]:
    """The video files of a folder, as ``find_pictures`` finds pictures; or one video, by its name.

    Raises:
        InputError: it is missing, cannot be read, or holds no videos.
    """
    if place.is_file():
        return {place.name: place}
    if not place.is_dir():
        raise unreadable(place, FileNotFoundError())
    found = _find(place, VIDEO_SUFFIXES)
    if not found:
        endings = ", ".join(sorted(VIDEO_SUFFIXES))
        raise InputError(f"{one_line(str(place))} and its sub-folders hold no videos ({endings})")
    return {name: found[name] for name in sorted(found, key=natural_key)}


def tree_of(folder: Path) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The picture files and the video files of a folder and its sub-folders, in natural order; either may be none."""
    found = [_find(folder, suffixes) for suffixes in (SUFFIXES, VIDEO_SUFFIXES)]
    pictures, videos = (tuple(own[name] for name in sorted(own, key=natural_key)) for own in found)
    return pictures, videos


def _find(folder: Path, suffixes: Collection[str], *, below: bool = True) -> dict[str, Path]:
    def refuse(error: OSError) -> None:
        raise unreadable(Path(error.filename), error) from error

    found: dict[str, Path] = {}
    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if below and not name.startswith(".")]
        for name in files:
            path = Path(root, name)
            if not name.startswith(".") and path.suffix.lower() in suffixes and path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    return found
