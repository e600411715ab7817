"""What share of the objects margins keep: pictures coded as ``encode`` codes them, looked at, and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.qpmap import QpMap
from vcmpipe.tasks import Reference
from vcmpipe.thresholds import EXPECTED_RETENTION, Calibration, Thresholds

CONDITIONS = ("decision", "risk", "score", "min_score", "iou", "task", "background", "dilate", "encoder", "viewer")
"""The options of ``encode``, besides the scale, that what a margin keeps hangs on."""


def conditions_of(value: Callable[[str], object]) -> dict[str, object]:
    """The conditions by name, as ``value`` has them; what is left open is what it is for pictures."""
    conditions = {name: value(name) for name in CONDITIONS}
    return conditions | {"task": "detection" if conditions["task"] == "auto" else conditions["task"]}


STEP = 3
"""QPs between margins that are counted."""
_MOST = 9  # margins that are counted in search of a share
_AROUND = 5  # with fewer than so many, one more on either side is counted
_SPAN = (-42, 24)


@dataclass(frozen=True)
class Trial:
    """What one version took and kept."""

    bits: int
    kept: int
    objects: int


def requested_map(
    pipeline: Pipeline, coder: SegmentCoder, reference: Reference, thresholds: Thresholds, margin: int
) -> QpMap:
    """The map that ``encode`` would request for a still picture, given its objects' thresholds and a margin."""
    part = thresholds.recognisable
    qps = pipeline.decide(thresholds, 1, margin)[part]
    return coder.map_of(pipeline.task.footprint(reference)[part], qps, pipeline.policy)


def trial(pipeline: Pipeline, coder: SegmentCoder, reference: Reference, requested: QpMap) -> Trial:
    """Code a still picture by a map, and look which of its objects are kept."""
    coded = coder.by_map(requested, pipeline.options.realise)
    seen = pipeline.detector.detect([coder.decode_still(coded).frame])
    return Trial(coded.bits, int(pipeline.task.compare(reference, seen).kept.sum()), len(reference))


@dataclass(frozen=True, eq=False)
class Count:
    """Outcomes of P pictures at M margins.

    Attributes:
        margins: (M,) ascending.
        bits: (P, M) what each version took.
        kept: (P, M) objects that were kept.
        objects: (P,) objects there are; at least one in all.
    """

    margins: tuple[int, ...]
    bits: NDArray[np.int64]
    kept: NDArray[np.int64]
    objects: NDArray[np.int64]

    @classmethod
    def of(cls, trials: Mapping[int, Sequence[Trial]]) -> Count:
        """Trials of the same pictures, in the same order, by margin."""
        margins = tuple(sorted(trials))
        bits, kept = (
            np.array([[getattr(one, key) for one in trials[margin]] for margin in margins], np.int64).T
            for key in ("bits", "kept")
        )
        return cls(margins, bits, kept, np.array([one.objects for one in trials[margins[0]]], np.int64))

    def of_pictures(self, places: NDArray[np.int64]) -> Count:
        """The same of some pictures, or of pictures drawn anew."""
        return Count(self.margins, self.bits[places], self.kept[places], self.objects[places])

    @property
    def share(self) -> NDArray[np.float64]:
        """(M,) share of the objects that is kept, as counted."""
        return np.asarray(self.kept.sum(axis=0) / self.objects.sum())

    @property
    def retention(self) -> NDArray[np.float64]:
        """(M,) the same made monotone: isotonic regression, margins weighted alike."""
        from scipy.optimize import isotonic_regression

        return np.asarray(isotonic_regression(self.share, increasing=False).x)

    @property
    def bytes(self) -> NDArray[np.float64]:
        """(M,) bytes per picture."""
        return np.asarray(self.bits.mean(axis=0) / 8)

    def margin_for(self, wanted: float) -> float:
        """The margin, not rounded, at which a share is kept; NaN outside what was counted."""
        return crossing(self.margins, self.retention, wanted)

    def bytes_for(self, wanted: float) -> float:
        """The bytes per picture there; NaN likewise."""
        return float(np.exp(crossing(np.log(self.bytes), self.retention, wanted)))

    def points(self) -> tuple[tuple[float, float], ...]:
        """Margins and retentions as a ``Calibration`` has them: of equal neighbours the safer one stands for both."""
        points = [(float(m), round(float(r), 4)) for m, r in zip(self.margins, self.retention, strict=True)]
        return tuple(point for n, point in enumerate(points) if n == 0 or point[1] < points[n - 1][1])

    def calibration(self, material: str, detector: str, conditions: Mapping[str, Any]) -> Calibration | None:
        """The calibration; None where all margins keep the same share."""
        points = self.points()
        return Calibration(points, material, detector, conditions) if len(points) > 1 else None

    def share_at(self, margin: float) -> float:
        """The share that is kept at a margin within what was counted."""
        return float(np.interp(margin, self.margins, self.retention))

    def interval_at(self, margin: float, *, rounds: int = 1000, seed: int = 0) -> tuple[float, float]:
        """95 % of the share at a margin, pictures drawn anew (those without objects among them)."""
        rng = np.random.default_rng(seed)
        draws = (self.of_pictures(rng.integers(0, len(self.objects), len(self.objects))) for _ in range(rounds))
        shares = [draw.share_at(margin) for draw in draws if draw.objects.sum()]
        low, high = np.quantile(shares, [0.025, 0.975])
        return float(low), float(high)


def crossing(values: Sequence[float] | NDArray[np.float64], retention: NDArray[np.float64], wanted: float) -> float:
    """Where a falling retention passes a wanted one; NaN where it does not."""
    if not retention[-1] <= wanted <= retention[0]:
        return float("nan")
    return float(np.interp(wanted, retention[::-1], np.asarray(values, np.float64)[::-1]))


def count_around(
    at: Callable[[int], Sequence[Trial]], start: int, *, wanted: float = EXPECTED_RETENTION, most: int = _MOST
) -> Count:
    """Count at few margins, around the one that keeps a wanted share.

    From the first margin the search goes by ``STEP`` to where the share is passed, and then to one margin more on
    either side; it ends without where ``most`` margins do not reach it.

    Args:
        at: Codes all pictures at a margin.
        start: The first margin.
        wanted: The share, 0..1.
        most: The most margins.
    """
    low, high = _SPAN
    trials: dict[int, Sequence[Trial]] = {}

    def kept(margin: int) -> bool:
        if margin not in trials:
            trials[margin] = at(margin)
        objects = sum(one.objects for one in trials[margin])
        return sum(one.kept for one in trials[margin]) >= wanted * objects

    margin = min(max(start, low), high)
    enough = kept(margin)
    step = STEP if enough else -STEP
    while low <= margin + step <= high and len(trials) < most:
        margin += step
        if kept(margin) != enough:
            break
    for beyond in (min(trials) - STEP, max(trials) + STEP):
        if low <= beyond <= high and len(trials) < min(most, _AROUND):
            kept(beyond)
    return Count.of(trials)
