"""Turning planes: chroma that lies to the left of its pixels would lie above or below them afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vcmpipe.frames.chroma import Floats, centred, double_columns, double_rows, halve
from vcmpipe.frames.planes import Planes, Samples
from vcmpipe.frames.samples import even


def rotated(planes: Planes, turns: int) -> Planes:
    """The picture turned counter-clockwise by quarter turns; chroma lies in the centre then.

    Luma samples keep their values. Chroma that lies elsewhere is brought to the centre first, by a quarter of a sample.
    """
    turns %= 4
    if not turns:
        return planes
    odd = planes.width % 2 or planes.height % 2
    u, v = (
        _turned_odd(planes, plane, turns) if odd else _turned(planes, plane, turns) for plane in (planes.u, planes.v)
    )
    return Planes(np.ascontiguousarray(np.rot90(planes.y, turns)), u, v, replace(planes.colour, siting="centre"))


def _turned(planes: Planes, chroma: Samples, turns: int) -> Samples:
    if planes.colour.siting != "centre":
        chroma = _rounded(centred(chroma.astype(np.float32), planes.colour.siting), planes)
    return np.ascontiguousarray(np.rot90(chroma, turns))


def _turned_odd(planes: Planes, chroma: Samples, turns: int) -> Samples:
    """Half a chroma sample hangs over an odd side, on the other end after a turn: through full resolution."""
    siting = planes.colour.siting
    whole = double_rows(double_columns(chroma.astype(np.float32), siting), siting)[: planes.height, : planes.width]
    return _rounded(halve(even(np.ascontiguousarray(np.rot90(whole, turns))), "centre"), planes)  # type: ignore[arg-type]


def _rounded(values: Floats, planes: Planes) -> Samples:
    peak = (1 << planes.depth) - 1
    return np.ascontiguousarray(np.clip(np.rint(values), 0, peak).astype(planes.y.dtype))
