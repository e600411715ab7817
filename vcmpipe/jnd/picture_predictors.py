"""Which predictors know the just-noticeable differences of whole pictures; nothing of them is imported before that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcmpipe.errors import InputError
from vcmpipe.plugins import PREDICTORS

if TYPE_CHECKING:
    from vcmpipe.jnd.models.picture_jnd import JndPredictor

_OF_PICTURES = ("laser", "mtjnd")


def predicts_pictures(spec: str) -> bool:
    """Whether a name stands for a predictor of whole pictures (``jnd.picture_jnd``), which needs no detector."""
    return spec.partition(":")[0] in _OF_PICTURES


def picture_predictor(spec: str, device: str = "auto") -> JndPredictor:
    """Make the predictor of whole pictures that ``laser:VARIANT:WEIGHTS`` or ``mtjnd:VARIANT:WEIGHTS`` names.

    Raises:
        InputError: The name is of no such predictor, or its argument is wrong.
    """
    if not predicts_pictures(spec):
        raise InputError(
            f"{spec!r} is not a predictor of whole pictures: name {' or '.join(_OF_PICTURES)}:VARIANT:WEIGHTS"
        )
    name, _, argument = spec.partition(":")
    made: JndPredictor = PREDICTORS.load(name)(argument, device=device)
    return made
