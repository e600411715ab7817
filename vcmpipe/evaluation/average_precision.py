"""COCO average precision of the same detections under many weightings of the pictures: what a bootstrap needs.

pycocotools matches every picture once. Drawing pictures again and again then only changes how often each picture's
detections and objects count, so precision and recall are cumulative sums of weights, for all draws at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.evaluation.coco import GroundTruth, coco_evaluation

if TYPE_CHECKING:
    import supervision as sv

Floats = NDArray[np.float64]

# The recalls at which COCO reads precision off its curve.
_RECALLS = np.linspace(0.0, 1.0, 101)
# Numbers held at a time, 32 MB of them: more resamples than fit are done in parts.
_CHUNK = 4_000_000


@dataclass(frozen=True)
class _Class:
    """The detections of one class over all pictures, the surest first.

    Attributes:
        objects: (N,) objects in each picture, crowds not counted.
        picture: (D,) place of the picture of each detection.
        hit: (T, D) whether it matches an object at each of T overlaps.
        counted: (T, D) whether it counts at all; what matches a crowd does not.
    """

    objects: NDArray[np.float64]
    picture: NDArray[np.int64]
    hit: NDArray[np.bool_]
    counted: NDArray[np.bool_]


@dataclass(frozen=True)
class ApTable:
    """Matches of one set of detections, ready to be counted with any weights on the pictures.

    Attributes:
        pictures: Their names; weights stand in this order.
        objects: Objects in all of them.
    """

    pictures: tuple[str, ...]
    objects: int
    _classes: tuple[_Class, ...]

    def values(self, weights: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """AP and AP50 under each of R weightings.

        A picture of weight 2 counts as if it stood there twice. Weights of one give exactly what pycocotools gives.
        (The one liberty: where two detections of one class in one picture have the same score, copies of a picture
        count with all first ones before all second ones.)

        Args:
            weights: (R, N) how often each picture counts.

        Returns:
            Two (R,) arrays; NaN where no object has any weight.
        """
        draws = np.asarray(weights, dtype=np.float64)
        total, total50, count = np.zeros(len(draws)), np.zeros(len(draws)), np.zeros(len(draws))
        for each in self._classes:
            there = draws @ each.objects
            ap, ap50 = _class_values(each, draws, there)
            total += np.where(there > 0, ap, 0.0)
            total50 += np.where(there > 0, ap50, 0.0)
            count += there > 0
        with np.errstate(invalid="ignore"):
            return total / count, total50 / count


def ap_table(truth: GroundTruth, detections: Mapping[str, sv.Detections], classes: Mapping[int, str]) -> ApTable:
    """Match detections with a truth, picture by picture; see ``coco_accuracy`` for the arguments and errors."""
    evaluation, objects = coco_evaluation(truth, detections, classes)
    names = tuple(detections)
    place = {truth.image_id(name): number for number, name in enumerate(names)}
    image_ids = list(evaluation.params.imgIds)
    found = evaluation.evalImgs if objects else []
    columns = np.array([place[image_id] for image_id in image_ids], dtype=np.int64)
    tables = []
    for start in range(0, len(found), len(image_ids) or 1):
        table = _table(found[start : start + len(image_ids)], columns, len(evaluation.params.iouThrs))
        if table.objects.any():
            tables.append(table)
    return ApTable(names, objects, tuple(tables))


def _table(entries: list[dict[str, Any] | None], columns: NDArray[np.int64], steps: int) -> _Class:
    """One class from what pycocotools keeps per picture (None where a picture has neither objects nor detections)."""
    objects = np.zeros(len(columns))
    scores, pictures = [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
    hits, ignored = [np.zeros((steps, 0), dtype=bool)], [np.zeros((steps, 0), dtype=bool)]
    for column, entry in zip(columns, entries, strict=True):
        if entry is None:
            continue
        objects[column] = np.count_nonzero(np.asarray(entry["gtIgnore"]) == 0)
        scores.append(np.asarray(entry["dtScores"], dtype=np.float64))
        pictures.append(np.full(len(entry["dtScores"]), column))
        hits.append(np.asarray(entry["dtMatches"], dtype=bool).reshape(steps, -1))
        ignored.append(np.asarray(entry["dtIgnore"], dtype=bool).reshape(steps, -1))
    # As COCO sorts: of equal scores the picture with the smaller id comes first.
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    counted = ~np.concatenate(ignored, axis=1)[:, order]
    hit = np.concatenate(hits, axis=1)[:, order] & counted
    return _Class(objects, np.concatenate(pictures)[order], hit, counted)


def _class_values(each: _Class, draws: Floats, there: Floats) -> tuple[Floats, Floats]:
    """AP and AP50 of one class; meaningless where ``there``, the weight of its objects, is 0."""
    ap, ap50 = np.zeros(len(draws)), np.zeros(len(draws))
    # Precision is needed where recall rises alone: between two hits it only falls.
    places = np.flatnonzero(each.hit.any(axis=0))
    if not places.size:
        return ap, ap50
    hit = each.hit[:, places]
    same = bool((each.counted == each.counted[:1]).all())
    counted = each.counted[:1] if same else each.counted
    width = max(len(counted) * each.counted.shape[1], hit.size)
    step = max(1, _CHUNK // width)
    for start in range(0, len(draws), step):
        part = slice(start, start + step)
        weight = draws[part][:, each.picture]
        seen = np.cumsum(weight[:, None, :] * counted, axis=2)[:, :, places]
        true = np.cumsum(weight[:, None, places] * hit, axis=2)
        precision = true / (seen + np.spacing(1))
        best = np.maximum.accumulate(precision[:, :, ::-1], axis=2)[:, :, ::-1]
        with np.errstate(all="ignore"):
            recall = true / there[part, None, None]
        reached = np.searchsorted(_RECALLS, recall, side="right")
        new = np.diff(reached, axis=2, prepend=0)
        values = (new * best).sum(axis=2) / len(_RECALLS)
        ap[part], ap50[part] = values.mean(axis=1), values[:, 0]
    return ap, ap50
