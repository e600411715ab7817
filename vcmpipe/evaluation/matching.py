"""Which objects of a reference are found again: one-to-one matching and retention."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import MapOptions
from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import supervision as sv


@dataclass(frozen=True)
class MatchRule:
    """When an object counts, and when it counts as found again. All limits are inclusive.

    Attributes:
        reference_score: Least score of a source detection that has to be kept.
        found_score: Least score of a detection in the coded picture.
        iou: Least overlap of the two boxes.

    Raises:
        InputError: A limit lies outside 0..1, or the overlap is 0.
    """

    reference_score: float = MapOptions.score
    found_score: float = MapOptions.min_score
    iou: float = MapOptions.iou

    def __post_init__(self) -> None:
        for name in ("reference_score", "found_score", "iou"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise InputError(f"the matching rule's {name} must lie in 0..1, not {value}")
        if self.iou == 0.0:
            raise InputError("the matching rule's iou must be above 0, or boxes that never touch would match")

    def select(self, reference: sv.Detections) -> NDArray[np.int64]:
        """Positions of the reference's objects that have to be kept."""
        return np.flatnonzero(scores_of(reference).round(6) >= self.reference_score).astype(np.int64)


@dataclass(frozen=True)
class Matches:
    """The partners of one picture's objects.

    Attributes:
        found: (N,) int64; for each reference object the position of its partner, -1 where it has none.
        iou: (N,) float64; overlap with the partner, 0 where there is none.
        score: (N,) float64; the partner's score, 0 where there is none.
    """

    found: NDArray[np.int64]
    iou: NDArray[np.float64]
    score: NDArray[np.float64]

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(N,) bool; whether each reference object was found again."""
        return self.found >= 0


def match(
    reference: sv.Detections,
    found: sv.Detections,
    *,
    iou: float = MapOptions.iou,
    min_score: float = MapOptions.min_score,
) -> Matches:
    """Pairs the objects of a reference with those found, one-to-one.

    A pair needs the same class, an overlap of at least ``iou`` and a found score of at least ``min_score``. Among all
    one-to-one pairings that one is taken which keeps the most objects, and among those the one with the greatest
    sum of overlaps (optimal assignment per class; unlike greedy matching it never loses an object to a neighbour).

    Args:
        reference: N objects; their scores do not count (see ``MatchRule.select``).
        found: M objects.
        iou: Least overlap, above 0.
        min_score: Least score of a found object.
    """
    count = len(reference)
    partner = np.full(count, -1, dtype=np.int64)
    overlap = np.zeros(count, dtype=np.float64)
    score = np.zeros(count, dtype=np.float64)
    scores = scores_of(found)
    strong = np.flatnonzero(scores.round(6) >= min_score)
    if count and strong.size:
        values = pairwise_iou(reference.xyxy, found.xyxy[strong])
        allowed = (values >= iou) & (classes_of(reference)[:, None] == classes_of(found)[strong][None, :])
        rows, columns = assign(values, allowed)
        partner[rows] = strong[columns]
        overlap[rows] = values[rows, columns]
        score[rows] = scores[partner[rows]]
    return Matches(partner, overlap, score)


def best_scores(reference: sv.Detections, found: sv.Detections, *, iou: float) -> NDArray[np.float64]:
    """The best score of each object's class at its place, whether or not another object is paired with it.

    Args:
        reference: N objects.
        found: M objects.
        iou: Least overlap, above 0.

    Returns:
        (N,) float64, 0 where nothing of the class is there.
    """
    if not len(reference) or not len(found):
        return np.zeros(len(reference))
    same = classes_of(reference)[:, None] == classes_of(found)[None, :]
    near = pairwise_iou(reference.xyxy, found.xyxy) >= iou
    return np.asarray(np.where(same & near, scores_of(found)[None, :], 0.0).max(axis=1))


class Retention(NamedTuple):
    """Objects found again, and those that had to be."""

    kept: int
    total: int

    @property
    def value(self) -> float | None:
        """The kept share, 0..1; None where there was nothing to keep."""
        return self.kept / self.total if self.total else None


def retention(pairs: Iterable[tuple[sv.Detections, sv.Detections]], rule: MatchRule | None = None) -> Retention:
    """Retention over pictures: objects kept in all of them over objects that had to be.

    Args:
        pairs: Per picture the source's detections and those in the coded picture, boxes in pixels of the source.
        rule: Limits; the defaults of ``MatchRule`` where absent.
    """
    rule = rule or MatchRule()
    kept = total = 0
    for reference, found in pairs:
        wanted = rule.select(reference)
        kept += int(match(reference[wanted], found, iou=rule.iou, min_score=rule.found_score).kept.sum())
        total += wanted.size
    return Retention(kept, total)


def assign(values: NDArray[np.float64], allowed: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The allowed pairs (rows, columns) of the best one-to-one assignment."""
    rows, columns = np.nonzero(allowed)
    if np.unique(rows).size == rows.size and np.unique(columns).size == columns.size:
        return rows, columns  # nothing is contested, as in most pictures
    from scipy.optimize import linear_sum_assignment

    # One more pair outweighs any sum of overlaps, each of which is at most 1.
    gain = np.where(allowed, min(values.shape) + 1.0 + values, 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    real = allowed[rows, columns]
    return rows[real], columns[real]


def scores_of(detections: sv.Detections) -> NDArray[np.float64]:
    """Scores as float64, 1 where there are none; compared rounded, so that a limit of 0.3 takes a float32 of 0.3."""
    if detections.confidence is None:
        return np.ones(len(detections))
    return np.asarray(detections.confidence, dtype=np.float64)


def classes_of(detections: sv.Detections) -> NDArray[np.int64]:
    """Classes as int64, 0 where there are none."""
    if detections.class_id is None:
        return np.zeros(len(detections), dtype=np.int64)
    return np.asarray(detections.class_id, dtype=np.int64)
