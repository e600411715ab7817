"""Ground truth of tracks in MOTChallenge's format (Milan et al., arXiv 1603.00831)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text

CLASSES = {1: "person", 3: "car", 4: "bicycle", 5: "motorcycle"}
"""MOTChallenge's classes that detectors know, by number; all others, and -1, are of no known class."""
# frame, id, x, y, width, height, whether it counts, class, visibility; or three coordinates of 2015 in place of these.
_COLUMNS = (9, 10)
# Of frames, tracks and classes, beyond any real one.
_MOST = 1_000_000_000


@dataclass(frozen=True)
class MotBox:
    """An object in one frame.

    Attributes:
        track: Its track's number.
        xyxy: Its box in pixels, whose upper left one is at 1 in the file and at 0 here.
        counts: False: it may be found or not.
        name: Its class in COCO's words; None: unknown.
    """

    track: int
    xyxy: tuple[float, float, float, float]
    counts: bool
    name: str | None


def read_mot(path: Path) -> Mapping[int, Sequence[MotBox]]:
    """Read a ``gt.txt``: by frame, the first being 1, its objects.

    Raises:
        InputError: The file cannot be read, or a line is not as it should be; the message names file and line.
    """
    lines = read_text(path, LARGEST_DOCUMENT, "the annotations").splitlines()
    frames: dict[int, list[MotBox]] = {}
    seen: dict[tuple[int, int], int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            frame, box = _box(line)
            if (frame, box.track) in seen:
                raise ValueError(f"track {box.track} is in frame {frame} already, in line {seen[frame, box.track]}")
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
        seen[frame, box.track] = number
        frames.setdefault(frame, []).append(box)
    if not any(box.counts for own in frames.values() for box in own):
        raise InputError(f"{path}: there is no object in it that counts: name a gt.txt of MOTChallenge's format")
    return frames


def _box(line: str) -> tuple[int, MotBox]:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) not in _COLUMNS:
        raise ValueError(
            f"{len(fields)} columns, where frame,id,x,y,width,height,conf,class,visibility are expected (or 10 of 2015)"
        )
    frame, track = (_whole(name, field) for name, field in zip(("frame", "id"), fields, strict=False))
    if frame < 1:
        raise ValueError(f"frame {frame}, but the first one is 1")
    x, y, width, height, conf = (
        _number(name, field) for name, field in zip(("x", "y", "width", "height", "conf"), fields[2:], strict=False)
    )
    if width <= 0 or height <= 0:
        raise ValueError(f"a box of {width:g}x{height:g} pixels")
    kind = _whole("class", fields[7]) if len(fields) == 9 else -1
    corners = (x - 1, y - 1, x - 1 + width, y - 1 + height)
    return frame, MotBox(track, corners, conf != 0, CLASSES.get(kind))


def _whole(name: str, field: str) -> int:
    value = _number(name, field)
    if value != int(value) or abs(value) > _MOST:
        raise ValueError(f"{name} {field!r} is no whole number up to {_MOST:,}")
    return int(value)


def _number(name: str, field: str) -> float:
    try:
        value = float(field)
    except ValueError:
        raise ValueError(f"{name} {field!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} {field!r} is not finite")
    return value
