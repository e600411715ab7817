"""One picture under every method: what it costs, what detectors find in it, and pictures that they fail on."""

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
from vcmpipe.bench.methods import Method, PictureBench, Point, Sweep, is_blind
from vcmpipe.bench.result import LeftOut
from vcmpipe.bench.split import Bits, split_bits
from vcmpipe.coding.pipeline import BATCH, Pipeline
from vcmpipe.coding.segment import CodedSegment
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


class SourcePicture(NamedTuple):
    """A source picture, what the detector and the second detector, where there is one, find in it, and the seconds."""

    frame: Frame
    found: sv.Detections
    second: sv.Detections | None
    seconds: float


def detect_sources(
    detector: Detector, second: Detector | None, frames: Iterable[Frame]
) -> Iterator[SourcePicture | LeftOut]:
    """Detect in the pictures, a batch at a time; a picture that a detector fails on is left out."""
    stream = iter(frames)
    while batch := list(islice(stream, BATCH)):
        try:
            yield from _detect(detector, second, batch)
        except DetectionError:
            for frame in batch:
                try:
                    yield from _detect(detector, second, [frame])
                except DetectionError as error:
                    yield LeftOut(Path(frame.source).name, str(error))


def _detect(detector: Detector, second: Detector | None, batch: list[Frame]) -> list[SourcePicture]:
    started = time.monotonic()
    found = detector.detect(batch)
    seconds = (time.monotonic() - started) / len(batch)
    others = second.detect(batch) if second else [None] * len(batch)
    return [SourcePicture(frame, one, other, seconds) for frame, one, other in zip(batch, found, others, strict=True)]


@dataclass(frozen=True)
class Cell:
    """One picture at one operating point.

    Attributes:
        psnr_y: PSNR of the luma at the coded size, in dB.
        detections: What the detector finds in it; ``second``, what the second detector finds, where there is one.
        split: Bits of objects, background and headers, where they can be told apart.
        trials: Encodes that were tried to find it, where there was a search.
        quality: By ``HUMAN_QUALITIES`` how it looks to human viewers; empty where that was not requested.
    """

    bits: int
    psnr_y: float
    detections: sv.Detections
    second: sv.Detections | None = None
    split: Bits | None = None
    trials: int | None = None
    quality: Mapping[str, float] = field(default_factory=dict)


class Version(NamedTuple):
    """A coded picture that the gallery may show, and the (width, height) that it was coded at."""

    coded: CodedSegment
    size: tuple[int, int]


class Album:
    """Coded pictures that are kept for the gallery, up to a number of bytes; safe to be filled by several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()

    def take(self, versions: dict[Point, Version]) -> dict[Point, Version]:
        """What may be kept of one picture: all or nothing."""
        size = sum(len(version.coded.data) for version in versions.values())
        with self._lock:
            if size > self._limit:
                return {}
            self._limit -= size
            return versions


@dataclass(frozen=True)
class PictureOutcome:
    """One picture at every operating point.

    Attributes:
        name: File name.
        width: Of the source, as is ``height``.
        reference: What the detector finds in the source; ``second``, what the second detector finds.
        accounts: By method the time it took, for all of its points.
        versions: The coded pictures, where they were kept for the gallery.
        notes: What the encoder could not do as requested.
    """

    name: str
    width: int
    height: int
    reference: sv.Detections
    second: sv.Detections | None
    cells: dict[Point, Cell]
    accounts: dict[str, dict[Stage, Account]] = field(default_factory=dict)
    versions: dict[Point, Version] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Setting:
    """What is the same for all pictures; ``human_quality``: whether to measure how versions look to human viewers."""

    pipeline: Pipeline
    second: Detector | None
    methods: Mapping[str, Method]
    sweep: Sweep
    cache: ContentCache
    album: Album
    human_quality: bool = False


def run_picture(setting: Setting, source: SourcePicture) -> PictureOutcome:
    """One picture under every method.

    Raises:
        DetectionError: A detector failed on a coded version of it.
    """
    frame, pipeline = source.frame, setting.pipeline
    reference = pipeline.task.reference([source.found])
    bench = PictureBench(pipeline, frame, reference.detections[0], setting.cache)
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
            qualities = cached_quality(frame, [(one.coder, one.coded) for one in points], setting.cache)
        for (label, coder, coded, trials), quality in zip(points, qualities, strict=True):
            point = Point(name, label)
            psnr_y, (found, *others) = cached_detections(coder, coded, detectors, setting.cache)
            split = split_bits(coder, coded, pipeline.task.footprint(reference))
            cells[point] = Cell(coded.bits, psnr_y, found, others[0] if others else None, split, trials, quality)
            versions[point] = Version(coded, coder.size)
            notes += [f"{frame.source}, {name} {label}: {note}" for note in coded.notes]
    return PictureOutcome(
        Path(frame.source).name,
        frame.width,
        frame.height,
        source.found,
        source.second,
        cells,
        accounts,
        setting.album.take(versions),
        tuple(notes),
    )
