"""Bending a map to what an encoder can realise: always downwards, so that no object is harmed, and never silently."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames.yuv import Rect
from vcmpipe.qpmap.policy import limit_steps
from vcmpipe.qpmap.qp_map import CTU_SIZES, QP_MAX, QP_MIN, QpMap, smaller


@dataclass(frozen=True)
class MapLimits:
    """What an encoder's maps can say.

    Attributes:
        ctu: CTU size of its maps; None: any.
        qp_range: The lowest and the highest QP.
        span: Largest difference between any two QPs of a picture; None: any.
        step: Largest difference between CTUs that follow each other in coding order; None: any.
        levels: 1 where a frame has one QP; 2 where a map is a mask: an object QP and a background QP; None: any number.
        rectangles: How many rectangles a map may have on its background; None: any number.
        shared: Whether all frames of a segment have one map.
    """

    ctu: int | None = None
    qp_range: tuple[int, int] = (QP_MIN, QP_MAX)
    span: int | None = None
    step: int | None = None
    levels: int | None = None
    rectangles: int | None = None
    shared: bool = False

    def __post_init__(self) -> None:
        if self.ctu is not None and self.ctu not in CTU_SIZES:
            raise InputError(f"CTU size {self.ctu} is not one of {', '.join(map(str, CTU_SIZES))}")
        low, high = self.qp_range
        if not QP_MIN <= low <= high <= QP_MAX:
            raise InputError(f"the QP range {low}..{high} is not inside {QP_MIN}..{QP_MAX}")
        if self.levels not in (None, 1, 2):
            raise InputError(
                f"maps of {self.levels} levels are not known: 1 (a QP per frame), 2 (a mask), or any number"
            )
        for name in ("span", "step", "rectangles"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"a map's {name} limit is {value}: give 1 or more")


@dataclass(frozen=True)
class FittedMap:
    """A map that an encoder can realise, and a note for each thing that it could not say as it was requested."""

    map: QpMap
    notes: tuple[str, ...]


def fit_map(wanted: QpMap, limits: MapLimits) -> FittedMap:
    """Bend a map to an encoder's limits.

    A finer map takes the smallest QP over each CTU, a coarser one is repeated. QPs outside the range are clamped; all
    other limits are met by lowering QPs: bits may be lost, objects are not. Only a QP below the range goes up.
    """
    notes: list[str] = []
    result = wanted if limits.ctu is None else wanted.resampled(limits.ctu)
    if result.ctu != wanted.ctu:
        notes.append(f"map resampled from CTU {wanted.ctu} to {result.ctu} (minimum)")
    low, high = limits.qp_range
    values = np.clip(result.qp, low, high)
    if changed := int((values != result.qp).sum()):
        notes.append(f"{changed} of {values.size} QPs clamped to {low}..{high}")

    def lower(new: NDArray[np.int8], why: str) -> None:
        nonlocal values
        if lowered := int((new != values).sum()):
            most = int((values - new).max())
            notes.append(f"{lowered} of {values.size} QPs lowered, by {most} at most, {why}")
        values = new

    if limits.span is not None:
        top = int(values.min()) + limits.span
        lower(np.minimum(values, top).astype(np.int8), f"to keep all within {limits.span} of the smallest")
    if limits.step is not None:
        lower(limit_steps(values, limits.step, across_rows=True), f"to keep steps <= {limits.step}")
    if limits.levels == 1:
        lower(np.full_like(values, values.min()), "to one QP")
    elif limits.levels is not None:
        lower(two_levels(values), "to two levels: an object QP and a background QP")
    if limits.rectangles is not None:
        lower(few_rectangles(values, limits.rectangles), f"to {limits.rectangles} rectangles on a background")
    return FittedMap(QpMap(values, result.ctu, result.width, result.height), tuple(notes))


def fit_maps(wanted: Sequence[QpMap], limits: MapLimits) -> tuple[tuple[QpMap, ...], tuple[str, ...]]:
    """Bend the maps of a segment's frames, all of one size, and say what was changed; see ``fit_map``.

    An encoder runs at one QP, which the maps are relative to: the span, and the two levels of a mask, are those of all
    frames together. Where a frame has one QP, that is its own smallest.
    """
    if not wanted:
        raise InputError("a segment without maps: give one for each frame")
    grids = [item if limits.ctu is None else item.resampled(limits.ctu) for item in wanted]
    first = grids[0]
    if any((item.width, item.height, item.ctu) != (first.width, first.height, first.ctu) for item in grids):
        raise InputError("the maps of a segment differ in size: give each frame one of the same size and CTU")
    notes = [f"maps resampled from CTU {wanted[0].ctu} to {first.ctu} (minimum)"] if first.ctu != wanted[0].ctu else []
    if limits.shared and any(item != first for item in grids):
        notes.append(f"one map for all {len(grids)} frames: each CTU has the smallest QP of its own in any of them")
        grids = [reduce(smaller, grids)] * len(grids)
    # One tall picture of all frames.
    tall = QpMap(
        np.concatenate([item.qp for item in grids]), first.ctu, first.width, len(grids) * first.rows * first.ctu
    )
    alone = limits.levels if limits.levels == 1 else None
    together = fit_map(tall, replace(limits, step=None, rectangles=None, levels=None if alone else limits.levels))
    notes += together.notes
    each = MapLimits(step=limits.step, rectangles=limits.rectangles, levels=alone)
    fitted = []
    for number, values in enumerate(np.split(together.map.qp, len(grids))):
        one = fit_map(QpMap(values, first.ctu, first.width, first.height), each)
        fitted.append(one.map)
        notes += [f"frame {number}: {note}" for note in one.notes]
    return tuple(fitted), tuple(notes)


def two_levels(qp: NDArray[np.int8]) -> NDArray[np.int8]:
    """The largest map of two QPs, its smallest among them, that is nowhere above ``qp``."""
    smallest = int(qp.min())
    best, kept = np.full_like(qp, smallest), -1
    for background in np.unique(qp)[1:].tolist():
        covered = int((qp >= background).sum()) * (background - smallest)
        if covered > kept:
            best, kept = np.where(qp >= background, background, smallest).astype(np.int8), covered
    return best


def few_rectangles(qp: NDArray[np.int8], limit: int) -> NDArray[np.int8]:
    """A map nowhere above ``qp`` that ``rectangles`` describes with at most ``limit`` rectangles on its largest QP.

    First neighbouring QPs become one, whichever costs least; when only two are left, rectangles that lie close are
    joined.
    """
    values = qp.astype(np.int64)
    while len(rectangles(values)) > limit:
        levels, counts = np.unique(values, return_counts=True)
        if len(levels) > 2:
            merged = int(np.argmin(counts[1:] * np.diff(levels)))
            values[values == levels[merged + 1]] = levels[merged]
            continue
        boxes = np.array([(r.x, r.y, r.x + r.width, r.y + r.height) for r, _ in rectangles(values)])
        joined = np.concatenate(
            [
                np.minimum(boxes[:, None, :2], boxes[None, :, :2]),
                np.maximum(boxes[:, None, 2:], boxes[None, :, 2:]),
            ],
            axis=2,
        )
        # CTUs that each pair's common box would add; where others fill it already, joining changes nothing.
        free = np.pad((values != levels[0]).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        x1, y1, x2, y2 = np.moveaxis(joined, 2, 0)
        added = free[y2, x2] - free[y1, x2] - free[y2, x1] + free[y1, x1]
        cost = np.where(added > 0, added, np.inf)
        left, top, right, below = joined[np.unravel_index(int(cost.argmin()), cost.shape)].tolist()
        values[top:below, left:right] = levels[0]
    return values.astype(np.int8)


def rectangles(qp: NDArray[np.int64] | NDArray[np.int8]) -> list[tuple[Rect, int]]:
    """A map as disjoint rectangles, counted in CTUs, with the QP of each; the largest QP is background and has none.

    Runs of one QP in a row, joined with equal runs below them.
    """
    background = int(qp.max())
    done: list[tuple[Rect, int]] = []
    growing: dict[tuple[int, int, int], int] = {}  # (first column, end column, QP) -> first row
    for row in range(qp.shape[0] + 1):
        runs: set[tuple[int, int, int]] = set()
        if row < qp.shape[0]:
            edges = [0, *(np.flatnonzero(np.diff(qp[row])) + 1).tolist(), qp.shape[1]]
            spans = itertools.pairwise(edges)
            runs = {(a, b, int(qp[row, a])) for a, b in spans if int(qp[row, a]) != background}
        for key in sorted(set(growing) - runs):
            first, end, value = key
            top = growing.pop(key)
            done.append((Rect(first, top, end - first, row - top), value))
        for key in runs:
            growing.setdefault(key, row)
    return sorted(done, key=lambda item: (item[0].y, item[0].x))
