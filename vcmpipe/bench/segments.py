"""One segment under every method: what it costs, what detectors find in it, and segments that they fail on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.bench.coded_detections import DetectionError
from vcmpipe.bench.meter import Account, Stage
from vcmpipe.bench.methods import Point, SegmentBench
from vcmpipe.bench.operating_points import Cell, Setting, Version, code_points
from vcmpipe.bench.result import LeftOut
from vcmpipe.bench.split import split_bits
from vcmpipe.bench.traits import codes, is_blind
from vcmpipe.bench.whole import WholeSequence
from vcmpipe.coding.detected import BATCH
from vcmpipe.coding.search import Answers
from vcmpipe.coding.segment import Segment
from vcmpipe.frames import batches

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


@dataclass(frozen=True)
class Part:
    """Where a segment belongs: a sequence.

    Attributes:
        sequence: Its name.
        rate: Its frames per second.
        whole: All of it, for whole methods.
        answers: What searches of its segments chose.
    """

    sequence: str
    rate: Fraction
    whole: WholeSequence | None = None
    answers: Answers = field(default_factory=Answers)


@dataclass(frozen=True)
class SourceSegment:
    """A source segment and what is found in it.

    Attributes:
        segment: The source.
        names: Of its frames: their sources without folders.
        found: Per frame what the detector finds; ``further``, what each further one of the panel finds.
        seconds: What detecting took.
        part: Of which sequence it is; None where pictures are compared.
    """

    segment: Segment
    names: tuple[str, ...]
    found: tuple[sv.Detections, ...]
    further: tuple[tuple[sv.Detections, ...], ...]
    seconds: float
    part: Part | None = None


def detect_sources(
    detector: Detector, further: Sequence[Detector], segments: Iterable[Segment]
) -> Iterator[SourceSegment | LeftOut]:
    """Detect in the segments, some frames at a time; a segment that a detector fails on is left out."""
    # Frames of a sequence are on the disk, a picture is in memory.
    for batch in batches(segments, BATCH, lambda segment: segment.width * segment.height, len):
        try:
            yield from _detect(detector, further, batch)
        except DetectionError:
            for segment in batch:
                try:
                    yield from _detect(detector, further, [segment])
                except DetectionError as error:
                    yield LeftOut(segment.name, str(error), len(segment))


def _detect(detector: Detector, further: Sequence[Detector], batch: list[Segment]) -> list[SourceSegment]:
    frames = chain.from_iterable(segment.frames for segment in batch)
    names: list[str] = []
    found: list[sv.Detections] = []
    others: list[list[sv.Detections]] = [[] for _ in further]
    seconds = 0.0
    # So many at a time: those of a sequence are on the disk.
    for part in batches(frames, BATCH, lambda frame: frame.pixels):
        names += [Path(frame.source).name for frame in part]
        started = time.monotonic()
        found += detector.detect(part)
        seconds += time.monotonic() - started
        for theirs, other in zip(others, further, strict=True):
            theirs += other.detect(part)
    sources, place = [], 0
    for segment in batch:
        own = slice(place, place + len(segment))
        place = own.stop
        sources.append(
            SourceSegment(
                segment,
                tuple(names[own]),
                tuple(found[own]),
                tuple(tuple(theirs[own]) for theirs in others),
                seconds * len(segment) / len(names),
            )
        )
    return sources


@dataclass(frozen=True)
class SegmentOutcome:
    """One segment at every operating point.

    Attributes:
        names: Of its frames; the first stands for the segment.
        width: Of the source, as is ``height``.
        reference: Per frame what the detector finds in the source; ``further``, what each further one finds.
        accounts: By method the time it took, for all of its points.
        versions: The coded segments, where they were kept for the gallery.
        notes: What the encoder could not do as requested.
        sequence: The sequence that it is a segment of; empty where pictures are compared.
        rate: Frames per second of that sequence.
    """

    names: tuple[str, ...]
    width: int
    height: int
    reference: tuple[sv.Detections, ...]
    further: tuple[tuple[sv.Detections, ...], ...]
    cells: dict[Point, Cell]
    accounts: dict[str, dict[Stage, Account]] = field(default_factory=dict)
    versions: dict[Point, Version] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sequence: str = ""
    rate: Fraction | None = None

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.names[0]


def run_segment(setting: Setting, source: SourceSegment) -> SegmentOutcome:
    """One segment under every method.

    Raises:
        DetectionError: A detector failed on a coded version of it.
    """
    segment, pipeline = source.segment, setting.pipeline
    reference = pipeline.task.reference(source.found)
    second = (setting.panel.second, source.further[0]) if setting.panel.second is not None else None
    answers = source.part.answers if source.part else None
    bench = SegmentBench(
        pipeline, segment, reference, setting.cache, detections=source.found, second=second, answers=answers
    )
    cells: dict[Point, Cell] = {}
    versions: dict[Point, Version] = {}
    accounts: dict[str, dict[Stage, Account]] = {}
    notes: list[str] = []
    for name, method in setting.methods.items():
        if "sequences" in codes(method):
            assert source.part is not None and source.part.whole is not None, f"{name} codes sequences"
            own, accounts[name] = source.part.whole.cells(name, segment)
            cells |= own
            continue
        meter = bench.begin()
        seen = code_points(setting, bench, name)
        if not is_blind(method):
            meter.add(Account(charged=source.seconds), "detect")
        accounts[name] = meter.accounts
        for each in seen:
            label, coder, coded, _ = each.made
            cells[each.point] = each.cell(0, split_bits(coder, coded, pipeline.task.footprint(reference)))
            versions[each.point] = Version(coded, coder.size)
            notes += [f"{segment.source}, {name} {label}: {note}" for note in coded.notes]
    return SegmentOutcome(
        source.names,
        segment.width,
        segment.height,
        source.found,
        source.further,
        cells,
        accounts,
        setting.album.take(versions),
        tuple(notes),
        source.part.sequence if source.part else "",
        source.part.rate if source.part else None,
    )
