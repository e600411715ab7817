"""ResJND: how far each pixel of a picture may move before a human viewer sees it, read off what a network would change.

The network turns a pristine picture into one at its critical perceptual level; the root mean square of what it changes
in a pixel's three colours is that pixel's just-noticeable difference (JND). After "ResJND" and its data set CPL-Set;
the names in the state dict are those of the published one.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vcmpipe.config import JndMapOptions
from vcmpipe.detection.postprocess import file_digest
from vcmpipe.detection.ultralytics import pick_torch_device
from vcmpipe.errors import InputError
from vcmpipe.thresholds.weights import fill, read_card, read_state

MODEL = "resjnd"
CHANNELS = 128
ITERATIONS = 25
# Every one of the 3x3 convolutions on the way from the input to the output looks one pixel further.
HALO = 2 * ITERATIONS + 2
TILE = JndMapOptions.tile


class ResJnd(nn.Module):
    """The network, with random weights (He et al. 2015, by a layer's outputs): 301,824 parameters, any size of picture.

    One pair of convolutions is passed 25 times, and each time what it was first given is added again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.input = nn.Conv2d(3, CHANNELS, 3, padding=1, bias=False)
        self.conv1 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        self.output = nn.Conv2d(CHANNELS, 3, 3, padding=1, bias=False)
        for layer in (self.input, self.conv1, self.conv2, self.output):
            nn.init.normal_(layer.weight, std=math.sqrt(2.0 / (9 * layer.out_channels)))

    def residual(self, x: Tensor) -> Tensor:
        """What is added to the picture: (B, 3, H, W), RGB 0..1 -> (B, 3, H, W), small and of either sign."""
        # The published weights were trained with an in-place ReLU, which overwrote what is added in every iteration:
        # with the convolution's own output in its place their maps come out wrong.
        first = torch.relu(self.input(x))
        y = first
        for step in range(ITERATIONS):
            if step:
                y = torch.relu(y)
            y = self.conv2(torch.relu(self.conv1(y))) + first
        residual: Tensor = self.output(torch.relu(y))
        return residual

    def forward(self, x: Tensor) -> Tensor:
        """The picture at its critical perceptual level: (B, 3, H, W), RGB 0..1 -> the same, not clipped."""
        return x + self.residual(x)


def load(weights: Path, device: str = "auto") -> ResJnd:
    """The network with weights, ready to answer.

    Args:
        weights: ``.safetensors``, or the published state dict (``.pth``).
        device: auto (a GPU where there is one), cpu, cuda, cuda:N.

    Raises:
        InputError: The file is missing, damaged, refused, or of another architecture; the first name that differs is
            given.
    """
    read_card(weights, MODEL)
    network = ResJnd()
    fill(network, read_state(weights), str(weights))
    # Channels last is about a quarter faster on a CPU, with the same answers to float rounding.
    return network.eval().to(pick_torch_device(device)).to(memory_format=torch.channels_last)


def digest(weights: Path) -> str:
    """All that a map depends on besides the picture."""
    return f"{MODEL} {file_digest(weights)}"


def jnd_map(
    network: ResJnd,
    rgb: NDArray[np.uint8],
    tile: int = TILE,
    *,
    progress: Callable[[int, int], Any] = lambda done, total: None,
) -> NDArray[np.float32]:
    """The JND of every pixel, in grey levels.

    Large pictures go through in tiles that overlap by what the network sees, so that the map is that of the whole
    picture. The memory that is needed grows with the tile, not with the picture: about 1.5 GB with 512.

    Args:
        network: From ``load``.
        rgb: (H, W, 3) uint8.
        tile: Longest side of a tile, without the pixels around it that it is computed with.
        progress: Called after each tile with the number done and the total.

    Returns:
        (H, W) float32, grey levels of 0..255: sqrt(mean over R, G, B of the squared change) * 255. Not scaled to its
        own maximum, as the published map pictures are.

    Raises:
        InputError: The picture is no RGB picture of uint8, or the tile is no size.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise InputError(f"a JND map is made of an RGB picture, (height, width, 3) uint8, not {rgb.shape} {rgb.dtype}")
    if tile < 1:
        raise InputError(f"a tile of {tile} pixels: give 1 or more")
    height, width = rgb.shape[:2]
    device = next(network.parameters()).device
    result = np.empty((height, width), dtype=np.float32)
    places = [(rows, columns) for rows in _spans(height, tile) for columns in _spans(width, tile)]
    # Without TF32: on a GPU its ten bits of mantissa would be seen in the map.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        for done, ((top, bottom), (left, right)) in enumerate(places, start=1):
            # At the picture's own border the halo ends with it, and the network pads with zeros as for the whole.
            y, x = max(top - HALO, 0), max(left - HALO, 0)
            part = np.ascontiguousarray(rgb[y : bottom + HALO, x : right + HALO])
            picture = torch.from_numpy(part).to(device).permute(2, 0, 1)[None].float() / 255.0
            picture = picture.contiguous(memory_format=torch.channels_last)
            residual = network.residual(picture)[0, :, top - y : bottom - y, left - x : right - x]
            values = residual.square().mean(dim=0).sqrt() * 255.0
            result[top:bottom, left:right] = values.float().cpu().numpy()
            progress(done, len(places))
    return result


def _spans(length: int, tile: int) -> list[tuple[int, int]]:
    """A side in as few parts as ``tile`` allows, of equal length but for a pixel."""
    count = -(-length // tile)
    edges = [length * n // count for n in range(count + 1)]
    return list(itertools.pairwise(edges))
