"""Which predictor ``--predictor auto`` takes: a shipped one trained for this very detector, else a constant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.thresholds.base import ThresholdPredictor
from vcmpipe.thresholds.registry import load_predictor

if TYPE_CHECKING:
    from vcmpipe.detection import Detector

WEIGHTS = Path(__file__).parent / "weights"


def shipped_for(detector: Detector, folder: Path = WEIGHTS) -> str | None:
    """The name to load the shipped predictor of a detector by, or None.

    Every shipped predictor has a card, ``NAME.json``, that states the digest of the detector whose losses it learned
    (``detector_digest``) and the name that the registry knows it by (``predictor``).
    """
    for card in sorted(folder.glob("*.json")):
        content = json.loads(card.read_text())
        if content["detector_digest"] == detector.digest:
            return str(content["predictor"])
    return None


def choose_predictor(spec: str, detector: Detector, warn: Callable[[str], None]) -> ThresholdPredictor:
    """The predictor of a name; ``auto`` stands for the shipped one that fits, else ``constant`` with a warning."""
    if spec != "auto":
        return load_predictor(spec, detector=detector)
    shipped = shipped_for(detector)
    if shipped is None:
        shipped = "constant"
        warn(
            f"no predictor for detector {detector.name} is shipped: every object gets QP 32 (--predictor constant:QP "
            "for another, --predictor measured to measure each object's own)"
        )
    return load_predictor(shipped, detector=detector)
