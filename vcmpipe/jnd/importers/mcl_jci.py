"""MCL-JCI: JND points of 50 pictures of 1920x1080, coded with JPEG; about 30 subjects; raw answers in one XLSX file.

A row per picture: its number, and the answers of all subjects one after the other. A subject goes from fine to
coarse, so that his quality factors descend, and the next subject begins where they do not. A higher factor is finer:
the label of level k is the smallest factor among the answers at which at most one subject in four sees his k-th
difference (the 75th percentile of their k-th answers; on VideoSet's scale it is the 25th). Subjects with fewer points
than k do not count at level k.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.importers.reading import whole, whole_numbers
from vcmpipe.datasets.importers.registry import Imported
from vcmpipe.datasets.samples import Samples, split_by_picture, table_of
from vcmpipe.errors import InputError

PICTURES = 50
WIDTH, HEIGHT = 1920, 1080
_LEVELS = (1, 2, 3)
_SATISFIED = 75


def read(options: DatasetImportOptions) -> Imported:
    """Read the XLSX file, or the one in a folder; see the module.

    All answers are kept as ``raters``: sample, picture, level (1 and up; beyond 3 there are no samples), rater (a
    number within the picture), value.

    Raises:
        InputError: There is no such file, or it is damaged.
    """
    path = _file(Path(options.source))
    rows: list[tuple[str, str, float, int]] = []
    answers: list[tuple[str, str, int, int, int]] = []
    seen: set[int] = set()
    for line, (number, text) in enumerate(_cells(path), 1):
        where = f"{path.name}, row {line}"
        index = whole(number, 1, 10**6, f"{where}: the number of the picture")
        if index in seen:
            raise InputError(f"{where}: picture {index} occurs twice")
        seen.add(index)
        picture = f"{index:02}"
        subjects = _subjects(text, where)
        answers += [
            (f"{picture}_{level}", picture, level, rater, value)
            for rater, points in enumerate(subjects, 1)
            for level, value in enumerate(points, 1)
        ]
        for level in _LEVELS:
            values = [points[level - 1] for points in subjects if len(points) >= level]
            if values:
                label = float(np.percentile(values, _SATISFIED, method="higher"))
                rows.append((f"{picture}_{level}", picture, label, level))
    if not rows:
        raise InputError(f"{path} has no rows: a row has the number of a picture and its answers")
    columns = ("sample", "picture", "label", "level", "split", "width", "height")
    splits = split_by_picture([picture for _, picture, _, _ in rows], options.seed)
    table = table_of(columns, [(*row, split, WIDTH, HEIGHT) for row, split in zip(rows, splits, strict=True)])
    missing = ["the pictures, as sources and coded"]
    if len(seen) < PICTURES:
        missing.append(f"{PICTURES - len(seen)} of {PICTURES} pictures' answers")
    samples = Samples(
        table, "mcl-jci", "jpeg-qf", tuple(missing), source={"kind": "mcl-jci", "split_seed": options.seed}
    )
    return Imported(
        samples, {"raters": pd.DataFrame(answers, columns=["sample", "picture", "level", "rater", "value"])}
    )


def _file(source: Path) -> Path:
    if source.is_file():
        return source
    files = sorted(path for path in source.glob("*.xlsx") if not path.name.startswith((".", "~")))
    if len(files) != 1:
        found = "no" if not files else "more than one"
        raise InputError(f"{source} has {found} .xlsx file: name MCL-JCI's file of raw samples itself")
    return files[0]


def _cells(path: Path) -> list[tuple[Any, Any]]:
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = list(book.worksheets[0].iter_rows(values_only=True))
        book.close()
    except Exception as error:  # openpyxl promises no kinds: zip files, XML and its own checks each fail in their way
        raise InputError(f"{path} cannot be read as XLSX: {' '.join(str(error).split())}") from error
    rows = [row for row in rows if any(cell is not None for cell in row)]
    short = [line for line, row in enumerate(rows, 1) if len(row) < 2]
    if short:
        raise InputError(
            f"{path.name}, row {short[0]}: there should be two columns, a picture's number and its answers"
        )
    return [(row[0], row[1]) for row in rows]


def _subjects(text: Any, where: str) -> list[list[int]]:
    """The answers subject by subject."""
    points = whole_numbers(text, 0, 100, f"{where}: the answers", f"{where}: an answer")
    subjects = [[points[0]]]
    for before, value in pairwise(points):
        if value >= before:
            subjects.append([])
        subjects[-1].append(value)
    return subjects
