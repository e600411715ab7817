"""MOTChallenge's text (Milan et al., arXiv 1603.00831): a line per object and frame, with its track.

Frames, and pixels of the upper left corner, count from 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vcmpipe.detection.coco_names import COCO_80
from vcmpipe.detection.exchange.classes import COCO_CLASSES, ClassNumbers, Names
from vcmpipe.detection.exchange.table import NO_TRACK, DetectionTable, FrameDetections, Rows
from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text
from vcmpipe.process.text import one_line

CLASSES = {1: "person", 3: "car", 4: "bicycle", 5: "motorcycle"}
"""MOTChallenge's classes that detectors know, by number; all others, and -1, are of no known class."""
# frame, id, x, y, width, height, confidence, and class, visibility, or three coordinates of 2015.
_COLUMNS = (7, 9, 10)
# Of frames, tracks and classes, beyond any real one.
_MOST = 1_000_000_000
_UNKNOWN = -1


@dataclass(frozen=True)
class MotLine:
    """A line.

    Attributes:
        frame: From 1.
        track: The number of its track; -1: none.
        xyxy: Its box in pixels, whose upper left one is at 1 in the file and at 0 here.
        confidence: Of ground truth whether it counts, 1 or 0.
        kind: Its class; None where there is none.
    """

    frame: int
    track: int
    xyxy: tuple[float, float, float, float]
    confidence: float
    kind: int | None


def parse_line(line: str, columns: Sequence[int] = _COLUMNS) -> MotLine:
    """Read a line that has one of some numbers of columns.

    Raises:
        ValueError: It is none; the message says why.
    """
    fields = [field.strip() for field in line.split(",")]
    if len(fields) not in columns:
        raise ValueError(
            f"{len(fields)} columns, where frame,id,x,y,width,height,conf,class,visibility are expected (or 10 of 2015)"
        )
    frame, track = (_whole(name, field) for name, field in zip(("frame", "id"), fields, strict=False))
    if frame < 1:
        raise ValueError(f"frame {frame}, but the first one is 1")
    x, y, width, height, confidence = (
        _number(name, field) for name, field in zip(("x", "y", "width", "height", "conf"), fields[2:], strict=False)
    )
    if width <= 0 or height <= 0:
        raise ValueError(f"a box of {width:g}x{height:g} pixels")
    kind = _whole("class", fields[7]) if len(fields) == 9 else _UNKNOWN
    corners = (x - 1, y - 1, x - 1 + width, y - 1 + height)
    return MotLine(frame, track, corners, confidence, None if kind == _UNKNOWN else kind)


def _whole(name: str, field: str) -> int:
    value = _number(name, field)
    if value != int(value) or abs(value) > _MOST:
        raise ValueError(f"{name} {field!r} is not a whole number up to {_MOST:,}")
    return int(value)


def _number(name: str, field: str) -> float:
    try:
        value = float(field)
    except ValueError:
        raise ValueError(f"{name} {field!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} {field!r} is not finite")
    return value


def read(path: Path, names: Names) -> DetectionTable:
    """Read a file of tracks or detections.

    Without classes in it everything is a person, or of the one class that ``names`` has; with, they are MOTChallenge's
    own, or numbers of ``names`` from 1.

    Raises:
        InputError: The file cannot be read, or a line is not as it should be; the message names file and line.
    """
    if names is None:
        classes = COCO_CLASSES
        ours = {number: COCO_80.index(name) for number, name in CLASSES.items()}
        only: int | None = COCO_80.index("person")
    else:
        numbers = ClassNumbers(names, first=1)
        ours, classes = numbers.numbers, numbers.classes
        only = min(classes) if len(classes) == 1 else None
    rows, seen = Rows(), dict[tuple[int, int], int]()
    for number, text in enumerate(read_text(path, LARGEST_DOCUMENT, "the detections").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            line = parse_line(text)
            if line.track != NO_TRACK and (before := seen.setdefault((line.frame, line.track), number)) != number:
                raise ValueError(f"track {line.track} is in frame {line.frame} already, in line {before}")
            if line.kind is not None and line.confidence == 0:
                continue  # ground truth that does not count
            class_id = only if line.kind is None else ours.get(line.kind)
            if class_id is None:
                known = ", ".join(map(str, ours))
                what = "a line without a class" if line.kind is None else f"class {line.kind}"
                raise ValueError(f"{what}, where {known} have names: give others by --classes FILE")
            score = 1.0 if line.confidence == _UNKNOWN else line.confidence
            rows.add(line.frame - 1, line.xyxy, class_id, score, max(line.track, NO_TRACK))
        except ValueError as error:
            raise InputError(f"{one_line(str(path))}, line {number}: {error}") from error
    return rows.table(classes, by_place=True)


def write(frames: Sequence[FrameDetections], classes: Mapping[int, str], path: Path) -> None:
    """Write a file in the form of MOTChallenge's results, which has no classes."""
    with path.open("w", encoding="utf-8") as file:
        for frame in frames:
            for (x1, y1, x2, y2), _, score, track in frame.rows():
                number = track if track == NO_TRACK else track + 1
                file.write(f"{frame.index + 1},{number},{x1 + 1},{y1 + 1},{x2 - x1},{y2 - y1},{score},-1,-1,-1\n")
