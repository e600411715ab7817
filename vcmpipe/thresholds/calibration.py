"""What share of objects a predictor's margins keep, as it was counted, and the margin that keeps a wanted share.

A threshold is an edge: found, or learned, in one coded picture, an object at its edge is easily lost in the next one
that differs from it in anything, be it cut into regions or coarser around the object. So thresholds become a map with a
margin, and how many objects a margin keeps is counted on pictures that nothing was fitted to
(``benchmarks/calibrate_margin.py``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line

if TYPE_CHECKING:
    from vcmpipe.thresholds.base import ThresholdPredictor

EXPECTED_RETENTION = 0.95
"""The share of objects that ``encode`` aims at where nobody says otherwise."""
YOLOX_NANO = "695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14"
"""The digest of the detector that the calibrations of predictors without weights were counted with."""
COUNTED_WITH: Mapping[str, Any] = {
    "decision": "quantile",
    "risk": 0.1,
    "score": 0.3,
    "min_score": 0.2,
    "iou": 0.5,
    "task": "detection",
    "background": "+8",
    "dilate": 8,
    "encoder": "vvenc",
    "viewer": "machine",
    "scale": "1",
}
"""The conditions of the calibrations of predictors without weights. Written out: an option's default may change."""


@dataclass(frozen=True)
class Calibration:
    """Retention by margin, counted over the objects of still pictures.

    Attributes:
        curve: (margin, retention) pairs, two or more: margins ascend, and retentions, 0..1, fall.
        material: What was counted on, for readers: ``231 photos, 1,135 objects, YOLOX-Nano``.
        detector: The digest of the detector whose objects they were; empty where that is not known.
        conditions: The options of ``encode`` that the pictures were coded with, by name, as far as retention hangs on
            them; ``scale`` is what ``--scale auto`` stands for.

    Raises:
        InputError: The curve has another form.
    """

    curve: tuple[tuple[float, float], ...]
    material: str
    detector: str = ""
    conditions: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        points = [tuple(map(float, pair)) for pair in self.curve]
        good = len(points) > 1 and all(len(point) == 2 and all(map(math.isfinite, point)) for point in points)
        good = good and all(a[0] < b[0] and 1 >= a[1] > b[1] >= 0 for a, b in pairwise(points))
        if not good:
            raise InputError(
                "a calibration must be two or more pairs of a margin and a retention, margins ascending, and "
                f"retentions falling within 0..1, not {self.curve}"
            )
        object.__setattr__(self, "curve", tuple(points))

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Calibration | None:
        """The calibration that stands in a card of weights, under ``calibration``; None where there is none.

        InputError where it is damaged.
        """
        content = card.get("calibration")
        if content is None:
            return None
        try:
            return cls(
                tuple(map(tuple, content["curve"])),
                one_line(str(content["material"])),
                str(card.get("detector_digest", "")),
                dict(content["conditions"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"the calibration in the card of the weights is damaged ({error!r})") from error

    def shifted(self, steps: int) -> Calibration:
        """The same for thresholds that lie so many QP steps lower."""
        return replace(self, curve=tuple((margin + steps, retention) for margin, retention in self.curve))

    def margin(self, retention: float) -> float:
        """The margin, not rounded, that keeps a share of the objects; InputError outside what was counted."""
        margins, kept = np.array(self.curve).T
        if not kept[-1] <= retention <= kept[0]:  # also catches NaN
            raise InputError(
                f"a retention of {retention:g} is outside what was counted ({kept[-1]:.3f} to {kept[0]:.3f} on "
                f"{self.material}): --margin sets margins beyond, and --verify keeps every object that can be kept"
            )
        return float(np.interp(retention, kept[::-1], margins[::-1]))

    def unmet(self, options: Mapping[str, Any]) -> list[str]:
        """The names of the conditions that options, by name, differ from."""
        # Nothing was counted for a panel of detectors.
        conditions = {"satisfy": None} | dict(self.conditions)
        return [name for name, value in conditions.items() if options.get(name, value) != value]

    def retention(self, margin: float) -> float | None:
        """The share that a margin is expected to keep; None outside what was counted."""
        margins, kept = np.array(self.curve).T
        return float(np.interp(margin, margins, kept)) if margins[0] <= margin <= margins[-1] else None


def calibration_of(predictor: ThresholdPredictor) -> Calibration | None:
    """A predictor's ``calibration``, or None where it has none."""
    found: Calibration | None = getattr(predictor, "calibration", None)
    return found


def own_margin(predictor: ThresholdPredictor, *, stills: bool = True) -> int:
    """QP steps that a predictor wants added to its thresholds when they become a map.

    Its ``margin``, if it states one; else, for still pictures, the one that its calibration expects to keep
    ``EXPECTED_RETENTION``; else 0. Of sequences of frames nothing is calibrated: a predictor may state a
    ``sequence_margin``.
    """
    for name in ("margin",) if stills else ("sequence_margin", "margin"):
        if hasattr(predictor, name):
            return int(getattr(predictor, name))
    return margin_for(predictor, EXPECTED_RETENTION) if stills and calibration_of(predictor) else 0


def margin_for(predictor: ThresholdPredictor, retention: float) -> int:
    """The whole margin whose expected retention is nearest to a wanted one, in 0..1, for still pictures.

    Raises:
        InputError: The predictor is not calibrated, or the retention is outside what was counted.
    """
    calibration = calibration_of(predictor)
    if calibration is None:
        raise InputError(
            f"predictor {predictor.name} is not calibrated: which margin keeps {retention:g} of the objects is not "
            "known; give --margin, or calibrate it (benchmarks/calibrate_margin.py)"
        )
    return round(calibration.margin(retention))


def expected_retention(predictor: ThresholdPredictor, margin: int) -> float | None:
    """The share of objects in still pictures that a margin is expected to keep; None where that was not counted."""
    calibration = calibration_of(predictor)
    return None if calibration is None else calibration.retention(margin)
