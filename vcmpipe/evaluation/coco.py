"""COCO average precision through pycocotools, against ground truth or against the source's own detections."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.config import MapOptions
from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_ANNOTATIONS, read_json

if TYPE_CHECKING:
    import supervision as sv

# Names that data sets and detectors write differently for the same COCO class.
_SAME_CLASS = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "sofa": "couch",
    "pottedplant": "potted plant",
    "diningtable": "dining table",
    "tvmonitor": "tv",
    "hair dryer": "hair drier",
}
_MAX_DETECTIONS = 100  # per picture and class, as COCO counts


@dataclass(frozen=True)
class Accuracy:
    """COCO average precision over so many pictures and the objects in them, crowds not counted.

    Attributes:
        ap: Mean over IoU 0.50, 0.55, ..., 0.95 and the classes that occur, 0..1; None where there are no objects.
        ap50: The same at IoU 0.50.
    """

    ap: float | None
    ap50: float | None
    pictures: int
    objects: int


@dataclass(frozen=True)
class GroundTruth:
    """What is in the pictures, in COCO's terms.

    Attributes:
        images: Image id by picture name (file name without folders).
        categories: Class name by category id.
        annotations: COCO annotations: ``image_id``, ``category_id``, ``bbox`` (x, y, width, height), ``area``,
            ``iscrowd``.
        source: Where it comes from, for messages.
        sizes: Width and height by image id, where they are stated.
    """

    images: Mapping[str, int]
    categories: Mapping[int, str]
    annotations: tuple[Mapping[str, Any], ...]
    source: str = "ground truth"
    sizes: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def image_id(self, name: str) -> int | None:
        """The id of a picture, by file name or, where that is unknown, by the name without its suffix."""
        name = PurePath(name).name
        if name in self.images:
            return self.images[name]
        stem = PurePath(name).stem
        found = {number for known, number in self.images.items() if PurePath(known).stem == stem}
        return found.pop() if len(found) == 1 else None


def load_ground_truth(path: Path) -> GroundTruth:
    """Reads a COCO ``instances.json``.

    Raises:
        InputError: The file cannot be read or is no such file; the message names what is wrong.
    """
    content = read_json(path, LARGEST_ANNOTATIONS, "the annotations")
    try:
        images = {PurePath(image["file_name"]).name: int(image["id"]) for image in content["images"]}
        sizes = {
            int(image["id"]): (int(image["width"]), int(image["height"]))
            for image in content["images"]
            if image.get("width") and image.get("height")
        }
        categories = {int(category["id"]): str(category["name"]) for category in content["categories"]}
        annotations = tuple(
            _annotation(int(a["image_id"]), int(a["category_id"]), a["bbox"], a.get("area"), a.get("iscrowd", 0))
            for a in content["annotations"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)[:200]
        raise InputError(f"the annotations {path} are not in COCO's instances format: {what}") from error
    strangers = {a["category_id"] for a in annotations} - set(categories)
    if strangers:
        raise InputError(f"the annotations {path} use category {min(strangers)}, which they do not name")
    return GroundTruth(images, categories, annotations, str(path), sizes)


def pseudo_truth(
    references: Mapping[str, sv.Detections], classes: Mapping[int, str], *, score: float = MapOptions.score
) -> GroundTruth:
    """Takes the source's detections for the truth.

    Args:
        references: Detections in the sources, by picture name.
        classes: The detector's class names by ``class_id``.
        score: Least score of a detection that counts as an object.
    """
    images = {PurePath(name).name: number for number, name in enumerate(references, start=1)}
    annotations = tuple(
        _annotation(number, class_id, box, None, 0)
        for number, found in enumerate(references.values(), start=1)
        for box, confidence, class_id in _rows(found)
        if confidence >= score
    )
    return GroundTruth(images, dict(classes), annotations, "the source's detections")


def coco_accuracy(truth: GroundTruth, detections: Mapping[str, sv.Detections], classes: Mapping[int, str]) -> Accuracy:
    """AP and AP50 of detections, over exactly the pictures they are given for.

    Classes are matched by name. What a detector finds of classes that the truth does not name cannot be judged and is
    left out; objects of classes that the detector does not know count against it, as in COCO.

    Args:
        truth: What is there.
        detections: Per picture name, what was found, boxes in pixels of the source; a picture without detections
            needs its empty entry. Low scores belong in: AP is made of them.
        classes: The detector's class names by ``class_id``.

    Raises:
        InputError: A picture is not in the truth, or detector and truth have no class in common.
    """
    evaluation, objects = coco_evaluation(truth, detections, classes)
    if not objects:
        return Accuracy(None, None, len(detections), 0)
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    precision = evaluation.eval["precision"]  # (IoU, recall, class, area, detections); -1 = class without objects
    at50 = precision[0]
    ap, ap50 = float(precision[precision > -1].mean()), float(at50[at50 > -1].mean())
    return Accuracy(ap, ap50, len(detections), objects)


def coco_evaluation(
    truth: GroundTruth, detections: Mapping[str, sv.Detections], classes: Mapping[int, str]
) -> tuple[Any, int]:
    """What pycocotools matches in every picture; see ``coco_accuracy``.

    Returns:
        The ``COCOeval`` after ``evaluate()``, which sees no files and prints nothing, and the number of objects. Only
        classes that occur are in it, and only objects of all sizes at 100 detections per picture and class.
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    categories = map_classes(truth, classes)
    image_ids: dict[int, str] = {}
    results: list[dict[str, Any]] = []
    for name, found in detections.items():
        image_id = truth.image_id(name)
        if image_id is None:
            raise InputError(f"the picture {name} is not in {truth.source}")
        if image_id in image_ids:
            raise InputError(f"the pictures {image_ids[image_id]} and {name} are the same picture in {truth.source}")
        image_ids[image_id] = name
        for box, confidence, class_id in _rows(found):
            if class_id in categories:
                where = {"id": len(results) + 1, "image_id": image_id, "category_id": categories[class_id]}
                results.append({**where, "bbox": box, "area": box[2] * box[3], "iscrowd": 0, "score": confidence})
    there = (annotation for annotation in truth.annotations if annotation["image_id"] in image_ids)
    # From 1: an id of 0 would read as "not matched" inside COCOeval.
    annotations = [{**annotation, "id": number} for number, annotation in enumerate(there, start=1)]
    shared = {
        "images": [{"id": image_id} for image_id in image_ids],
        "categories": [{"id": number, "name": name} for number, name in truth.categories.items()],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        sides = []
        for entries in (annotations, results):
            side = COCO()
            side.dataset = {**shared, "annotations": entries}
            side.createIndex()
            sides.append(side)
        evaluation = COCOeval(sides[0], sides[1], "bbox")
        evaluation.params.imgIds = sorted(image_ids)
        # Only classes that occur have a precision, and only the figures over all sizes are wanted.
        evaluation.params.catIds = sorted({a["category_id"] for a in annotations})
        evaluation.params.areaRng = [[0.0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [_MAX_DETECTIONS]
        evaluation.evaluate()
    return evaluation, sum(1 for a in annotations if not a["iscrowd"])


def map_classes(truth: GroundTruth, classes: Mapping[int, str]) -> dict[int, int]:
    """Category id of the truth by the detector's class id."""
    by_name = {_plain(name): number for number, name in truth.categories.items()}
    mapped = {index: by_name[_plain(name)] for index, name in classes.items() if _plain(name) in by_name}
    if not mapped:
        raise InputError(
            f"the detector and {truth.source} have no class in common: {_few(classes.values())} against "
            f"{_few(truth.categories.values())}"
        )
    return mapped


def _plain(name: str) -> str:
    name = " ".join(name.casefold().replace("_", " ").split())
    return _SAME_CLASS.get(name, name)


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")


def _annotation(image_id: int, category_id: int, bbox: Any, area: Any, iscrowd: Any) -> dict[str, Any]:
    """One object; without ``area`` its box's."""
    x, y, width, height = (float(value) for value in bbox)
    if not np.isfinite([x, y, width, height]).all():
        raise ValueError(f"the box {bbox} is not finite")
    if iscrowd not in (0, 1):
        raise ValueError(f"iscrowd is {iscrowd!r}, neither 0 nor 1")
    return {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x, y, width, height],
        "area": float(width * height if area is None else area),
        "iscrowd": int(iscrowd),
    }


def _rows(detections: sv.Detections) -> Iterable[tuple[list[float], float, int]]:
    """COCO's box, score and class of each detection; scores rounded as the matching rule rounds them."""
    count = len(detections)
    scores = np.ones(count) if detections.confidence is None else np.asarray(detections.confidence, dtype=np.float64)
    classes = np.zeros(count, dtype=np.int64) if detections.class_id is None else detections.class_id
    for box, score, class_id in zip(detections.xyxy, np.round(scores, 6), classes, strict=True):
        x0, y0, x1, y1 = (float(value) for value in box)
        yield [x0, y0, x1 - x0, y1 - y0], float(score), int(class_id)
