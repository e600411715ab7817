"""A span of time cut out of a coded stream: the segments that overlap it, without coding anything again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

from vcmpipe.bitstream import CODECS, AccessUnit, Codec, codec_of, inspect_stream, presentation_order
from vcmpipe.coding.stored_streams import StoredStream
from vcmpipe.errors import InputError
from vcmpipe.process.text import count
from vcmpipe.sidecar import SegmentRecord, Sidecar

_SECONDS = r"(?:[0-9]{1,9}(?:\.[0-9]{1,9})?)"
_CLOCK = r"(?:[0-9]{1,5}:[0-5]?[0-9]:[0-5]?[0-9](?:\.[0-9]{1,9})?)"
_SIDE = f"{_CLOCK}|{_SECONDS}|"


@dataclass(frozen=True)
class Span:
    """Seconds from the first frame of a stream; without ``end`` up to the stream's."""

    start: Fraction
    end: Fraction | None

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read ``FROM:TO``, both in seconds or as HH:MM:SS, either side possibly empty.

        Raises:
            InputError: It is nothing of the kind, can be read in two ways, or ends before it begins.
        """
        readings = {
            (text[:place], text[place + 1 :])
            for place in (found.start() for found in re.finditer(":", text))
            if re.fullmatch(_SIDE, text[:place]) and re.fullmatch(_SIDE, text[place + 1 :])
        }
        if not readings:
            raise InputError(f"--time {text}: give FROM:TO, in seconds or as HH:MM:SS, such as 12.5:20 or 00:01:00:")
        if len(readings) > 1:
            raise InputError(f"--time {text} can be read in two ways: write both sides in seconds, or both as HH:MM:SS")
        start, end = readings.pop()
        span = cls(_seconds(start), _seconds(end) if end else None)
        if span.end is not None and span.end <= span.start:
            raise InputError(f"--time {text}: it ends before it begins; give FROM:TO with TO after FROM")
        return span


def _seconds(text: str) -> Fraction:
    seconds = Fraction(0)
    for part in (text or "0").split(":"):
        seconds = seconds * 60 + Fraction(part)
    return seconds


@dataclass(frozen=True)
class Excerpt:
    """Consecutive segments of a stream.

    Attributes:
        codec: What they are coded with.
        pieces: Per segment its Annex-B bytes as they continue the excerpt; the first brings all parameter sets.
        times: Per segment the times of its frames in order of presentation, in seconds of the whole stream.
        segments: The numbers of the first segment and of the last one in the whole stream.
        start: When the first frame is shown in the whole stream, in seconds.
        end: When the last one is no longer shown.
    """

    codec: Codec
    pieces: tuple[bytes, ...]
    times: tuple[tuple[Fraction, ...], ...]
    segments: tuple[int, int]
    start: Fraction
    end: Fraction

    @property
    def data(self) -> bytes:
        """The excerpt as one stream."""
        return b"".join(self.pieces)


def cut(stored: StoredStream, sidecar: Sidecar | None, span: Span) -> Excerpt:
    """Cut out the segments that are shown in a span.

    Segments are those of the sidecar, else what begins with an IDR picture. Times are the container's, else the
    sidecar's, from the first frame on.

    Raises:
        InputError: Nothing says when frames are shown, none is shown in the span, or the sidecar is of another stream.
        BitstreamError: The stream is damaged.
    """
    codec = codec_of(stored.data)
    units = CODECS[codec].split(stored.data)
    order = presentation_order(inspect_stream(stored.data).pictures)
    if len(order) != len(units) or (sidecar is not None and len(sidecar.frames) != len(units)):
        raise InputError(
            f"the stream holds {count(len(units), 'picture')}, which differs from its headers or its sidecar"
        )
    times = _times(stored, sidecar, order)
    bounds = _bounds(units, sidecar)
    starts = [min(times[order[number]] for number in range(*each)) for each in bounds]
    ends = [*starts[1:], _end(stored, times)]
    inside = [
        number
        for number, (start, end) in enumerate(zip(starts, ends, strict=True))
        if end > span.start and (span.end is None or start < span.end)
    ]
    if not inside:
        raise InputError(f"--time: nothing is shown in that span: the stream has {float(ends[-1]):.3f} s")
    first, last = inside[0], inside[-1]
    chosen = bounds[first : last + 1]
    pieces = [b"".join(unit.data for unit in units[slice(*each)]) for each in chosen]
    pieces[0] = _sets_before(units, chosen[0][0]) + pieces[0]
    return Excerpt(
        codec,
        tuple(pieces),
        tuple(tuple(sorted(times[order[number]] for number in range(*each))) for each in chosen),
        (first, last),
        starts[first],
        ends[last],
    )


def _times(stored: StoredStream, sidecar: Sidecar | None, order: Sequence[int]) -> list[Fraction]:
    """When frames are shown, in order of presentation, in seconds from the first one."""
    if stored.times is not None and len(stored.times) == len(order):
        times = sorted(stored.times)
    else:
        stamps = [frame.timestamp for frame in sidecar.frames] if sidecar else []
        # A float with the time of a common clock in it is nearest to that time among all fractions of this size.
        times = [Fraction(stamp).limit_denominator(100_000) for stamp in stamps if stamp is not None]
        if not times or len(times) != len(order):
            raise InputError(
                "--time: neither a container nor the sidecar says when pictures are shown; name the .mp4 or .mkv, or "
                "put the sidecar beside the stream"
            )
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise InputError("--time: the times of the pictures repeat or go back: name a stream with sound times")
    return [time - times[0] for time in times]


def _end(stored: StoredStream, times: Sequence[Fraction]) -> Fraction:
    if stored.times is not None and stored.end is not None:
        return stored.end
    return times[-1] + (times[-1] - times[-2] if len(times) > 1 else Fraction(1, 25))


def _bounds(units: Sequence[AccessUnit], sidecar: Sidecar | None) -> list[tuple[int, int]]:
    """First access unit of each segment, and the one behind its last."""
    starts = [number for number, unit in enumerate(units) if not number or unit.is_a("idr")]
    if sidecar is not None:
        own, idrs, place = [], set(starts), 0
        for segment in sidecar.segments:
            own.append(place)
            if place not in idrs:
                raise InputError(f"segment {segment.index} of the sidecar does not begin with an IDR picture")
            place += len(segment.frames)
        starts = own
    return list(pairwise([*starts, len(units)]))


def _sets_before(units: Sequence[AccessUnit], first: int) -> bytes:
    """The parameter sets in force in front of an access unit that it does not bring itself, as a byte stream."""
    in_force: dict[tuple[int, int], bytes] = {}
    for unit in units[:first]:
        for place, data in unit.parameter_sets:
            in_force.pop(place, None)  # what is sent again moves to the end: a PPS stays behind its SPS
            in_force[place] = data
    own = {place for place, _ in units[first].parameter_sets}
    return b"".join(data for place, data in in_force.items() if place not in own)


def cut_sidecar(
    sidecar: Sidecar, excerpt: Excerpt, stream: str, *, sha256: str, size: int, provenance: dict[str, Any]
) -> Sidecar:
    """The sidecar of an excerpt.

    Args:
        sidecar: The whole stream's.
        excerpt: What was cut out of it.
        stream: The excerpt's file name.
        sha256: The digest of its stream.
        size: Its bytes.
        provenance: What to note about the cut, beside what is noted about the whole.
    """
    pictures = inspect_stream(excerpt.data).pictures
    first, last = excerpt.segments
    segments: list[SegmentRecord] = []
    place = 0
    for index, record in enumerate(sidecar.segments[first : last + 1]):
        own = pictures[place : place + len(record.frames)]
        place += len(record.frames)
        shown = sorted(zip(presentation_order(own), own, strict=True), key=lambda each: each[0])
        frames = [replace(frame, bits=picture.bits) for frame, (_, picture) in zip(record.frames, shown, strict=True)]
        segments.append(replace(record, index=index, frames=frames, bits=sum(frame.bits for frame in frames)))
    kept = [thing.kept for record in segments for frame in record.frames for thing in frame.objects]
    return replace(
        sidecar,
        stream=stream,
        sha256=sha256,
        bytes=size,
        kept=None if sidecar.kept is None else sum(each is True for each in kept),
        lost=None if sidecar.lost is None else sum(each is False for each in kept),
        provenance=sidecar.provenance | {"cut": provenance},
        segments=segments,
    )
