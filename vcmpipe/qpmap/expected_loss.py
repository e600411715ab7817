"""What objects should lose by the QPs that they, and what lies around them, are coded at.

A predictor says of each object at which QP the detector loses it, as a probability mass over 64 QPs. An object is
not whole until then and gone afterwards: its score falls and its box slips before, and chance finds it again behind.
``lost_shares`` blurs the step by what ``benchmarks/expected_loss.py`` measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.qpmap.qp_map import QP_MAX, grid_shape

Floats = NDArray[np.float64]
QPS = QP_MAX + 1

# Fitted by benchmarks/expected_loss.py to what is lost of the detections of photos outside the bench set.
LEAD = -4.2
"""QP steps beyond its threshold at which half of an object is lost; below 0: before it."""
SOFTNESS = 2.9
"""QP steps over which it is lost: the scale of a logistic curve."""
STEPS_PER_HALVING = 5.6
"""QP steps by which thresholds fall where width and height are halved; what the scale itself loses is not in it."""

CONTEXT = 0.1
"""The share of an object's loss that the QPs around it decide. The same script measures 0.03, a mean over 24 photos;
some objects hang on more, and with the mean nothing would be spent around those."""
CONTEXT_REACH = 0.5
"""How far around an object that reaches, in widths and heights of its box on each side."""


def lost_shares(mass: ArrayLike, *, scale: float = 1.0, soft: bool = True) -> Floats:
    """The share, 0..1, that each object should lose at each QP, (N, 64); it never falls with the QP.

    Args:
        mass: (N, 64) P(JRD = 0..63), as ``Thresholds.mass``, for the source's own size.
        scale: Width of the coded picture by that of the source, in (0, 1]: at the same QP less is kept of an object in
            a smaller picture.
        soft: False: P(JRD < QP + shift) as it stands, an object being lost at one stroke.

    Raises:
        InputError: The masses have another shape, or the scale is out of its range.
    """
    values = np.asarray(mass, np.float64)
    if values.ndim != 2 or values.shape[1] != QPS:
        raise InputError(f"threshold masses must have the shape (objects, {QPS}), not {values.shape}")
    if not 0.0 < scale <= 1.0:
        raise InputError(f"a scale lies above 0 and is at most 1, not {scale}")
    # steps[jrd, qp]: how far a QP lies beyond a threshold.
    steps = np.arange(QPS)[None, :] - np.arange(QPS)[:, None] - STEPS_PER_HALVING * np.log2(scale)
    lost = 1.0 / (1.0 + np.exp((LEAD - steps) / SOFTNESS)) if soft else (steps > 0).astype(np.float64)
    shares: Floats = np.clip(values @ lost, 0.0, 1.0)
    return shares


def with_known(shares: Floats, known: ArrayLike) -> Floats:
    """Shares (N, 64) that coding loses, of what is left where shares ``known`` (N,), 0..1, are lost already.

    Such is the loss by scale, which the detector shows in the picture that is not coded yet.
    """
    lost = np.clip(np.asarray(known, np.float64), 0.0, 1.0)[:, None]
    result: Floats = lost + (1.0 - lost) * shares
    return result


def coverage(boxes_xyxy: ArrayLike, shape: tuple[int, int], ctu: int) -> Floats:
    """How many samples of each box lie in each CTU: (N, rows, cols), for N boxes in samples of the coded picture."""
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    edges_x, edges_y = (np.asarray(np.arange(count + 1) * ctu, np.float64) for count in shape[::-1])

    def along(low: Floats, high: Floats, edges: Floats) -> Floats:
        overlap = np.minimum(high[:, None], edges[None, 1:]) - np.maximum(low[:, None], edges[None, :-1])
        return np.asarray(np.maximum(overlap, 0.0))

    wide, high = along(boxes[:, 0], boxes[:, 2], edges_x), along(boxes[:, 1], boxes[:, 3], edges_y)
    return np.asarray(high[:, :, None] * wide[:, None, :])


def grown(boxes_xyxy: ArrayLike, by: ArrayLike, width: int, height: int) -> Floats:
    """(N, 4) boxes that reach ``by`` samples further on each side, a number or (N, 2), within the picture.

    Each keeps at least a sample of the picture.
    """
    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    more = np.broadcast_to(np.asarray(by, np.float64), (len(boxes), 2)) if len(boxes) else np.zeros((0, 2))
    limits = np.array([width, height], np.float64)
    low = np.clip(boxes[:, :2] - more, 0, limits - 1)
    high = np.clip(boxes[:, 2:] + more, low + 1, limits)
    return np.concatenate([low, high], axis=1)


@dataclass(frozen=True, eq=False)
class Stakes:
    """What N objects have to lose in C cells: CTUs, or regions made of them.

    Attributes:
        loss: (N, 64) what each object loses, all of it at a QP; never falling.
        own: (N, C) the share of each object that lies in each cell; rows sum to 1.
        context: (N, C) the share of each object's surroundings, likewise; rows of 0 where there are none.
        weight: How much the surroundings decide, 0..1.
    """

    loss: Floats
    own: Floats
    context: Floats
    weight: float = CONTEXT

    @classmethod
    def of(
        cls,
        boxes_xyxy: ArrayLike,
        loss: ArrayLike,
        width: int,
        height: int,
        ctu: int,
        *,
        dilate: int = 0,
        weight: float = CONTEXT,
    ) -> Stakes:
        """The stakes of objects on the CTU grid, cells row by row.

        Args:
            boxes_xyxy: (N, 4) in samples of the coded picture.
            loss: (N, 64).
            width: Of the coded picture in luma samples.
            height: Likewise.
            ctu: CTU size: 32, 64 or 128.
            dilate: Samples by which a detector looks beyond a box.
            weight: How much the surroundings decide, 0..1.

        Raises:
            InputError: Boxes and losses do not go together, a box is not finite, or a value is out of range.
        """
        boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
        losses = np.asarray(loss, np.float64).reshape(-1, QPS)
        if len(boxes) != len(losses):
            raise InputError(f"{len(boxes)} boxes but losses of {len(losses)} objects")
        if not np.isfinite(boxes).all():
            raise InputError("a box has a coordinate that is not a finite number")
        if not 0.0 <= weight <= 1.0 or dilate < 0:
            raise InputError(f"surroundings weigh 0..1 and boxes only grow, not {weight} and {dilate}")
        shape = grid_shape(width, height, ctu)
        near = grown(boxes, dilate, width, height)
        own = coverage(near, shape, ctu).reshape(len(boxes), shape[0] * shape[1])
        reach = CONTEXT_REACH * (near[:, 2:] - near[:, :2])
        around = coverage(grown(near, reach, width, height), shape, ctu).reshape(own.shape) - own
        return cls(losses, _rows(own), _rows(np.maximum(around, 0.0)), weight)

    @property
    def shares(self) -> Floats:
        """(N, C) how much each cell decides of each object."""
        alone = self.context.sum(axis=1, keepdims=True) == 0
        weight = np.where(alone, 0.0, self.weight)
        result: Floats = (1.0 - weight) * self.own + weight * self.context
        return result

    def merged(self, label: NDArray[np.int64]) -> Stakes:
        """The same with cells of equal label, (C,) 0..R-1, as one."""
        onto = np.zeros((len(label), int(label.max()) + 1))
        onto[np.arange(len(label)), label] = 1.0
        return Stakes(self.loss, self.own @ onto, self.context @ onto, self.weight)

    def expected(self, qps: ArrayLike, *, worst: bool = False) -> float:
        """The loss to expect with cells at QPs (C,).

        Args:
            qps: Whole numbers, 0..63.
            worst: Whether an object is as good as its worst cell; else as the mean of its samples.
        """
        levels = np.asarray(qps, np.int64).reshape(-1)
        if not len(self.loss):
            return 0.0
        by_cell = self.loss[:, levels]
        if not worst:
            return float((self.shares * by_cell).sum())
        largest = np.where(self.own > 0, levels[None, :], 0).max(axis=1)
        around = (self.context * by_cell).sum(axis=1)
        whole = self.loss[np.arange(len(self.loss)), largest]
        weight = np.where(self.context.sum(axis=1) == 0, 0.0, self.weight)
        return float(((1.0 - weight) * whole + weight * around).sum())


def _rows(values: Floats) -> Floats:
    total = values.sum(axis=1, keepdims=True)
    shares: Floats = np.divide(values, total, out=np.zeros_like(values), where=total > 1e-9)
    return shares
