"""Finds threshold predictors by name: the built-in ones, and those that other packages install as entry points."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.detection.recorded import RecordedDetector
from vcmpipe.errors import InputError
from vcmpipe.plugins import PREDICTORS
from vcmpipe.process.progress import Warn
from vcmpipe.thresholds.base import ThresholdPredictor
from vcmpipe.thresholds.calibration import EXPECTED_RETENTION
from vcmpipe.thresholds.constant import DEFAULT_QP

if TYPE_CHECKING:
    from vcmpipe.detection import Detector


WEIGHTS = Path(__file__).parent / "weights"


def shipped_for(detector: Detector, folder: Path = WEIGHTS) -> str | None:
    """The name of the shipped predictor that was trained for a detector, or None.

    The card of each, ``NAME.json``, states the digest of the detector whose losses it learned (``detector_digest``) and
    the name that the registry knows it by (``predictor``).
    """
    for card in sorted(folder.glob("*.json")):
        content = json.loads(card.read_text(encoding="utf-8"))
        if content["detector_digest"] == detector.digest:
            return str(content["predictor"])
    return None


def load_predictor(
    spec: str = "auto",
    detector: Detector | None = None,
    *,
    satisfy: float | None = None,
    warn: Warn = lambda message: None,
) -> ThresholdPredictor:
    """Makes the predictor that a name stands for.

    Args:
        spec: ``auto`` for the shipped one that was trained for this very detector, else ``constant``; or ``NAME`` or
            ``NAME:ARGUMENT``, for example ``constant:30``, ``measured``, ``measured:22:52:2``; names come from this
            package and from entry points of the group ``vcmpipe.thresholds``. ``CARD.json`` alone is what ``vcmpipe
            calibrate`` wrote, ``calibrated:CARD.json``.
        detector: Handed to predictors that are made for, or run, a detector, unless it is a file of detections.
        satisfy: The share of a panel of machines that thresholds are to satisfy, above 0 and at most 1; None: the
            detector's own thresholds.
        warn: Called where ``auto`` finds none that fits.

    Raises:
        InputError: The name is unknown, its argument wrong, ``auto`` has no detector, or a plugin cannot be loaded.
    """
    if spec == "auto":
        if detector is None:
            raise InputError("the predictor auto depends on the detector: hand it one, or name a predictor")
        shipped = shipped_for(detector)
        if shipped is None and isinstance(detector, RecordedDetector):
            warn(
                f"the thresholds of detections in a file are not known: each gets QP {DEFAULT_QP}, which kept "
                f"{EXPECTED_RETENTION:g} of YOLOX-Nano's in photos (--predictor constant:QP takes another QP, "
                "detector_aware:WEIGHTS and dt_jrd:WEIGHTS look at each object)"
            )
        elif shipped is None:
            warn(
                f"no predictor is shipped for the detector {detector.name}, so the objects' thresholds are not "
                f"known: each gets QP {DEFAULT_QP}, which kept {EXPECTED_RETENTION:g} of YOLOX-Nano's in photos "
                "(vcmpipe calibrate makes a predictor for it from 30 pictures of yours, --predictor measured "
                "measures each object's own, --predictor constant:QP takes another QP)"
            )
        spec = shipped or "constant"
    name, _, argument = spec.partition(":")
    if spec.lower().endswith(".json") and name not in PREDICTORS.known():
        name, argument = "calibrated", spec
    # Nobody can look again with what a file says.
    running = None if isinstance(detector, RecordedDetector) else detector
    predictor: ThresholdPredictor = PREDICTORS.load(name)(argument, detector=running)
    if satisfy is None:
        return predictor
    of_share: Callable[[float], ThresholdPredictor] | None = getattr(predictor, "satisfying", None)
    if of_share is None:
        raise InputError(
            f"--satisfy {satisfy:g}: predictor {predictor.name} has no panel of detectors; detector_aware does, "
            "where its weights learned from several"
        )
    return of_share(satisfy)
