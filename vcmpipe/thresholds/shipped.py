"""Predictors that come along, each trained for one detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

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
