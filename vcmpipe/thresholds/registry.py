"""Finds threshold predictors by name: the built-in ones, and those that other packages install as entry points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from vcmpipe.plugins import PREDICTORS
from vcmpipe.thresholds.base import ThresholdPredictor

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


def load_predictor(spec: str, *, detector: Detector | None = None) -> ThresholdPredictor:
    """Makes the predictor that a name stands for.

    Args:
        spec: ``NAME`` or ``NAME:ARGUMENT``, for example ``constant``, ``constant:30``, ``measured``,
            ``measured:22:52:2``; names come from this package and from entry points of the group
            ``vcmpipe.thresholds``.
        detector: Handed to predictors that are made for, or run, a detector.

    Raises:
        InputError: The name is unknown, its argument wrong, or a plugin cannot be loaded.
    """
    name, _, argument = spec.partition(":")
    factory = cast(PredictorFactory, PREDICTORS.load(name))
    return factory(argument, detector=detector)
