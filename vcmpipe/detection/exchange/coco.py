"""COCO's two forms of JSON: results, a list of detections; and a data set, as FiftyOne and CVAT import it.

Boxes are (x, y, width, height) in pixels, categories COCO's own 1 to 90, or numbers from 1 with their names.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vcmpipe.detection.exchange.classes import COCO_NUMBERS, ClassNumbers, Names, coco_number
from vcmpipe.detection.exchange.documents import decoded
from vcmpipe.detection.exchange.naming import distinct_names, number_of, picture_name, repeated, video_frame
from vcmpipe.detection.exchange.table import DetectionTable, FrameDetections, Rows
from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line

_Box = tuple[float, float, float, float]


class _Result(msgspec.Struct):
    image_id: int | str
    category_id: int
    bbox: _Box
    score: float = 1.0
    # Ours, where categories are not COCO's own.
    category_name: str | None = None


class _Image(msgspec.Struct):
    id: int
    file_name: str


class _Category(msgspec.Struct):
    id: int
    name: str


class _Annotation(msgspec.Struct):
    image_id: int
    category_id: int
    bbox: _Box
    score: float = 1.0
    iscrowd: int = 0


class _DataSet(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


def read_results(data: bytes, path: Path, names: Names) -> DetectionTable:
    """Read results: a list of ``image_id``, ``category_id``, ``bbox`` and ``score``.

    Raises:
        InputError: They have another form, or a value is not one.
    """
    results = decoded(data, list[_Result], path)
    own = {each.category_id: each.category_name for each in results if each.category_name is not None}
    numbers = ClassNumbers(names or own or None, first=1, coco=COCO_NUMBERS)
    rows = Rows()
    for place, each in enumerate(results, 1):
        try:
            rows.add(each.image_id, _corners(each.bbox), numbers.own(each.category_id), each.score)
        except ValueError as error:
            raise InputError(f"{one_line(str(path))}, detection {place}: {error}") from error
    return rows.table(numbers.classes)


def read_data_set(data: bytes, path: Path) -> DetectionTable:
    """Read a data set: ``images`` by name, ``annotations``, and ``categories``; crowds are no objects.

    Raises:
        InputError: It has another form, or a value is not one.
    """
    content = decoded(data, _DataSet, path)
    shown = one_line(str(path))
    for what, keys in (
        ("image id", [str(each.id) for each in content.images]),
        ("image", [each.file_name for each in content.images]),
        ("category", [str(each.id) for each in content.categories]),
    ):
        if (twice := repeated(keys)) is not None:
            raise InputError(f"{shown} has the {what} {one_line(twice)} twice")
    images = {each.id: each.file_name for each in content.images}
    numbers = ClassNumbers({each.id: each.name for each in content.categories}, first=1)
    rows = Rows()
    for place, each in enumerate(content.annotations, 1):
        if each.iscrowd:
            continue
        try:
            if each.image_id not in images:
                raise ValueError(f"there is no image {each.image_id}")
            rows.add(images[each.image_id], _corners(each.bbox), numbers.own(each.category_id), each.score)
        except ValueError as error:
            raise InputError(f"{shown}, annotation {place}: {error}") from error
    return rows.table(numbers.classes, empty=images.values())


def write_results(frames: Sequence[FrameDetections], classes: Mapping[int, str], path: Path) -> None:
    """Write results; ``image_id`` is the number that pictures are named by, a video's frame number, or a name."""
    categories = _categories(classes)
    named = coco_number(classes) is None
    with path.open("w", encoding="utf-8") as file:
        before = "["
        for image_id, frame in zip(_image_ids(frames), frames, strict=True):
            for box, class_id, score, _ in frame.rows():
                number, name = categories[class_id]
                result: dict[str, Any] = {"image_id": image_id, "category_id": number}
                result |= {"bbox": _sides(box), "score": score} | ({"category_name": name} if named else {})
                file.write(f"{before}\n{json.dumps(result)}")
                before = ","
        file.write("[]\n" if before == "[" else "\n]\n")


def write_data_set(frames: Sequence[FrameDetections], classes: Mapping[int, str], path: Path) -> None:
    """Write a data set, with the confidence of each annotation as its ``score``.

    A video's frames are called what ``decode`` calls their pictures.
    """
    categories = _categories(classes)
    annotations: list[dict[str, Any]] = []
    names = [picture_name(name) for name in distinct_names([frame.source for frame in frames])]
    for image_id, frame in enumerate(frames, 1):
        for box, class_id, score, _ in frame.rows():
            sides = _sides(box)
            annotation = {"id": len(annotations) + 1, "image_id": image_id, "category_id": categories[class_id][0]}
            more = {"bbox": sides, "area": sides[2] * sides[3], "iscrowd": 0, "segmentation": [], "score": score}
            annotations.append(annotation | more)
    document = {
        "info": {"description": "detections"},
        "licenses": [],
        "categories": [{"id": number, "name": name, "supercategory": ""} for number, name in categories.values()],
        "images": [
            {"id": number, "file_name": name, "width": frame.size[0], "height": frame.size[1]}
            for number, (name, frame) in enumerate(zip(names, frames, strict=True), 1)
        ],
        "annotations": annotations,
    }
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")


def _corners(bbox: _Box) -> _Box:
    x, y, width, height = bbox
    return x, y, x + width, y + height


def _sides(box_xyxy: _Box) -> _Box:
    # Corners have 32 bits, so that differences of 64 are exact, and so are the corners that are read back.
    left, top, right, bottom = box_xyxy
    return left, top, right - left, bottom - top


def _categories(classes: Mapping[int, str]) -> dict[int, tuple[int, str]]:
    """Category number and name by ``class_id``."""
    numbers = coco_number(classes) or {number: number + 1 for number in classes}
    return {number: (numbers[number], name) for number, name in classes.items()}


def _image_ids(frames: Sequence[FrameDetections]) -> list[int] | list[str]:
    names = distinct_names([frame.source for frame in frames])
    found = [frame[1] if (frame := video_frame(name)) else number_of(name) for name in names]
    numbers = [number for number in found if number is not None]
    return numbers if len(numbers) == len(names) == len(set(numbers)) else names
