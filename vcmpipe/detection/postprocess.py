"""What all detector adapters do after the network: suppress duplicates, clip, sort, and build the detections."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_WEIGHTS, check_file

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame


def pairwise_iou(a_xyxy: ArrayLike, b_xyxy: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of every box of one set with every box of another.

    Args:
        a_xyxy: (N, 4) boxes, corners (x0, y0, x1, y1).
        b_xyxy: (M, 4) boxes.

    Returns:
        (N, M) values in 0..1; 0 where both boxes are empty.
    """
    a = np.asarray(a_xyxy, dtype=np.float64).reshape(-1, 4)
    b = np.asarray(b_xyxy, dtype=np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    side = np.clip(high - low, 0.0, None)
    shared = side[..., 0] * side[..., 1]
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    union = area_a[:, None] + area_b[None, :] - shared
    result: NDArray[np.float64] = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return result


def suppress(
    xyxy: NDArray[np.float32], score: NDArray[np.float32], class_id: NDArray[np.int64], iou: float
) -> NDArray[np.int64]:
    """Class-aware greedy non-maximum suppression.

    Boxes are visited by descending score (ties: by position); each removes the later boxes of its own class that
    overlap it by more than ``iou``. Cost grows with kept boxes x candidates, and memory with the candidates only.

    Args:
        xyxy: (N, 4) boxes.
        score: (N,) scores.
        class_id: (N,) classes.
        iou: Overlap above which the weaker box goes, 0..1.

    Returns:
        Positions of the boxes that stay, by descending score.
    """
    order = np.argsort(-score, kind="stable")
    kept: list[int] = []
    if order.size:
        # Shifting each class to a place of its own makes boxes of different classes never meet.
        span = float(xyxy.max() - min(float(xyxy.min()), 0.0)) + 1.0
        boxes = xyxy[order].astype(np.float64) + (class_id[order].astype(np.float64) * span * 2.0)[:, None]
        x0, y0, x1, y1 = boxes.T
        area = (x1 - x0) * (y1 - y0)
        rest = np.arange(order.size)
        while rest.size:
            head, rest = rest[0], rest[1:]
            kept.append(int(head))
            width = np.minimum(x1[head], x1[rest]) - np.maximum(x0[head], x0[rest])
            height = np.minimum(y1[head], y1[rest]) - np.maximum(y0[head], y0[rest])
            shared = np.maximum(width, 0.0) * np.maximum(height, 0.0)
            rest = rest[shared <= iou * (area[head] + area[rest] - shared)]
    return order[np.asarray(kept, dtype=np.int64)].astype(np.int64)


def build_detections(
    xyxy: ArrayLike, score: ArrayLike, class_id: ArrayLike, width: int, height: int, min_score: float
) -> sv.Detections:
    """Makes the detections of one picture: clipped to it, sorted by descending score, weak and empty boxes dropped.

    Args:
        xyxy: (N, 4) boxes in pixels of the picture.
        score: (N,) scores in 0..1.
        class_id: (N,) classes.
        width: Width of the picture.
        height: Height of the picture.
        min_score: Least score that is reported.
    """
    import supervision as sv

    boxes = np.asarray(xyxy, dtype=np.float32).reshape(-1, 4)
    scores = np.asarray(score, dtype=np.float32).reshape(-1)
    classes = np.asarray(class_id).reshape(-1).astype(np.int64)
    boxes = np.clip(boxes, 0, np.array([width, height, width, height], dtype=np.float32))
    good = (scores >= min_score) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    positions = np.flatnonzero(good)
    positions = positions[np.argsort(-scores[positions], kind="stable")]
    return sv.Detections(
        xyxy=boxes[positions], confidence=np.minimum(scores[positions], 1.0), class_id=classes[positions]
    )


def detect_by_size(
    frames: Sequence[Frame], batch: int, detect: Callable[[Sequence[Frame]], list[sv.Detections]]
) -> list[sv.Detections]:
    """Runs a detector that pads the pictures of a batch to the largest on pictures of one size at a time.

    In other mixtures padding would change answers.

    Args:
        frames: Pictures of any sizes.
        batch: The most pictures in one call.
        detect: Detects in a batch.

    Returns:
        The detections in the order of the frames.
    """
    by_size: dict[tuple[int, int], list[int]] = {}
    for place, frame in enumerate(frames):
        by_size.setdefault((frame.width, frame.height), []).append(place)
    found: dict[int, sv.Detections] = {}
    for places in by_size.values():
        for start in range(0, len(places), batch):
            group = places[start : start + batch]
            found.update(zip(group, detect([frames[place] for place in group]), strict=True))
    return [found[place] for place in range(len(frames))]


def file_digest(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises:
        InputError: The file cannot be read.
    """
    check_file(path, LARGEST_WEIGHTS, "the detector's weights")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read the detector's weights {path}: {error.strerror or error}") from error
