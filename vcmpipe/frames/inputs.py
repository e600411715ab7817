"""What several names stand for: files, folders, whole trees and patterns, as pictures in one order, and as videos."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.frames.address import LiveRules
from vcmpipe.frames.containers import is_address
from vcmpipe.frames.frame import natural_key
from vcmpipe.frames.live import STDIN
from vcmpipe.frames.pictures import SUFFIXES, looks_like_picture, unreadable
from vcmpipe.frames.selection import Selection
from vcmpipe.frames.sources import (
    VIDEO_SUFFIXES,
    FrameSource,
    VideoSource,
    list_pictures,
    open_source,
    picture_source,
    tree_of,
)
from vcmpipe.process import one_line
from vcmpipe.process.text import count

Names = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class Input:
    """What one name stands for.

    Attributes:
        path: The file or folder.
        pictures: The pictures in it, in natural order.
        videos: The videos in it.
    """

    path: Path
    pictures: tuple[Path, ...] = ()
    videos: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """A stem for an output."""
        path = Path(os.path.abspath(self.path))  # noqa: PTH100  # a link keeps its own name
        return path.name if path.is_dir() else path.stem


def listed(names: Names) -> tuple[str, ...]:
    """One name or several as a tuple of texts."""
    several = [names] if isinstance(names, (str, os.PathLike)) else names
    return tuple(os.fspath(name) for name in several)


def is_plain(names: Names, *, recursive: bool = False) -> bool:
    """Whether it is one name that stands for itself: a file, a folder, an address, a pipe."""
    several = listed(names)
    return len(several) == 1 and not recursive and not _is_pattern(several[0])


def find_inputs(names: Names, *, recursive: bool = False) -> list[Input]:
    """The files and folders that names stand for, in the order of the names, each once.

    Args:
        names: Files, folders, or patterns with ``*``, ``?``, ``[...]`` and ``**``; what is there is no pattern. The
            files of a pattern come in natural order; those that are neither pictures nor videos by their ending are
            passed over.
        recursive: Whether folders are searched with all below them, for pictures and for videos.

    Raises:
        InputError: One is not there or cannot be read, holds nothing, or can only be read alone.
    """
    found: dict[str, Input] = {}
    for name in listed(names):
        if name == STDIN or is_address(name):
            raise InputError(f"{one_line(name)} is read alone: leave the other inputs and --recursive out")
        for path in _matches(name) if _is_pattern(name) else [Path(name)]:
            found.setdefault(os.path.realpath(path), _input(path, recursive=recursive))
    return list(found.values())


def _is_pattern(name: str) -> bool:
    return glob.has_magic(name) and name != STDIN and not is_address(name) and not os.path.lexists(name)


def _matches(pattern: str) -> list[Path]:
    paths = [Path(each) for each in glob.iglob(pattern, recursive=True)]  # noqa: PTH207  # of any folder
    files = [path for path in paths if path.suffix.lower() in SUFFIXES | VIDEO_SUFFIXES and path.is_file()]
    if not files:
        others = f" ({count(len(paths), 'other file')})" if paths else ""
        raise InputError(f"{one_line(pattern)} stands for no picture and no video{others}: check the pattern")
    return sorted(files, key=lambda path: natural_key(str(path)))


def _input(path: Path, *, recursive: bool) -> Input:
    if path.is_dir():
        if not recursive:
            return Input(path, list_pictures(path))
        pictures, videos = tree_of(path)
        if not pictures and not videos:
            raise InputError(f"{one_line(str(path))} and its sub-folders hold no pictures and no videos")
        return Input(path, pictures, videos)
    if not path.exists():
        raise unreadable(path, FileNotFoundError())
    return Input(path, (path,)) if looks_like_picture(path) else Input(path, (), (path,))


def open_inputs(
    names: Names,
    *,
    recursive: bool = False,
    limit: int | None = None,
    start: float = 0.0,
    stride: int = 1,
    fps: str | None = None,
    rules: LiveRules | None = None,
    only_pictures: bool = False,
) -> FrameSource:
    """Open what names stand for as one source: all of their pictures in order, or one video.

    With ``only_pictures`` the videos of trees are passed over. For one name that is neither a pattern nor a tree it is
    ``open_source``, which has the other arguments, too.

    Raises:
        InputError: As ``find_inputs`` and ``open_source``; or there are several videos, or videos and pictures.
    """
    how = {"limit": limit, "start": start, "stride": stride, "fps": fps}
    if is_plain(names, recursive=recursive):
        return open_source(listed(names)[0], rules=rules, **how)  # type: ignore[arg-type]
    found = find_inputs(names, recursive=recursive)
    pictures = _all(each.pictures for each in found)
    videos = () if only_pictures else _all(each.videos for each in found)
    if videos and len(videos) + len(pictures) > 1:
        what = f"{count(len(videos), 'video')} such as {one_line(str(videos[0]))}"
        more = f" and {count(len(pictures), 'picture')}" if pictures else ""
        raise InputError(f"{what}{more} cannot be one stream: name a folder, --out FOLDER/, for a stream of each")
    if rules is not None and rules.reconnect:
        raise InputError("--reconnect is for addresses, which none of the inputs is: leave it out")
    selection = Selection.of(limit, start, stride, fps)
    if videos:
        return VideoSource(videos[0], selection)
    return picture_source(_common(pictures), pictures, selection)


def _all(groups: Iterable[Sequence[Path]]) -> tuple[Path, ...]:
    """All paths of some groups in order, each file once."""
    return tuple({os.path.realpath(path): path for group in groups for path in group}.values())


def _common(paths: Sequence[Path]) -> Path:
    """The folder that all paths are below; of one path itself."""
    if len(paths) == 1:
        return paths[0]
    return Path(os.path.commonpath([os.path.abspath(path.parent) for path in paths]))  # noqa: PTH100
