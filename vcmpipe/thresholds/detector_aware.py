"""The predictor that knows what the detector saw: confidence, the scale it saw at, crowding, detail, and more looks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_CARD, LARGEST_WEIGHTS, read_file, read_json
from vcmpipe.thresholds import features
from vcmpipe.thresholds.aware_model import Regression, split_normal
from vcmpipe.thresholds.base import Coder, Thresholds
from vcmpipe.thresholds.calibration import Calibration
from vcmpipe.thresholds.looks import FEATURES as LOOK_FEATURES
from vcmpipe.thresholds.looks import LOOKS, PROBE, PROBE_FROM, Look, look_again
from vcmpipe.thresholds.loss_curves import LossCurves, LossForecast
from vcmpipe.thresholds.registry import WEIGHTS

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

NAME = "detector_aware"
_VERSION = 2
_READ = (1, 2)
_MOST_LOOKS = 32  # each of them costs a detection in every picture
UNCALIBRATED_MARGIN = -9
"""Of weights whose card has no calibration: what those for YOLOX-Nano need in photos, at a scale of 0.75."""


@dataclass(frozen=True, eq=False)
class AwareWeights:
    """What ``detector_aware`` has learned.

    Attributes:
        plain: Thresholds from features of the source picture and the detections.
        looked: With more looks besides; None where it was trained without a detector.
        canvas: How large the detector sees pictures.
        card: What else is known: detector, data, metrics, versions.
        looks: Degraded copies that the detector looks at for thresholds.
        looks_from: Objects in a picture from which on it does.
        losses: Expected losses over scale and QP; None where they were not learned.
        panel: By share of a panel of machines the thresholds that satisfy it; shares ascend.
        loss_looks: Degraded copies that it looks at for ``losses`` and ``panel``.
    """

    plain: Regression
    looked: Regression | None
    canvas: features.Canvas
    card: dict[str, Any]
    looks: tuple[Look, ...] = PROBE
    looks_from: int = PROBE_FROM
    losses: LossCurves | None = None
    panel: Mapping[float, Regression] = field(default_factory=dict)
    loss_looks: tuple[Look, ...] = LOOKS

    def save(self, path: Path) -> None:
        """Write ``path`` (.safetensors) and its card beside it (.json)."""
        from safetensors.numpy import save

        from vcmpipe import process

        tensors = self.plain.tensors("plain")
        for name, part in (("looked", self.looked), ("losses", self.losses)):
            tensors |= part.tensors(name) if part else {}
        for place, model in enumerate(self.panel.values()):
            tensors |= model.tensors(f"panel{place}")
        blob = save(tensors)
        card = {"kind": NAME, "version": _VERSION, "sha256": hashlib.sha256(blob).hexdigest()} | self.card
        card |= {"canvas": [self.canvas.width, self.canvas.height], "keeps_aspect": self.canvas.keeps_aspect}
        card |= {"features": list(features.NAMES)}
        if self.looked:
            card |= {"looks": [look.written() for look in self.looks], "looks_from": self.looks_from}
        if self.losses or self.panel:
            card["loss_looks"] = [look.written() for look in self.loss_looks]
        card |= {"losses": self.losses is not None, "panel_shares": list(self.panel)}
        with process.publish_together(path.with_suffix(".json"), path) as (card_part, part_of_weights):
            part_of_weights.write_bytes(blob)
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
            blob = read_file(path, LARGEST_WEIGHTS)
            card = read_json(path.with_suffix(".json"), LARGEST_CARD)
        except InputError as error:
            raise InputError(
                f"cannot read the weights {path} and the card {path.stem}.json beside them: {error}"
            ) from error
        if not isinstance(card, dict) or card.get("kind") != NAME or card.get("version") not in _READ:
            raise InputError(
                f"{path.with_suffix('.json')} is not a card of {NAME} of version {_READ[0]} to {_READ[-1]}"
            )
        if card.get("sha256") != hashlib.sha256(blob).hexdigest():
            raise InputError(f"{path} and its card do not belong together: the weights' SHA-256 differs")
        if card.get("features") != list(features.NAMES):
            raise InputError(f"{path} was trained on other features than this version computes: train it again")
        try:
            canvas = features.Canvas(int(card["canvas"][0]), int(card["canvas"][1]), bool(card["keeps_aspect"]))
            looks, looks_from, loss_looks = _looks(card)
            shares = [float(share) for share in card.get("panel_shares", ())]
            if shares != sorted({share for share in shares if 0 < share <= 1}):
                raise ValueError(f"shares of a panel ascend within 0..1, unlike {shares}")
            tensors = load(blob)
        except (KeyError, IndexError, TypeError, ValueError, SafetensorError) as error:
            raise InputError(f"{path} or its card is damaged ({error})") from error
        count, source = len(features.NAMES), str(path)
        with_looks, all_of_it = (count + len(LOOK_FEATURES) * len(each) for each in (looks, loss_looks))
        # Version 1 knew of one look only, and called it a probe.
        name = "looked" if card["version"] > 1 else "probed"
        looked = Regression.from_tensors(tensors, name, with_looks, source) if looks else None
        losses = LossCurves.from_tensors(tensors, "losses", all_of_it, source) if card.get("losses") else None
        plain = Regression.from_tensors(tensors, "plain", count, source)
        panel = {
            share: Regression.from_tensors(tensors, f"panel{place}", all_of_it, source)
            for place, share in enumerate(shares)
        }
        return cls(plain, looked, canvas, card, looks, looks_from, losses, panel, loss_looks)


def _looks(card: dict[str, Any]) -> tuple[tuple[Look, ...], int, tuple[Look, ...]]:
    """The looks that a card names, the objects from which on they are taken, and those for losses and panels."""
    if card["version"] == 1:
        known = card.get("probe")
        return ((Look(quality=int(known["quality"])),), int(known["from_objects"]), ()) if known else ((), 1, ())
    looks, loss_looks = (tuple(Look.read(each) for each in card.get(name, ())) for name in ("looks", "loss_looks"))
    if len(looks) + len(loss_looks) > _MOST_LOOKS:
        raise ValueError(f"more than {_MOST_LOOKS} looks")
    return looks, int(card.get("looks_from", 1)), loss_looks


class DetectorAware:
    """Predicts thresholds, and losses over scale and QP, from what the detector saw; see ``features`` and ``looks``.

    The detector looks at degraded copies of each picture where it is at hand and the weights know of them; else
    features alone decide.

    Args:
        weights: What was learned.
        detector: The detector whose losses are predicted; without it no further look is taken.
        name: What the registry knows the predictor by.
        satisfy: The share of a panel of machines that thresholds are to satisfy; None: this detector alone counts.

    Attributes:
        calibration: What the card says of margins.
        margin: Only where it says nothing.

    Raises:
        InputError: The weights were learned from another detector or know nothing of such a share, or their
            calibration is damaged.
    """

    sequence_margin = 0

    def __init__(
        self,
        weights: AwareWeights,
        detector: Detector | None = None,
        name: str = NAME,
        *,
        satisfy: float | None = None,
    ) -> None:
        if detector is not None and weights.card.get("detector_digest") != detector.digest:
            raise InputError(
                f"predictor {name} was trained for {weights.card.get('detector')}, not for {detector.name}: "
                "train one for it, or take another predictor"
            )
        shares = list(weights.panel)
        if satisfy is not None and (detector is None or not shares or not shares[0] <= satisfy <= shares[-1]):
            known = f"shares from {shares[0]:g} to {shares[-1]:g} of its panel" if shares else "no panel of detectors"
            raise InputError(f"--satisfy {satisfy:g}: predictor {name} knows {known}")
        self._weights, self._detector, self.name, self.card = weights, detector, name, weights.card
        self._satisfy = satisfy
        self.calibration = Calibration.from_card(self.card)
        if self.calibration is None:
            self.margin = UNCALIBRATED_MARGIN
        looks = detector is not None and weights.looked is not None
        # "probed" and not "looked": answers that were cached by version 1 stay valid.
        self.digest = f"{NAME}:{self.card.get('sha256')}:{'probed' if looks else 'plain'}"
        if satisfy is not None:
            self.digest += f":satisfy {satisfy:g}"

    def satisfying(self, share: float) -> DetectorAware:
        """The same for a share of the panel; InputError where the weights do not know it."""
        return DetectorAware(self._weights, self._detector, self.name, satisfy=share)

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """Thresholds of a picture's detections; the coder is not used.

        What of a box lies outside the picture is ignored; an empty box counts as one pixel.

        Raises:
            InputError: The detections have no confidences, or one of them is not finite.
        """
        count = len(detections)
        if count == 0:
            return Thresholds.empty()
        rows, ids = self._describe(frame, detections), class_ids(detections)
        known, recognisable = self._weights, np.ones(count, dtype=np.bool_)
        if self._satisfy is not None:
            rows = np.hstack([rows, self._look(frame, detections, known.loss_looks)])
            return Thresholds(_between(known.panel, self._satisfy, rows, ids), recognisable)
        if self._detector is None or known.looked is None or count < known.looks_from:
            return Thresholds(known.plain.mass(rows, ids), recognisable)
        rows = np.hstack([rows, self._look(frame, detections, known.looks)])
        return Thresholds(known.looked.mass(rows, ids), recognisable)

    def forecast(self, frame: Frame, detections: sv.Detections) -> LossForecast | None:
        """What a picture's detections, weak ones included, should lose by scale and QP; see ``LossForecast``.

        None where the weights do not know it, or the detector is not at hand. Raises as ``predict``.
        """
        curves = self._weights.losses
        if self._detector is None or curves is None or not len(detections):
            return None
        rows = self._describe(frame, detections)
        rows = np.hstack([rows, self._look(frame, detections, self._weights.loss_looks)])
        return lambda scale, known: curves.shares(rows, scale, known)

    def _look(self, frame: Frame, detections: sv.Detections, looks: tuple[Look, ...]) -> NDArray[np.float64]:
        assert self._detector is not None
        return look_again(self._detector, frame, detections, looks)

    def _describe(self, frame: Frame, detections: sv.Detections) -> NDArray[np.float64]:
        size = self._weights.canvas.size(frame.width, frame.height)
        if self._detector is not None:
            size = self._detector.input_size(frame.width, frame.height)
        return features.describe(frame, detections, size)


def _between(
    panel: Mapping[float, Regression], share: float, rows: NDArray[np.float64], ids: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(N, 64) masses for a share, between those of the two shares next to it."""
    shares = np.array(list(panel))
    models = list(panel.values())
    place = float(np.interp(share, shares, np.arange(len(shares))))
    low, part = models[int(place)], place - int(place)
    high = models[min(int(place) + 1, len(models) - 1)]
    location = (1 - part) * low.location(rows, ids) + part * high.location(rows, ids)
    return split_normal(location, (1 - part) * low.spread + part * high.spread)


def is_aware(weights: Path) -> bool:
    """Whether the card beside a file of weights says that they are of this predictor."""
    try:
        return bool(read_json(weights.with_suffix(".json"), LARGEST_CARD)["kind"] == NAME)
    except (InputError, ValueError, KeyError, TypeError):
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
