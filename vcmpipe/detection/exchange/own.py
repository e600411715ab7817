"""Our own documents as detections: the sidecar of a stream, and what ``predict`` writes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from vcmpipe.detection.exchange.documents import decoded
from vcmpipe.detection.exchange.table import DetectionTable, Rows
from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line


class _Object(msgspec.Struct):
    bbox_xyxy: tuple[float, float, float, float]
    class_id: int
    class_name: str
    score: float


class _Picture(msgspec.Struct):
    source: str
    objects: list[_Object]


class _Segment(msgspec.Struct):
    frames: list[_Picture]


class _Sidecar(msgspec.Struct):
    segments: list[_Segment]


class _Prediction(msgspec.Struct):
    pictures: list[_Picture]


def read_sidecar(data: bytes, path: Path) -> DetectionTable:
    """The objects of a sidecar: those with at least the confidence that its run requested.

    Raises:
        InputError: It has another form, or a value is not one.
    """
    content = decoded(data, _Sidecar, path)
    return _table((frame for segment in content.segments for frame in segment.frames), path)


def read_prediction(data: bytes, path: Path) -> DetectionTable:
    """The objects of a prediction; raises as ``read_sidecar``."""
    return _table(decoded(data, _Prediction, path).pictures, path)


def _table(pictures: Iterable[_Picture], path: Path) -> DetectionTable:
    rows, classes, seen = Rows(), dict[int, str](), dict[str, None]()
    for picture in pictures:
        shown = f"{one_line(str(path))}, {one_line(picture.source)}"
        if picture.source in seen:
            raise InputError(f"{shown}: it occurs twice: a name stands for one picture")
        seen[picture.source] = None
        for each in picture.objects:
            try:
                rows.add(picture.source, each.bbox_xyxy, each.class_id, each.score)
            except ValueError as error:
                raise InputError(f"{shown}: {error}") from error
            if classes.setdefault(each.class_id, each.class_name) != each.class_name:
                names = f"{one_line(classes[each.class_id])} and {one_line(each.class_name)}"
                raise InputError(f"{shown}: class {each.class_id} is called {names}")
    return rows.table(classes, empty=seen)
