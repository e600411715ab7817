"""Methods that code a sequence in one go, as a user would: what that makes of each of our segments."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from vcmpipe.bench.meter import Account, Stage
from vcmpipe.bench.methods import SegmentBench
from vcmpipe.bench.operating_points import Cell, CodedPoint, Setting, code_points
from vcmpipe.coding.segment import Segment
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.frames.on_demand import OnDemand
from vcmpipe.frames.spool import Spool

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.bench.methods import Point

# Frames from one intra picture to the next in a sequence that is coded in one go, JVET's for 50 and 60 frames per
# second; an encoder as it comes has its own.
INTRA_PERIOD = 64


class Chained(OnDemand[Frame]):
    """The frames of several segments, one after the other; they stay where they are, on the disk."""

    def __init__(self, parts: Sequence[Sequence[Frame]]) -> None:
        self._parts = parts
        self._starts = [0, *accumulate(map(len, parts))]
        self._at = 0

    def __len__(self) -> int:
        return self._starts[-1]

    def item(self, place: int) -> Frame:
        """The frame at a place."""
        number = bisect_right(self._starts, place) - 1
        last, self._at = self._at, number
        if last != number and isinstance(spool := self._parts[last], Spool):
            spool.release()
        return self._parts[number][place - self._starts[number]]


@dataclass(frozen=True)
class _Run:
    """One method over the whole sequence: its points, and its accounts."""

    seen: list[CodedPoint]
    accounts: dict[Stage, Account]


@dataclass(eq=False)
class WholeSequence:
    """A sequence in one piece: coded by each whole method once, when the first of its segments asks for it.

    Attributes:
        setting: What is the same for all.
        segments: The segments, whose frames are the sequence's.
        found: Per segment what the detector finds in each of its frames; None for a segment that takes no part.
    """

    setting: Setting
    segments: Sequence[Segment]
    found: Sequence[tuple[sv.Detections, ...] | None]
    _runs: dict[str, _Run] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        first = self.segments[0]
        for segment in self.segments:
            if (segment.width, segment.height, segment.colour) != (first.width, first.height, first.colour):
                raise InputError(
                    f"{segment.source}: the size or the colours change here, so that the sequence cannot be coded in "
                    "one go: leave the methods *-whole out of --methods"
                )

    def cells(self, name: str, segment: Segment) -> tuple[dict[Point, Cell], dict[Stage, Account]]:
        """A segment of it at the points of a method, and its share of what the method took.

        Raises:
            DetectionError: A detector failed on it.
        """
        with self._lock:
            if name not in self._runs:
                self._runs[name] = self._run(name)
        run = self._runs[name]
        taking = [each for each, found in zip(self.segments, self.found, strict=True) if found is not None]
        number = taking.index(segment)
        share = len(segment) / sum(map(len, self.segments))
        accounts = {stage: account.part(share) for stage, account in run.accounts.items()}
        return {seen.point: seen.cell(number) for seen in run.seen}, accounts

    def _run(self, name: str) -> _Run:
        import supervision as sv

        first, pipeline = self.segments[0], self.setting.pipeline
        frames = Chained([segment.frames for segment in self.segments])
        whole = Segment(0, frames, first.structure, first.rate, INTRA_PERIOD)
        starts = [0, *accumulate(map(len, self.segments))]
        parts = [
            range(start, start + len(segment))
            for start, segment, found in zip(starts, self.segments, self.found, strict=False)
            if found is not None
        ]
        everything = [
            each
            for segment, found in zip(self.segments, self.found, strict=True)
            for each in (found if found is not None else [sv.Detections.empty()] * len(segment))
        ]
        bench = SegmentBench(pipeline, whole, pipeline.task.reference(everything), self.setting.cache)
        return _Run(code_points(self.setting, bench, name, parts), bench.meter.accounts)
