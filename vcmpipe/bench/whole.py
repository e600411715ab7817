"""Methods that code a sequence in one go, as a user would: what that makes of each of our segments."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from vcmpipe.bench.meter import Account, Stage
from vcmpipe.bench.methods import SegmentBench
from vcmpipe.bench.operating_points import Cell, CodedPoint, Setting, code_points
from vcmpipe.bench.traits import cuts_scenes
from vcmpipe.coding.segment import Segment
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.frames.on_demand import OnDemand
from vcmpipe.frames.spool import Spool

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.bench.methods import Point
    from vcmpipe.coding.cutting import Cutting

# Frames from one intra picture to the next in a sequence that is coded in one go: about a second, as the anchors of
# video coding for machines have it; an encoder as it comes has its own.
INTRA_PERIOD = 32
# Seconds of a segment that only a scene change ends.
_ENDLESS = 1e9


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
    """One method over consecutive segments that it codes as one: their places, its points, and its accounts."""

    segments: range
    seen: list[CodedPoint]
    accounts: dict[Stage, Account]


@dataclass(eq=False)
class WholeSequence:
    """A sequence in one piece: coded by each whole method once, when the first of its segments asks for it.

    Attributes:
        setting: What is the same for all.
        segments: The segments, whose frames are the sequence's.
        found: Per segment what the detector finds in each of its frames; None for a segment that takes no part.
        cutting: What has cut it, and knows where scenes begin; None: it is one scene.
    """

    setting: Setting
    segments: Sequence[Segment]
    found: Sequence[tuple[sv.Detections, ...] | None]
    cutting: Cutting | None = None
    _runs: dict[str, list[_Run]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        first = self.segments[0]
        for segment in self.segments:
            if (segment.width, segment.height, segment.colour) != (first.width, first.height, first.colour):
                raise InputError(
                    f"{segment.source}: the size or the colours change here, so that the sequence cannot be coded in "
                    "one go: leave the methods *-whole and plain-scene out of --methods"
                )

    def cells(self, name: str, segment: Segment) -> tuple[dict[Point, Cell], dict[Stage, Account]]:
        """A segment of it at the points of a method, and its share of what the method took.

        Raises:
            DetectionError: A detector failed on it.
        """
        with self._lock:
            if name not in self._runs:
                pieces = self._scenes if cuts_scenes(self.setting.methods[name]) else [range(len(self.segments))]
                self._runs[name] = [self._run(name, piece) for piece in pieces if self._taking(piece)]
        number = self.segments.index(segment)
        run = next(run for run in self._runs[name] if number in run.segments)
        place = self._taking(run.segments).index(number)
        share = len(segment) / sum(len(self.segments[each]) for each in run.segments)
        accounts = {stage: account.part(share) for stage, account in run.accounts.items()}
        return {seen.point: seen.cell(place) for seen in run.seen}, accounts

    def _taking(self, piece: range) -> list[int]:
        """Those segments of a piece that take part."""
        return [number for number in piece if self.found[number] is not None]

    @cached_property
    def _scenes(self) -> list[range]:
        """The segments of each scene. Ours end with their scene, too, so that a scene is some of them."""
        if self.cutting is None or not self.cutting.scene_cuts:
            return [range(len(self.segments))]
        frames = Chained([segment.frames for segment in self.segments])
        endless = replace(self.cutting, seconds=_ENDLESS, seek_every=None)
        scenes = [len(scene) for scene, _ in endless.segments((frame, None) for frame in frames)]
        starts = [0, *accumulate(map(len, self.segments))]
        cuts = [starts.index(cut) for cut in (0, *accumulate(scenes)) if cut in starts]
        return [range(*pair) for pair in pairwise(cuts)]

    def _run(self, name: str, piece: range) -> _Run:
        import supervision as sv

        own, first, pipeline = [self.segments[each] for each in piece], self.segments[0], self.setting.pipeline
        frames = Chained([segment.frames for segment in own])
        period = None if cuts_scenes(self.setting.methods[name]) else INTRA_PERIOD
        whole = Segment(0, frames, first.structure, first.rate, period)
        starts = [0, *accumulate(map(len, own))]
        found = [self.found[each] for each in piece]
        parts = [
            range(start, start + len(segment))
            for start, segment, each in zip(starts, own, found, strict=False)
            if each is not None
        ]
        everything = [
            each
            for segment, known in zip(own, found, strict=True)
            for each in (known if known is not None else [sv.Detections.empty()] * len(segment))
        ]
        bench = SegmentBench(pipeline, whole, pipeline.task.reference(everything), self.setting.cache)
        return _Run(piece, code_points(self.setting, bench, name, parts), bench.meter.accounts)
