"""One segment under every method: what it costs, what detectors find in it, and segments that they fail on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from vcmpipe.bench.cached import cached_detections, cached_quality
from vcmpipe.bench.meter import Account, Replaced, Stage
from vcmpipe.bench.methods import Method, Point, SegmentBench, Sweep, is_blind
from vcmpipe.bench.result import LeftOut
from vcmpipe.bench.split import Bits, split_bits
from vcmpipe.coding.pipeline import BATCH, Pipeline
from vcmpipe.coding.segment import CodedSegment, Segment
from vcmpipe.detection.reason import reason
from vcmpipe.errors import VcmError
from vcmpipe.frames import Frame
from vcmpipe.process.content_cache import ContentCache

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


class DetectionError(VcmError):
    """A detector failed on one picture; exit code 1."""


def guarded_detector(detector: Detector) -> Detector:
    """A detector whose failures are told apart from all others: it raises ``DetectionError`` alone."""

    def detect(frames: Sequence[Frame]) -> list[sv.Detections]:
        try:
            found = detector.detect(frames)
        except MemoryError:
            raise
        except Exception as error:
            raise DetectionError(f"the detector {detector.name} failed: {reason(error)}") from error
        if len(found) != len(frames):
            answers = f"{len(found)} answers for {len(frames)} pictures"
            raise DetectionError(f"the detector {detector.name} failed: {answers}")
        return found

    return cast("Detector", Replaced(detector, detect=detect))


class SourceSegment(NamedTuple):
    """A source segment, what the detector, and the second one if there is one, find in its frames, and the seconds."""

    segment: Segment
    found: tuple[sv.Detections, ...]
    second: tuple[sv.Detections, ...] | None
    seconds: float


def detect_sources(
    detector: Detector, second: Detector | None, segments: Iterable[Segment]
) -> Iterator[SourceSegment | LeftOut]:
    """Detect in the segments, some frames at a time; a segment that a detector fails on is left out."""
    for batch in _batches(segments):
        try:
            yield from _detect(detector, second, batch)
        except DetectionError:
            for segment in batch:
                try:
                    yield from _detect(detector, second, [segment])
                except DetectionError as error:
                    yield LeftOut(segment.name, str(error))


def _batches(segments: Iterable[Segment]) -> Iterator[list[Segment]]:
    """Segments together until they hold ``BATCH`` frames."""
    batch: list[Segment] = []
    for segment in segments:
        batch.append(segment)
        if sum(map(len, batch)) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _detect(detector: Detector, second: Detector | None, batch: list[Segment]) -> list[SourceSegment]:
    started = time.monotonic()
    frames = [frame for segment in batch for frame in segment.frames]
    found = iter(detector.detect(frames))
    seconds = (time.monotonic() - started) / len(frames)
    others = iter(second.detect(frames)) if second else None
    return [
        SourceSegment(
            segment,
            tuple(islice(found, len(segment))),
            tuple(islice(others, len(segment))) if others else None,
            seconds * len(segment),
        )
        for segment in batch
    ]


@dataclass(frozen=True)
class Cell:
    """One segment at one operating point.

    Attributes:
        psnr_y: Mean PSNR of its frames' luma at the coded size, in dB.
        detections: Per frame what the detector finds; ``second``, what the second one finds, where there is one.
        split: Bits of objects, background and headers, where they can be told apart.
        trials: Encodes that were tried to find it, where there was a search.
        quality: By ``HUMAN_QUALITIES`` how it looks to human viewers; empty where that was not requested.
    """

    bits: int
    psnr_y: float
    detections: tuple[sv.Detections, ...]
    second: tuple[sv.Detections, ...] | None = None
    split: Bits | None = None
    trials: int | None = None
    quality: Mapping[str, float] = field(default_factory=dict)


class Version(NamedTuple):
    """A coded segment that the gallery may show, and the (width, height) that it was coded at."""

    coded: CodedSegment
    size: tuple[int, int]


class Album:
    """Coded segments that are kept for the gallery, up to a number of bytes; safe to be filled by several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()

    def take(self, versions: dict[Point, Version]) -> dict[Point, Version]:
        """What may be kept of one segment: all or nothing."""
        size = sum(len(version.coded.data) for version in versions.values())
        with self._lock:
            if size > self._limit:
                return {}
            self._limit -= size
            return versions


@dataclass(frozen=True)
class SegmentOutcome:
    """One segment at every operating point.

    Attributes:
        names: Of its frames; the first stands for the segment.
        width: Of the source, as is ``height``.
        reference: Per frame what the detector finds in the source; ``second``, what the second detector finds.
        accounts: By method the time it took, for all of its points.
        versions: The coded segments, where they were kept for the gallery.
        notes: What the encoder could not do as requested.
    """

    names: tuple[str, ...]
    width: int
    height: int
    reference: tuple[sv.Detections, ...]
    second: tuple[sv.Detections, ...] | None
    cells: dict[Point, Cell]
    accounts: dict[str, dict[Stage, Account]] = field(default_factory=dict)
    versions: dict[Point, Version] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.names[0]


@dataclass(frozen=True)
class Setting:
    """What is the same for all segments; ``human_quality``: whether to measure how versions look to human viewers."""

    pipeline: Pipeline
    second: Detector | None
    methods: Mapping[str, Method]
    sweep: Sweep
    cache: ContentCache
    album: Album
    human_quality: bool = False


def run_segment(setting: Setting, source: SourceSegment) -> SegmentOutcome:
    """One segment under every method.

    Raises:
        DetectionError: A detector failed on a coded version of it.
    """
    segment, pipeline = source.segment, setting.pipeline
    reference = pipeline.task.reference(source.found)
    bench = SegmentBench(pipeline, segment, reference, setting.cache)
    cells: dict[Point, Cell] = {}
    versions: dict[Point, Version] = {}
    accounts: dict[str, dict[Stage, Account]] = {}
    notes: list[str] = []
    for name, method in setting.methods.items():
        meter = bench.begin()
        with meter.stage("encode"):
            points = method(bench, setting.sweep)
        if not is_blind(method):
            meter.add(Account(charged=source.seconds), "detect")
        accounts[name] = meter.accounts
        detectors = [bench.pipeline.detector, *([setting.second] if setting.second else [])]
        qualities: list[Mapping[str, float]] = [{} for _ in points]
        if setting.human_quality:
            qualities = cached_quality(segment, [(one.coder, one.coded) for one in points], setting.cache)
        for (label, coder, coded, trials), quality in zip(points, qualities, strict=True):
            point = Point(name, label)
            psnr_y, (found, *others) = cached_detections(coder, coded, detectors, setting.cache)
            split = split_bits(coder, coded, pipeline.task.footprint(reference))
            cells[point] = Cell(coded.bits, psnr_y, found, others[0] if others else None, split, trials, quality)
            versions[point] = Version(coded, coder.size)
            notes += [f"{segment.source}, {name} {label}: {note}" for note in coded.notes]
    return SegmentOutcome(
        tuple(Path(frame.source).name for frame in segment.frames),
        segment.width,
        segment.height,
        source.found,
        source.second,
        cells,
        accounts,
        setting.album.take(versions),
        tuple(notes),
    )
