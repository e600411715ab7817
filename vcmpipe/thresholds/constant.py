"""The predictor that gives every object the same threshold: the baseline for all others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT, Coder, Thresholds
from vcmpipe.thresholds.calibration import COUNTED_WITH, YOLOX_NANO, Calibration

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

DEFAULT_QP = 30
"""At which 0.95 of the objects are expected to be kept; see ``CALIBRATION``."""
CALIBRATION = Calibration(
    ((25, 0.9815), (29, 0.9631), (32, 0.9182), (35, 0.8734)),
    "77 photos with 379 objects, yolox_nano",
    YOLOX_NANO,
    COUNTED_WITH,
)
"""Retention by QP, by ``benchmarks/calibrate_margin.py``."""


class ConstantPredictor:
    """Every object bears the same QP, 0..63 (else InputError).

    Attributes:
        calibration: What QPs that differ from it by a margin keep.
    """

    margin = 0  # a QP that was named is the one that is coded at

    def __init__(self, qp: int = DEFAULT_QP) -> None:
        if not 0 <= qp < QP_COUNT:
            raise InputError(f"a constant threshold must be a QP in 0..{QP_COUNT - 1}, not {qp}")
        self.qp, self.name = qp, f"constant:{qp}"
        self.calibration = CALIBRATION.shifted(-qp)

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """A mass of one at the constant for each detection; neither picture nor coder is looked at."""
        return Thresholds.from_qps(np.full(len(detections), self.qp))


def constant_predictor(argument: str, *, detector: Detector | None = None) -> ConstantPredictor:
    """Makes the predictor of ``constant:QP``, a whole number in 0..63 (else InputError), or of ``constant``."""
    try:
        return ConstantPredictor(int(argument or DEFAULT_QP))
    except ValueError:
        raise InputError(f"predictor constant:{argument}: write constant:QP with a QP in 0..{QP_COUNT - 1}") from None
