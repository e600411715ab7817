"""Where pictures come from: a folder, one picture, or a video, read one by one as they are requested."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.frames.frame import Frame, natural_key
from vcmpipe.frames.pictures import SUFFIXES, looks_like_picture, picture_size, read_picture, unreadable
from vcmpipe.frames.video import count_video, open_video, read_video
from vcmpipe.process import one_line
from vcmpipe.process.folders import same_file

VIDEO_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm", ".y4m"})
"""Endings that no output but a video has; a video to read is known by its content."""


@dataclass(frozen=True)
class PictureSource:
    """Picture files, in natural order.

    Attributes:
        path: the folder or the one picture.
        paths: the files.
    """

    path: Path
    paths: tuple[Path, ...]

    @property
    def count(self) -> int:
        """The number of files."""
        return len(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Frame:
        path = self.paths[index]
        return Frame(index % len(self.paths), read_picture(path), str(path))

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
        limit: the most frames to read, or None for all.
    """

    path: Path
    limit: int | None = None

    @cached_property
    def count(self) -> int | None:
        """What the header states (a damaged or edited file may hold another number), at most ``limit``."""
        stated = count_video(self.path)
        return stated if stated is None or self.limit is None else min(stated, self.limit)

    def __iter__(self) -> Iterator[Frame]:
        return read_video(self.path, self.limit)

    def sizes(self) -> Iterator[tuple[int, int]]:
        """Yields (width, height) per frame, by decoding them."""
        return ((frame.width, frame.height) for frame in self)


FrameSource = PictureSource | VideoSource
"""Frames in order; iterating again begins again. Nothing is kept: memory does not grow with their number."""


def open_source(path: str | os.PathLike[str], *, limit: int | None = None) -> FrameSource:
    """Opens a folder of pictures, one picture, or a video.

    In a folder the files that end like a picture (any case) are taken, hidden ones and sub-folders are not. A file is a
    picture by its suffix or its first bytes, else a video. Names like ``-i.png`` or ``http:x.png`` are files.

    Args:
        path: the folder or file.
        limit: the most frames to give, at least 1.

    Raises:
        InputError: nothing is there, it cannot be read, or the folder holds no pictures. A file that is damaged further
            on raises when it is reached.
    """
    if limit is not None and limit < 1:
        raise InputError(f"the number of frames to read is at least 1, not {limit}")
    path = Path(path)
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from error
    if stat.S_ISDIR(info.st_mode):
        return PictureSource(path, _list_pictures(path)[:limit])
    if not stat.S_ISREG(info.st_mode):
        raise InputError(f"{one_line(str(path))} is neither a file nor a folder: copy its data into a file first")
    if info.st_size == 0:
        raise InputError(f"{one_line(str(path))} is empty (0 bytes): copy it again")
    if looks_like_picture(path):
        return PictureSource(path, (path,))
    open_video(path).close()
    return VideoSource(path, limit)


def _list_pictures(folder: Path) -> tuple[Path, ...]:
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


def refuse_as_output(out: Path, source: FrameSource, endings: str) -> None:
    """Raises InputError for an output file that is an input or a folder, or has the ending of a picture or a video.

    A link stands for what it leads to; all inputs that are there count, whatever the limit; the message names
    ``endings``, good ones.
    """
    if out.is_file():
        inputs = _list_pictures(source.path) if source.path.is_dir() else (source.path,)
        if any(same_file(out, path) for path in inputs):
            raise InputError(f"--out {one_line(str(out))} is one of the inputs: name another file")
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
            raise InputError(f"{one_line(str(folder))} is no folder: name the folder that holds the pictures")
        raise unreadable(folder, FileNotFoundError())

    def refuse(error: OSError) -> None:
        raise unreadable(Path(error.filename), error) from error

    found: dict[str, Path] = {}
    for root, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(root, name)
            if not name.startswith(".") and path.suffix.lower() in SUFFIXES and path.is_file():
                found[path.relative_to(folder).as_posix()] = path
    if not found:
        raise InputError(f"{one_line(str(folder))} and its sub-folders hold no pictures (JPEG, PNG, WebP, BMP or TIFF)")
    return {name: found[name] for name in sorted(found, key=natural_key)[:limit]}
