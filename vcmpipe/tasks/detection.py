"""Detection: every object of every frame is to be found again, in its place and with its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.evaluation import GroundTruth, MatchRule, coco_accuracy
from vcmpipe.evaluation.matching import best_scores, match
from vcmpipe.tasks.base import Comparison, Floats, Reference
from vcmpipe.tasks.loss import AccuracyLoss

if TYPE_CHECKING:
    import supervision as sv


@dataclass(frozen=True)
class DetectionTask:
    """Objects are to be found again, and their detections to stay as they are.

    Attributes:
        rule: When an object counts, and when it counts as found.
        classes: Class ids of the objects that count; None: all do.
        accuracy_loss: How lost accuracy is counted.
    """

    rule: MatchRule = field(default_factory=MatchRule)
    classes: frozenset[int] | None = None
    accuracy_loss: AccuracyLoss = field(default_factory=AccuracyLoss)

    @property
    def digest(self) -> str:
        """See ``Task.digest``."""
        rules = f"{self.rule}, {self.accuracy_loss}"
        return rules if self.classes is None else f"{rules}, classes {sorted(self.classes)}"

    def reference(self, detections: Sequence[sv.Detections], *, margin: float = 0.0) -> Reference:
        """See ``Task.reference``: the objects with at least the rule's reference score."""
        chosen = [
            which[self._counts(each)[which]]
            for which, each in zip(map(self.rule.select, detections), detections, strict=True)
        ]
        objects = Reference.of([each[which] for which, each in zip(chosen, detections, strict=True)])
        reserve = np.maximum(objects.score - self.rule.found_score, 0.0)
        required = self.rule.found_score + np.minimum(margin, reserve / 2)
        return Reference(objects.detections, np.concatenate(chosen), required)

    def compare(self, reference: Reference, detections: Sequence[sv.Detections]) -> Comparison:
        """See ``Task.compare``: one-to-one matching by class and overlap, frame by frame."""
        required = reference.by_frame(reference.required)
        parts = zip(reference.detections, required, detections, strict=True)
        return Comparison.joined([self._compared(*each) for each in parts])

    def _compared(self, objects: sv.Detections, required: Floats, found: sv.Detections) -> Comparison:
        matches = match(objects, found, iou=self.rule.iou, min_score=self.rule.found_score)
        kept = matches.kept & (matches.score.round(6) >= required.round(6))
        score = matches.score
        if not kept.all():
            score = np.where(kept, score, best_scores(objects, found, iou=self.rule.iou))
        return Comparison(
            kept,
            score,
            np.where(kept, matches.iou, 0.0),
            np.where(kept, matches.found, -1),
        )

    def loss(self, source: Sequence[sv.Detections], detections: Sequence[sv.Detections]) -> float:
        """See ``Task.loss``: see ``AccuracyLoss``."""
        pairs = zip(source, detections, strict=True)
        return sum(self.accuracy_loss.of(own[self._counts(own)], new[self._counts(new)]) for own, new in pairs)

    def _counts(self, detections: sv.Detections) -> NDArray[np.bool_]:
        """(N,) whether each is of a class that counts."""
        if self.classes is None:
            return np.ones(len(detections), np.bool_)
        return np.isin(np.asarray(detections.class_id), list(self.classes))

    def footprint(self, reference: Reference) -> Floats:
        """See ``Task.footprint``: the objects' boxes."""
        return reference.boxes_xyxy

    def accuracy(
        self, truth: GroundTruth, detections: Mapping[str, sv.Detections], classes: Mapping[int, str]
    ) -> Mapping[str, float | None]:
        """See ``Task.accuracy``: COCO's AP and AP50."""
        found = coco_accuracy(truth, detections, classes)
        return {"AP": found.ap, "AP50": found.ap50}


def detection_task(argument: str, *, rule: MatchRule, classes: frozenset[int] | None = None) -> DetectionTask:
    """The task ``detection``, as the registry makes it.

    Raises:
        InputError: There is an argument.
    """
    if argument:
        raise InputError(f"task detection:{argument}: it takes no argument, write detection")
    return DetectionTask(rule, classes)
