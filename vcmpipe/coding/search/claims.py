"""What has to be found again in a coded picture: the objects of one detector or several, and the look that judges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.naming import detect_named
from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.evaluation import MatchRule, match

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame


@dataclass(frozen=True, eq=False)
class Look:
    """What was seen of N objects in a coded picture.

    Attributes:
        kept: (N,) whether each was found again with a sufficient score.
        score: (N,) score of the best box of its class at its place, 0 where there is none.
    """

    kept: NDArray[np.bool_]
    score: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """One detector and what it saw in the source that has to be kept.

    Attributes:
        detector: The detector.
        reference: Its objects, boxes in source pixels.
        required: (N,) least score of each object in the coded picture.
        rule: When an object counts as found.
    """

    detector: Detector
    reference: sv.Detections
    required: NDArray[np.float64]
    rule: MatchRule

    @classmethod
    def of(cls, detector: Detector, reference: sv.Detections, rule: MatchRule, margin: float = 0.0) -> View:
        """The view of a detector.

        Args:
            detector: The detector.
            reference: The objects that have to be kept.
            rule: When an object counts as found.
            margin: By how much a score has to exceed the rule's, up to half of what the object has in reserve: one
                that is barely an object in the source cannot be much more in the coded picture.
        """
        score = np.asarray(reference.confidence, np.float64)
        reserve = np.maximum(score - rule.found_score, 0.0)
        return cls(detector, reference, rule.found_score + np.minimum(margin, reserve / 2), rule)

    def look(self, frame: Frame) -> Look:
        """Whether the objects are found in a picture of the source's size."""
        return self.judge(detect_named(self.detector, [frame])[0])

    def judge(self, found: sv.Detections) -> Look:
        """Whether the objects are among those found."""
        score = np.asarray(found.confidence, np.float64).round(6)
        matches = match(self.reference, found, iou=self.rule.iou, min_score=self.rule.found_score)
        partner = np.where(matches.kept, np.append(score, 0.0)[matches.found], 0.0)
        kept = matches.kept & (partner >= self.required.round(6))
        best = self._best(found, score)
        # One that a neighbour took, or that is too weak, was not found, however well it looks.
        return Look(kept, np.where(kept, np.maximum(partner, self.required), np.minimum(best, 0.95 * self.required)))

    def _best(self, found: sv.Detections, score: NDArray[np.float64]) -> NDArray[np.float64]:
        if not len(found) or not len(self.reference):
            return np.zeros(len(self.reference))
        same = np.asarray(self.reference.class_id)[:, None] == np.asarray(found.class_id)[None, :]
        near = pairwise_iou(self.reference.xyxy, found.xyxy) >= self.rule.iou
        return np.asarray(np.where(same & near, score[None, :], 0.0).max(axis=1))


@dataclass(frozen=True, eq=False)
class Claims:
    """The objects of all detectors, in the detectors' order.

    Attributes:
        views: One per detector.
    """

    views: Sequence[View]

    def __len__(self) -> int:
        return sum(len(view.reference) for view in self.views)

    @property
    def boxes_xyxy(self) -> NDArray[np.float64]:
        """(N, 4) boxes in source pixels."""
        return np.concatenate([np.asarray(view.reference.xyxy, np.float64).reshape(-1, 4) for view in self.views])

    def gathered(self, values: Callable[[View], NDArray[np.float64]]) -> NDArray[np.float64]:
        """(N,) one value per object, detector after detector."""
        return np.concatenate([np.asarray(values(view), np.float64).reshape(-1) for view in self.views])

    def look(self, frame: Frame) -> Look:
        """Whether the objects are found in a picture of the source's size, each by its own detector."""
        looks = [view.look(frame) if len(view.reference) else _nothing() for view in self.views]
        return Look(np.concatenate([each.kept for each in looks]), np.concatenate([each.score for each in looks]))


def _nothing() -> Look:
    return Look(np.zeros(0, np.bool_), np.zeros(0))
