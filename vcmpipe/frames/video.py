"""Reading videos through PyAV, one frame at a time."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from fractions import Fraction
from itertools import chain
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.containers import WAY_OUT, open_video
from vcmpipe.frames.frame import Frame
from vcmpipe.frames.info import VideoInfo, stream_rate
from vcmpipe.frames.reading import Reading
from vcmpipe.frames.selection import Selection, Shot
from vcmpipe.frames.truncation import stated_end
from vcmpipe.frames.y4m import parse_header
from vcmpipe.process import one_line

_STEPS_BACK = (0, 3, 30)
"""Seconds before the start to seek to, one after the other: MPEG-TS comes out behind what was asked for."""


def read_video(path: Path, selection: Selection | None = None, notes: list[str] | None = None) -> Iterator[Frame]:
    """Yields frames of a video file's first video stream in display order, upright, as 4:2:0 planes.

    Samples are the file's own (see ``samples``), their colours what it states (see ``samples.colour_of_picture``; a y4m
    of vcmpipe's own states them all). Times are the container's, from its first frame (see ``times.Clock``).

    With a start, reading begins at a key frame before it. Frames keep their numbers where the container has an index of
    all its frames (MP4, MOV, AVI); elsewhere (Matroska, MPEG-TS) they are counted from the first that is taken.

    Args:
        path: the file; its name is never taken for a protocol.
        selection: which frames; None takes all.
        notes: gets lines about what was found wrong with times, when reading ends.

    Raises:
        InputError: no video, damaged, truncated, of a refused size, or no frame to take.
    """
    selection = selection or Selection()
    with ExitStack() as stack:
        notes = [] if notes is None else notes
        shots = stack.enter_context(closing(_shots_from(path, selection.start, stack, notes)))
        yield from selection.frames(shots, str(path))


def video_info(path: Path, selection: Selection) -> VideoInfo:
    """What a video states about itself, from its headers and its first frame; raises what ``read_video`` does."""
    with open_video(path) as container:
        reading = Reading(container, str(path), _y4m_colour(path))
        for _ in reading.shots():
            break
        return reading.info(selection)


def count_video(path: Path) -> tuple[int | None, Fraction | None]:
    """The number of frames that a video's header states, and their average rate; None where it states none."""
    with open_video(path) as container:
        stream = container.streams.video[0]
        return stream.frames or None, stream_rate(stream)


def _shots_from(path: Path, start: Fraction, stack: ExitStack, notes: list[str]) -> Generator[Shot]:
    """The frames of a file, from a key frame before ``start`` where one can be gone to, else all."""
    size = path.stat().st_size
    if (stated_end(path) or 0) > size:
        raise InputError(f"{one_line(str(path))}: the file is truncated; {WAY_OUT}")
    colour = _y4m_colour(path)
    found = _sought(path, colour, start, size, stack) if start else None
    if found is None:
        reading = Reading(stack.enter_context(open_video(path)), str(path), colour, size=size)
        found = reading, reading.shots()
    reading, shots = found
    try:
        yield from _numbered_from(shots, start) if start and not reading.has_numbers else shots
    finally:
        notes += [note for note in reading.notes if note not in notes]


def _sought(
    path: Path, colour: ColourSpec | None, start: Fraction, size: int, stack: ExitStack
) -> tuple[Reading, Iterator[Shot]] | None:
    """A pass that begins at a key frame; None where the container cannot seek or comes out behind ``start``."""
    import av

    container = stack.enter_context(open_video(path))
    probe = Reading(container, str(path), colour)
    with closing(probe.shots()) as beginning:
        next(beginning, None)
    base = probe.stream.time_base
    if probe.origin is None or not base:
        return None
    for back in _STEPS_BACK:
        reading = Reading(container, str(path), colour, origin=probe.origin, size=size)
        shots = reading.shots(numbered=reading.has_numbers)
        try:
            container.seek(probe.origin + int(max(start - back, Fraction(0)) / base), stream=probe.stream)
            first = next(shots, None)
        except (av.FFmpegError, OverflowError, InputError):
            return None
        if first is not None and first.time <= start:
            return reading, chain([first], shots)
        shots.close()
    return None


def _numbered_from(shots: Iterator[Shot], start: Fraction) -> Iterator[Shot]:
    """The frames with numbers that count from the first at or after ``start``."""
    first: int | None = None
    for shot in shots:
        if first is None and shot.time >= start:
            first = shot.index
        yield replace(shot, index=0 if first is None else shot.index - first)


def _y4m_colour(path: Path) -> ColourSpec | None:
    """What a y4m's header says about its samples; None for every other file."""
    try:
        with path.open("rb") as file:
            return parse_header(file.readline(1024), str(path)).colour
    except (OSError, InputError):
        return None
