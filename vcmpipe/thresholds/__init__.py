"""How much distortion each object bears: the thresholds, their decision, and the predictors by name."""

from vcmpipe.thresholds.base import (
    DECISIONS,
    QP_COUNT,
    Coder,
    Decision,
    ThresholdPredictor,
    Thresholds,
    needed,
    own_margin,
)
from vcmpipe.thresholds.constant import ConstantPredictor
from vcmpipe.thresholds.registry import load_predictor

__all__ = [
    "DECISIONS",
    "QP_COUNT",
    "Coder",
    "ConstantPredictor",
    "Decision",
    "ThresholdPredictor",
    "Thresholds",
    "load_predictor",
    "needed",
    "own_margin",
]
