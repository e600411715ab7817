"""What kinds of ONNX detectors are understood: how each wants its picture, and what its output means.

A head recognises its models by their outputs and metadata. To add one, write a class with the two
methods of ``Head`` and a ``recognise`` function, and put that function into ``RECOGNISERS``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.coco_names import COCO_80

PAD_VALUE = 114  # the grey that letterboxed detectors were trained with
_YOLOX_STRIDES = (8, 16, 32)
_FASTESTDET_STRIDE = 16
# Letters of a model's class names together, and of one of them.
_LONGEST_NAMES, _LONGEST_NAME = 1_000_000, 200


@dataclass(frozen=True)
class ModelFacts:
    """What a model file states about itself.

    Attributes:
        outputs: Its outputs for a plain grey picture, batch first.
        canvas: (width, height) of the input picture.
        metadata: The file's own key-value pairs.
    """

    outputs: Sequence[NDArray[np.float32]]
    canvas: tuple[int, int]
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Candidates:
    """Boxes of one picture before non-maximum suppression.

    Attributes:
        xyxy: (N, 4) float32 in pixels of the canvas.
        score: (N,) float32.
        class_id: (N,) int64.
    """

    xyxy: NDArray[np.float32]
    score: NDArray[np.float32]
    class_id: NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """Where a picture's content lies on the canvas.

    Attributes:
        content: (width, height) that the picture is resized to.
        offset: (x, y) of its top-left corner.
        scale: (x, y) canvas pixels per picture pixel.
    """

    content: tuple[int, int]
    offset: tuple[int, int]
    scale: tuple[float, float]


class Head(Protocol):
    """One family of detectors.

    Attributes:
        bgr: Whether it wants blue first; else red first.
        divisor: What its 0..255 samples are divided by.
        nms_iou: Overlap above which the weaker of two boxes of a class goes; None where the model has done so itself.
        classes: Class names by ``class_id``.
    """

    @property
    def bgr(self) -> bool: ...  # noqa: D102
    @property
    def divisor(self) -> float: ...  # noqa: D102
    @property
    def nms_iou(self) -> float | None: ...  # noqa: D102
    @property
    def classes(self) -> Mapping[int, str]: ...  # noqa: D102

    def fit(self, width: int, height: int, canvas: tuple[int, int]) -> Fit:
        """How a picture of this size is laid onto the canvas."""
        ...

    def decode(self, output: NDArray[np.float32], canvas: tuple[int, int], min_score: float) -> Candidates:
        """The boxes in one picture's part of the output (without the batch axis) that score ``min_score`` or more."""
        ...


@dataclass(frozen=True)
class YoloxHead:
    """YOLOX: output 1 x N x (5 + C) = (cx, cy, w, h, objectness, class scores), N the cells of strides 8, 16, 32.

    Source: Ge et al., "YOLOX", 2021, and its reference deployment: content top-left, score = objectness x the best
    class score, one class per cell. ``decoded``: the model was exported with the boxes already decoded.
    """

    classes: Mapping[int, str]
    decoded: bool = False
    nms_iou: float | None = 0.45
    bgr: bool = True
    divisor: float = 1.0

    def fit(self, width: int, height: int, canvas: tuple[int, int]) -> Fit:
        """Aspect kept, top-left corner, sizes rounded down, as YOLOX was trained."""
        scale = min(canvas[0] / width, canvas[1] / height)
        content = (max(1, int(width * scale)), max(1, int(height * scale)))
        return Fit(content, (0, 0), (scale, scale))

    def decode(self, output: NDArray[np.float32], canvas: tuple[int, int], min_score: float) -> Candidates:
        """Undoes ``xy = (raw + cell) * stride``, ``wh = exp(raw) * stride`` for the cells that can reach the score."""
        cells = np.flatnonzero(output[:, 4] >= min_score)  # class scores are at most 1
        rows = output[cells]
        class_id = rows[:, 5:].argmax(axis=1)
        score = rows[:, 4] * rows[np.arange(rows.shape[0]), class_id + 5]
        strong = score >= min_score
        cells, rows, class_id, score = cells[strong], rows[strong], class_id[strong], score[strong]
        centre, size = rows[:, 0:2], rows[:, 2:4]
        if not self.decoded:
            corner, stride = _yolox_grid(canvas)
            centre = centre * stride[cells] + corner[cells]
            size = np.exp(np.minimum(size, 20.0)) * stride[cells]  # a wild logit gives a box of the whole picture
        return Candidates(np.hstack([centre - size / 2, centre + size / 2]), score, class_id.astype(np.int64))


@dataclass(frozen=True)
class UltralyticsHead:
    """Detectors exported by ultralytics, with or without their own suppression.

    ``end_to_end`` False: output 1 x (4 + C) x N = (cx, cy, w, h, class scores) in canvas pixels. True: output
    1 x M x 6 = (x0, y0, x1, y1, score, class). Input RGB / 255, letterboxed in the centre. Source: the export and
    predict documentation of ultralytics.
    """

    classes: Mapping[int, str]
    end_to_end: bool = False
    nms_iou: float | None = 0.7
    bgr: bool = False
    divisor: float = 255.0

    def fit(self, width: int, height: int, canvas: tuple[int, int]) -> Fit:
        """Aspect kept, centred, sizes rounded to the nearest."""
        scale = min(canvas[0] / width, canvas[1] / height)
        content = (max(1, round(width * scale)), max(1, round(height * scale)))
        # Half a pixel of padding goes to the right and bottom, as in training.
        offset = (round((canvas[0] - content[0]) / 2 - 0.1), round((canvas[1] - content[1]) / 2 - 0.1))
        return Fit(content, offset, (scale, scale))

    def decode(self, output: NDArray[np.float32], canvas: tuple[int, int], min_score: float) -> Candidates:
        """Picks the boxes that reach the score; one class per box."""
        if self.end_to_end:
            rows = output[output[:, 4] >= min_score]
            return Candidates(rows[:, :4], rows[:, 4], np.rint(rows[:, 5]).astype(np.int64))
        best = output[4:].max(axis=0)
        places = np.flatnonzero(best >= min_score)
        columns = output[:, places]
        centre, size = columns[0:2].T, columns[2:4].T
        class_id = columns[4:].argmax(axis=0).astype(np.int64)
        return Candidates(np.hstack([centre - size / 2, centre + size / 2]), best[places], class_id)


@dataclass(frozen=True)
class FastestDetHead:
    """FastestDet: output 1 x (5 + C) x H x W, a box per cell of stride 16: objectness, place, size, class scores.

    Per cell: objectness and a softmax over the classes, both probabilities already; the centre's distance from the cell
    in cells (before its tanh); width and height as shares of the picture (before their sigmoid). The score is
    objectness^0.6 x class^0.4. Source: the model card of FastestDet (BSD-3-Clause).
    """

    classes: Mapping[int, str]
    nms_iou: float | None = 0.45
    bgr: bool = True
    divisor: float = 255.0

    def fit(self, width: int, height: int, canvas: tuple[int, int]) -> Fit:
        """Stretched over the whole canvas: its aspect is not kept."""
        return Fit(canvas, (0, 0), (canvas[0] / width, canvas[1] / height))

    def decode(self, output: NDArray[np.float32], canvas: tuple[int, int], min_score: float) -> Candidates:
        """The box of each cell whose best class reaches the score."""
        _, rows, columns = output.shape
        class_id = output[5:].argmax(axis=0)
        # A rounding error below 0 would have no root.
        score = np.maximum(output[0], 0) ** 0.6 * np.maximum(output[5:].max(axis=0), 0) ** 0.4
        y, x = np.nonzero(score >= min_score)
        raw = output[1:5, y, x]
        centre = (np.stack([x, y]) + np.tanh(raw[:2])) / np.array([[columns], [rows]])
        size = 1 / (1 + np.exp(-np.clip(raw[2:], -80, 80)))
        corners = np.concatenate([centre - size / 2, centre + size / 2]).T * np.array(canvas * 2)
        return Candidates(corners.astype(np.float32), score[y, x], class_id[y, x].astype(np.int64))


@lru_cache(maxsize=8)
def _yolox_grid(canvas: tuple[int, int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N, 2) top-left corners of the cells in canvas pixels, x first, and their (N, 1) strides."""
    corners, strides = [], []
    for stride in _YOLOX_STRIDES:
        x, y = np.meshgrid(np.arange(canvas[0] // stride), np.arange(canvas[1] // stride))
        corners.append(np.stack([x.ravel(), y.ravel()], axis=1) * stride)
        strides.append(np.full((x.size, 1), stride))
    return np.concatenate(corners).astype(np.float32), np.concatenate(strides).astype(np.float32)


def class_names(metadata: Mapping[str, str], count: int | None) -> dict[int, str]:
    """Class names from a model's ``names`` entry; else the 80 of COCO where the count fits; else numbered ones.

    Args:
        metadata: The model's own key-value pairs; ultralytics writes ``names`` as a Python literal, ``{0: 'person'}``.
        count: Number of classes in the output; None where the output does not tell.
    """
    text = metadata.get("names", "")
    try:
        names = ast.literal_eval(text if len(text) <= _LONGEST_NAMES else "")
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        found = {int(key): str(value)[:_LONGEST_NAME] for key, value in pairs}
    # What Python's parser raises depends on what it stumbles over; an infinite key overflows.
    except (ValueError, SyntaxError, TypeError, OverflowError, RecursionError, MemoryError):
        found = {}
    if found and (count is None or len(found) == count):
        return found
    if count in (None, len(COCO_80)):
        return dict(enumerate(COCO_80))
    return {index: f"class {index}" for index in range(count or 0)}


def _recognise_yolox(facts: ModelFacts) -> Head | None:
    shape = facts.outputs[0].shape
    corner, stride = _yolox_grid(facts.canvas)
    if len(facts.outputs) != 1 or len(shape) != 3 or shape[2] < 6 or shape[1] != len(stride):
        return None
    # Raw centres lie within a few units of 0, decoded ones within a few strides of their cells.
    centres = facts.outputs[0][0, :, :2]
    off_cell, off_zero = (np.median(np.abs(centres - place)) for place in (corner + stride / 2, 0.5))
    return YoloxHead(class_names(facts.metadata, shape[2] - 5), decoded=bool(off_cell < off_zero))


def _recognise_ultralytics(facts: ModelFacts) -> Head | None:
    shape = facts.outputs[0].shape
    if len(facts.outputs) != 1 or len(shape) != 3 or facts.metadata.get("task", "detect") != "detect":
        return None
    if shape[2] == 6 and shape[1] <= 1000:
        return UltralyticsHead(class_names(facts.metadata, None), end_to_end=True, nms_iou=None)
    # The boxes far outnumber the values of each, which tells this layout from its transpose.
    if 5 <= shape[1] < shape[2]:
        return UltralyticsHead(class_names(facts.metadata, shape[1] - 4))
    return None


def _recognise_fastestdet(facts: ModelFacts) -> Head | None:
    shape = facts.outputs[0].shape
    if len(facts.outputs) != 1 or len(shape) != 4 or shape[1] < 6:
        return None
    cells = (facts.canvas[1] // _FASTESTDET_STRIDE, facts.canvas[0] // _FASTESTDET_STRIDE)
    return FastestDetHead(class_names(facts.metadata, shape[1] - 5)) if shape[2:] == cells else None


# Tried in this order.
RECOGNISERS: tuple[Callable[[ModelFacts], Head | None], ...] = (
    _recognise_yolox,
    _recognise_ultralytics,
    _recognise_fastestdet,
)
SUPPORTED = "YOLOX 1xNx(5+C); ultralytics detection 1x(4+C)xN or end-to-end 1xMx6; FastestDet 1x(5+C)xHxW"


def recognise_head(facts: ModelFacts) -> Head | None:
    """The head of a model; None where it is none of the known ones."""
    return next((head for head in (recognise(facts) for recognise in RECOGNISERS) if head is not None), None)
