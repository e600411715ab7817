"""Which picture of a file of detections a frame is, and what pictures are called in the files that are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile
from pathlib import PurePath

from vcmpipe.detection.exchange.table import Picture
from vcmpipe.frames.pictures import SUFFIXES

# What ultralytics calls a frame: the video's stem and a number that counts from 1.
_COUNTED = re.compile(r"(.+)_([0-9]{1,12})")
# Digits of the largest number that a picture is named by.
_DIGITS = 18


def video_frame(source: str) -> tuple[str, int] | None:
    """The video and the number, from 0, of ``clip.mp4#12``; None for a picture."""
    video, mark, number = source.rpartition("#")
    return (video, int(number)) if mark and number.isdecimal() and len(number) <= _DIGITS else None


def number_of(name: str) -> int | None:
    """The number that a picture is named by, such as 139 for ``000000000139.jpg``; None where it is a word."""
    stem = PurePath(name).stem
    return int(stem) if stem.isascii() and stem.isdecimal() and len(stem) <= _DIGITS else None


def counted_name(source: str) -> str:
    """What ultralytics would call a frame: a picture's stem, or a video's with the frame's number from 1."""
    name = _parts(source)[0]
    frame = video_frame(name)
    return PurePath(name).stem if frame is None else f"{PurePath(frame[0]).stem}_{frame[1] + 1}"


def picture_name(source: str) -> str:
    """A frame as a picture: itself, or what ``decode`` calls the picture of a video's frame: ``clip_000012.png``."""
    frame = video_frame(source)
    return source if frame is None else f"{PurePath(frame[0]).stem}_{frame[1]:06d}.png"


def distinct_names(sources: Sequence[str]) -> list[str]:
    """The file names of frames, with as many folders before all of them as tell them apart."""
    paths = [_parts(source) for source in sources]
    for depth in range(1, max(map(len, paths), default=0) + 1):
        names = ["/".join(reversed(parts[:depth])) for parts in paths]
        if len(set(names)) == len(set(sources)):
            return names
    return list(sources)


def _parts(name: str) -> list[str]:
    """The name of a file, and its folders from the inside out."""
    return [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")][::-1] or [name]


def _stem(name: str) -> str:
    """A name without the ending of a picture; other dots belong to it."""
    path = PurePath(name)
    return path.stem if path.suffix.lower() in SUFFIXES else name


class PictureNames:
    """The pictures of a file of detections, for frames to be looked up in.

    Args:
        pictures: As the file calls them: ``val/000139.jpg``, ``000139``, ``clip.mp4#12``, ``clip_13``, 139.
        by_place: Whether a number is a picture's place in its source, from 0.
    """

    def __init__(self, pictures: Iterable[Picture], *, by_place: bool) -> None:
        self._by_place = by_place
        self._numbers: set[int] = set()
        self._names: dict[str, list[str]] = {}
        self._stems: dict[str, list[str]] = {}
        self._counted: dict[tuple[str, int], list[str]] = {}
        for picture in pictures:
            if isinstance(picture, int):
                self._numbers.add(picture)
                continue
            name = _parts(picture)[0]
            if video_frame(name) or _stem(name) != name:
                self._names.setdefault(name, []).append(picture)
                continue
            self._stems.setdefault(name, []).append(picture)
            if counted := _COUNTED.fullmatch(name):
                self._counted.setdefault((counted[1], int(counted[2])), []).append(picture)

    def find(self, source: str, index: int) -> Picture | None:
        """What the file calls a frame; None where it has nothing of it.

        Args:
            source: As ``Frame`` has it.
            index: Likewise.

        Raises:
            ValueError: It may be one or another, or a video's frames are counted from 0 where they are from 1.
        """
        if self._by_place:
            return index if index in self._numbers else None
        parts = _parts(source)
        frame = video_frame(parts[0])
        known = self._names.get(parts[0])
        if frame is None:
            known = known or self._stems.get(_stem(parts[0]))
            number = number_of(parts[0])
        else:
            stem, number = PurePath(frame[0]).stem, frame[1]
            if (stem, 0) in self._counted:
                raise ValueError(f"{self._counted[stem, 0][0]}: frames are counted from 1 in such names")
            # Or what decode and Frame call it, as a picture.
            known = known or self._counted.get((stem, number + 1)) or self._names.get(picture_name(parts[0]))
        if known:
            return _nearest(known, parts)
        return number if number in self._numbers else None

    def knows_video(self, name: str) -> bool:
        """Whether any picture may be a frame of a video of that file name."""
        stem = PurePath(name).stem
        frames = {frame[0] for each in self._names if (frame := video_frame(each))}
        pictures = any(re.fullmatch(rf"{re.escape(stem)}_[0-9]{{6,}}\.png", each) for each in self._names)
        counted = any(video == stem for video, _ in self._counted)
        return self._by_place or bool(self._numbers) or name in frames or counted or pictures


def _nearest(known: Sequence[str], parts: Sequence[str]) -> str:
    """Of pictures of one name the one whose folders are those of the frame, as far as it has any."""
    if len(known) == 1:
        return known[0]
    alike = {name: _shared(_parts(name), parts) for name in known}
    most = max(alike.values())
    first, *others = [name for name, shared in alike.items() if shared == most]
    if others:
        raise ValueError(f"it may be {first} or {others[0]}")
    return first


def shared_folders(picture: Picture, source: str) -> int:
    """How many folders, from the inside out, are the same for a picture of a file and for a frame."""
    return 0 if isinstance(picture, int) else _shared(_parts(picture), _parts(source))


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    # The names agree, whatever endings they have.
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one[1:], other[1:], strict=False)))


def repeated(names: Iterable[str]) -> str | None:
    """A name that occurs twice, or None."""
    return next((name for name, number in Counter(names).items() if number > 1), None)
