"""Finds threshold predictors by name: the built-in ones, and those that other packages install as entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from vcmpipe.errors import InputError
from vcmpipe.plugins import PREDICTORS
from vcmpipe.process.progress import Warn
from vcmpipe.thresholds.base import ThresholdPredictor
from vcmpipe.thresholds.constant import DEFAULT_QP
from vcmpipe.thresholds.shipped import shipped_for

if TYPE_CHECKING:
    from vcmpipe.detection import Detector


class PredictorFactory(Protocol):
    """What a name stands for, in this registry or behind an entry point of the group ``vcmpipe.thresholds``."""

    def __call__(self, argument: str, *, detector: Detector | None = None) -> ThresholdPredictor:
        """Makes the predictor.

        Args:
            argument: What the user wrote after ``NAME:``; empty where nothing stands there.
            detector: The detector whose losses are predicted, where the caller has one.
        """
        ...


def load_predictor(
    spec: str = "auto", detector: Detector | None = None, *, warn: Warn = lambda message: None
) -> ThresholdPredictor:
    """Makes the predictor that a name stands for.

    Args:
        spec: ``auto`` for the shipped one that was trained for this very detector, else ``constant``; or ``NAME`` or
            ``NAME:ARGUMENT``, for example ``constant:30``, ``measured``, ``measured:22:52:2``; names come from this
            package and from entry points of the group ``vcmpipe.thresholds``.
        detector: Handed to predictors that are made for, or run, a detector.
        warn: Called where ``auto`` finds none that fits.

    Raises:
        InputError: The name is unknown, its argument wrong, ``auto`` has no detector, or a plugin cannot be loaded.
    """
    if spec == "auto":
        if detector is None:
            raise InputError("the predictor auto depends on the detector: hand it one, or name a predictor")
        shipped = shipped_for(detector)
        if shipped is None:
            warn(
                f"no predictor for detector {detector.name} is shipped: every object gets QP {DEFAULT_QP} (--predictor "
                "constant:QP for another, --predictor measured to measure each object's own)"
            )
        spec = shipped or "constant"
    name, _, argument = spec.partition(":")
    factory = cast(PredictorFactory, PREDICTORS.load(name))
    return factory(argument, detector=detector)
