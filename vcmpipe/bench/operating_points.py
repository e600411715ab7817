"""A segment under one method: its operating points coded, and what detectors find in them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vcmpipe.bench.cached import cached_quality
from vcmpipe.bench.coded_detections import DetectionError, PartDetections, cached_detections
from vcmpipe.bench.methods import Coded, Method, Point, SegmentBench, Sweep
from vcmpipe.bench.panel import Panel
from vcmpipe.bench.split import Bits
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.process.content_cache import ContentCache

if TYPE_CHECKING:
    import supervision as sv


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
class Setting:
    """What is the same for all segments; ``human_quality``: whether to measure how versions look to human viewers."""

    pipeline: Pipeline
    panel: Panel
    methods: Mapping[str, Method]
    sweep: Sweep
    cache: ContentCache
    album: Album
    human_quality: bool = False


@dataclass(frozen=True)
class Cell:
    """One segment at one operating point.

    Attributes:
        psnr_y: Mean PSNR of its frames' luma at the coded size, in dB.
        detections: Per frame what the detector finds; ``further``, what each further one of the panel finds.
        split: Bits of objects, background and headers, where they can be told apart.
        trials: Encodes that were tried to find it, where there was a search.
        quality: By ``HUMAN_QUALITIES`` how it looks to human viewers; empty where that was not requested.
    """

    bits: int
    psnr_y: float
    detections: tuple[sv.Detections, ...]
    further: tuple[tuple[sv.Detections, ...], ...] = ()
    split: Bits | None = None
    trials: int | None = None
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class CodedPoint:
    """What was coded at an operating point, and what was found in parts of it.

    Attributes:
        point: The operating point.
        made: What was coded.
        parts: The frames of each part, by their places in it.
        detections: Those of each part, or why a detector failed on it.
        quality: By ``HUMAN_QUALITIES`` and frame how it looks to human viewers; empty where that was not requested.
    """

    point: Point
    made: Coded
    parts: Sequence[range]
    detections: Sequence[PartDetections | DetectionError]
    quality: Mapping[str, tuple[float, ...]]

    def cell(self, number: int, split: Bits | None = None) -> Cell:
        """A part as a segment of its own. Its bits are those of the access units of its frames.

        Raises:
            DetectionError: A detector failed on it.
        """
        part, found = self.parts[number], self.detections[number]
        if isinstance(found, DetectionError):
            raise found
        detections, *further = found.found
        return Cell(
            bits=sum(unit.bits for unit in self.made.coded.units if unit.presentation in part),
            psnr_y=float(np.mean(found.psnr_y)),
            detections=detections,
            further=tuple(further),
            split=split,
            trials=self.made.trials,
            quality={name: float(np.mean(values[part.start : part.stop])) for name, values in self.quality.items()},
        )


def code_points(
    setting: Setting, bench: SegmentBench, name: str, parts: Sequence[range] | None = None
) -> list[CodedPoint]:
    """Code a segment by the method of that name, at all of its points, and detect in parts of it (None: all).

    ``bench`` is at its beginning of the method, on whose meter the encodes are counted, and no detection is.
    """
    parts = parts or [range(len(bench.segment))]
    with bench.meter.stage("encode"):
        points = setting.methods[name](bench, setting.sweep)
    detectors = [bench.pipeline.detector, *setting.panel.further]
    qualities: Sequence[Mapping[str, tuple[float, ...]]] = [{} for _ in points]
    if setting.human_quality:
        qualities = cached_quality(bench.segment, [(made.coder, made.coded) for made in points], setting.cache)
    return [
        CodedPoint(
            Point(name, made.label),
            made,
            parts,
            cached_detections(made.coder, made.coded, detectors, setting.cache, parts),
            quality,
        )
        for made, quality in zip(points, qualities, strict=True)
    ]
