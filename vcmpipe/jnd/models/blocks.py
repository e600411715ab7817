"""What the JND networks share: layers, with the semantics of TensorFlow that published weights were trained under.

'SAME' padding depends on the size there, and is not symmetric where strides are; Keras normalises batches with an
epsilon of 1e-3 and a momentum of 0.99 (of the old value), and flattens maps in the order height, width, channel.
"""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after one dimension under TensorFlow's 'SAME': the odd one goes after.

    A 5-wide kernel at stride 2 takes (1, 2) of even sizes and (2, 2) of odd ones.

    Args:
        size: Samples in this dimension.
        kernel: Width of the kernel.
        stride: Step.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's 'SAME' padding: (B, C, H, W) -> (B, C', ceil(H / stride), ceil(W / stride))."""

    def forward(self, input: Tensor) -> Tensor:
        """Pads as the size asks for, then convolves."""
        top, bottom = same_padding(input.shape[-2], self.kernel_size[0], self.stride[0])
        left, right = same_padding(input.shape[-1], self.kernel_size[1], self.stride[1])
        if top == bottom and left == right:
            return functional.conv2d(input, self.weight, self.bias, self.stride, (top, left))
        padded = functional.pad(input, (left, right, top, bottom))
        return functional.conv2d(padded, self.weight, self.bias, self.stride)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution with TensorFlow's 'SAME' padding: (B, C, H, W) -> (B, C', H * stride, W * stride).

    It is the gradient of the convolution that takes the larger map to the smaller, so that it is cropped where that
    one pads.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int) -> None:
        # A narrower kernel would leave zeros at the end that the full map does not have.
        assert kernel >= stride
        super().__init__(inputs, outputs, kernel, stride)

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolves, then crops."""
        assert output_size is None, "the size follows from the stride"
        kernel, stride = self.kernel_size, self.stride
        height, width = (side * step for side, step in zip(input.shape[-2:], stride, strict=True))
        top, left = (same_padding(side, kernel[i], stride[i])[0] for i, side in enumerate((height, width)))
        full = functional.conv_transpose2d(input, self.weight, self.bias, stride)
        return full[..., top : top + height, left : left + width]


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Keras' batch normalisation: epsilon 1e-3; a momentum of 0.99 is what torch calls 0.01."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class ChannelAttention(nn.Module):
    """Weighs channels by what a small network makes of their mean and their maximum: (B, C, H, W) -> the same.

    Args:
        channels: C.
        ratio: The network's hidden layer has C / ratio units.
    """

    def __init__(self, channels: int, ratio: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // ratio)
        self.excite = nn.Linear(channels // ratio, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Both pooled vectors go through the same two layers, are added, squashed, and multiplied."""
        pooled = torch.stack([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))])
        weight = torch.sigmoid(self.excite(functional.relu(self.squeeze(pooled))).sum(dim=0))
        return maps * weight[:, :, None, None]


def lat_block(inputs: int, outputs: int) -> nn.Sequential:
    """LATBlock of LASeR-JND: 3x3 convolution, batch normalisation, ReLU, channel attention."""
    layers = SameConv2d(inputs, outputs, 3), batch_norm(outputs), nn.ReLU(inplace=True)
    return nn.Sequential(*layers, ChannelAttention(outputs))


def rec_block(inputs: int, outputs: int) -> nn.Sequential:
    """RECBlock of LASeR-JND: 3x3 convolution, batch normalisation, ReLU, 2x2 maximum."""
    layers = SameConv2d(inputs, outputs, 3), batch_norm(outputs), nn.ReLU(inplace=True)
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class FlattenHwc(nn.Module):
    """Flattens as TensorFlow does: (B, C, H, W) -> (B, H * W * C), the channel counting fastest.

    Dense layers that were trained on channels-last maps fit as they are.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Channels go last, then all is one row."""
        return maps.permute(0, 2, 3, 1).flatten(1)


class Dense(nn.Sequential):
    """Layers that are computed in single precision even where the rest is not.

    Their answers are QPs: bfloat16 knows only every fourth part of one from 32 on.
    """

    def forward(self, input: Tensor) -> Tensor:
        """One layer after the other."""
        with torch.autocast("cuda" if input.is_cuda else "cpu", enabled=False):
            output = input.float()
            for layer in self:
                output = layer(output)
        return output


def dense(*units: int) -> Dense:
    """Fully connected layers of these widths, ReLU between them, none after the last.

    The last is linear on purpose: the papers have a ReLU there or leave it open, QPs are above 0 so that it would
    change none, and a unit that starts below 0 could never learn under one.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(units):
        layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True)]
    return Dense(*layers[:-1])


def ordered(levels: Tensor, falling: bool = False) -> Tensor:
    """Levels in order, so that JND1 <= JND2 <= JND3: the running maximum of (B, levels).

    Heads in order keep their answers as they are, which is why weights trained elsewhere still mean what they mean.

    Args:
        levels: Answers of the heads.
        falling: The running minimum: on a scale where less is coarser, as JPEG's quality factors, JND1 is the largest.
    """
    return (torch.cummin if falling else torch.cummax)(levels, dim=1).values


def initialise(modules: Iterable[nn.Module]) -> None:
    """Keras' start: kernels uniform after Glorot, biases 0."""
    for module in modules:
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def channels_last(network: nn.Module) -> nn.Module:
    """A network whose maps have their channels last, which the convolutions of a CPU and of tensor cores want."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def last_layers(heads: nn.Module | Tensor) -> list[nn.Linear]:
    """The last layer of each of several ``dense`` heads."""
    assert isinstance(heads, nn.ModuleList)
    last = [head[-1] for head in heads if isinstance(head, nn.Sequential)]
    return [layer for layer in last if isinstance(layer, nn.Linear)]


def resized_bgr(rgb: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """A picture (H, W, 3) scaled bilinearly to (height, width), as (3, height, width) float32 BGR 0..255."""
    import cv2
    import numpy as np

    scaled = cv2.resize(rgb, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(np.ascontiguousarray(scaled[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32))


def check_variant(model: str, variant: str, variants: Sequence[str]) -> None:
    """Refuse a variant that a model does not have.

    Raises:
        InputError: It has none of that name; the nearest is named.
    """
    if variant not in variants:
        close = difflib.get_close_matches(variant, variants, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise InputError(f"{model} has no variant {variant!r}; it has {', '.join(variants)}{hint}")
