"""A manifest that names each picture with its JNDs, so that nothing hangs on the order of files.

``manifest.csv``: a row per picture with the columns ``name`` (its path below the folder), ``jnd1``, ``jnd2``, ``jnd3``
(empty where not known), and, where wanted, ``source`` (what splits must not cut; default: the name without its ending),
``split`` (train, val or test; default: the first folder of the name, else by the seed) and ``coded1`` to ``coded3``
(the picture coded at its JND).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from vcmpipe.datasets.importers.reading import and_more, pictures_in, refuse_twice, shown
from vcmpipe.datasets.scales import RANGES
from vcmpipe.errors import InputError
from vcmpipe.process import one_line, publish
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text

MANIFEST = "manifest.csv"
LEVELS = (1, 2, 3)
_SPLITS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_NEEDED = ("name", "jnd1", "jnd2", "jnd3")
_COLUMNS = (*_NEEDED, "source", "split", "coded1", "coded2", "coded3")

Labels = tuple[float | None, ...]


@dataclass(frozen=True)
class Entry:
    """A picture with its JNDs.

    Attributes:
        name: Its path below the folder, with ``/``.
        source: What splits must not cut.
        split: train, val or test; None: by the seed.
        labels: JND 1, 2, 3; None where not known.
        coded: The paths of the picture coded at each; None where not there.
    """

    name: str
    source: str
    split: str | None
    labels: Labels
    coded: tuple[str | None, ...] = (None, None, None)


def in_order(cells: Sequence[str], scale: str, where: str) -> Labels:
    """The JNDs of one picture out of their texts; an empty one is not known.

    Raises:
        InputError: One is no number, outside the scale, or finer than the one before.
    """
    low, high = RANGES[scale]
    values: list[float | None] = []
    for level, cell in zip(LEVELS, cells, strict=True):
        if not cell.strip():
            values.append(None)
            continue
        try:
            value = float(cell)
        except ValueError as error:
            raise InputError(f"{where}: JND{level} is {shown(cell)}: it must be a number") from error
        if not low <= value <= high:  # NaN is outside, too
            raise InputError(f"{where}: JND{level} is {shown(cell)}, outside the scale {scale}, {low}..{high}")
        if scale == "vvc-qp" and value != int(value):
            raise InputError(f"{where}: JND{level} is {shown(cell)}: a VVC QP is a whole number")
        values.append(value)
    known = [value for value in values if value is not None]
    if known != sorted(known, reverse=scale == "jpeg-qf"):
        order = "JND1 >= JND2 >= JND3" if scale == "jpeg-qf" else "JND1 <= JND2 <= JND3"
        raise InputError(f"{where}: {', '.join(f'{value:g}' for value in known)} is not {order}, as on {scale}")
    if not known:
        raise InputError(f"{where}: no JND is given")
    return tuple(values)


def read_manifest(folder: Path, scale: str) -> list[Entry]:
    """The entries of ``manifest.csv``.

    Raises:
        InputError: It is no CSV, lacks a column, names a picture that is not there or one twice, or leaves one out.
    """
    path = folder / MANIFEST
    try:
        text = read_text(path, LARGEST_DOCUMENT)
        reader = csv.DictReader(io.StringIO(text), strict=True)
        rows, heads = list(reader), list(reader.fieldnames or ())
    except csv.Error as error:
        raise InputError(f"{path} cannot be read as CSV: {one_line(str(error))}") from error
    absent = [name for name in _NEEDED if name not in heads]
    strange = [name for name in heads if name not in _COLUMNS or heads.count(name) > 1]
    if absent or strange:
        fault = f"lacks the column {absent[0]!r}" if absent else f"has a column {shown(strange[0])} too many"
        raise InputError(
            f"{path} {fault}; its columns are {', '.join(_NEEDED)} and, as wanted, source, split, coded1-3"
        )
    if not rows:
        raise InputError(f"{path} has no rows: it should name each picture")
    entries = []
    for number, row in enumerate(rows, 2):  # the heads are row 1
        where = f"{path}, row {number}"
        if None in row or None in row.values():
            raise InputError(f"{where} has not {len(heads)} columns, as its heads have")
        entries.append(_entry(folder, row, scale, where))
    refuse_twice([entry.name for entry in entries], path)
    _refuse_left_out(folder, entries)
    return entries


def write_manifest(path: Path, entries: Sequence[Entry]) -> None:
    """Write entries as a manifest.

    Raises:
        OutputError: The place cannot be written to.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for entry in entries:
        labels = ["" if value is None else f"{value:g}" for value in entry.labels]
        writer.writerow([entry.name, *labels, entry.source, entry.split or "", *(each or "" for each in entry.coded)])
    with publish(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8", errors="surrogateescape")


def _entry(folder: Path, row: dict[str, str], scale: str, where: str) -> Entry:
    name = _inside(folder, row["name"], f"{where}: name")
    if name is None:
        raise InputError(f"{where}: the name is empty")
    coded = [_inside(folder, row.get(f"coded{level}", ""), f"{where}: coded{level}") for level in LEVELS]
    split = row.get("split", "").strip()
    if split and split not in _SPLITS:
        raise InputError(f"{where}: the split is {shown(split)}: it must be train, val or test, or empty")
    home = _SPLITS.get(PurePosixPath(name).parts[0])
    return Entry(
        name,
        row.get("source", "").strip() or str(PurePosixPath(name).with_suffix("")),
        _SPLITS[split] if split else home,
        in_order([row[f"jnd{level}"] for level in LEVELS], scale, where),
        tuple(coded),
    )


def _inside(folder: Path, text: str, what: str) -> str | None:
    """A path below the folder, as it is written; None for none."""
    if not text.strip():
        return None
    path = PurePosixPath(text.strip())
    if path.is_absolute() or ".." in path.parts:
        raise InputError(f"{what} is {shown(text)}: give a path below {folder}")
    if not (folder / path).is_file():
        raise InputError(f"{what}: {shown(str(path))} is not in {folder}")
    return str(path)


def _refuse_left_out(folder: Path, entries: Sequence[Entry]) -> None:
    """A picture beside those that are named, and not named itself, is more likely forgotten than meant."""
    named = {name for entry in entries for name in (entry.name, *entry.coded) if name}
    beside = {PurePosixPath(entry.name).parent for entry in entries}
    there = [
        (PurePosixPath(parent) / path.name).as_posix()
        for parent in sorted(beside)
        for path in pictures_in(folder / parent)
    ]
    left = [name for name in there if name not in named]
    if left:
        raise InputError(
            f"{folder / MANIFEST} names {len(entries)} pictures, but not {shown(left[0])}{and_more(len(left) - 1)}, "
            "which is beside them: name it, or move it away"
        )
