"""The formats of files of detections, by their endings, and which one a file has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vcmpipe.detection.exchange import coco, mot, own, tabular, yolo
from vcmpipe.detection.exchange.classes import Names, read_classes
from vcmpipe.detection.exchange.documents import decoded
from vcmpipe.detection.exchange.table import DetectionTable, FrameDetections
from vcmpipe.errors import InputError
from vcmpipe.process.extras import need
from vcmpipe.process.reading import LARGEST_ANNOTATIONS, read_file, unreadable
from vcmpipe.process.text import one_line

_Write = Callable[[Sequence[FrameDetections], Mapping[int, str], Path], None]


@dataclass(frozen=True)
class Format:
    """How detections are read and written.

    Attributes:
        name: What messages call it.
        ending: Of its files; empty: it is a folder.
        read: From a path, and the classes' names that the user gives.
        write: What was found in frames, with class names by ``class_id``, to a path.
        extra: The extra of vcmpipe that brings what it takes; None: the core has all of it.
    """

    name: str
    ending: str
    read: Callable[[Path, Names], DetectionTable]
    write: _Write
    extra: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is many files in a folder."""
        return not self.ending


def _json(path: Path, names: Names) -> DetectionTable:
    """COCO's results or data set, a sidecar, or a prediction, by what is in it."""
    data = read_file(path, LARGEST_ANNOTATIONS, "the detections")
    if data.lstrip()[:1] != b"{":
        return coco.read_results(data, path, names)
    keys = decoded(data, dict[str, msgspec.Raw], path).keys()
    forms = {"annotations": coco.read_data_set, "segments": own.read_sidecar, "pictures": own.read_prediction}
    read = next((read for key, read in forms.items() if key in keys), None)
    shown = one_line(str(path))
    if read is None:
        raise InputError(
            f"{shown} holds no detections in a form that is known: COCO's results are a list, its data sets have "
            "images, annotations and categories"
        )
    if names is not None:
        raise InputError(f"--classes with {shown}, which names its classes itself: leave it out")
    return read(data, path)


FORMATS = (
    Format("COCO data set", ".coco.json", _json, coco.write_data_set),
    Format("COCO results", ".json", _json, coco.write_results),
    Format("CSV", ".csv", tabular.read_csv, tabular.write_csv),
    Format("Parquet", ".parquet", tabular.read_parquet, tabular.write_parquet, "datasets"),
    Format("MOT text", ".txt", mot.read, mot.write),
    Format("YOLO labels", "", yolo.read, yolo.write),
)
"""All of them; of endings that end alike the longer one comes first."""
ENDINGS = tuple(each.ending for each in FORMATS if each.ending)
"""Of files of detections; a folder holds YOLO's labels."""


def format_of(path: Path) -> Format:
    """The format that a name asks for: a folder is for YOLO's labels."""
    name = "" if path.is_dir() else path.name.lower()
    return next(each for each in FORMATS if name.endswith(each.ending) or each.is_folder)


def read_detections(path: Path, classes: Path | None = None) -> tuple[DetectionTable, str]:
    """Read a file or folder of detections.

    Args:
        path: The file, or the folder of YOLO's labels.
        classes: The file that names the classes; None: the format's own, or COCO's.

    Returns:
        The table, and its SHA-256 (64 hexadecimal digits), over all that detections are made of.

    Raises:
        InputError: It cannot be read, or something in it is wrong; the message names it and the place.
    """
    if not path.exists():
        raise unreadable(f"the detections {one_line(str(path))}", FileNotFoundError())
    form = format_of(path)
    if form.is_folder and not path.is_dir():
        raise InputError(
            f"{one_line(str(path))} is not a file of detections: its name ends in {', '.join(ENDINGS)}, or it is a "
            "folder"
        )
    if form.extra is not None:
        need(one_line(str(path)), form.extra)
    table = form.read(path, None if classes is None else read_classes(classes))
    return table, _digest(table)


def _digest(table: DetectionTable) -> str:
    about = [table.relative, table.by_place, list(table.classes.items())]
    digest = hashlib.sha256(repr(about).encode("utf-8", "surrogateescape"))
    for picture, places in table.places.items():
        digest.update(f"{picture!r} {len(places)} ".encode("utf-8", "surrogateescape"))
        for values in (table.xyxy, table.score, table.class_id, table.track):
            digest.update(values[places].tobytes())
    return digest.hexdigest()
