"""QP maps as files for VTM: a QP per frame, and for its known forks rectangle lists and masks.

A form that cannot hold a map refuses it: bend the map first with :func:`vcmpipe.qpmap.fit_map`, which says
what is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vcmpipe.errors import InputError
from vcmpipe.qpmap.fitting import rectangles
from vcmpipe.qpmap.formats import write_maps
from vcmpipe.qpmap.qp_map import QpMap, check_qp

MAX_RECTANGLES = 20
"""Rectangles per picture that the known fork reads."""


def write_frame_deltas(path: str | Path, qps: Sequence[int], base_qp: int, *, spare: int = 0) -> None:
    """Writes VTM's ``dQPFile``: per frame in presentation order a line with its QP's delta on ``base_qp``.

    The encoder runs at ``base_qp``; deltas come on top of the offsets of its structure. VTM looks up whatever picture
    it comes to, behind the end of a short list too, in memory that is not the list's: so as many lines as it codes
    frames, and ``spare`` times the last one more, for the group that the last frame lies in.

    Raises:
        InputError: No QP, or one outside 0..63.
        OutputError: The file cannot be written.
    """
    deltas = [check_qp(qp) - check_qp(base_qp, "base QP") for qp in qps]
    deltas += deltas[-1:] * spare
    write_maps(path, [f"{delta}\n".encode() for delta in deltas])


def write_rectangles(path: str | Path, maps: Sequence[QpMap]) -> list[int]:
    """Writes rectangle lists: per picture a line with their number, then a line ``x y w h QP`` for each, in samples.

    What no rectangle covers has the picture's own QP: the encoder must run at the QPs that are returned.

    Returns:
        The background QP of each picture: its map's largest.

    Raises:
        InputError: No map, or one that takes more than 20 rectangles.
        OutputError: The file cannot be written.
    """
    lines, backgrounds = [], []
    for number, item in enumerate(maps):
        found = rectangles(item.qp)
        if len(found) > MAX_RECTANGLES:
            raise InputError(
                f"{path}: picture {number}'s map takes {len(found)} rectangles, {MAX_RECTANGLES} fit: "
                "bend it first (fit_map)"
            )
        lines.append(f"{len(found)}\n".encode())
        for rect, qp in found:
            x, y = rect.x * item.ctu, rect.y * item.ctu
            right = min(x + rect.width * item.ctu, item.width)
            below = min(y + rect.height * item.ctu, item.height)
            lines.append(f"{x} {y} {right - x} {below - y} {qp}\n".encode())
        backgrounds.append(int(item.qp.max()))
    write_maps(path, lines)
    return backgrounds


def write_mask(path: str | Path, maps: Sequence[QpMap], object_qp: int | None = None) -> list[tuple[int, int]]:
    """Writes binary masks: per picture a byte per luma sample in raster order, 255 where objects lie, else 0.

    Objects lie where a map has ``object_qp``; None: its own smallest QP.

    Returns:
        The object QP and the background QP of each picture; equal where its map has only one.

    Raises:
        InputError: No map, or one with more than two QPs.
        OutputError: The file cannot be written.
    """
    parts, levels = [], []
    for number, item in enumerate(maps):
        values = np.unique(item.qp)
        if len(values) > 2:
            raise InputError(
                f"{path}: picture {number}'s map has {len(values)} QPs, a mask has two: bend it first (fit_map)"
            )
        mask = (item.qp == (values[0] if object_qp is None else object_qp)).astype(np.uint8) * np.uint8(255)
        full = mask.repeat(item.ctu, axis=0).repeat(item.ctu, axis=1)[: item.height, : item.width]
        parts.append(np.ascontiguousarray(full).tobytes())
        levels.append((int(values[0]), int(values[-1])))
    write_maps(path, parts)
    return levels
