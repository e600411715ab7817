"""What a bench found in sequences: tracks at a point, and each sequence by itself; parts of ``BenchResult``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vcmpipe.evaluation import Estimate


@dataclass(frozen=True)
class TrackCounts:
    """Tracks under one detector at one operating point; each ends with its segment.

    Attributes:
        total: Those that had to be kept.
        kept: Those that were.
        false_instances: Detections of tracks that have nothing of the kind in the source.
        switches: How often an object becomes another track, tracks of whole sequences against the source's.
    """

    total: int
    kept: int
    false_instances: int
    switches: int


@dataclass(frozen=True)
class SequencePoint:
    """A sequence at one operating point.

    Attributes:
        bytes: All of its segments', headers included.
        kbps: Kilobits per second at its rate.
        psnr_y: Mean PSNR of its frames' luma at the coded size, in dB.
        kept: Objects found again.
        qualities: As in ``PointResult``; those over AP have no intervals.
        tracks: As in ``PointResult``.
    """

    bytes: int
    kbps: float
    psnr_y: float
    kept: int
    qualities: Mapping[str, Estimate]
    tracks: Sequence[TrackCounts] = ()


@dataclass(frozen=True)
class SequenceResult:
    """One sequence.

    Attributes:
        segments: Those that took part; ``frames`` and ``objects`` are in them.
        rate: Frames per second.
        points: In the order of ``BenchResult.points``.
        bd_rate: By method, anchor and quality.
    """

    name: str
    width: int
    height: int
    segments: int
    frames: int
    rate: float
    objects: int
    points: Sequence[SequencePoint]
    bd_rate: Mapping[str, Mapping[str, Mapping[str, Estimate]]]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.frames / self.rate
