"""What detections lose in another version of a frame, as average precision would see it, in a number that adds up.

Average precision is a figure of a whole set of pictures: no picture has a share in it that could be weighed against
bits. This loss has: every detection of the source weighs as much as its score says it is worth, what is found of it
again counts by its overlap and its score, and what is found where nothing was counts against the version.
``benchmarks/loss_forms.py`` chose the form by how well it ranks versions by average precision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.evaluation.matching import assign, classes_of, scores_of

if TYPE_CHECKING:
    import supervision as sv

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AccuracyLoss:
    """The loss of a frame: that of its detections in the source, and of new false alarms.

    A detection of score s weighs s^power. Found again with overlap u and score t it loses the share 1 - a b of that,
    where a rises from 0 at the least overlap to 1 at the full one and b = min(t / s, 1)^score_power. A false alarm,
    found with score t where the source has nothing of its class, loses false_alarm t^power.

    Attributes:
        power: How much sure detections outweigh unsure ones.
        false_alarm: What a false alarm weighs beside a detection of its score.
        score_power: How much a lower score counts; 0: not at all.
        least_iou: Overlap from which on a detection counts as found.
        full_iou: Overlap from which on its box counts as the same.
        least_score: Detections with a lower score do not count.
    """

    power: float = 2.0
    false_alarm: float = 0.5
    score_power: float = 0.5
    least_iou: float = 0.5
    full_iou: float = 0.8
    least_score: float = 0.05

    def weights(self, source: sv.Detections) -> Floats:
        """(N,) what each detection of the source weighs; 0 below the least score."""
        score = scores_of(source)
        return np.where(score.round(6) >= self.least_score, score**self.power, 0.0)

    def kept(self, source: sv.Detections, found: sv.Detections) -> tuple[Floats, NDArray[np.int64]]:
        """The share, 0..1, that is kept of each of N detections, and (N,) which one is found for it, -1: none."""
        share, partner = np.zeros(len(source)), np.full(len(source), -1, np.int64)
        if not len(source) or not len(found):
            return share, partner
        overlap = pairwise_iou(source.xyxy, found.xyxy)
        same = classes_of(source)[:, None] == classes_of(found)[None, :]
        score = np.minimum(scores_of(found)[None, :] / np.maximum(scores_of(source)[:, None], 1e-6), 1.0)
        box = np.clip((overlap - self.least_iou) / (self.full_iou - self.least_iou), 0.0, 1.0)
        # A box that barely overlaps is found, if badly: pairs need a quality above 0.
        quality = np.maximum(box, 0.01) * score**self.score_power
        # The stronger one goes first to what both could be, as in average precision.
        rows, columns = assign(quality * scores_of(source)[:, None], same & (overlap >= self.least_iou))
        share[rows], partner[rows] = quality[rows, columns], columns
        return share, partner

    def of(self, source: sv.Detections, found: sv.Detections) -> float:
        """The loss of one frame, 0 or more; 0 where all that the source has is found as it was, and nothing else.

        Args:
            source: All that the detector finds in the source, weak detections included.
            found: All that it finds in the version, boxes in source pixels.
        """
        share, partner = self.kept(source, found)
        lost = float((self.weights(source) * (1.0 - share)).sum())
        new = np.ones(len(found), np.bool_)
        new[partner[partner >= 0]] = False
        return lost + self.false_alarm * float(self.weights(found)[new].sum())

    def total(self, source: sv.Detections) -> float:
        """What a frame loses if nothing is found in a version of it."""
        return float(self.weights(source).sum())
