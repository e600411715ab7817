"""What a detector knows of its objects, and what their pixels look like at the scale that it saw them at.

Nothing here is coded: features are read off the source picture and the detections alone. They do not change when a
picture is mirrored, and a row does not depend on the order of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

DETECTION = (
    *("logit", "score", "log_width", "log_height", "log_area", "log_aspect", "log_short", "log_long", "share"),
    *("off_centre", "height_in_picture", "border", "bottom", "scale", "count", "count_same", "iou_same", "iou_other"),
    *("covered", "inside", "stronger", "mean_logit", "iou_stronger_same", "best_same"),
)
"""Confidence, geometry in pixels of the detector's input (log2), place, and crowding."""
_MAPS = ("gradient", "laplacian", "fine", "middle")
TEXTURE = (
    *(f"{area}_{name}" for name in _MAPS for area in ("in", "ring", "core", "over_ring", "over_picture")),
    *("luma", "deviation", "ring_deviation", "step", "relative_step", "core_step", "colour_step"),
    *("saturation", "ring_saturation", "slope", "ring_slope", "picture_gradient", "picture_fine", "picture_deviation"),
)
"""Detail and contrast of a box, its inner half and the ring around it, on the picture at the detector's scale."""
NAMES = (*DETECTION, *TEXTURE)

# Scores beyond these say no more, and their logits would stand far out.
_SCORE_FLOOR, _SCORE_CEILING = 1e-3, 1.0 - 1e-3
_NO_PARTNER = -7.0  # a logit below that of any score
_POOL = 2  # pixels of the detector's input to a side of a map's cell
_BORDER_PIXELS = 2.0  # of the detector's input: nearer than this an object counts as cut off
_RING_SCALE, _RING_PAD = 1.5, 4.0


@dataclass(frozen=True)
class Canvas:
    """How large a detector sees a picture.

    Attributes:
        width: Of the network's input in pixels.
        height: Likewise.
        keeps_aspect: Whether the picture is fitted in, not stretched.
    """

    width: int
    height: int
    keeps_aspect: bool

    @classmethod
    def of(cls, input_size: Any) -> Canvas:
        """Find out from a detector's ``input_size`` by asking it for a very wide and a very high picture."""
        # Powers of two, so that a factor times a side is exact.
        wide, high = input_size(65_536, 64), input_size(64, 65_536)
        return cls(int(wide[0]), int(high[1]), wide != high)

    def size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture's content is resized to."""
        if not self.keeps_aspect:
            return self.width, self.height
        factor = min(self.width / width, self.height / height)
        return max(1, int(width * factor)), max(1, int(height * factor))


def logit(score: NDArray[Any] | float) -> NDArray[np.float64]:
    """The log odds of scores, which are clipped to 0.001..0.999 first."""
    p = np.clip(np.asarray(score, dtype=np.float64), _SCORE_FLOOR, _SCORE_CEILING)
    return np.asarray(np.log(p / (1.0 - p)))


def describe(frame: Frame, detections: sv.Detections, size: tuple[int, int]) -> NDArray[np.float64]:
    """The features of a picture's objects.

    Args:
        frame: The source picture.
        detections: N objects in it. What of a box lies outside the picture is cut off; an empty one counts as one
            pixel of the picture.
        size: (width, height) of the picture's content as the detector sees it.

    Returns:
        (N, F) finite values, columns as ``NAMES``.

    Raises:
        InputError: The detections have no confidences, or a box or a confidence is not finite.
    """
    if len(detections) == 0:
        return np.zeros((0, len(NAMES)))
    if detections.confidence is None:
        raise InputError("the predictor detector_aware needs the detector's confidences, and there are none")
    score = np.asarray(detections.confidence, dtype=np.float64)
    xyxy = np.asarray(detections.xyxy, dtype=np.float64)
    if not (np.isfinite(xyxy).all() and np.isfinite(score).all()):
        raise InputError(
            f"a detection in {frame.source or 'the picture'} has a box or a confidence that is not a number"
        )
    boxes = clipped(xyxy, frame.width, frame.height)
    ids = np.zeros(len(score), np.int64) if detections.class_id is None else np.asarray(detections.class_id, np.int64)
    scale = np.array([size[0] / frame.width, size[1] / frame.height])
    seen = boxes * np.tile(scale, 2)
    return np.column_stack([_known(seen, score, ids, size, scale), _pixels(frame.rgb, seen, size)])


def clipped(xyxy: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    """Boxes cut to the picture, each at least one pixel wide and high, corners in order."""
    low, high = np.minimum(xyxy[:, :2], xyxy[:, 2:]), np.maximum(xyxy[:, :2], xyxy[:, 2:])
    bounds = np.array([width, height], dtype=np.float64)
    low = np.clip(low, 0.0, bounds - 1.0)
    return np.hstack([low, np.clip(np.maximum(high, low + 1.0), 1.0, bounds)])


def _known(
    boxes: NDArray[np.float64],
    score: NDArray[np.float64],
    ids: NDArray[np.int64],
    size: tuple[int, int],
    scale: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The columns ``DETECTION``; boxes in pixels of the detector's input."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    odds, area = logit(score), width * height
    log_w, log_h = np.log2(width), np.log2(height)
    limit = np.array(size, dtype=np.float64)
    cut = np.hstack([boxes[:, :2] < _BORDER_PIXELS, boxes[:, 2:] > limit - _BORDER_PIXELS])
    overlap = pairwise_iou(boxes, boxes)
    np.fill_diagonal(overlap, 0.0)
    same = ids[:, None] == ids[None, :]
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0.0, None).prod(axis=2)
    np.fill_diagonal(shared, 0.0)
    better = score[None, :] > score[:, None]
    rows = len(score)
    return np.column_stack(
        [
            odds,
            score,
            log_w,
            log_h,
            log_w + log_h,
            log_w - log_h,
            np.minimum(log_w, log_h),
            np.maximum(log_w, log_h),
            np.sqrt(area / limit.prod()),
            np.abs((boxes[:, 0] + boxes[:, 2]) / 2 / limit[0] - 0.5),
            (boxes[:, 1] + boxes[:, 3]) / 2 / limit[1],
            cut.sum(axis=1),
            cut[:, 3],
            np.full(rows, np.log2(scale).mean()),
            np.full(rows, np.log2(rows)),
            np.log2(same.sum(axis=1)),
            np.where(same, overlap, 0.0).max(axis=1),
            np.where(same, 0.0, overlap).max(axis=1),
            np.minimum(shared.sum(axis=1) / area, 3.0),
            (shared / area[:, None]).max(axis=1),
            np.log2(1.0 + better.sum(axis=1)),
            np.full(rows, odds.mean()),
            np.where(same & better, overlap, 0.0).max(axis=1),
            np.where(same & ~np.eye(rows, dtype=bool), odds[None, :], _NO_PARTNER).max(axis=1),
        ]
    )


def _pixels(rgb: NDArray[np.uint8], boxes: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
    """The columns ``TEXTURE``; boxes in pixels of the detector's input."""
    sums = _summed_maps(rgb, size)
    picture = np.array([table[-1, -1] for table in sums]) / ((sums[0].shape[0] - 1) * (sums[0].shape[1] - 1))
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    inside, pixels = _sum(sums, boxes)
    core, core_pixels = _sum(sums, np.hstack([centre - half / 2, centre + half / 2]))
    reach = half * _RING_SCALE + _RING_PAD
    around, wide_pixels = _sum(sums, np.hstack([centre - reach, centre + reach]))
    ring_pixels = wide_pixels - pixels
    mean, middle = inside / pixels, core / core_pixels
    # A box that fills the picture has no ring: it stands for its own surroundings.
    ring = np.where(ring_pixels > 0, (around - inside) / np.maximum(ring_pixels, 1), mean)
    columns = []
    for k in range(4, 8):
        detail, outer = _log(mean[:, k]), _log(ring[:, k])
        columns += [detail, outer, _log(middle[:, k]), detail - outer, detail - _log(picture[k])]
    deviation, ring_deviation = (np.sqrt(np.maximum(m[:, 3] - m[:, 0] ** 2, 0.01)) for m in (mean, ring))
    step = np.abs(mean[:, 0] - ring[:, 0])
    columns += [
        mean[:, 0] / 64,
        np.log2(deviation),
        np.log2(ring_deviation),
        np.log2(1 + step),
        step / (deviation + ring_deviation + 4),
        np.log2(1 + np.abs(middle[:, 0] - ring[:, 0])),
        np.log2(1 + np.hypot(mean[:, 1] - ring[:, 1], mean[:, 2] - ring[:, 2])),
        np.log2(1 + np.hypot(mean[:, 1] - 128, mean[:, 2] - 128)),
        np.log2(1 + np.hypot(ring[:, 1] - 128, ring[:, 2] - 128)),
        _log(mean[:, 6]) - _log(mean[:, 7]),
        _log(ring[:, 6]) - _log(ring[:, 7]),
        *(np.full(len(boxes), value) for value in (_log(picture[4]), _log(picture[6]))),
        np.full(len(boxes), np.log2(np.sqrt(max(picture[3] - picture[0] ** 2, 0.01)))),
    ]
    return np.column_stack(columns)


def _summed_maps(rgb: NDArray[np.uint8], size: tuple[int, int]) -> list[NDArray[np.float64]]:
    """Summed-area tables of luma, two chromas, luma squared, gradient, Laplacian and two bands of energy.

    Maps are halved and arrays used again: fresh memory is what takes the time here.
    """
    import cv2

    filtering = cv2.INTER_AREA if size[0] <= rgb.shape[1] else cv2.INTER_LINEAR
    small = cv2.cvtColor(cv2.resize(rgb, size, interpolation=filtering), cv2.COLOR_RGB2YCrCb)
    half = (-(-size[0] // _POOL), -(-size[1] // _POOL))
    plane = cv2.extractChannel(small, 0).astype(np.float32)
    work, other = np.empty_like(plane), np.empty_like(plane)

    def table(part: Any) -> Any:
        return cv2.integral(cv2.resize(part, half, interpolation=cv2.INTER_AREA), sdepth=cv2.CV_64F)

    colours = table(small)
    tables = [colours[..., k] for k in range(3)]
    tables.append(table(cv2.multiply(plane, plane, dst=work)))
    cv2.Sobel(plane, cv2.CV_32F, 1, 0, dst=work, scale=1 / 8)
    cv2.Sobel(plane, cv2.CV_32F, 0, 1, dst=other, scale=1 / 8)
    # Not cv2.magnitude: its last digit hangs on where in memory the arrays lie.
    np.add(np.square(work, out=work), np.square(other, out=other), out=work)
    tables.append(table(np.sqrt(work, out=work)))
    cv2.Laplacian(plane, cv2.CV_32F, dst=work)
    tables.append(table(np.abs(work, out=work)))
    cv2.blur(plane, (3, 3), dst=work)
    np.subtract(plane, work, out=plane)
    tables.append(table(np.square(plane, out=plane)))
    cv2.blur(work, (9, 9), dst=other)
    np.subtract(work, other, out=work)
    tables.append(table(np.square(work, out=work)))
    return tables


def _sum(
    sums: list[NDArray[np.float64]], boxes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of the maps over the cells that boxes touch, (N, 8), and how many those are, (N, 1)."""
    limit = np.array([sums[0].shape[1] - 1, sums[0].shape[0] - 1])
    low = np.clip(np.floor(boxes[:, :2] / _POOL).astype(np.int64), 0, limit - 1)
    high = np.clip(np.ceil(boxes[:, 2:] / _POOL).astype(np.int64), low + 1, limit)
    (x0, y0), (x1, y1) = low.T, high.T
    total = np.column_stack([s[y1, x1] - s[y0, x1] - s[y1, x0] + s[y0, x0] for s in sums])
    return total, (high - low).prod(axis=1)[:, None].astype(np.float64)


def _log(energy: Any) -> Any:
    return np.log2(np.maximum(energy, 0.05))
