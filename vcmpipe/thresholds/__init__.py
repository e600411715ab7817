"""How much distortion each object bears: the thresholds, their decision, and the predictors by name."""

from vcmpipe.thresholds.base import (
    DECISIONS,
    QP_COUNT,
    Coder,
    Decision,
    ThresholdPredictor,
    Thresholds,
    needed,
)
from vcmpipe.thresholds.calibration import (
    EXPECTED_RETENTION,
    Calibration,
    calibration_of,
    expected_retention,
    margin_for,
    own_margin,
)
from vcmpipe.thresholds.constant import ConstantPredictor
from vcmpipe.thresholds.registry import load_predictor

__all__ = [
    "DECISIONS",
    "EXPECTED_RETENTION",
    "QP_COUNT",
    "Calibration",
    "Coder",
    "ConstantPredictor",
    "Decision",
    "ThresholdPredictor",
    "Thresholds",
    "calibration_of",
    "expected_retention",
    "load_predictor",
    "margin_for",
    "needed",
    "own_margin",
]
