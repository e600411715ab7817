"""The just-noticeable differences of whole pictures: ``laser:VARIANT:WEIGHTS`` and ``mtjnd:VARIANT:WEIGHTS``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vcmpipe.datasets.scales import RANGES
from vcmpipe.detection.postprocess import file_digest
from vcmpipe.detection.ultralytics import pick_torch_device
from vcmpipe.errors import InputError
from vcmpipe.jnd.models import laser, mtjnd, scale
from vcmpipe.jnd.models.blocks import ordered
from vcmpipe.jnd.models.keras_weights import fits, is_keras, load_weights
from vcmpipe.thresholds.base import QP_COUNT, Coder, Thresholds
from vcmpipe.thresholds.weights import card_path, read_card

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

# What the published weights count, which come without a card: VideoSet's H.264 QPs.
_PUBLISHED = {"scale": "h264-qp", "range": [1, 51]}


@dataclass(frozen=True)
class PictureJnd:
    """The just-noticeable differences of a picture.

    Attributes:
        scale: What the labels count that were learned from: ``h264-qp``, ``jpeg-qf`` or ``vvc-qp``.
        numbers: Which JND each of the others is: 1 for the first difference that is noticed.
        levels: On that scale, within its range; from the finest to the coarsest.
        vvc_qp: The same as VVC QPs, 0..63; they never fall.
    """

    scale: str
    numbers: tuple[int, ...]
    levels: tuple[float, ...]
    vvc_qp: tuple[float, ...]

    @property
    def threshold(self) -> int:
        """The highest whole QP at which nobody should notice: the first level, rounded down."""
        return min(max(math.floor(self.vvc_qp[0]), 0), QP_COUNT - 1)


class JndPredictor:
    """Thresholds by LASeR-JND or MTJND: every object of a picture gets the picture's own.

    Args:
        model: ``laser`` or ``mtjnd``, the module.
        variant: One of its variants.
        weights: ``.safetensors`` with its card, or ``.h5`` as published. Without a card those count as trained on
            H.264 QPs 1 to 51; a card beside them may state another scale.
        device: Where the network runs: auto (a GPU where there is one), cpu, cuda, cuda:N.

    Raises:
        InputError: There is no such variant, the file is missing or damaged, or it is of another model or variant.
    """

    def __init__(self, model: ModuleType, variant: str, weights: Path, device: str = "auto") -> None:
        count = model.levels(variant)
        card = _checked_card(model.MODEL, variant, count, weights)
        self.variant = variant
        self.scale: str = card["scale"]
        self.range = (float(card["range"][0]), float(card["range"][1]))
        self.numbers = tuple(range(1, count + 1)) if count > 1 else (int(card.get("level", 1)),)
        self.device = pick_torch_device(device)
        self._model = model
        self._weights = weights
        self._network = _loaded(model, variant, weights).eval().to(self.device)
        self.name = f"{model.MODEL}:{variant}:{weights.name}"
        # All that the answers depend on besides the picture.
        line = scale.H264_TO_VVC, scale.JPEG_TO_VVC
        self.digest = f"{model.MODEL} {variant} {file_digest(weights)} {self.scale} {self.range} {self.numbers} {line}"

    def picture(self, frame: Frame) -> PictureJnd:
        """The just-noticeable differences of a picture of any size."""
        batch = self._model.prepare(frame.rgb)[None].to(self.device)
        with torch.inference_mode():
            answer = ordered(self._network(batch), falling=self.scale == "jpeg-qf")
        values = answer[0].double().cpu().numpy()
        if not np.isfinite(values).all():
            raise InputError(f"{self._weights} answers with no number for {frame.source}: its training failed")
        values = np.clip(values, *self.range)
        qps = scale.to_vvc_qp(values, self.scale)
        return PictureJnd(self.scale, self.numbers, tuple(values.tolist()), tuple(qps.tolist()))

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """A mass of one at the picture's threshold for each detection; the coder is not used."""
        if len(detections) == 0:
            return Thresholds.empty()
        return Thresholds.from_qps(np.full(len(detections), self.picture(frame).threshold))


def _checked_card(model: str, variant: str, levels: int, weights: Path) -> dict[str, Any]:
    """The card of a weight file, or what is known of published ones."""
    card = read_card(weights, model)
    if card is None:
        if not is_keras(weights) and weights.is_file():
            raise InputError(
                f"{card_path(weights)} does not exist: the card of {weights} has to say on which scale it answers"
            )
        return dict(_PUBLISHED)
    path = card_path(weights)
    if card.get("stage") not in (None, "head"):
        raise InputError(
            f"{weights} is an autoencoder (stage {card['stage']}), which answers with no JND: train a head"
        )
    if card.get("variant", variant) != variant:
        right = f"{model}:{card['variant']}"
        raise InputError(f"{weights} holds weights of {right}, not of {model}:{variant}: name it as {right}:{weights}")
    if card.get("scale") not in list(RANGES):
        raise InputError(f"{path}: the scale {card.get('scale')!r} is not one of {', '.join(RANGES)}")
    low, high = RANGES[card["scale"]]
    given = card.setdefault("range", [low, high])
    numbers = isinstance(given, list) and len(given) == 2 and all(isinstance(n, int | float) for n in given)
    if not numbers or not low <= given[0] <= given[1] <= high:
        raise InputError(f"{path}: the range {given} is not within {low}..{high}, the scale {card['scale']}")
    if card.get("level", 1) not in (1, 2, 3) or card.get("levels", levels) != levels:
        raise InputError(f"{path}: level {card.get('level')}, levels {card.get('levels')}; {variant} has {levels}")
    return card


def _loaded(model: ModuleType, variant: str, weights: Path) -> torch.nn.Module:
    """The network with its weights, on the CPU."""
    network = _empty(model, variant, weights).to_empty(device="cpu")
    try:
        load_weights(network, weights)
    except InputError as error:
        of_keras = is_keras(weights)
        fitting = [each for each in model.VARIANTS if of_keras and fits(_empty(model, each, weights), weights)]
        if not fitting or variant in fitting:
            raise
        right = f"{model.MODEL}:{fitting[0]}"
        raise InputError(f"{error}; its layers are those of {right}: name it as {right}:{weights}") from error
    return network


def _empty(model: ModuleType, variant: str, weights: Path) -> torch.nn.Module:
    """The network without weights, which are loaded at once: on the meta device it takes no time and no memory."""
    with torch.device("meta"):
        network: torch.nn.Module = model.build(variant)
    if isinstance(network, mtjnd.Mtjnd) and is_keras(weights):
        network.attention = None  # the published files have none, and no prediction needs it
    return network


def _predictor(
    model: ModuleType, argument: str, *, detector: Detector | None = None, device: str = "auto"
) -> JndPredictor:
    """Make the predictor of ``laser:VARIANT:WEIGHTS`` or ``mtjnd:VARIANT:WEIGHTS``; it needs no detector.

    Raises:
        InputError: Variant or weights are not named, or cannot be used.
    """
    variant, _, weights = argument.partition(":")
    if not variant:
        raise InputError(
            f"the predictor {model.MODEL} needs a variant ({', '.join(model.VARIANTS)}) and weights: write "
            f"{model.MODEL}:VARIANT:FILE (.safetensors or .h5)"
        )
    model.levels(variant)
    if not weights:
        raise InputError(
            f"the predictor {model.MODEL}:{variant} needs weights: write {model.MODEL}:{variant}:FILE (.safetensors or "
            ".h5)"
        )
    return JndPredictor(model, variant, Path(weights), device)


laser_predictor = partial(_predictor, laser)
mtjnd_predictor = partial(_predictor, mtjnd)
