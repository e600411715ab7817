"""What a bench found: points, methods against their anchors, classes, pictures; every figure with its interval.

These are the fields of ``result.json``; ``docs/formats.md`` describes each. Where sequences are compared, what is said
of ``pictures`` here is said of their segments, and what is given per picture is per frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from vcmpipe.bench.sequence_result import SequenceResult, TrackCounts
from vcmpipe.evaluation import Estimate

ANCHOR = "plain"
# Methods that others are compared with where nobody says which: those that a user would have without vcmpipe.
ANCHORS, SEQUENCE_ANCHORS = "plain,plain-scaled", "plain-whole,stock-whole"
# Shares of the objects at which methods are compared; the report speaks of TARGET first.
RETENTIONS = (0.90, 0.95, 0.98, 0.99)
TARGET = 0.95
# How versions look to human viewers: XPSNR of the luma in dB, and VMAF, 0..100.
HUMAN_QUALITIES = ("xpsnr", "vmaf")
# What is said of tracks, HOTA and the others against annotations, the source's tracks, or those of the second detector
# in the source.
TRACK_QUALITIES = (
    "track_retention",
    "second_track_retention",
    *(f"{figure}{truth}" for truth in ("", "_source") for figure in ("hota", "idf1", "mota")),
    *(f"second_{figure}_source" for figure in ("hota", "idf1", "mota")),
)
QUALITIES = (
    "retention",
    "second_retention",
    *TRACK_QUALITIES,
    "satisfied",
    "ap",
    "ap50",
    "ap_source",
    "ap50_source",
    "second_ap_source",
    *HUMAN_QUALITIES,
)
# Those at which a point says what it saves.
SAVED_OVER = ("retention", "track_retention", "ap", "ap50", "ap_source")
Average = Literal["pictures", "bpp", "classes"]


def key_of(retention: float) -> str:
    """The retention as a key: 0.90 as ``0.9``."""
    return f"{retention:g}"


@dataclass(frozen=True)
class PanelDetector:
    """A detector of the panel: its name, and the objects of its own that it has to find again."""

    name: str
    objects: int


@dataclass(frozen=True)
class Split:
    """Where the bits of region-coded pictures went, in bytes per picture of those pictures.

    Attributes:
        pictures: Pictures whose bits are separable: coded in regions, or without objects. In all others (one QP for the
            picture, or a map that the encoder reads itself) bits of objects and background are not.
        objects: Regions that touch an object.
        background: All other regions.
        headers: What belongs to the whole picture.
    """

    pictures: int
    objects: float | None
    background: float | None
    headers: float | None


@dataclass(frozen=True)
class PointResult:
    """One operating point over all pictures.

    Attributes:
        rate: What it costs by the averaging rule of the bench; what the curves are drawn over.
        bytes_per_picture: Mean size of a picture's own stream, headers included.
        bpp: Bits per source pixel, over all pictures.
        psnr_y: Mean PSNR of the luma at the coded size, in dB (a coded size below the source's is not comparable).
        kept: Objects found again.
        total: Objects that had to be kept.
        qualities: By quality (``QUALITIES``) what was kept; those that were not measured are left out.
        saved: By anchor and quality, the share of the bits that the anchor needs for what this point keeps.
        trials: Encodes that were tried per picture; None where there was no search.
        panel: Retention under each detector of ``BenchResult.panel``.
        tracks: Under the detector and the second one; empty where tracks do not count.
    """

    method: str
    label: str
    rate: Estimate
    bytes_per_picture: Estimate
    bpp: float
    psnr_y: float
    kept: int
    total: int
    qualities: Mapping[str, Estimate]
    saved: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)
    split: Split = field(default_factory=lambda: Split(0, None, None, None))
    trials: float | None = None
    panel: Sequence[Estimate] = ()
    tracks: Sequence[TrackCounts] = ()

    def quality(self, name: str) -> float | None:
        """The value of a quality; None where it does not exist."""
        found = self.qualities.get(name)
        return found.value if found else None

    @property
    def retention(self) -> float | None:
        """The kept share of the objects, 0..1; None where there were none."""
        return self.quality("retention")


@dataclass(frozen=True)
class Comparison:
    """A method against one anchor, in percent: by retention the bits it saves, by quality its BD-rate.

    ``saved_tracks`` is, by track retention, the bits that it saves; empty where tracks do not count.
    ``mean_bd_rate`` is, by quality, the mean of the BD-rates of the sequences that have one; empty without sequences.
    """

    saved: Mapping[str, Estimate]
    bd_rate: Mapping[str, Estimate]
    mean_bd_rate: Mapping[str, Estimate] = field(default_factory=dict)
    saved_tracks: Mapping[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True)
class Costs:
    """What a method costs in time, in seconds per picture and operating point, on one core more or less.

    Attributes:
        detect: Detecting in the source, where the method does.
        predict: Predicting thresholds; ``measured`` codes and detects for it.
        search: Trying versions of a picture.
        encode: Coding the picture, conversion and planning included.
        coded: Luma samples coded for all of this, in whole source pictures.
        cached: The share of the seconds that is known from the run that filled the cache, 0..1.
        unknown: Encodes from a cache that does not know their time: where there are any, all figures are too low.
    """

    detect: float
    predict: float
    search: float
    encode: float
    coded: float
    cached: float
    unknown: int

    @property
    def analysis(self) -> float:
        """Everything before the encode that is kept."""
        return self.detect + self.predict + self.search


@dataclass(frozen=True)
class MethodResult:
    """One method: by retention what it costs by the averaging rule, by anchor the comparison, its time; what it is."""

    method: str
    rate_at: Mapping[str, Estimate]
    against: Mapping[str, Comparison]
    costs: Costs | None = None
    about: str = ""


@dataclass(frozen=True)
class ClassResult:
    """The pictures that hold objects of a class; a picture stands in each class of which it holds objects.

    Attributes:
        objects: Objects of this class in these pictures.
        rate_at: By method, bytes per picture at retention 0.95 of all objects in these pictures.
        saved: By method, what that saves against the first anchor.
    """

    name: str
    pictures: int
    objects: int
    rate_at: Mapping[str, Estimate]
    saved: Mapping[str, Estimate]


@dataclass(frozen=True)
class Regret:
    """What a point that keeps everything costs over the cheapest versions that do, by any method, in percent.

    Attributes:
        pictures: With objects, all of which this point keeps: what the figures are of.
        missed: Pictures of which another version keeps all objects and this one does not; they take no part.
        cheaper: Pictures in which a version of another method that keeps all objects was cheaper.
        total: Of all pictures together: their bits over those of the cheapest versions.
        worst: Of the worst picture, which is ``worst_picture``; its cheapest version is that of the point
            ``worst_label`` of ``worst_method``.
    """

    method: str
    label: str
    pictures: int
    missed: int
    cheaper: int
    total: Estimate
    worst: float
    worst_picture: str
    worst_method: str
    worst_label: str


@dataclass(frozen=True)
class PictureResult:
    """One picture: its size, the objects to keep and their classes, and lists in the order of ``BenchResult.points``.

    ``satisfied``, the share of the panel's detectors for which all of its objects are kept (of a segment the mean of
    its frames), is empty with one detector, and None where none of them sees an object; ``xpsnr`` and ``vmaf`` are
    empty where they were not requested. ``tracks`` are the tracks to keep in a segment, and ``tracks_kept`` those kept
    at each point, None and empty where tracks do not count. A segment has its first frame's name, the number of its
    frames, and the name of its sequence. ``cheapest`` is the place of the point whose version is the cheapest that
    keeps every object, None where none does or there is no object.
    """

    name: str
    width: int
    height: int
    objects: int
    classes: tuple[str, ...]
    bits: tuple[int, ...]
    kept: tuple[int, ...]
    psnr_y: tuple[float, ...]
    xpsnr: tuple[float, ...] = ()
    vmaf: tuple[float, ...] = ()
    satisfied: tuple[float | None, ...] = ()
    frames: int = 1
    sequence: str = ""
    cheapest: int | None = None
    tracks: int | None = None
    tracks_kept: tuple[int, ...] = ()

    def regret(self, place: int) -> float | None:
        """What the version of a point costs over the cheapest, in percent; None where it loses an object."""
        if self.cheapest is None or self.kept[place] < self.objects:
            return None
        return 100 * (self.bits[place] / self.bits[self.cheapest] - 1)


@dataclass(frozen=True)
class LeftOut:
    """A picture that takes no part, for any method, and why; or a segment of so many frames."""

    name: str
    reason: str
    frames: int = 1


@dataclass(frozen=True)
class BenchResult:
    """A whole bench.

    Attributes:
        objects: Objects that had to be kept, the same for every method.
        empty: Pictures without an object to keep: they cost bits, and have no retention.
        second_objects: What the second detector has to find again, or None without one.
        truth: What AP was measured against besides the source's detections, or None.
        source_ap: AP of the source pictures themselves against ground truth.
        source_ap50: Their AP50.
        average: The averaging rule of the rates.
        anchors: The methods that the others are compared with, those that took part.
        classes: That with the most pictures first.
        left_out: Pictures that took no part.
        seconds: Wall time.
        frames: Of all pictures, or segments, together.
        sequences: Where pictures are compared there are none.
        conditions: How sequences were coded, in sentences.
        panel: The detector, the second and further ones; empty where the detector is alone.
        source_tracks: HOTA, IDF1 and MOTA of the sources themselves against annotations of tracks, by quality.
        regrets: Of the points that keep every object of nearly every picture, in the order of ``points``.
    """

    pictures: int
    objects: int
    empty: int
    second_objects: int | None
    truth: str | None
    source_ap: float | None
    source_ap50: float | None
    average: Average
    anchors: tuple[str, ...]
    points: Sequence[PointResult]
    methods: Sequence[MethodResult]
    classes: Sequence[ClassResult]
    per_picture: Sequence[PictureResult]
    left_out: Sequence[LeftOut]
    seconds: float
    configuration: Mapping[str, Any]
    provenance: Mapping[str, Any]
    frames: int = 0
    sequences: Sequence[SequenceResult] = ()
    conditions: Sequence[str] = ()
    panel: Sequence[PanelDetector] = ()
    regrets: Sequence[Regret] = ()
    source_tracks: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """The method that the report is about: of pictures ``plain``, of sequences the first anchor."""
        return self.anchors[0] if self.sequences and self.anchors else ANCHOR

    @property
    def item(self) -> str:
        """What is coded by itself: a picture or a segment."""
        return "segment" if self.sequences else "picture"

    @property
    def image(self) -> str:
        """What a figure per picture is of: a picture or a frame."""
        return "frame" if self.sequences else "picture"

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries and lists."""
        result = dataclasses.asdict(self)
        for raw, method in zip(result["methods"], self.methods, strict=True):
            if method.costs is not None:
                raw["costs"]["analysis"] = method.costs.analysis
        return result

    def of(self, method: str) -> list[PointResult]:
        """The points of a method."""
        return [point for point in self.points if point.method == method]

    def method(self, name: str) -> MethodResult | None:
        """A method by its name."""
        return next((method for method in self.methods if method.method == name), None)


def chosen_point(result: BenchResult, method: str) -> PointResult | None:
    """The point at which a method is shown: the cheapest that keeps TARGET of the objects.

    Where none does it is the one that keeps most, and without objects to keep the cheapest.
    """
    points = [point for point in result.of(method) if point.rate.value is not None]
    if not points:
        return None
    good = [point for point in points if (point.retention or 0.0) >= TARGET]
    if good:
        return min(good, key=lambda point: point.rate.value or 0.0)
    return min(points, key=lambda point: (-(point.retention or 0.0), point.rate.value or 0.0))
