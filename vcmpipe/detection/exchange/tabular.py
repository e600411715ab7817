"""Tables of detections, CSV and Parquet: a row per detection, with columns by name."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vcmpipe.detection.exchange.classes import COCO_CLASSES, ClassNumbers, Names
from vcmpipe.detection.exchange.naming import distinct_names, repeated
from vcmpipe.detection.exchange.table import NO_TRACK, DetectionTable, FrameDetections, Rows
from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_file, read_text
from vcmpipe.process.text import one_line, spreadsheet_cell

COLUMNS = ("picture", "x1", "y1", "x2", "y2", "class_id", "class_name", "confidence", "track")
"""What is written; ``picture`` and the corners have to be there in what is read, and a class."""
_NEEDED = COLUMNS[:5]


def read_csv(path: Path, names: Names) -> DetectionTable:
    """Read a CSV file, separated by commas or semicolons, whose first line names its columns.

    Raises:
        InputError: It cannot be read, a column is missing or there twice, or a value is not one.
    """
    text = read_text(path, LARGEST_DOCUMENT, "the detections")
    head = text.partition("\n")[0]
    lines = csv.reader(io.StringIO(text), delimiter="," if "," in head else ";", strict=True)
    try:
        header = [name.strip().lower() for name in next(lines, [])]
        rows = [(lines.line_num, line) for line in lines if line]
    except csv.Error as error:
        raise InputError(f"{one_line(str(path))} is not CSV ({error}): save it as such") from error
    for number, line in rows:
        if len(line) != len(header):
            raise InputError(f"{one_line(str(path))}, line {number}: {len(line)} values for {len(header)} columns")
    found = ((f"line {number}", dict(zip(header, map(_unquoted, line), strict=True))) for number, line in rows)
    return _table(path, header, list(found), names)


def read_parquet(path: Path, names: Names) -> DetectionTable:
    """Read a Parquet file of the same columns; raises as ``read_csv``."""
    import pyarrow as pa

    from vcmpipe.process.parquet import read_table

    try:
        table = read_table(read_file(path, LARGEST_DOCUMENT, "the detections"))
        header, rows = [name.lower() for name in table.column_names], table.to_pylist()
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"{one_line(str(path))} is damaged, or not Parquet: {one_line(str(error))[:200]}") from error
    lower = ({key.lower(): value for key, value in row.items()} for row in rows)
    return _table(path, header, [(f"row {number}", row) for number, row in enumerate(lower, 1)], names)


def _table(
    path: Path,
    header: Sequence[str],
    rows: Sequence[tuple[str, Mapping[str, Any]]],
    names: Names,
) -> DetectionTable:
    shown = one_line(str(path))
    if (twice := repeated(header)) is not None:
        raise InputError(f"{shown} has the column {one_line(twice)!r} twice")
    missing = [name for name in _NEEDED if name not in header]
    if "class_id" not in header and "class_name" not in header:
        missing.append("class_id or class_name")
    if missing:
        raise InputError(f"{shown} has no column {', '.join(missing)}: its first line has to name {', '.join(COLUMNS)}")
    found = Rows()
    try:
        classes, number_of = _classes([row for _, row in rows], header, names)
    except ValueError as error:
        raise InputError(f"{shown}: {error}") from error
    for where, row in rows:
        try:
            box = [_number(row, name) for name in _NEEDED[1:]]
            score = _number(row, "confidence") if _has(row, "confidence") else 1.0
            track = _whole(row, "track") if _has(row, "track") else NO_TRACK
            if not _has(row, "picture"):
                raise ValueError("picture is empty")
            found.add(str(row["picture"]).strip(), box, number_of(row), score, track)
        except ValueError as error:
            raise InputError(f"{shown}, {where}: {error}") from error
    return found.table(classes)


def _classes(
    rows: Iterable[Mapping[str, Any]], header: Sequence[str], names: Names
) -> tuple[Mapping[int, str], Callable[[Mapping[str, Any]], int]]:
    """Names by number, and the number of a row's class."""
    if names is not None or "class_name" not in header:
        given = ClassNumbers(names)
        if "class_id" in header:
            return given.classes, lambda row: given.own(_whole(row, "class_id"))
        known: Mapping[int, str] = given.classes
    elif "class_id" in header:
        own: dict[int, str] = {}
        for row in rows:
            number, name = _whole(row, "class_id"), str(row["class_name"]).strip()
            if own.setdefault(number, name) != name:
                raise ValueError(f"class {number} is called {one_line(own[number])} and {one_line(name)}")
        return own, lambda row: _whole(row, "class_id")
    else:
        used = sorted({str(row["class_name"]).strip() for row in rows})
        known = COCO_CLASSES if set(used) <= set(COCO_CLASSES.values()) else dict(enumerate(used))
    numbers = {name: number for number, name in known.items()}

    def number_of(row: Mapping[str, Any]) -> int:
        name = str(row["class_name"]).strip()
        if name not in numbers:
            raise ValueError(f"--classes has no class {one_line(name)!r}")
        return numbers[name]

    return known, number_of


def _has(row: Mapping[str, Any], name: str) -> bool:
    value = row.get(name)
    return value is not None and str(value).strip() != ""


def _number(row: Mapping[str, Any], name: str) -> float:
    try:
        return float(row[name])
    except (TypeError, ValueError):
        raise ValueError(f"{name} {str(row[name])[:40]!r} is not a number") from None


def _whole(row: Mapping[str, Any], name: str) -> int:
    value = _number(row, name)
    if value != value // 1 or abs(value) >= 1 << 53:
        raise ValueError(f"{name} {str(row[name])[:40]!r} is not a whole number")
    return int(value)


def _unquoted(cell: str) -> str:
    """A cell without the apostrophe by which no spreadsheet takes it for a formula."""
    return cell[1:] if cell[:1] == "'" and spreadsheet_cell(cell[1:]) == cell else cell


def _rows(frames: Sequence[FrameDetections], classes: Mapping[int, str]) -> Iterable[tuple[Any, ...]]:
    names = distinct_names([frame.source for frame in frames])
    for name, frame in zip(names, frames, strict=True):
        for box, class_id, score, track in frame.rows():
            own = None if track == NO_TRACK else track
            yield (name, *box, class_id, classes.get(class_id, str(class_id)), score, own)


def write_csv(frames: Sequence[FrameDetections], classes: Mapping[int, str], path: Path) -> None:
    """Write a CSV file with ``COLUMNS``."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in _rows(frames, classes):
            writer.writerow([spreadsheet_cell(value) if isinstance(value, str) else value for value in row])


def write_parquet(frames: Sequence[FrameDetections], classes: Mapping[int, str], path: Path) -> None:
    """Write a Parquet file with ``COLUMNS``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = (pa.string(), *[pa.float64()] * 4, pa.int64(), pa.string(), pa.float64(), pa.int64())
    columns = list(zip(*_rows(frames, classes), strict=True)) or [()] * len(COLUMNS)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    pq.write_table(pa.table(arrays, names=list(COLUMNS)), path)
