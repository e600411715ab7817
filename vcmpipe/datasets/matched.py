"""What is to be kept of a picture or a segment, and in which versions it is: a string for each object or track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.tasks import Task

if TYPE_CHECKING:
    import supervision as sv

FRAME = "frame"
"""The column of a segment's detections that has the frame of each, by its place in the segment."""


@dataclass(frozen=True, eq=False)
class Matched:
    """N objects of a picture, or tracks of a segment, and where they were found again in Q versions, under one task.

    A track has the box, class and score of the middle one of its instances; ``iou`` and ``confidence`` are means over
    all of them, an instance that was not found counting 0.

    Attributes:
        xyxy: (N, 4) float32; corners in pixels of the source.
        class_id: (N,) int64.
        score: (N,) float32; in the source.
        found: (N, Q) bool; whether it was found again, a track: whether it was kept.
        iou: (N, Q) float32; overlap with its partner.
        confidence: (N, Q) float32; its partner's score.
        place: (N,) int64; the frame that the box is of, by its place in the segment; 0 in a picture.
        instances: (N,) int64; frames that it is seen in.
    """

    xyxy: NDArray[np.float32]
    class_id: NDArray[np.int64]
    score: NDArray[np.float32]
    found: NDArray[np.bool_]
    iou: NDArray[np.float32]
    confidence: NDArray[np.float32]
    place: NDArray[np.int64]
    instances: NDArray[np.int64]


def matched(source: sv.Detections, versions: Sequence[sv.Detections], task: Task, frames: int | None = None) -> Matched:
    """Find what is to be kept of a source again in each of Q versions, out of all detections there.

    Args:
        source: Detections in the source; of a segment those of all frames, as ``flat`` makes them.
        versions: Detections in each version, likewise.
        task: What is to be kept.
        frames: Frames of the segment; None: it is a still picture.
    """
    reference = task.reference(_frames(source, frames))
    numbers = list(dict.fromkeys(reference.tracks.tolist()))
    members = [np.flatnonzero(reference.tracks == number) for number in numbers]
    shape = (len(members), len(versions))
    found = np.zeros(shape, dtype=np.bool_)
    iou = np.zeros(shape, dtype=np.float32)
    confidence = np.zeros(shape, dtype=np.float32)
    for column, version in enumerate(versions):
        each = task.compare(reference, _frames(version, frames))
        scores = np.where(each.kept, each.score, 0.0)
        for row, own in enumerate(members):
            found[row, column] = each.promised[own].all()
            iou[row, column] = each.overlap[own].mean()
            confidence[row, column] = scores[own].mean()
    middle = np.array([own[len(own) // 2] for own in members], dtype=np.int64)
    place = np.repeat(np.arange(len(reference.detections)), [len(own) for own in reference.detections])
    return Matched(
        reference.boxes_xyxy[middle].astype(np.float32),
        np.concatenate([np.asarray(own.class_id, np.int64) for own in reference.detections])[middle],
        reference.score[middle].astype(np.float32),
        found,
        iou,
        confidence,
        place[middle],
        np.array([len(own) for own in members], dtype=np.int64),
    )


def flat(frames: Sequence[sv.Detections]) -> sv.Detections:
    """The detections of a segment's frames as one, with a column ``FRAME``."""
    import supervision as sv

    place = np.repeat(np.arange(len(frames)), [len(own) for own in frames])
    return sv.Detections(
        np.concatenate([np.asarray(own.xyxy, np.float32).reshape(-1, 4) for own in frames]),
        confidence=np.concatenate([np.asarray(own.confidence, np.float32) for own in frames]),
        class_id=np.concatenate([np.asarray(own.class_id, np.int64) for own in frames]),
        data={FRAME: place.astype(np.int64)},
    )


def by_frame(detections: sv.Detections, frames: int) -> list[sv.Detections]:
    """What ``flat`` joined, frame by frame."""
    edges = np.searchsorted(detections.data[FRAME], np.arange(frames + 1))
    return [detections[int(start) : int(end)] for start, end in pairwise(edges)]  # type: ignore[misc]


def _frames(detections: sv.Detections, frames: int | None) -> list[sv.Detections]:
    return [detections] if frames is None else by_frame(detections, frames)
