"""One picture under every method: what it costs, what detectors see in it, and pictures that they cannot look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcmpipe.bench.memory import looked, seen
from vcmpipe.bench.meter import Account, Stage
from vcmpipe.bench.methods import BLIND, METHODS, PictureBench, Point, Sweep
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

    from vcmpipe.bench.result import HumanQuality
    from vcmpipe.detection import Detector
    from vcmpipe.thresholds import ThresholdPredictor


class DetectionError(VcmError):
    """A detector failed on one picture; exit code 1."""


@dataclass(frozen=True)
class GuardedDetector:
    """A detector whose accidents are told apart from all others.

    Raises:
        DetectionError: The detector raised something.
    """

    detector: Detector

    @property
    def name(self) -> str:
        """The detector's name."""
        return self.detector.name

    @property
    def classes(self) -> Mapping[int, str]:
        """The detector's classes."""
        return self.detector.classes

    @property
    def digest(self) -> str:
        """The detector's digest."""
        return self.detector.digest

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """See ``Detector.detect``."""
        try:
            found = self.detector.detect(frames)
        except MemoryError:
            raise
        except Exception as error:
            raise DetectionError(f"the detector {self.name} failed: {reason(error)}") from error
        if len(found) != len(frames):
            raise DetectionError(f"the detector {self.name} failed: {len(found)} answers for {len(frames)} pictures")
        return found

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """See ``Detector.input_size``."""
        return self.detector.input_size(width, height)

    def __getattr__(self, name: str) -> Any:
        """Whatever else a detector has: a predictor may have been made for it."""
        return getattr(self.detector, name)


@dataclass(frozen=True)
class Look:
    """A source picture as the detectors see it.

    Attributes:
        frame: The picture.
        found: What the detector sees.
        second: What the second detector sees, where there is one.
        seconds: What the detector took.
    """

    frame: Frame
    found: sv.Detections
    second: sv.Detections | None
    seconds: float


def looks(detector: Detector, second: Detector | None, frames: Iterable[Frame]) -> Iterator[Look | LeftOut]:
    """The pictures as the detectors see them, a batch at a time; a picture that a detector fails on is left out."""
    stream = iter(frames)
    while batch := list(islice(stream, BATCH)):
        try:
            yield from _looks(detector, second, batch)
        except DetectionError:
            for frame in batch:
                try:
                    yield from _looks(detector, second, [frame])
                except DetectionError as error:
                    yield LeftOut(Path(frame.source).name, str(error))


def _looks(detector: Detector, second: Detector | None, batch: list[Frame]) -> list[Look]:
    started = time.monotonic()
    found = detector.detect(batch)
    seconds = (time.monotonic() - started) / len(batch)
    others = second.detect(batch) if second else [None] * len(batch)
    return [Look(frame, one, other, seconds) for frame, one, other in zip(batch, found, others, strict=True)]


@dataclass(frozen=True)
class Cell:
    """One picture at one operating point.

    Attributes:
        bits: Its stream.
        psnr_y: PSNR of the luma at the coded size, in dB.
        detections: What the detector finds in it.
        second: What the second detector finds, where there is one.
        split: Bits of objects, background and headers, where they can be told apart.
        trials: Encodes that were tried to find it, where there was a search.
        look: How it looks to people, where that was requested.
    """

    bits: int
    psnr_y: float
    detections: sv.Detections
    second: sv.Detections | None = None
    split: Bits | None = None
    trials: int | None = None
    look: HumanQuality | None = None


@dataclass(frozen=True)
class Version:
    """A coded picture that the gallery may show.

    Attributes:
        coded: The stream and what is in it.
        size: Width and height that it was coded at.
    """

    coded: CodedSegment
    size: tuple[int, int]


class Album:
    """Coded pictures that are kept for the gallery, up to a number of bytes; safe to be filled by several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.full = False

    def take(self, versions: dict[Point, Version]) -> dict[Point, Version]:
        """What may be kept of one picture: all or nothing."""
        size = sum(len(version.coded.data) for version in versions.values())
        with self._lock:
            if size > self._limit:
                self.full = self.full or bool(versions)
                return {}
            self._limit -= size
            return versions


@dataclass(frozen=True)
class PictureOutcome:
    """One picture at every operating point.

    Attributes:
        name: File name.
        width: Of the source.
        height: Of the source.
        reference: What the detector sees in the source.
        second: What the second detector sees in it.
        cells: By operating point what it costs and what is seen.
        accounts: By method the time it took; points coded are as many as the method has.
        versions: The coded pictures, where they were kept for the gallery.
        notes: What the encoder could not be told as it was requested.
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
    """What is the same for all pictures.

    Attributes:
        pipeline: Detector, predictor, encoder, policies.
        second: The second detector, or None.
        measured: The predictor of ``jrd-measured``.
        methods: The methods' names.
        sweep: Their operating points.
        cache: Remembers encodes, predictions and detections.
        album: Keeps coded pictures for the gallery.
        human_quality: Whether to say how versions look to people.
    """

    pipeline: Pipeline
    second: Detector | None
    measured: ThresholdPredictor | None
    methods: Sequence[str]
    sweep: Sweep
    cache: ContentCache
    album: Album
    human_quality: bool = False


def run_picture(setting: Setting, look: Look) -> PictureOutcome:
    """One picture under every method.

    Raises:
        DetectionError: A detector failed on a coded version of it.
    """
    frame, pipeline = look.frame, setting.pipeline
    reference = pipeline.task.reference([look.found])
    (wanted,) = reference.detections
    bench = PictureBench(pipeline, frame, wanted, setting.cache, setting.measured)
    cells: dict[Point, Cell] = {}
    versions: dict[Point, Version] = {}
    accounts: dict[str, dict[Stage, Account]] = {}
    notes: list[str] = []
    for name in setting.methods:
        meter = bench.begin()
        with meter.stage("encode"):
            points = METHODS[name](bench, setting.sweep)
        if name not in BLIND:
            meter.add("detect", look.seconds, cached=False)
        accounts[name] = meter.accounts
        detectors = [bench.pipeline.detector, *([setting.second] if setting.second else [])]
        looks: list[HumanQuality | None] = [None] * len(points)
        if setting.human_quality:
            looks = [*looked(frame, [(one.coder, one.coded) for one in points], setting.cache)]
        for (point, coder, coded, trials), people_see in zip(points, looks, strict=True):
            view = seen(coder, coded, detectors, setting.cache)
            second = view.detections[1] if setting.second else None
            split = split_bits(coder, coded, pipeline.task.footprint(reference))
            cells[point] = Cell(coded.bits, view.psnr_y, view.detections[0], second, split, trials, people_see)
            versions[point] = Version(coded, coder.size)
            notes += [f"{frame.source}, {point.method} {point.label}: {note}" for note in coded.notes]
    return PictureOutcome(
        Path(frame.source).name,
        frame.width,
        frame.height,
        look.found,
        look.second,
        cells,
        accounts,
        setting.album.take(versions),
        tuple(notes),
    )
