"""QP maps as files for VTM: a QP delta per picture (stock builds), rectangle lists and masks (its known forks).

A form that cannot hold a map refuses it: bend the map first with :func:`vcmpipe.qpmap.fit_map`, which says
what is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vcmpipe.bitstream.geometry import Rect
from vcmpipe.errors import InputError
from vcmpipe.qpmap.fitting import rectangles
from vcmpipe.qpmap.formats import read_file, write_file
from vcmpipe.qpmap.qp_map import QpMap, check_qp, grid_shape

MAX_RECTANGLES = 20
"""Rectangles per picture that the known fork reads."""


def write_picture_qps(path: str | Path, qps: Sequence[int], base_qp: int) -> None:
    """Writes VTM's ``--dQPFile``: a line per picture with the picture's QP less ``base_qp`` (``--QP``).

    Of a map a picture has only one QP left: ``QpMap.minimum()``.

    Raises:
        InputError: No picture, or a QP outside 0..63.
        OutputError: The file cannot be written.
    """
    if not qps:
        raise InputError(f"{path}: no picture to write a QP for")
    base = check_qp(base_qp, "base QP")
    write_file(path, "".join(f"{check_qp(qp) - base}\n" for qp in qps).encode("ascii"))


def read_picture_qps(path: str | Path, base_qp: int) -> list[int]:
    """Reads a ``--dQPFile`` back into QPs.

    Raises:
        InputError: The file is absent, holds something else than a whole number per line, or a QP leaves 0..63.
    """
    base = check_qp(base_qp, "base QP")
    return [check_qp(base + value, f"{path}: picture {i}'s QP") for i, (value,) in enumerate(_rows(path, 1))]


def write_rectangles(path: str | Path, maps: Sequence[QpMap]) -> list[int]:
    """Writes rectangle lists: per picture a line with their number, then a line ``x y w h QP`` for each, in samples.

    What no rectangle covers has the picture's own QP: the encoder must run at the QPs that are returned.

    Returns:
        The background QP of each picture: its map's largest.

    Raises:
        InputError: No map, or one that takes more than 20 rectangles.
        OutputError: The file cannot be written.
    """
    if not maps:
        raise InputError(f"{path}: no QP map to write")
    lines, backgrounds = [], []
    for number, item in enumerate(maps):
        found = rectangles(item.qp)
        if len(found) > MAX_RECTANGLES:
            raise InputError(
                f"{path}: picture {number}'s map takes {len(found)} rectangles, {MAX_RECTANGLES} fit: "
                "bend it first (fit_map)"
            )
        lines.append(f"{len(found)}\n")
        for rect, qp in found:
            x, y = rect.x * item.ctu, rect.y * item.ctu
            right = min(x + rect.width * item.ctu, item.width)
            below = min(y + rect.height * item.ctu, item.height)
            lines.append(f"{x} {y} {right - x} {below - y} {qp}\n")
        backgrounds.append(int(item.qp.max()))
    write_file(path, "".join(lines).encode("ascii"))
    return backgrounds


def read_rectangles(path: str | Path, background_qp: int, width: int, height: int, ctu: int) -> list[QpMap]:
    """Reads rectangle lists back into maps of pictures of one size.

    Raises:
        InputError: The file is absent, cut off or holds something else, or a rectangle does not lie on the CTU grid.
    """
    shape = grid_shape(width, height, ctu)
    rows = iter(_rows(path, 5, 1))
    maps: list[QpMap] = []
    for head in rows:
        where = f"{path}: picture {len(maps)}"
        if len(head) != 1 or not 0 <= head[0] <= MAX_RECTANGLES:
            raise InputError(f"{where} begins with {' '.join(map(str, head))}, not with a number of rectangles")
        values = np.full(shape, check_qp(background_qp, "background QP"), np.int64)
        for _ in range(head[0]):
            entry = next(rows, [])
            if len(entry) != 5:
                raise InputError(f"{where} has fewer than the {head[0]} rectangles that it announces")
            rect, qp = Rect(*entry[:4]), check_qp(entry[4], f"{where}: a rectangle's QP")
            right, below = rect.x + rect.width, rect.y + rect.height
            on_grid = rect.x % ctu == rect.y % ctu == 0 <= min(rect.x, rect.y) and min(rect.width, rect.height) > 0
            ends = (right % ctu == 0 or right == width) and (below % ctu == 0 or below == height)
            if not (on_grid and ends and right <= width and below <= height):
                raise InputError(f"{where}: rectangle {entry[:4]} does not lie on CTUs of {ctu} in {width}x{height}")
            values[rect.y // ctu : -(-below // ctu), rect.x // ctu : -(-right // ctu)] = qp
        maps.append(QpMap.of(values, ctu, width, height))
    if not maps:
        raise InputError(f"{path}: the rectangle file is empty")
    return maps


def write_mask(path: str | Path, maps: Sequence[QpMap]) -> list[tuple[int, int]]:
    """Writes binary masks: per picture a byte per luma sample in raster order, 255 where objects lie, else 0.

    Returns:
        The object QP and the background QP of each picture; equal where its map has only one.

    Raises:
        InputError: No map, or one with more than two QPs.
        OutputError: The file cannot be written.
    """
    if not maps:
        raise InputError(f"{path}: no QP map to write")
    parts, levels = [], []
    for number, item in enumerate(maps):
        values = np.unique(item.qp)
        if len(values) > 2:
            raise InputError(
                f"{path}: picture {number}'s map has {len(values)} QPs, a mask has two: bend it first (fit_map)"
            )
        mask = (item.qp == values[0]).astype(np.uint8) * np.uint8(255)
        full = mask.repeat(item.ctu, axis=0).repeat(item.ctu, axis=1)[: item.height, : item.width]
        parts.append(np.ascontiguousarray(full).tobytes())
        levels.append((int(values[0]), int(values[-1])))
    write_file(path, b"".join(parts))
    return levels


def read_mask(path: str | Path, qps: tuple[int, int], width: int, height: int, ctu: int) -> list[QpMap]:
    """Reads masks back into maps of pictures of one size, with an object and a background QP.

    Raises:
        InputError: The file is absent, cut off, holds other bytes than 0 and 255, or a CTU is not one of both.
    """
    grid_shape(width, height, ctu)
    data = read_file(path)
    if not data or len(data) % (width * height):
        raise InputError(f"{path}: {len(data)} bytes are no whole number of {width}x{height} masks")
    levels = [check_qp(qp, "mask QP") for qp in qps]
    maps = []
    for number, mask in enumerate(np.frombuffer(data, np.uint8).reshape(-1, height, width)):
        coarse = mask[::ctu, ::ctu]
        again = coarse.repeat(ctu, axis=0).repeat(ctu, axis=1)[:height, :width]
        if not np.isin(coarse, (0, 255)).all() or (again != mask).any():
            raise InputError(f"{path}: mask {number} is not 0 or 255 over whole CTUs of {ctu}")
        maps.append(QpMap.of(np.where(coarse == 255, levels[0], levels[1]), ctu, width, height))
    return maps


def _rows(path: str | Path, *widths: int) -> list[list[int]]:
    """The lines of a file of whole numbers."""
    rows = []
    for number, line in enumerate(read_file(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) not in widths or not all(re.fullmatch(rb"[+-]?[0-9]{1,6}", word) for word in words):
            raise InputError(f"{path}: line {number} does not hold {' or '.join(map(str, widths))} whole numbers")
        rows.append([int(word) for word in words])
    if not rows:
        raise InputError(f"{path}: the file is empty")
    return rows
