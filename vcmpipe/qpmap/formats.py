"""QP maps as files: uvg266/kvazaar ROI (text and binary), and CSV with its reader.

The reader raises an :class:`InputError` that names the file and what is wrong with it; every writer publishes the whole
file or none.
"""

from __future__ import annotations

import csv
import io
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.process import publish
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text
from vcmpipe.qpmap.fitting import MapLimits, fit_map
from vcmpipe.qpmap.qp_map import QpMap, check_qp, grid_shape

ROI_CTU = 64
"""CTU size of uvg266 and kvazaar; they resample any other ROI grid to it by nearest neighbour."""
ROI_QP_RANGE = (0, 51)
"""The least and the highest QP that files of kvazaar's ROI format hold."""
KVAZAAR_SPAN = 25
"""Largest QP difference in a picture that kvazaar codes for sure.

A delta lies in -26..25, but not to the neighbour: a CTU without residual passes on the QP before it, so that a map in
small steps (22, 47, 51, the middle one flat) still ends in an abort. Within this span no chain of CTUs can.
"""
CSV_COLUMNS = ("picture", "width", "height", "ctu", "row", "col", "qp")


@dataclass(frozen=True)
class RoiReport:
    """What a ROI file holds instead of what was requested.

    Attributes:
        maps: The maps the encoder will realise, one per picture, after resampling, clamping and step limiting.
        notes: One line per kind of change and picture; empty where the file says exactly what was requested.
    """

    maps: tuple[QpMap, ...]
    notes: tuple[str, ...]


def write_roi(
    path: str | Path,
    maps: Sequence[QpMap],
    base_qp: int,
    *,
    binary: bool = False,
    ctu: int = ROI_CTU,
    qp_range: tuple[int, int] = ROI_QP_RANGE,
    step_limit: int | None = None,
    span: int | None = None,
) -> RoiReport:
    """Write the ROI file of uvg266 and kvazaar: per picture the grid's width and height and its deltas on ``base_qp``.

    Text: ``W H`` and W*H numbers in raster order, one line per CTU row. Binary: W and H as little-endian int32, then
    W*H int8. The encoder must run at ``--qp base_qp``, which lies within ``qp_range``.

    Args:
        path: The file to write.
        maps: One per picture, at least one; they are bent to the limits below (see ``fit_map``).
        base_qp: The frame QP that the deltas are added to.
        binary: The binary form.
        ctu: The encoder's CTU size.
        qp_range: The encoder's QPs.
        step_limit: Largest QP difference between CTUs that follow each other in coding order; None = any.
        span: Largest QP difference within a picture (kvazaar: 25; see ``KVAZAAR_SPAN``); None = any.

    Returns:
        The maps as written, with a note for everything that had to be changed. Show the notes to the user.
    """
    if not qp_range[0] <= check_qp(base_qp, "base QP") <= qp_range[1]:
        raise InputError(f"base QP {base_qp} is outside the encoder's {qp_range[0]}..{qp_range[1]}")
    limits = MapLimits(ctu=ctu, qp_range=qp_range, span=span, step=step_limit)
    parts, notes = [], []
    fitted = [fit_map(requested, limits) for requested in maps]
    for number, item in enumerate(fitted):
        notes += [f"picture {number}: {note}" for note in item.notes]
        deltas = item.map.deltas(base_qp)
        if binary:
            parts.append(struct.pack("<ii", item.map.cols, item.map.rows) + deltas.tobytes())
        else:
            rows = [f"{item.map.cols} {item.map.rows}"] + [" ".join(map(str, row)) for row in deltas.tolist()]
            parts.append("".join(f"{row}\n" for row in rows).encode("ascii"))
    write_maps(path, parts)
    return RoiReport(tuple(item.map for item in fitted), tuple(notes))


def write_csv(path: str | Path, maps: Sequence[QpMap]) -> None:
    """Writes absolute QPs as a tidy table, one line per CTU: ``picture,width,height,ctu,row,col,qp``.

    Raises:
        InputError: No map.
        OutputError: The file cannot be written.
    """
    lines: list[str] = []
    for number, item in enumerate(maps):
        head = f"{number},{item.width},{item.height},{item.ctu}"
        lines += [f"{head},{row},{col},{item.qp[row, col]}\n" for row, col in np.ndindex(item.rows, item.cols)]
    write_maps(
        path, ["".join(lines).encode("ascii")] if lines else [], head=f"{','.join(CSV_COLUMNS)}\n".encode("ascii")
    )


def read_csv(path: str | Path) -> list[QpMap]:
    """Reads what :func:`write_csv` wrote; the lines may stand in any order.

    Raises:
        InputError: The file is absent, a column or CTU is missing, a CTU stands twice, a value is out of range.
    """
    text = read_text(Path(path), LARGEST_DOCUMENT)
    reader = csv.reader(io.StringIO(text, newline=""))
    rows: list[list[int]] = []
    try:
        header = next(reader, [])
        if tuple(name.strip() for name in header) != CSV_COLUMNS:
            raise InputError(f"{path}: the first line must be {','.join(CSV_COLUMNS)}")
        for fields in reader:
            if not fields:
                continue
            if len(fields) != len(CSV_COLUMNS) or not all(re.fullmatch(r" *-?[0-9]{1,9} *", item) for item in fields):
                raise InputError(f"{path}: line {reader.line_num} does not hold {len(CSV_COLUMNS)} whole numbers")
            rows.append([int(item) for item in fields])
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file: {error}") from None
    if not rows:
        raise InputError(f"{path}: the table holds no CTU")
    table = np.array(rows, np.int64)
    pictures = np.unique(table[:, 0])
    if not np.array_equal(pictures, np.arange(len(pictures))):
        raise InputError(f"{path}: the pictures must be numbered 0, 1, 2, ... without gaps")
    table = table[np.argsort(table[:, 0], kind="stable")]
    return [_csv_map(path, part) for part in np.split(table, np.searchsorted(table[:, 0], pictures[1:]))]


def _csv_map(path: str | Path, part: NDArray[np.int64]) -> QpMap:
    picture = int(part[0, 0])
    if (part[:, 1:4] != part[0, 1:4]).any():
        raise InputError(f"{path}: picture {picture} changes its size or CTU between lines")
    width, height, ctu = (int(value) for value in part[0, 1:4])
    row, col, qp = part[:, 4], part[:, 5], part[:, 6]
    try:
        rows, cols = grid_shape(width, height, ctu)
        if row.min() < 0 or col.min() < 0 or row.max() >= rows or col.max() >= cols:
            raise InputError(f"a CTU lies outside the grid of {rows} rows x {cols} columns")
        if len(part) != rows * cols or len(np.unique(row * cols + col)) != rows * cols:
            raise InputError(f"{len(part)} lines do not name each of its {rows} x {cols} CTUs once")
        values = np.zeros((rows, cols), np.int64)
        values[row, col] = qp
        return QpMap.of(values, ctu, width, height)
    except InputError as error:
        raise InputError(f"{path}: picture {picture}: {error}") from None


def write_maps(path: str | Path, parts: Sequence[bytes], head: bytes = b"") -> None:
    """Publish a map file, whole or not at all; an InputError where there is no map in it."""
    if not parts:
        raise InputError(f"{path}: no QP map to write")
    with publish(Path(path)) as temporary:
        temporary.write_bytes(head + b"".join(parts))
