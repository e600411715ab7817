"""Objects cut out of pictures, as the networks that predict thresholds want them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
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


def grown_box(box: Sequence[float], width: int, height: int, context: float) -> tuple[int, int, int, int]:
    """The pixels of a box and of what is around it, within the picture: left, top, right, bottom as in ``tight_box``.

    Args:
        box: x1, y1, x2, y2.
        width: The picture's.
        height: The picture's.
        context: What is added on each side, as a share of the tight box's width or height; 0: nothing.

    Raises:
        InputError: See ``tight_box``.
    """
    left, top, right, bottom = tight_box(box, width, height)
    x, y = round(context * (right - left)), round(context * (bottom - top))
    return max(left - x, 0), max(top - y, 0), min(right + x, width), min(bottom + y, height)


def confidence_map(boxes: ArrayLike, scores: ArrayLike, width: int, height: int) -> NDArray[np.float32]:
    """How sure a detector is of what each pixel belongs to: (height, width), 0..1.

    The score of each detection is painted into the pixels that its box touches (``tight_box``); where boxes overlap,
    the largest counts, and where there is none, 0.

    Args:
        boxes: (N, 4) corners in pixels.
        scores: (N,) confidences, 0..1.
        width: The picture's.
        height: The picture's.

    Raises:
        InputError: A score is none, or a box, or there are not as many of the one as of the other.
    """
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    if len(corners) != len(values):
        raise InputError(f"{len(corners)} boxes do not go with {len(values)} scores")
    bad = ~((values >= 0) & (values <= 1))  # NaN, too
    if bad.any():
        raise InputError(f"the score of a detection must be a number in 0..1, not {values[bad][0]:g}")
    painted = np.zeros((height, width), dtype=np.float32)
    for n in np.argsort(values, kind="stable"):  # so that the largest comes last
        left, top, right, bottom = tight_box(corners[n].tolist(), width, height)
        painted[top:bottom, left:right] = values[n]
    return painted


def shown(
    rgb: NDArray[np.uint8],
    box: Sequence[float],
    size: int,
    *,
    context: float = 0.0,
    confidence: NDArray[np.float32] | None = None,
    mirrored: bool = False,
) -> Tensor:
    """An object as DT-JRD and its variants see it: float32 (3, size, size), or 4 channels with a confidence map.

    Args:
        rgb: The picture.
        box: The object's corners in it.
        size: Side of the square that the crop is stretched to, see ``resized``.
        context: See ``grown_box``.
        confidence: The picture's map, which is cut and stretched alike and not normalised.
        mirrored: Whether left and right are exchanged.
    """
    left, top, right, bottom = grown_box(box, rgb.shape[1], rgb.shape[0], context)
    step = -1 if mirrored else 1
    image = resized(rgb[top:bottom, left:right][:, ::step], size)
    if confidence is None:
        return image
    part = torch.from_numpy(np.ascontiguousarray(confidence[top:bottom, left:right][:, ::step]))
    part = functional.interpolate(part[None, None], (size, size), mode="bilinear", antialias=True)[0]
    return torch.cat([image, part])


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
