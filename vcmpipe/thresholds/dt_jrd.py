"""DT-JRD: the threshold of an object as one of 64 classes, read off its crop by a vision transformer.

After "DT-JRD: Deep Transformer based Just Recognizable Difference Prediction Model for Video Coding for Machines" (IEEE
TMM 2025, arXiv 2411.09308). The network is timm's; the names in its state dict are those of the published one.

Two things may be added to what it sees, separately (after MVRNet, AAAI 2026, which gives its network the detector's
confidence map): what is around the box, and as a fourth channel the scores of all detections, painted in their boxes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vcmpipe.detection.postprocess import file_digest
from vcmpipe.detection.reason import reason
from vcmpipe.detection.ultralytics import pick_torch_device
from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT, Coder, Thresholds
from vcmpipe.thresholds.crops import confidence_map, shown
from vcmpipe.thresholds.weights import (
    card_path,
    card_size,
    fill,
    named_weights,
    pretrained_state,
    read_card,
    read_state,
)

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

MODEL = "dt_jrd"
BACKBONE = "vit_large_patch32_384"
SIZE = 384
# Objects in one pass.
BATCH = {"cpu": 8, "cuda": 64}
# The weights that the paper starts from: ImageNet-21k at 224x224.
_PRETRAINED = {
    "vit_large_patch32_384": "vit_large_patch32_224.orig_in21k",
    "vit_base_patch32_384": "vit_base_patch32_224.augreg_in21k",
}
# The name of the fourth channel's weights in state dicts.
_CHANNEL = "patch_embed.proj.confidence"
# Backbones by width and patch, for state dicts that come without a card.
_KNOWN = {
    (1024, 32): "vit_large_patch32_384",
    (768, 32): "vit_base_patch32_384",
    (768, 16): "vit_base_patch16_384",
    (384, 32): "vit_small_patch32_384",
    (384, 16): "vit_small_patch16_384",
    (192, 16): "vit_tiny_patch16_384",
}


class Projection(nn.Conv2d):
    """A patch embedding of RGB and a confidence map: (B, 4, size, size) -> (B, dim, rows, columns) of patches.

    The fourth channel's weights are a tensor of their own, zeros at first: the published names and shapes stay, and it
    can be trained where the others are frozen.

    Args:
        published: The embedding of RGB, whose weights are taken over.
    """

    def __init__(self, published: nn.Conv2d) -> None:
        kernel, stride = published.kernel_size, published.stride
        super().__init__(3, published.out_channels, kernel, stride)  # type: ignore[arg-type]
        self.weight, self.bias = published.weight, published.bias
        self.confidence = nn.Parameter(torch.zeros_like(published.weight[:, :1]))

    def forward(self, images: Tensor) -> Tensor:
        """Patches of four channels."""
        weight = torch.cat([self.weight, self.confidence], dim=1)
        return functional.conv2d(images, weight, self.bias, self.stride)


def build(backbone: str = BACKBONE, size: int = SIZE, *, confidence: bool = False) -> nn.Module:
    """The network, with random weights: (B, 3, size, size) normalised crops -> (B, 64) logits.

    The final norm comes before the mean of the patch tokens, as in the paper (timm's own average pooling has it after);
    then one linear layer.

    Args:
        backbone: A vision transformer of timm with a class token and learned position embeddings.
        size: Side of the crops, a multiple of the patch.
        confidence: Whether crops have a confidence map as a fourth channel. Its weights are zeros, so that the network
            answers as the published one does until they are trained.

    Raises:
        InputError: timm has no such vision transformer, or the size does not fit it, or it has no patches of RGB.
    """
    import timm
    from timm.models.vision_transformer import VisionTransformer

    try:
        network = timm.create_model(backbone, num_classes=QP_COUNT, global_pool="avg", fc_norm=False, img_size=size)
    except Exception as error:  # timm raises whatever the model's code trips over
        raise InputError(
            f"{backbone!r} with crops of {size} is not a vision transformer of timm ({reason(error)}): take "
            f"{BACKBONE}, vit_base_patch32_384 or vit_small_patch32_384"
        ) from error
    fits = isinstance(network, VisionTransformer) and network.pos_embed is not None and network.num_prefix_tokens == 1
    if not fits or isinstance(network.norm, nn.Identity):
        raise InputError(f"{backbone} is not a plain vision transformer (class token, learned positions, final norm)")
    patch = network.patch_embed.patch_size[0]
    if size % patch:
        raise InputError(f"crops of {size} do not divide into the patches of {backbone}: take a multiple of {patch}")
    nn.init.trunc_normal_(network.head.weight, std=0.01)
    nn.init.zeros_(network.head.bias)
    if confidence:
        patches = network.patch_embed.proj
        if not isinstance(patches, nn.Conv2d) or patches.in_channels != 3:
            raise InputError(f"{backbone} makes no patches of RGB, which a confidence map could be added to")
        network.patch_embed.proj = Projection(patches)
    built: nn.Module = network
    return built


def resize_positions(positions: Tensor, tokens: int) -> Tensor:
    """Position embeddings (1, 1 + n * n, dim) for another number of tokens, 1 + m * m, else InputError.

    Bicubic with aligned corners; the class token's stays.
    """
    counts = (positions.shape[1] if positions.ndim == 3 else 0, tokens)
    if counts[0] == tokens:
        return positions
    grids = [round(max(count - 1, 0) ** 0.5) for count in counts]
    if any(n < 1 or n * n + 1 != count for n, count in zip(grids, counts, strict=True)):
        raise InputError(f"position embeddings of the shape {tuple(positions.shape)} are not a square grid and a token")
    old, new = grids
    grid = positions[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2).float()
    grid = functional.interpolate(grid, (new, new), mode="bicubic", align_corners=True)
    flat = grid.permute(0, 2, 3, 1).reshape(1, new * new, -1).to(positions.dtype)
    return torch.cat([positions[:, :1], flat], dim=1)


def load(network: nn.Module, state: Mapping[str, Tensor], source: str, *, head: bool = True) -> None:
    """Fill the network from a state dict of the published network or of timm, with positions of any grid.

    Without ``head`` the classifier stays as it is, and another one in the state dict is left out. See ``weights.fill``.
    """
    state = dict(state)
    if "pos_embed" in state:
        state["pos_embed"] = resize_positions(state["pos_embed"], network.get_parameter("pos_embed").shape[1])
    if head:
        fill(network, state, source)
        return
    state = {key: value for key, value in state.items() if not key.startswith(("head.", "pre_logits."))}
    fill(network, state, source, without=lambda key: key.startswith("head."))


def load_start(network: nn.Module, state: Mapping[str, Tensor], source: str, *, head: bool = True) -> None:
    """As ``load``, but weights of RGB alone do for a network with a confidence map, too: that channel is zeros then."""
    own = network.state_dict()
    if _CHANNEL in own:
        state = {_CHANNEL: torch.zeros_like(own[_CHANNEL])} | dict(state)
    load(network, state, source, head=head)


def load_pretrained(network: nn.Module, backbone: str) -> str:
    """Fill all but the head with timm's pretrained weights, and return their name; see ``pretrained_state``.

    They are those of the paper where it used some.
    """
    name = _PRETRAINED.get(backbone, backbone)
    state = pretrained_state(name, global_pool="avg", fc_norm=False)
    load_start(network, state, name, head=False)
    return name


def freeze(network: nn.Module) -> None:
    """Train blocks and head only; patch, position and class embeddings and the final norm stay as they are.

    A confidence map's channel is not the paper's and trains, too.
    """
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(("blocks.", "head.")) or name == _CHANNEL)


def guess_backbone(state: Mapping[str, Tensor], source: str) -> str:
    """Which backbone a state dict without a card is of; InputError where none that is known."""
    patches = state.get("patch_embed.proj.weight")
    if patches is None or patches.ndim != 4:
        raise InputError(f"{source} is of another architecture: it lacks patch_embed.proj.weight")
    backbone = _KNOWN.get((patches.shape[0], patches.shape[2]))
    if backbone is None:
        raise InputError(
            f"{source}: no backbone is known of width {patches.shape[0]} with patches of {patches.shape[2]}; its card "
            "(.json beside it) has to name it"
        )
    return backbone


def _additions(card: Mapping[str, Any], state: Mapping[str, Tensor], weights: Path) -> tuple[float, bool]:
    """What a network sees besides the box: the context's share, and whether a confidence map."""
    context, confidence = card.get("context", 0.0), card.get("confidence", False)
    number = isinstance(context, int | float) and not isinstance(context, bool)
    if not number or not 0 <= context < math.inf:
        raise InputError(f"{card_path(weights)} is damaged: the context must be a number from 0 on, not {context!r}")
    if not isinstance(confidence, bool):
        raise InputError(f"{card_path(weights)} is damaged: confidence must be true or false, not {confidence!r}")
    if _CHANNEL in state and not confidence:
        raise InputError(f"{weights} was trained with a confidence map, which its card ({card_path(weights)}) must say")
    return float(context), confidence


class DtJrdPredictor:
    """Thresholds by DT-JRD: a distribution over the 64 QPs from each object's own pixels.

    Where the card says so, also from what is around its box (``context``) and from a map of the scores of all
    detections (``confidence``).

    Args:
        weights: ``.safetensors`` with its card, or a published state dict (``.pth``) of ViT-L/32 or ViT-B/32.
        detector: Not used.
        device: Where the network runs: auto (a GPU where there is one), cpu, cuda, cuda:N.

    Raises:
        InputError: None is named, or the file is missing, damaged, refused, or of another architecture.
    """

    def __init__(self, weights: str | Path, *, detector: Detector | None = None, device: str = "auto") -> None:
        weights = named_weights(MODEL, weights)
        card = read_card(weights, MODEL) or {}
        state = read_state(weights)
        self.context, self.confidence = _additions(card, state, weights)
        self.backbone = str(card.get("backbone") or guess_backbone(state, str(weights)))
        self.size = card_size(card, SIZE, weights)
        self.device = pick_torch_device(device)
        with torch.device("meta"):  # no time and no memory for weights that are replaced at once
            network = build(self.backbone, self.size, confidence=self.confidence)
        network = network.to_empty(device="cpu")
        load(network, state, str(weights))
        self.network = network.eval().to(self.device)
        self.name = f"{MODEL}:{weights.name}"
        seen = f" context {self.context:g} confidence {self.confidence}" if self.context or self.confidence else ""
        self.digest = f"{MODEL} {file_digest(weights)}{seen}"

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """A distribution for each detection; the coder is not used.

        Raises:
            InputError: It needs scores, and the detections have none.
        """
        if len(detections) == 0:
            return Thresholds.empty()
        painted = self._painted(frame, detections) if self.confidence else None
        step = BATCH[self.device.partition(":")[0] if self.device.startswith("cuda") else "cpu"]
        masses = []
        for start in range(0, len(detections), step):
            boxes = detections.xyxy[start : start + step].tolist()
            crops = torch.stack(
                [shown(frame.rgb, box, self.size, context=self.context, confidence=painted) for box in boxes]
            )
            with torch.inference_mode():
                logits = self.network(crops.to(self.device))
            masses.append(torch.softmax(logits.double(), dim=1).cpu().numpy())
        return Thresholds(np.concatenate(masses), np.ones(len(detections), dtype=np.bool_))

    def _painted(self, frame: Frame, detections: sv.Detections) -> NDArray[np.float32]:
        scores = detections.confidence
        if scores is None or np.isnan(scores).any():
            raise InputError(
                f"the predictor {self.name} was trained with --confidence and needs the score of every detection; "
                "these lack it: take other detections, or weights that were trained without"
            )
        return confidence_map(detections.xyxy, scores, frame.width, frame.height)
