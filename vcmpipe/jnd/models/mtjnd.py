"""MTJND: three just-noticeable differences of a picture, or where human viewers look, learned together on VGG16.

After "MTJND: Multi-Task Deep Learning Framework for Improved JND Prediction" (IEEE ICIP 2023). Three variants:
``mt_3ljnd`` answers with three levels, ``mt_1ljnd_va`` with one and a map of visual attention, ``mt_3ljnd_va`` with
both. How the original makes that map is not known: decoder, target (``saliency.py``) and loss are vcmpipe's own.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcmpipe.detection.reason import reason
from vcmpipe.errors import VcmError
from vcmpipe.jnd.models.blocks import FlattenHwc, check_variant, dense, initialise, last_layers, resized_bgr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODEL = "mtjnd"
VARIANTS = ("mt_3ljnd", "mt_1ljnd_va", "mt_3ljnd_va")
SIZE = (270, 480)
"""Height and width of what the networks take."""
ATTENTION = (64, 120)
"""Height and width of the map of visual attention."""
_FROZEN = 16  # of torchvision's layers: up to and with the ReLU after block3_conv3
# What torchvision's ImageNet weights want subtracted and divided by, RGB in 0..1.
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


def levels(variant: str) -> int:
    """How many JNDs a variant answers with: 1, or 3.

    Raises:
        InputError: There is no such variant; the nearest is named.
    """
    check_variant(MODEL, variant, VARIANTS)
    return 3 if variant.startswith("mt_3") else 1


class AttentionDecoder(nn.Module):
    """Logits of the map of visual attention: (B, 512, h, w) features -> (B, 1, 8 h, 8 w).

    Three times: a 3x3 convolution to a quarter or half of the channels, ReLU, and twice the size (bilinear). Trained
    with the binary cross-entropy against ``saliency``.
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (512, 128, 64, 32)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=1) for inputs, outputs in itertools.pairwise(widths)
        )
        self.output = nn.Conv2d(widths[-1], 1, 3, padding=1)
        initialise(self.modules())

    def forward(self, features: Tensor) -> Tensor:
        """See the class."""
        for convolution in self.convolutions:
            features = functional.relu(convolution(features))
            features = functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
        logits: Tensor = self.output(features)
        return logits


class Mtjnd(nn.Module):
    """A variant of MTJND, with random weights.

    Attributes:
        variant: Its name.
        levels: How many JNDs it answers with.
        backbone: The convolutions of VGG16, layers as torchvision has them.
        heads: What makes the QP of each level.
        attention: The decoder of ``*_va``, else None.

    Raises:
        InputError: There is no such variant.
    """

    def __init__(self, variant: str) -> None:
        super().__init__()
        from torchvision.models.vgg import cfgs, make_layers

        self.levels = levels(variant)
        self.variant = variant
        self.backbone: nn.Sequential = make_layers(cfgs["D"])
        self.flatten = FlattenHwc()
        features = (SIZE[0] // 32) * (SIZE[1] // 32) * 512
        self.heads = nn.ModuleList(dense(features, 256, 128, 1) for _ in range(self.levels))
        self.attention = AttentionDecoder() if variant.endswith("_va") else None
        initialise([*self.backbone.modules(), *self.heads.modules()])

    def forward(self, pictures: Tensor) -> Tensor:
        """The levels of pictures, as each head answers.

        Args:
            pictures: (B, 3, 270, 480) BGR 0..1, as ``prepare`` gives one.

        Returns:
            (B, levels) QPs on the scale of the labels, neither clipped nor in order; see ``Laser.forward``.
        """
        return self._levels(self.backbone(pictures))

    def with_attention(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Levels as ``forward``'s, and logits (B, 1, 64, 120) of the map of visual attention that ``*_va`` learn."""
        assert self.attention is not None, f"{self.variant} has no map of attention"
        features = self.backbone(pictures)
        return self._levels(features), self.attention(features)

    def freeze(self) -> None:
        """Keep the backbone through block3_conv3 as it is while the rest learns."""
        self.backbone[:_FROZEN].requires_grad_(False)

    def output_layers(self) -> list[nn.Linear]:
        """The last layer of each level; its bias is where the answers start."""
        return last_layers(self.heads)

    def _levels(self, features: Tensor) -> Tensor:
        flat = self.flatten(features)
        return torch.cat([head(flat) for head in self.heads], dim=1)


build = Mtjnd
"""Makes a variant with random weights."""


def load_pretrained(network: Mtjnd) -> str:
    """Fill the backbone with torchvision's ImageNet weights of VGG16.

    Those want normalised RGB, and the network gets BGR in 0..1: the difference goes into the first convolution. All but
    the outermost pixels (which see zeros beside them that now mean another colour) come out as on ImageNet.

    Returns:
        What was loaded.

    Raises:
        VcmError: They are not here and cannot be downloaded.
    """
    from torchvision.models import VGG16_Weights

    name = "torchvision vgg16 IMAGENET1K_V1"
    try:
        state = VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # the network, the disk and torch each have their own
        raise VcmError(
            f"the pretrained weights {name} are not here and cannot be downloaded ({reason(error)}): --init PATH "
            "takes a file, --init random starts without"
        ) from error
    own = {key.removeprefix("features."): value for key, value in state.items() if key.startswith("features.")}
    own["0.weight"], own["0.bias"] = bgr_first(own["0.weight"], own["0.bias"])
    network.backbone.load_state_dict(own)
    return name


def bgr_first(weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """A first convolution on normalised RGB, made to take BGR in 0..1.

    Args:
        weight: (C, 3, k, k).
        bias: (C,).
    """
    mean, deviation = (torch.tensor(values, dtype=weight.dtype)[None, :, None, None] for values in (_MEAN, _DEVIATION))
    scaled = weight / deviation
    return scaled.flip(1).contiguous(), bias - (scaled * mean).sum(dim=(1, 2, 3))


def prepare(rgb: NDArray[np.uint8]) -> Tensor:
    """What the network takes of a picture of any size.

    Args:
        rgb: (H, W, 3) uint8.

    Returns:
        (3, 270, 480) float32, BGR 0..1: scaled bilinearly without regard to the aspect.
    """
    return resized_bgr(rgb, SIZE) / 255.0
