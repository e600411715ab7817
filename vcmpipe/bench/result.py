"""What a bench found: points, curves and the comparison with the anchor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vcmpipe.evaluation import Outcome, bd_rate, bits_at, bits_saved

ANCHOR = "plain"
RETENTIONS = (0.95, 0.98)
QUALITIES = ("retention", "ap", "ap50", "ap_source", "ap50_source")


@dataclass(frozen=True)
class PointResult:
    """One operating point over all pictures.

    Attributes:
        method: The method.
        label: The point.
        bytes_per_picture: Mean size of a picture's own stream, headers included.
        bpp: Bits per source pixel, over all pictures.
        psnr_y: Mean PSNR of the luma at the coded size, in dB (a coded size below the source's is not comparable).
        kept: Objects found again.
        total: Objects that had to be kept.
        ap: COCO AP against ground truth, or None without it.
        ap50: COCO AP50 against ground truth.
        ap_source: AP against the source's detections.
        ap50_source: AP50 against the source's detections.
    """

    method: str
    label: str
    bytes_per_picture: float
    bpp: float
    psnr_y: float
    kept: int
    total: int
    ap: float | None
    ap50: float | None
    ap_source: float | None
    ap50_source: float | None

    @property
    def retention(self) -> float | None:
        """The kept share of the objects, 0..1; None where there were none."""
        return self.kept / self.total if self.total else None


@dataclass(frozen=True)
class MethodResult:
    """One method against the anchor.

    Attributes:
        method: The method.
        bytes_at: By retention, the bytes per picture that it needs.
        saved: By retention, the share of the anchor's bits that it saves, in percent.
        bd_rate: By quality, its mean difference in bits to the anchor, in percent; negative saves.
    """

    method: str
    bytes_at: dict[str, Outcome]
    saved: dict[str, Outcome]
    bd_rate: dict[str, Outcome]


@dataclass(frozen=True)
class BenchResult:
    """A whole bench.

    Attributes:
        pictures: How many pictures.
        objects: Objects that had to be kept, the same for every method.
        truth: What AP was measured against besides the source's detections, or None.
        source_ap: AP of the source pictures themselves against ground truth.
        source_ap50: Their AP50.
        points: Every operating point.
        methods: Every method against the anchor.
        seconds: Wall time.
        configuration: The options.
        provenance: Versions and tools.
    """

    pictures: int
    objects: int
    truth: str | None
    source_ap: float | None
    source_ap50: float | None
    points: list[PointResult]
    methods: list[MethodResult]
    seconds: float
    configuration: dict[str, Any]
    provenance: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries and lists, with the retention of every point."""
        result = asdict(self)
        for raw, point in zip(result["points"], self.points, strict=True):
            raw["retention"] = point.retention
        for raw, method in zip(result["methods"], self.methods, strict=True):
            for name in ("bytes_at", "saved", "bd_rate"):
                raw[name] = {key: asdict(value) for key, value in getattr(method, name).items()}
        return result


def curve(points: Sequence[PointResult], method: str, quality: str) -> list[tuple[float, float | None]]:
    """(bytes per picture, quality) of a method's points."""
    return [(p.bytes_per_picture, getattr(p, quality)) for p in points if p.method == method]


def compare(points: Sequence[PointResult]) -> list[MethodResult]:
    """Every method against the anchor; without the anchor's points the comparisons say ``no_points``."""
    anchor = {quality: curve(points, ANCHOR, quality) for quality in QUALITIES}
    results = []
    for method in dict.fromkeys(point.method for point in points):
        own = {quality: curve(points, method, quality) for quality in QUALITIES}
        results.append(
            MethodResult(
                method,
                {f"{r:g}": bits_at(own["retention"], r) for r in RETENTIONS},
                {f"{r:g}": bits_saved(anchor["retention"], own["retention"], r) for r in RETENTIONS},
                {quality: bd_rate(anchor[quality], own[quality]) for quality in QUALITIES},
            )
        )
    return results
