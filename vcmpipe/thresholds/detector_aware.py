"""The predictor that knows what the detector saw: confidence, the scale it saw at, crowding, detail, and a probe."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds import features, probe
from vcmpipe.thresholds.aware_model import Regression
from vcmpipe.thresholds.base import Coder, Thresholds
from vcmpipe.thresholds.calibration import Calibration
from vcmpipe.thresholds.registry import WEIGHTS

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

NAME = "detector_aware"
PLAIN_FEATURES = features.NAMES
PROBED_FEATURES = (*features.NAMES, *probe.NAMES)
_VERSION = 1
UNCALIBRATED_MARGIN = -9
"""Of weights whose card has no calibration: what those for YOLOX-Nano need in photos, at a scale of 0.75."""


@dataclass(frozen=True, eq=False)
class AwareWeights:
    """What ``detector_aware`` has learned.

    Attributes:
        plain: From features of the source picture and the detections.
        probed: With a probe besides; None where it was trained without a detector.
        canvas: How large the detector sees pictures.
        card: What else is known: detector, data, metrics, versions.
    """

    plain: Regression
    probed: Regression | None
    canvas: features.Canvas
    card: dict[str, Any]

    def save(self, path: Path) -> None:
        """Write ``path`` (.safetensors) and its card beside it (.json)."""
        from safetensors.numpy import save

        from vcmpipe import process

        tensors = self.plain.tensors("plain") | (self.probed.tensors("probed") if self.probed else {})
        blob = save(tensors)
        card = {"kind": NAME, "version": _VERSION, "sha256": hashlib.sha256(blob).hexdigest()} | self.card
        card |= {"canvas": [self.canvas.width, self.canvas.height], "keeps_aspect": self.canvas.keeps_aspect}
        card |= {"features": list(PLAIN_FEATURES)}
        if self.probed:
            card["probe"] = {"quality": probe.QUALITY, "from_objects": probe.FROM_OBJECTS, "features": [*probe.NAMES]}
        with process.publish_together(path.with_suffix(".json"), path) as (card_part, part):
            part.write_bytes(blob)
            card_part.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> AwareWeights:
        """Read weights (.safetensors) and their card beside them (.json); either may be named.

        InputError where one is missing or damaged, the two do not belong together, or they are of another predictor or
        other features.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        path = path.with_suffix(".safetensors")
        try:
            blob = path.read_bytes()
            card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"cannot read the weights {path} and the card {path.stem}.json beside them: {error}"
            ) from error
        if not isinstance(card, dict) or card.get("kind") != NAME or card.get("version") != _VERSION:
            raise InputError(f"{path.with_suffix('.json')} is no card of {NAME} of version {_VERSION}")
        if card.get("sha256") != hashlib.sha256(blob).hexdigest():
            raise InputError(f"{path} and its card do not belong together: the weights' SHA-256 differs")
        if card.get("features") != list(PLAIN_FEATURES):
            raise InputError(f"{path} was trained on other features than this version computes: train it again")
        try:
            canvas = features.Canvas(int(card["canvas"][0]), int(card["canvas"][1]), bool(card["keeps_aspect"]))
            tensors = load(blob)
        except (KeyError, IndexError, TypeError, ValueError, SafetensorError) as error:
            raise InputError(f"{path} or its card is damaged ({error})") from error
        probed = None
        if "probe" in card:
            probed = Regression.from_tensors(tensors, "probed", len(PROBED_FEATURES), str(path))
        plain = Regression.from_tensors(tensors, "plain", len(PLAIN_FEATURES), str(path))
        return cls(plain, probed, canvas, card)


class DetectorAware:
    """Predicts thresholds from what the detector saw; see ``features`` and ``probe``.

    A picture with at least ``probe.FROM_OBJECTS`` objects is looked at once more, as a coarse JPEG, where the detector
    is at hand and the weights know of the probe; the others are judged by their features alone.

    Args:
        weights: What was learned.
        detector: The detector whose losses are predicted; without it nothing is probed.
        name: What the registry knows the predictor by.

    Attributes:
        calibration: What the card says of margins.
        margin: Only where it says nothing.

    Raises:
        InputError: The weights were learned from another detector, or their calibration is damaged.
    """

    sequence_margin = 0

    def __init__(self, weights: AwareWeights, detector: Detector | None = None, name: str = NAME) -> None:
        if detector is not None and weights.card.get("detector_digest") != detector.digest:
            raise InputError(
                f"predictor {name} was trained for {weights.card.get('detector')}, not for {detector.name}: "
                "train one for it, or take another predictor"
            )
        self._weights, self._detector, self.name, self.card = weights, detector, name, weights.card
        self.calibration = Calibration.from_card(self.card)
        if self.calibration is None:
            self.margin = UNCALIBRATED_MARGIN
        probes = detector is not None and weights.probed is not None
        self.digest = f"{NAME}:{self.card.get('sha256')}:{'probed' if probes else 'plain'}"

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """Thresholds of a picture's detections; the coder is not used.

        What of a box lies outside the picture is ignored; an empty box counts as one pixel.

        Raises:
            InputError: The detections have no confidences, or one of them is not finite.
        """
        count = len(detections)
        if count == 0:
            return Thresholds.empty()
        size = self._weights.canvas.size(frame.width, frame.height)
        if self._detector is not None:
            size = self._detector.input_size(frame.width, frame.height)
        rows = features.describe(frame, detections, size)
        ids = class_ids(detections)
        model = self._weights.plain
        if self._detector is not None and self._weights.probed is not None and count >= probe.FROM_OBJECTS:
            model = self._weights.probed
            rows = np.hstack([rows, probe.probe(self._detector, frame, detections)])
        return Thresholds(model.mass(rows, ids), np.ones(count, dtype=np.bool_))


def is_aware(weights: Path) -> bool:
    """Whether the card beside a file of weights says that they are of this predictor."""
    try:
        return bool(json.loads(weights.with_suffix(".json").read_text(encoding="utf-8"))["kind"] == NAME)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def class_ids(detections: sv.Detections) -> NDArray[np.int64]:
    """(N,) classes; -1, a class of its own, where there are none."""
    if detections.class_id is None:
        return np.full(len(detections), -1, dtype=np.int64)
    return np.asarray(detections.class_id, dtype=np.int64)


def detector_aware(argument: str, *, detector: Detector | None = None) -> DetectorAware:
    """Make the predictor of ``detector_aware:ARGUMENT``, a file of weights or the name of shipped ones.

    Without an argument it is the one shipped for the detector. InputError where there are no such weights; see also
    ``AwareWeights.load``.
    """
    shipped = {card.stem: card for card in sorted(WEIGHTS.glob("*.json"))}
    if argument:
        path = shipped.get(argument, Path(argument))
        name = f"{NAME}:{argument}"
        if not path.with_suffix(".safetensors").is_file():
            known = ", ".join(shipped) or "none"
            raise InputError(
                f"predictor {name}: there is no such file, nor are such weights shipped (shipped: {known})"
            )
        return DetectorAware(AwareWeights.load(path), detector, name)
    if detector is None:
        raise InputError(f"predictor {NAME}: say which weights, {NAME}:PATH, where there is no detector to choose by")
    for stem, card in shipped.items():
        if json.loads(card.read_text(encoding="utf-8")).get("detector_digest") == detector.digest:
            return DetectorAware(AwareWeights.load(card), detector, f"{NAME}:{stem}")
    raise InputError(
        f"predictor {NAME}: no weights are shipped for the detector {detector.name}; make a data set with vcmpipe "
        f"dataset build, train on it, and give the file: {NAME}:PATH"
    )
