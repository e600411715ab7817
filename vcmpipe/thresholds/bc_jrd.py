"""BC-JRD: the threshold of an object from 64 two-way decisions, each between its crop and a coded version of it.

After "Learning to Predict Object-Wise Just Recognizable Distortion for Image and Video Compression" (IEEE TMM 2023).
Full-reference: the picture is coded at every QP, and 64 passes are made per object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vcmpipe.detection.postprocess import file_digest
from vcmpipe.detection.reason import reason
from vcmpipe.detection.ultralytics import pick_torch_device
from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT, Coder, Thresholds, needed
from vcmpipe.thresholds.crops import centred, cut
from vcmpipe.thresholds.tolerance import error_tolerance
from vcmpipe.thresholds.weights import card_size, fill, named_weights, pretrained_state, read_card, read_state

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

MODEL = "bc_jrd"
BACKBONE = "efficientnetv2_s"
SIZE = 640
# Coded versions decoded, and passes made, at a time: what is under way is held in memory.
BATCH = {"cpu": 4, "cuda": 32}
# Same layers and names; timm has weights only for the one with TensorFlow's padding.
_PRETRAINED = {"efficientnetv2_s": "tf_efficientnetv2_s.in21k_ft_in1k"}
_STAGES = 4
# Of the fourth stage.
_STRIDE = 16


class _Layer(nn.Sequential):
    """Convolution, batch normalisation, activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, activation: nn.Module) -> None:
        super().__init__()
        self.add_module("conv", nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False))
        self.add_module("bn", nn.BatchNorm2d(outputs, eps=1e-3))
        self.add_module("act", activation)


class BcJrd(nn.Module):
    """The Siamese network: (B, 3, size, size) crops and coded crops, normalised -> (B, 2) logits.

    Class 0: still recognisable; class 1: not. Four maps of the backbone are pooled to the size of the last (40x40 for
    crops of 640); those of original, version and their difference go through three convolutions, a projection and a
    linear layer.

    Args:
        backbone: A network of timm's EfficientNet family; its first four stages are used.
        size: Side of the crops in pixels.
        dropout: Before the last layer.

    Raises:
        InputError: timm has no such network.
    """

    def __init__(self, backbone: str = BACKBONE, size: int = SIZE, dropout: float = 0.2) -> None:
        import timm

        super().__init__()
        try:
            whole = timm.create_model(backbone, num_classes=0, bn_eps=1e-3)
            stages = list(whole.blocks)[:_STAGES]
            parts = {"conv_stem": whole.conv_stem, "bn1": whole.bn1, "blocks": nn.Sequential(*stages)}
        except Exception as error:  # timm raises whatever the model's code trips over
            raise InputError(f"{backbone!r} is no EfficientNet of timm ({reason(error)}): take {BACKBONE}") from error
        if len(stages) < _STAGES:
            raise InputError(f"{backbone} has fewer than {_STAGES} stages: take {BACKBONE}")
        self.backbone = nn.ModuleDict(parts)
        self.backbone_trains = True
        self.grid = max(1, size // _STRIDE)
        channels = [[m for m in stage.modules() if isinstance(m, nn.BatchNorm2d)][-1].num_features for stage in stages]
        self.trunk = nn.Sequential(
            _Layer(3 * sum(channels), 640, 1, nn.ReLU()),
            _Layer(640, 640, 3, nn.ReLU()),
            _Layer(640, 640, 3, nn.ReLU()),
        )
        self.head = _Layer(640, 1280, 1, nn.SiLU())
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(1280, 2)
        for module in (*self.trunk.modules(), *self.head.modules()):
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(self.classifier.weight, 0.0, 0.01)
        nn.init.zeros_(self.classifier.bias)

    def features(self, images: Tensor) -> list[Tensor]:
        """The four maps of (B, 3, size, size) crops, each (B, channels, size / 16, size / 16)."""
        x = self.backbone["bn1"](self.backbone["conv_stem"](images))
        maps = []
        for stage in self.backbone["blocks"].children():
            x = stage(x)
            maps.append(functional.adaptive_avg_pool2d(x, self.grid))
        return maps

    def decide(self, original: list[Tensor], version: list[Tensor]) -> Tensor:
        """Logits (B, 2) from the maps of originals and versions."""
        pairs = [part for both in zip(original, version, strict=True) for part in both]
        differences = [a - b for a, b in zip(original, version, strict=True)]
        x = self.head(self.trunk(torch.cat([*pairs, *differences], dim=1)))
        logits: Tensor = self.classifier(self.dropout(x.mean(dim=(2, 3))))
        return logits

    def forward(self, original: Tensor, version: Tensor) -> Tensor:
        """Logits (B, 2) from (B, 3, size, size) crops and coded crops."""
        return self.decide(self.features(original), self.features(version))

    def freeze(self) -> None:
        """Leave the backbone as it is, its running statistics included."""
        self.backbone_trains = False
        self.backbone.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> BcJrd:
        """As ``nn.Module``'s; a frozen backbone stays in evaluation."""
        super().train(mode)
        if not self.backbone_trains:
            self.backbone.eval()
        return self


_LAYERS = {
    "1": {
        "expand_conv.conv": "conv_exp",
        "expand_conv.bn": "bn1",
        "project_conv.conv": "conv_pwl",
        "project_conv.bn": "bn2",
    },
    "0": {"project_conv.conv": "conv", "project_conv.bn": "bn1"},
    "3": {
        "expand_conv.conv": "conv_pw",
        "expand_conv.bn": "bn1",
        "dwconv.conv": "conv_dw",
        "dwconv.bn": "bn2",
        "se.conv_reduce": "se.conv_reduce",
        "se.conv_expand": "se.conv_expand",
        "project_conv.conv": "conv_pwl",
        "project_conv.bn": "bn3",
    },
}
_LAYERS["2"] = _LAYERS["1"]
_RENAMED = (
    (r"EB\.stem\.conv\.", "backbone.conv_stem."),
    (r"EB\.stem\.bn\.", "backbone.bn1."),
    (r"TC\.trainableCNN\.(\d+)\.", r"trunk.\1."),
    (r"PH\.head\.project_conv\.", "head."),
    (r"PH\.head\.classifier\.", "classifier."),
)


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with the names of this network; names of the published one are translated, others stay."""
    return {_own_name(key): value for key, value in state.items()}


def _own_name(key: str) -> str:
    block = re.fullmatch(r"EB\.blocks(\d)\.(\d+)\.(.+)\.(\w+)", key)
    if block and block[3] in _LAYERS.get(block[1], {}):
        return f"backbone.blocks.{block[1]}.{block[2]}.{_LAYERS[block[1]][block[3]]}.{block[4]}"
    for pattern, replacement in _RENAMED:
        new, times = re.subn(f"^{pattern}", replacement, key)
        if times:
            return new
    return key


def load(network: nn.Module, state: Mapping[str, Tensor], source: str) -> None:
    """Fill the network from its own or a published state dict; see ``weights.fill``."""
    fill(network, from_published(state), source)


def load_pretrained(network: BcJrd, backbone: str) -> str:
    """Fill the backbone with timm's pretrained weights and return their name; see ``pretrained_state``."""
    name = _PRETRAINED.get(backbone, backbone)
    whole = pretrained_state(name)
    own = network.backbone.state_dict()
    fill(network.backbone, {key: value for key, value in whole.items() if key in own}, name)
    return name


class BcJrdPredictor:
    """Thresholds by BC-JRD: the error tolerance over the decisions at all 64 QPs, a mass of one at its answer.

    Args:
        weights: ``.safetensors`` with its card, or a published state dict (``.pth``).
        detector: Not used.
        device: Where the network runs: auto (a GPU where there is one), cpu, cuda, cuda:N.

    Raises:
        InputError: None is named, or the file is missing, damaged, refused, or of another architecture.
    """

    def __init__(self, weights: str | Path, *, detector: Detector | None = None, device: str = "auto") -> None:
        weights = named_weights(MODEL, weights)
        card = read_card(weights, MODEL) or {}
        self.size = card_size(card, SIZE, weights)
        network = BcJrd(str(card.get("backbone", BACKBONE)), self.size)
        load(network, read_state(weights), str(weights))
        self.device = pick_torch_device(device)
        self.network = network.eval().to(self.device)
        self.name = f"{MODEL}:{weights.name}"
        self.digest = f"{MODEL} {file_digest(weights)}"

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """The threshold of each detection; the coder gives all 64 versions of the picture."""
        if len(detections) == 0:
            return Thresholds.empty()
        found = self.decisions(frame, detections, needed(coder, self.name))
        return Thresholds.from_qps(error_tolerance(found), found.any(axis=1))

    def decisions(self, frame: Frame, detections: sv.Detections, coder: Coder) -> NDArray[np.bool_]:
        """(N, 64) bool; whether each detection is called recognisable at QP 0..63."""
        boxes = detections.xyxy
        found = np.zeros((len(boxes), QP_COUNT), dtype=np.bool_)
        step = BATCH["cuda" if self.device.startswith("cuda") else "cpu"]
        with torch.inference_mode():
            # What an object looks like uncoded is the same for all QPs.
            originals = [self.network.features(crop[None].to(self.device)) for crop in self._crops(frame.rgb, boxes)]
            for start in range(0, QP_COUNT, step):
                qps = range(start, min(start + step, QP_COUNT))
                # Of each version the crops alone are held: large pictures at many QPs do not fit into memory.
                crops = [self._crops(version.rgb, boxes) for version in coder.many(qps)]
                for n, of_object in enumerate(zip(*crops, strict=True)):
                    version = self.network.features(torch.stack(of_object).to(self.device))
                    original = [part.expand(len(crops), -1, -1, -1) for part in originals[n]]
                    logits = self.network.decide(original, version)
                    found[n, start : start + len(crops)] = (logits.argmax(dim=1) == 0).cpu().numpy()
        return found

    def _crops(self, picture: NDArray[np.uint8], boxes: NDArray[np.float32]) -> list[Tensor]:
        return [centred(cut(picture, box.tolist()), self.size) for box in boxes]
