"""Predictors that were trained on another detector, made to answer for this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.errors import InputError
from vcmpipe.plugins import PREDICTORS
from vcmpipe.thresholds.aware_model import Regression
from vcmpipe.thresholds.base import ThresholdPredictor
from vcmpipe.thresholds.detector_aware import NAME, AwareWeights, DetectorAware
from vcmpipe.thresholds.registry import WEIGHTS, shipped_for

if TYPE_CHECKING:
    from vcmpipe.detection import Detector

DEFAULT_BASE = f"{NAME}:yolox_nano"
"""The shipped weights that most was learned from."""


def base_spec(spec: str, detector: Detector) -> str:
    """What a base's name stands for: ``auto`` for the shipped weights, files of weights with their whole path."""
    if spec == "auto":
        return shipped_for(detector) or DEFAULT_BASE
    name, _, argument = spec.partition(":")
    if name == NAME and not argument:
        return DEFAULT_BASE
    shipped = name == NAME and (WEIGHTS / f"{argument}.json").is_file()
    if argument and not shipped and Path(argument).is_file():
        return f"{name}:{Path(argument).resolve()}"
    return spec


def load_base(spec: str, detector: Detector) -> ThresholdPredictor:
    """A predictor for a detector that it need not have been trained on; ``spec`` as ``base_spec`` gives it.

    Features of ``detector_aware`` are of the detection and of the pixels, and its probe is one more look by this very
    detector, so that they carry over; what it learned of a class does where the two call a class the same.

    Raises:
        InputError: There is no such predictor, or its weights are missing or damaged.
    """
    name, _, argument = spec.partition(":")
    if name == "calibrated" or spec.lower().endswith(".json"):
        raise InputError(f"the base {spec} is calibrated itself: name what it was made from, such as {DEFAULT_BASE}")
    if name != NAME:
        predictor: ThresholdPredictor = PREDICTORS.load(name)(argument, detector=detector)
        return predictor
    shipped = WEIGHTS / f"{argument}.safetensors"
    weights = AwareWeights.load(shipped if shipped.is_file() else Path(argument))
    return DetectorAware(adopted(weights, detector), detector, spec)


def digest_of(base: ThresholdPredictor) -> str:
    """What the answers of a base depend on, in one text."""
    return str(getattr(base, "digest", base.name))


def adopted(weights: AwareWeights, detector: Detector) -> AwareWeights:
    """Weights of ``detector_aware`` as if they were this detector's: its classes, and nothing promised."""
    if weights.card.get("detector_digest") == detector.digest:
        return weights
    names = weights.card.get("class_names")
    known = {int(number): str(name) for number, name in names.items()} if isinstance(names, Mapping) else {}
    card: dict[str, Any] = {key: value for key, value in weights.card.items() if key != "calibration"}
    card |= {"detector": detector.name, "detector_digest": detector.digest}
    looked = None if weights.looked is None else _renumbered(weights.looked, known, detector.classes)
    panel = {share: _renumbered(model, known, detector.classes) for share, model in weights.panel.items()}
    plain = _renumbered(weights.plain, known, detector.classes)
    return replace(weights, plain=plain, looked=looked, panel=panel, card=card)


def _renumbered(model: Regression, known: Mapping[int, str], classes: Mapping[int, str]) -> Regression:
    """A model whose offsets of classes stand under the numbers that another detector has for the same names."""
    offsets = {
        _plain(known[number]): offset
        for number, offset in zip(model.classes.tolist(), model.class_offset.tolist(), strict=True)
        if number in known
    }
    shared = {number: offsets[_plain(name)] for number, name in classes.items() if _plain(name) in offsets}
    return replace(model, classes=np.array([*shared], np.int64), class_offset=np.array([*shared.values()], np.float64))


def _plain(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())
