"""From objects and the QPs they bear to the QP map of a picture."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.config import CodingOptions, MapOptions
from vcmpipe.errors import InputError
from vcmpipe.qpmap.qp_map import QP_MAX, QP_MIN, QpMap, check_qp, grid_shape

EMPTY_QP = 51
"""QP of a picture without detections where the background is relative to objects; DT-JRD's background QP."""


@dataclass(frozen=True)
class Background:
    """What QP the CTUs get that touch no object.

    Attributes:
        kind: ``absolute``: ``value`` is the QP; ``delta``: the objects' median (the lower of the two middle ones) plus
            ``value``; ``keep``: the background is coded like the picture's safest object, i.e. the whole map takes the
            objects' minimum.
        value: A QP (0..63), a delta (-63..63), or 0 for ``keep``.
    """

    kind: Literal["absolute", "delta", "keep"]
    value: int = 0


def parse_background(text: str | int) -> Background:
    """Read ``51`` (a QP), ``+10`` or ``-4`` (over the objects' median) or ``keep``; InputError for anything else."""
    spelled = str(text).strip()
    if spelled.lower() == "keep":
        return Background("keep")
    if not re.fullmatch(r"[+-]?[0-9]{1,4}", spelled):
        raise InputError(f"background '{text}' is not understood: give a QP such as 51, a delta such as +10, or keep")
    value = int(spelled)
    if spelled[0] in "+-":
        if abs(value) > QP_MAX:
            raise InputError(f"background delta {spelled} is outside -{QP_MAX}..+{QP_MAX}")
        return Background("delta", value)
    return Background("absolute", check_qp(value, "background QP"))


@dataclass(frozen=True)
class MapPolicy:
    """How boxes and their QPs become a map.

    Attributes:
        background: ``51`` = that QP, ``+10`` = the objects' median + 10, ``keep`` = one QP for the whole picture, its
            safest object's (see :class:`Background`). In YAML quote the sign: ``"+10"``.
        dilate_px: Samples by which every box grows on each side before its CTUs are found, in samples of the coded
            picture. A detector looks beyond the box, and in-loop filters reach a few samples over a CTU's border.
        step_limit: Largest QP difference between CTUs that share an edge; None = no limit. Only ever lowers QPs.
        empty: QP of a picture without detections; None = the background's QP, or 51 where that is relative to objects.

    Raises:
        InputError: A value out of its range.
    """

    background: str = MapOptions.background
    dilate_px: int = MapOptions.dilate
    step_limit: int | None = MapOptions.smooth
    empty: int | None = MapOptions.empty

    def __post_init__(self) -> None:
        parse_background(self.background)
        if self.dilate_px < 0:
            raise InputError(f"dilate_px is {self.dilate_px}; a box can only grow: give 0 or more")
        if self.step_limit is not None and self.step_limit < 1:
            raise InputError(f"step_limit is {self.step_limit}; give 1 or more, or none for no limit")
        if self.empty is not None:
            check_qp(self.empty, "QP of an empty picture")

    def background_qp(self, qps: NDArray[np.int64]) -> int:
        """QP of a picture's background, given its objects' QPs (N,); N may be 0."""
        background = parse_background(self.background)
        if qps.size == 0:
            if self.empty is not None:
                return self.empty
            return background.value if background.kind == "absolute" else EMPTY_QP
        if background.kind == "absolute":
            return background.value
        if background.kind == "keep":
            return int(qps.min())
        median = int(np.sort(qps)[(qps.size - 1) // 2])
        return min(max(median + background.value, QP_MIN), QP_MAX)

    @property
    def uniform(self) -> bool:
        """Whether every map is one QP (background ``keep``)."""
        return parse_background(self.background).kind == "keep"


def build_map(
    boxes_xyxy: ArrayLike,
    qps: ArrayLike,
    policy: MapPolicy | None,
    width: int,
    height: int,
    ctu: int = CodingOptions.ctu,
) -> QpMap:
    """Paint the objects' QPs onto the background.

    A CTU that touches a dilated box takes that box's QP, the smallest where several do. Boxes are clipped to the
    picture; each covers at least the CTU it lies in.

    Args:
        boxes_xyxy: (N, 4) corners in samples of the coded picture, whose size is ``width`` times ``height``.
        qps: (N,) whole QPs in 0..63.
        policy: Background, dilation, smoothing; None = the defaults.
        width: In luma samples.
        height: Likewise.
        ctu: CTU size: 32, 64 or 128.

    Raises:
        InputError: Shapes do not match, a box is not finite or upside down, a QP is out of range.
    """
    policy = MapPolicy() if policy is None else policy
    shape = grid_shape(width, height, ctu)
    boxes = np.asarray(boxes_xyxy, np.float64)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    levels = _whole(qps)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise InputError(f"boxes have the shape {boxes.shape}; expected (N, 4)")
    if levels.shape != (len(boxes),):
        raise InputError(f"{len(boxes)} boxes but QPs of the shape {levels.shape}; expected ({len(boxes)},)")
    if not np.isfinite(boxes).all():
        raise InputError("a box has a coordinate that is not a finite number")
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise InputError("a box ends before it begins; expected x1 <= x2 and y1 <= y2")
    if levels.size and (levels.min() < QP_MIN or levels.max() > QP_MAX):
        raise InputError(f"an object's QP is outside {QP_MIN}..{QP_MAX}")

    background = policy.background_qp(levels)
    values = np.full(shape, background, np.int8)
    if not policy.uniform:
        limits = np.array([width, height], np.float64)
        low = np.clip(np.floor(boxes[:, :2] - policy.dilate_px), 0, limits - 1).astype(np.int64)
        high = np.clip(np.ceil(boxes[:, 2:] + policy.dilate_px), low + 1, limits).astype(np.int64)
        first, end = low // ctu, -(-high // ctu)
        # Descending QP: the last to paint a CTU is the smallest that touches it.
        for i in np.argsort(-levels, kind="stable"):
            values[first[i, 1] : end[i, 1], first[i, 0] : end[i, 0]] = levels[i]
    if policy.step_limit is not None:
        values = limit_steps(values, policy.step_limit)
    return QpMap(values, ctu, width, height)


def limit_steps(qp: NDArray[Any], limit: int, *, across_rows: bool = False) -> NDArray[np.int8]:
    """The largest map, nowhere above ``qp`` (rows, cols), whose neighbours differ by at most ``limit``, 1 or more.

    That is ``min over CTUs j of qp[j] + limit * distance(i, j)``, the lower envelope of cones. Neighbours share an
    edge; with ``across_rows`` the last CTU of a row and the first of the next are neighbours, too: they follow each
    other in coding order, and HEVC and VVC predict a QP from the CTU coded before.
    """
    values = np.asarray(qp).astype(np.int64)
    if limit < 1 or values.ndim != 2:
        raise InputError(f"a step limit needs a 2-D map and a limit of 1 or more, not {values.ndim}-D and {limit}")
    while True:
        before = values
        values = _envelope(_envelope(values, limit, 1), limit, 0)
        if across_rows:
            values = _envelope(values.reshape(1, -1), limit, 1).reshape(values.shape)
        if np.array_equal(values, before):
            return values.astype(np.int8)


def _envelope(values: NDArray[np.int64], limit: int, axis: int) -> NDArray[np.int64]:
    ramp = limit * np.arange(values.shape[axis]).reshape((-1, 1) if axis == 0 else (1, -1))
    forward = np.minimum.accumulate(values - ramp, axis=axis) + ramp
    backward = np.flip(np.minimum.accumulate(np.flip(values + ramp, axis), axis=axis), axis) - ramp
    return np.minimum(forward, backward)


def _whole(qps: ArrayLike) -> NDArray[np.int64]:
    values = np.asarray(qps)
    if values.size == 0:
        return np.zeros(0, np.int64)
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all() or (values != np.floor(values)).any():
        raise InputError("the objects' QPs must be whole numbers")
    return values.astype(np.int64)
