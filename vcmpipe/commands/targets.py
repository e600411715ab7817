"""Reaches ``--target``: codes the input in several passes, each at another lambda or margin.

In the closed loop a pass leaves behind what every version tried takes and loses, so that between passes every lambda
can be judged without coding: slopes are equal in all pictures, and a second pass mostly confirms the first. In the open
loop a pass is an encode of everything, and its dial is turned until the target lies between two neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

from vcmpipe.coding.pipeline import EncodedSegment, Pipeline
from vcmpipe.coding.search.rdo import Memory
from vcmpipe.commands.encode_run import EncodeRun
from vcmpipe.config import EncodeOptions, Target, parse_target
from vcmpipe.config.search import DEFAULT_LAMBDA
from vcmpipe.errors import InputError
from vcmpipe.evaluation import pseudo_truth
from vcmpipe.sidecar import TargetRecord

if TYPE_CHECKING:
    import supervision as sv

# Passes over the input at most, in the open and in the closed loop.
OPEN_PASSES, CLOSED_PASSES = 9, 5
# Lambdas judged at most between two passes of the closed loop.
_IN_MEMORY = 30
# Lambdas lie between these, in bytes for each unit of loss.
_LEAST_LAMBDA, _MOST_LAMBDA = 10.0, 1e8
# A pass is near enough where a quality lies at most so far above its target, or a rate at most this share below it.
_QUALITY_ROOM, _RATE_ROOM = 0.005, 0.03
# The first steps of a dial: octaves of lambda, and QP steps of the margin.
_LAMBDA_STEP, _MARGIN_STEP = 2.0, 4.0
# Dials are not turned by less than this, likewise.
_LAMBDA_END, _MARGIN_END = 0.1, 1.0
# In the closed loop a lambda that moves by no more than so many octaves is found.
_SETTLED = 0.5


Memories = dict[int, Memory]
"""By the index of a segment what searches found out."""


@dataclass(frozen=True)
class Reached:
    """Options with the lambda or margin that was found, what searches know of each segment, and the record of it."""

    options: EncodeOptions
    memories: Memories | None
    record: TargetRecord


class _Shown(NamedTuple):
    """A segment as a pass left it: what has to be kept in each frame, how long it lasts, its bits, what was found."""

    wanted: Sequence[sv.Detections]
    seconds: float
    bits: int
    found: Sequence[sv.Detections]


@dataclass
class Tally:
    """What a pass took and kept, of all of its segments."""

    bits: int = 0
    frames: int = 0
    seconds: float = 0.0
    kept: int = 0
    total: int = 0
    references: dict[str, sv.Detections] = field(default_factory=dict)
    found: dict[str, sv.Detections] = field(default_factory=dict)

    def add(self, wanted: Sequence[sv.Detections], found: Sequence[sv.Detections], bits: int, kept: int) -> None:
        """Count a segment: per frame what has to be kept and what was found, its bits, and the objects kept."""
        for own, new in zip(wanted, found, strict=True):
            name = f"{len(self.references):09d}"
            self.references[name], self.found[name] = own, new
            self.total += len(own)
        self.bits, self.frames, self.kept = self.bits + bits, self.frames + len(wanted), self.kept + kept

    def value(self, target: Target, pipeline: Pipeline) -> float:
        """The figure that a target is about; a quality is 1 where there is nothing to keep.

        Raises:
            InputError: It is one that the task does not publish.
        """
        if target.kind == "bytes":
            return self.bits / 8 / self.frames
        if target.kind == "bitrate":
            return self.bits / 1000 / self.seconds
        if not self.total:
            return 1.0
        if target.kind == "retention":
            return self.kept / self.total
        classes = pipeline.detector.classes
        truth = pseudo_truth(self.references, classes, score=0.0)
        accuracy = pipeline.task.accuracy(truth, self.found, classes)
        if "AP" not in accuracy:
            raise InputError(
                f"--target accuracy: the task {pipeline.options.task} publishes no AP; take retention=SHARE"
            )
        return float(accuracy["AP"] or 0.0)


@dataclass(frozen=True)
class Dial:
    """What is turned: the further up, the more bits, and the better.

    Attributes:
        name: ``lambda``, turned in octaves, or ``margin``, in QP steps downwards.
        start: Where it stands first.
        step: By how much it is turned first.
        end: By how much it is turned last.
        low: It is not turned further down.
        high: Nor further up.
    """

    name: str
    start: float
    step: float
    end: float
    low: float
    high: float

    @classmethod
    def of(cls, options: EncodeOptions, margin: int) -> Dial:
        """Lambda where a loss is weighed, else the margin, which is now at ``margin``."""
        if options.weighed:
            limits = math.log2(_LEAST_LAMBDA), math.log2(_MOST_LAMBDA)
            return cls("lambda", math.log2(DEFAULT_LAMBDA), _LAMBDA_STEP, _LAMBDA_END, *limits)
        return cls("margin", -margin, _MARGIN_STEP, _MARGIN_END, -63, 63)

    def value(self, at: float) -> float:
        """The lambda or margin at a place."""
        return 2.0**at if self.name == "lambda" else -round(at)

    def turned(self, options: EncodeOptions, at: float) -> EncodeOptions:
        """Options with it at a place, and without a target."""
        value = self.value(at)
        if self.name == "lambda":
            return replace(options, target=None, lambda_=value)
        return replace(options, target=None, margin=int(value))


def turn(dial: Dial, target: Target, figure: Callable[[float], float], passes: int) -> dict[float, float]:
    """Turn a dial until a figure is near enough to its target, or no pass is left.

    Returns:
        The figure by the places where the dial stood, at least one.
    """
    seen: dict[float, float] = {}
    at, step = dial.start, dial.step
    while len(seen) < passes:
        seen[at] = figure(at)
        if _near(seen[at], target):
            break
        over = [place for place, value in seen.items() if _over(value, target)]
        under = [place for place, value in seen.items() if not _over(value, target)]
        if over and under and max(under) < min(over):
            below, above = max(under), min(over)
            if above - below <= dial.end:
                break
            at = (below + above) / 2 if dial.name == "lambda" else float((below + above) // 2)
        else:
            # Figures need not rise everywhere: where sides overlap, quality is sought further up, rates further down.
            up = not over or (bool(under) and target.of_quality)
            at = min(dial.high, max(seen) + step) if up else max(dial.low, min(seen) - step)
            step *= 2
        if at in seen:
            break
    return seen


def chosen(seen: dict[float, float], target: Target) -> float:
    """The place of a dial to take: the furthest down that is good enough, or the furthest up that is cheap enough.

    Where none is, the one that comes nearest.
    """
    good = [place for place, value in seen.items() if _met(value, target)]
    if good:
        return min(good) if target.of_quality else max(good)
    return min(seen, key=lambda place: abs(seen[place] - target.value))


def _over(value: float, target: Target) -> bool:
    return value >= target.value if target.of_quality else value > target.value


def _met(value: float, target: Target) -> bool:
    return value >= target.value if target.of_quality else value <= target.value


def _near(value: float, target: Target) -> bool:
    if target.of_quality:
        return target.value <= value <= target.value + _QUALITY_ROOM
    return (1 - _RATE_ROOM) * target.value <= value <= target.value


def check_rate(options: EncodeOptions, rate: Fraction | None) -> None:
    """Refuse a bit rate as the target of frames that have no rate, before any is coded: InputError."""
    if options.target is not None and parse_target(options.target).kind == "bitrate" and rate is None:
        raise InputError(f"--target {options.target}: pictures have no rate; give one with --fps, or bytes=N")


class Passes:
    """The passes over one input.

    Args:
        options: What was requested, with its target.
        segments: Codes the input by options, and with memories, segment after segment; gives the run, too.
    """

    def __init__(
        self,
        options: EncodeOptions,
        segments: Callable[[EncodeOptions, Memories | None], tuple[EncodeRun, Iterable[EncodedSegment]]],
    ) -> None:
        assert options.target is not None
        self._options = options
        self._target = parse_target(options.target)
        self._segments = segments
        self._made = 0

    def reach(self) -> Reached:
        """Pass over the input until the target is reached as nearly as it can be."""
        return self._closed() if self._options.closed else self._open()

    def _open(self) -> Reached:
        first: list[Pipeline] = []

        def figure(at: float) -> float:
            run, segments = self._segments(dial.turned(self._options, at), None)
            tally = self._tallied(run.pipeline, segments)
            self._made += 1
            return tally.value(self._target, run.pipeline)

        if not self._options.weighed:
            # The margin that it would have without a target is where to begin.
            first.append(self._segments(replace(self._options, target=None), None)[0].pipeline)
        dial = Dial.of(self._options, first[0].margin if first else 0)
        seen = turn(dial, self._target, figure, OPEN_PASSES)
        at = chosen(seen, self._target)
        return Reached(dial.turned(self._options, at), None, self._record(dial, at, seen[at]))

    def _tallied(self, pipeline: Pipeline, segments: Iterable[EncodedSegment]) -> Tally:
        tally = Tally()
        for each in segments:
            assert each.found is not None
            kept = sum(bool(thing.kept) for frame in each.record.frames for thing in frame.objects)
            wanted = pipeline.task.reference(each.detections).detections
            tally.add(wanted, each.found, each.coded.bits, kept)
            tally.seconds += self._seconds(each)
        return tally

    def _seconds(self, segment: EncodedSegment) -> float:
        rate = segment.source.rate
        return len(segment.source) / float(rate) if rate else 0.0

    def _closed(self) -> Reached:
        memories: Memories = {}
        dial = Dial.of(self._options, 0)
        at = dial.start
        shown: dict[int, _Shown] = {}
        while True:
            run, segments = self._segments(dial.turned(self._options, at), memories)
            for each in segments:
                wanted = run.pipeline.task.reference(each.detections).detections
                shown[each.source.index] = _Shown(wanted, self._seconds(each), each.coded.bits, each.found or ())
            self._made += 1

            def figure(place: float, pipeline: Pipeline = run.pipeline) -> float:
                return self._of_memories(memories, shown, 2.0**place).value(self._target, pipeline)

            # Nothing is coded for these: the dial may be turned as finely as one likes.
            seen = turn(replace(dial, start=at, end=0.01), self._target, figure, _IN_MEMORY)
            before, at = at, chosen(seen, self._target)
            met = _met(seen[at], self._target)
            if self._made >= CLOSED_PASSES or (met and abs(at - before) <= _SETTLED):
                break
            if not met:  # by no version tried so far: others are worth trying at another lambda
                at = min(max(before + (dial.step if self._target.of_quality else -dial.step), dial.low), dial.high)
        for memory in memories.values():
            memory.settled = True
        return Reached(dial.turned(self._options, at), memories, self._record(dial, at, seen[at]))

    def _of_memories(self, memories: Memories, shown: dict[int, _Shown], factor: float) -> Tally:
        """What a lambda would come to, by the versions that were tried."""
        tally = Tally()
        for index, own in shown.items():
            tally.seconds += own.seconds
            best = memories[index].best(8 * factor, self._options.objective)
            if best is None:  # nothing is in it to be searched for: it is coded alike at every lambda
                tally.add(own.wanted, own.found, own.bits, 0)
                continue
            judged = memories[index].judged[best]
            kept = judged.judgement.comparison.kept[: sum(map(len, own.wanted))]
            tally.add(own.wanted, judged.judgement.found[0], int(judged.bits), int(kept.sum()))
        return tally

    def _record(self, dial: Dial, at: float, reached: float) -> TargetRecord:
        return TargetRecord(
            kind=self._target.kind,
            value=self._target.value,
            reached=round(reached, 6),
            met=_met(reached, self._target),
            dial="lambda" if dial.name == "lambda" else "margin",
            at=dial.value(at),
            passes=self._made,
        )
