"""Ground truth of tracks in MOTChallenge's format (Milan et al., arXiv 1603.00831)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vcmpipe.detection.exchange.mot import CLASSES, parse_line
from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text

_COLUMNS = (9, 10)


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
    found = parse_line(line, _COLUMNS)
    name = None if found.kind is None else CLASSES.get(found.kind)
    return found.frame, MotBox(found.track, found.xyxy, found.confidence != 0, name)
