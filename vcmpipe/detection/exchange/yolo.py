"""YOLO's labels: a text per picture in a folder, a line per object: class cx cy width height [confidence [track]].

Coordinates are shares of the picture's width and height, classes count from 0. ``classes.txt`` in the folder names
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vcmpipe.detection.exchange.classes import ClassNumbers, Names, read_classes
from vcmpipe.detection.exchange.naming import counted_name, repeated
from vcmpipe.detection.exchange.table import NO_TRACK, DetectionTable, FrameDetections, Rows
from vcmpipe.errors import InputError
from vcmpipe.process.folders import safe_stem
from vcmpipe.process.reading import LARGEST_ANNOTATIONS, LARGEST_CARD, read_text
from vcmpipe.process.text import one_line

CLASSES = "classes.txt"
# Boxes may reach beyond their picture by as much as it has.
_FURTHEST = 2.0


def label_files(folder: Path) -> list[Path]:
    """The labels of a folder and its sub-folders; hidden files are none."""
    files = (path for path in sorted(folder.rglob("*.txt")) if path.is_file() and path != folder / CLASSES)
    return [path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts)]


def read(folder: Path, names: Names) -> DetectionTable:
    """Read a folder of labels.

    Raises:
        InputError: It has none, they are too many bytes, or a line is not as it should be; names file and line.
    """
    if names is None and (folder / CLASSES).is_file():
        names = read_classes(folder / CLASSES)
    files = label_files(folder)
    if not files:
        raise InputError(f"{one_line(str(folder))} holds no labels (.txt): name the folder that holds them")
    numbers, rows, left = ClassNumbers(names), Rows(), LARGEST_ANNOTATIONS
    pictures = [path.relative_to(folder).as_posix().removesuffix(".txt") for path in files]
    for path, picture in zip(files, pictures, strict=True):
        text = read_text(path, min(left, LARGEST_CARD), "the labels")
        left -= len(text)
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            try:
                class_id, box, score, track = _line(line)
                rows.add(picture, box, numbers.own(class_id), score, track)
            except ValueError as error:
                raise InputError(f"{one_line(str(path))}, line {number}: {error}") from error
    return rows.table(numbers.classes, relative=True, empty=pictures)


def _line(line: str) -> tuple[int, tuple[float, float, float, float], float, int]:
    fields = line.split()
    if not 5 <= len(fields) <= 7:
        raise ValueError(f"{len(fields)} values, where class cx cy width height [confidence] is expected")
    try:
        values = [float(field) for field in fields]
    except ValueError:
        raise ValueError(f"{one_line(line.strip())[:60]!r} are not numbers") from None
    number, x, y, width, height, score, track = values + [1.0, float(NO_TRACK)][len(values) - 5 :]
    if number != number // 1 or track != track // 1:
        raise ValueError(f"class {fields[0]}, or the track, is not a whole number")
    if not all(abs(value) <= _FURTHEST for value in (x, y, width, height)):
        raise ValueError(f"the box {' '.join(fields[1:5])} is not in shares of the picture's width and height (0 to 1)")
    if width < 0 or height < 0:
        raise ValueError(f"a box {width:g} wide and {height:g} high")
    return int(number), (x - width / 2, y - height / 2, x + width / 2, y + height / 2), score, int(track)


def write(frames: Sequence[FrameDetections], classes: Mapping[int, str], folder: Path) -> None:
    """Write a text per frame, an empty one where nothing was found, and ``classes.txt``.

    Raises:
        InputError: Two frames would have one file, or there is a frame called ``classes``.
    """
    names = [safe_stem(counted_name(frame.source), f"picture_{frame.index:06d}") for frame in frames]
    if (twice := repeated([*names, CLASSES.removesuffix(".txt")])) is not None:
        raise InputError(
            f"two pictures are called {one_line(twice)}, and YOLO's labels have a file for each name: write .csv or "
            ".json"
        )
    listed = [classes.get(number, f"class {number}") for number in range(max(classes, default=-1) + 1)]
    (folder / CLASSES).write_text("".join(f"{name}\n" for name in listed), encoding="utf-8")
    for name, frame in zip(names, frames, strict=True):
        width, height = frame.size
        lines = [
            f"{class_id} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} {(x2 - x1) / width} {(y2 - y1) / height} "
            f"{score}\n"
            for (x1, y1, x2, y2), class_id, score, _ in frame.rows()
        ]
        (folder / f"{name}.txt").write_text("".join(lines), encoding="utf-8")
