"""Finds threshold predictors by name: the built-in ones, and those that other packages install as entry points."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol, cast

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import ThresholdPredictor

if TYPE_CHECKING:
    from vcmpipe.detection import Detector
    from vcmpipe.jnd.models.picture_jnd import JndPredictor

ENTRY_POINT_GROUP = "vcmpipe.thresholds"

# Named, not imported: `measured` stands above this package, and other predictors load torch.
_BUILT_IN: dict[str, str] = {
    "bc_jrd": "vcmpipe.thresholds.bc_jrd:bc_jrd_predictor",
    "constant": "vcmpipe.thresholds.constant:constant_predictor",
    "detector_aware": "vcmpipe.thresholds.detector_aware:detector_aware",
    "dt_jrd": "vcmpipe.thresholds.dt_jrd:dt_jrd_predictor",
    "laser": "vcmpipe.jnd.models.picture_jnd:laser_predictor",
    "measured": "vcmpipe.measurement.measured:MeasuredPredictor",
    "mtjnd": "vcmpipe.jnd.models.picture_jnd:mtjnd_predictor",
}
_OF_PICTURES = ("laser", "mtjnd")


class PredictorFactory(Protocol):
    """What a name stands for, in this registry or behind an entry point of the group ``vcmpipe.thresholds``."""

    def __call__(self, argument: str, *, detector: Detector | None = None) -> ThresholdPredictor:
        """Makes the predictor.

        Args:
            argument: What the user wrote after ``NAME:``; empty where nothing stands there.
            detector: The detector whose losses are predicted, where the caller has one.
        """
        ...


def known_predictors() -> dict[str, EntryPoint]:
    """Every predictor that can be named; of equal names the built-in one is taken."""
    found = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    found.update({name: EntryPoint(name, value, ENTRY_POINT_GROUP) for name, value in _BUILT_IN.items()})
    return dict(sorted(found.items()))


def predicts_pictures(spec: str) -> bool:
    """Whether a name stands for a predictor of whole pictures (``jnd.picture_jnd``), which needs no detector."""
    return spec.partition(":")[0] in _OF_PICTURES


def picture_predictor(spec: str, device: str = "auto") -> JndPredictor:
    """Makes a predictor of whole pictures, for what it says of a picture rather than of its objects.

    Args:
        spec: ``laser:VARIANT:WEIGHTS`` or ``mtjnd:VARIANT:WEIGHTS``.
        device: Where its network runs: auto, cpu, cuda, cuda:N.

    Raises:
        InputError: The name is of no such predictor, or its argument is wrong.
    """
    if not predicts_pictures(spec):
        raise InputError(f"{spec!r} does not look at whole pictures: name {' or '.join(_OF_PICTURES)}:VARIANT:WEIGHTS")
    name, _, argument = spec.partition(":")
    made: JndPredictor = known_predictors()[name].load()(argument, device=device)
    return made


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
    known = known_predictors()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"unknown predictor {spec!r}; known are {', '.join(known)}{hint}")
    try:
        factory = cast(PredictorFactory, known[name].load())
    except (ImportError, AttributeError) as error:
        raise InputError(f"predictor {name!r} ({known[name].value}) cannot be loaded: {error}") from error
    return factory(argument, detector=detector)
