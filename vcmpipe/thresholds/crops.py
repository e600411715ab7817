"""Objects cut out of pictures, as the networks that predict thresholds want them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vcmpipe.errors import InputError

# ImageNet's statistics of RGB in 0..1, which both papers normalise with.
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


def tight_box(box: Sequence[float], width: int, height: int) -> tuple[int, int, int, int]:
    """The pixels that a box (x1, y1, x2, y2) touches: left, top, right, bottom, the last two exclusive.

    Always at least one pixel of the picture: a box without area stands for the pixel that it lies in, and one that lies
    outside for the nearest pixel.

    Raises:
        InputError: A side is no finite number, or the box is inside out.
    """
    x1, y1, x2, y2 = (float(side) for side in box)
    if not np.isfinite([x1, y1, x2, y2]).all():
        raise InputError(f"a box must have four finite sides, not {x1:g}, {y1:g}, {x2:g}, {y2:g}")
    if x2 < x1 or y2 < y1:
        raise InputError(f"the box {x1:g}, {y1:g}, {x2:g}, {y2:g} is inside out: give x1 <= x2 and y1 <= y2")
    left = min(max(int(np.floor(x1)), 0), width - 1)
    top = min(max(int(np.floor(y1)), 0), height - 1)
    right = min(max(int(np.ceil(x2)), left + 1), width)
    bottom = min(max(int(np.ceil(y2)), top + 1), height)
    return left, top, right, bottom


def cut(rgb: NDArray[np.uint8], box: Sequence[float]) -> NDArray[np.uint8]:
    """The crop of a box, without context: uint8 (rows, columns, 3); see ``tight_box``."""
    left, top, right, bottom = tight_box(box, rgb.shape[1], rgb.shape[0])
    return rgb[top:bottom, left:right]


def resized(crop: NDArray[np.uint8], size: int) -> Tensor:
    """A crop stretched to a square, as DT-JRD sees it: float32 (3, size, size), normalised.

    The aspect is not kept. Bilinear with antialiasing, on RGB in 0..1.
    """
    image = functional.interpolate(_unit(crop)[None], (size, size), mode="bilinear", antialias=True)[0]
    return _normalised(image)


def centred(crop: NDArray[np.uint8], size: int) -> Tensor:
    """The middle of a crop on black, as BC-JRD sees it: float32 (3, size, size), normalised, not scaled."""
    rows, columns = crop.shape[:2]
    top, left = max(0, round((rows - size) / 2)), max(0, round((columns - size) / 2))
    part = _unit(crop[top : top + size, left : left + size])
    canvas = torch.zeros(3, size, size)
    y, x = (size - part.shape[1]) // 2, (size - part.shape[2]) // 2
    canvas[:, y : y + part.shape[1], x : x + part.shape[2]] = part
    return _normalised(canvas)


def _unit(rgb: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1))).float() / 255.0


def _normalised(image: Tensor) -> Tensor:
    return (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
