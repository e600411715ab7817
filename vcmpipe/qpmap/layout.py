"""From a QP map to regions that an encoder without maps can code: an exact planner.

A region is a band of CTU rows inside a tile column ("strip"), and takes the smallest QP of any of its CTUs. The planner
finds, over all ways to cut the picture into strips and each strip into bands, the one with the fewest estimated bits:
dynamic programming over the bands of every possible strip, then over strips. One region for the whole picture is among
the candidates. Layouts with several tile rows are not searched: a tile grid has the same columns in every tile row, so
they buy little that bands do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream.geometry import RegionLayout
from vcmpipe.errors import InputError
from vcmpipe.qpmap.qp_map import QpMap
from vcmpipe.qpmap.rate import RateModel, RegionOverhead

ALIGNMENT = 8
"""VVC picture sizes of VVenC are multiples of this; a layout is for the padded picture."""


@dataclass(frozen=True)
class PlanLimits:
    """Bounds of the search.

    Attributes:
        max_regions: Most regions, 1..600 (600 slices is VVC level 6's bound, H.266 table A.2). A bound of 1 gives the
            picture's minimum QP.
        max_columns: Most tile columns, 1..20 (level 6).
        max_rectangles: Candidate regions that are weighed, for time and memory. Where a picture has more, cuts are
            considered only where the map changes, and of those the strongest: the plan is then the best among these.
    """

    max_regions: int = 600
    max_columns: int = 20
    max_rectangles: int = 1_200_000

    def __post_init__(self) -> None:
        for name, top in (("max_regions", 600), ("max_columns", 20)):
            if not 1 <= getattr(self, name) <= top:
                raise InputError(f"{name} is {getattr(self, name)}; expected 1..{top}")
        if self.max_rectangles < 1:
            raise InputError(f"max_rectangles is {self.max_rectangles}; expected 1 or more")


@dataclass(frozen=True)
class RegionPlan:
    """Regions, their QPs and what they should cost.

    Attributes:
        layout: The cut, for the picture padded to multiples of 8.
        qps: QP of each region, in the order of ``layout.regions()``.
        estimated_bits: What the rate model expects of the merged picture.
    """

    layout: RegionLayout
    qps: tuple[int, ...]
    estimated_bits: float

    def actual(self, qp_map: QpMap) -> QpMap:
        """The map as coded: nowhere above ``qp_map``, which it was planned for."""
        return qp_map.actual(self.layout.regions(), self.qps)


def plan_regions(
    qp_map: QpMap,
    rate: RateModel,
    *,
    overhead: RegionOverhead | None = None,
    limits: PlanLimits | None = None,
) -> RegionPlan:
    """Find the cheapest layout of strips and bands in which no region exceeds the map's QPs.

    None stands for the fitted overhead and for the limits of VVC level 6. InputError where the rate model is for
    another grid, or the picture is too small to code (under 8x16 and 16x8).
    """
    overhead = RegionOverhead() if overhead is None else overhead
    limits = PlanLimits() if limits is None else limits
    if rate.bits.shape[:2] != qp_map.qp.shape or rate.ctu != qp_map.ctu:
        raise InputError(
            f"the rate model is for {rate.bits.shape[0]} x {rate.bits.shape[1]} CTUs of {rate.ctu}, "
            f"the map has {qp_map.rows} x {qp_map.cols} of {qp_map.ctu}"
        )
    search = _Search(qp_map, rate, overhead, limits)
    if _too_small(search.width, search.height):
        raise InputError(f"a picture of {search.width}x{search.height} is too small to code: 8x16 or 16x8 at least")
    # Cutting a region into two of its own QP costs a region and gains nothing.
    strips = [(0, qp_map.cols, [(0, qp_map.rows)])] if qp_map.is_uniform or limits.max_regions == 1 else search.best()
    layout = RegionLayout(
        width=search.width,
        height=search.height,
        ctu=qp_map.ctu,
        columns=tuple(right - left for left, right, _ in strips),
        rows=(qp_map.rows,),
        bands=tuple(tuple(bottom - top for top, bottom in bands) for _, _, bands in strips),
    )
    cells = [(left, right, top, bottom) for left, right, bands in strips for top, bottom in bands]
    qps = tuple(int(qp_map.qp[top:bottom, left:right].min()) for left, right, top, bottom in cells)
    bits = sum(search.region_bits(*cell, qp) for cell, qp in zip(cells, qps, strict=True))
    return RegionPlan(layout, qps, float(bits))


class _Search:
    """The dynamic programme for one map; CTU units unless a name says samples."""

    def __init__(self, qp_map: QpMap, rate: RateModel, overhead: RegionOverhead, limits: PlanLimits) -> None:
        self.qp, self.rate, self.overhead, self.limits = qp_map.qp, rate, overhead, limits
        self.width = -(-qp_map.width // ALIGNMENT) * ALIGNMENT
        self.height = -(-qp_map.height // ALIGNMENT) * ALIGNMENT
        self._x = np.minimum(np.arange(qp_map.cols + 1) * qp_map.ctu, self.width)
        self._y = np.minimum(np.arange(qp_map.rows + 1) * qp_map.ctu, self.height)

    def region_bits(self, left: int, right: int, top: int, bottom: int, qp: int) -> float:
        """Bits of one region."""
        width, height = int(self._x[right] - self._x[left]), int(self._y[bottom] - self._y[top])
        border = width * (top > 0) + height * (left > 0)
        own = float(self.rate.bits[top:bottom, left:right, qp].sum())
        return own + float(self.overhead.fixed_bits + self.overhead.border_bits(qp) * border)

    def best(self) -> list[tuple[int, int, list[tuple[int, int]]]]:
        """The cheapest cut: (left, right, [(top, bottom), ...]) per strip."""
        xs, ys = candidate_cuts(self.qp, self.limits.max_rectangles)
        left, right = np.triu_indices(len(xs), 1)
        cost = self._costs(xs, ys, left, right)
        best, cut = _bands(cost)
        strip = np.full((len(xs), len(xs)), np.inf)
        strip[left, right] = best[:, -1]
        number = np.zeros((len(xs), len(xs)), np.int64)
        number[left, right] = np.arange(len(left))

        chosen = [(a, b, _trace(cut[number[a, b]])) for a, b in _strips(strip, self.limits.max_columns)]
        if sum(len(bands) for _, _, bands in chosen) > self.limits.max_regions:
            chosen = _counted(cost, number, self.limits.max_regions, self.limits.max_columns)
        return [(int(xs[a]), int(xs[b]), [(int(ys[t]), int(ys[u])) for t, u in bands]) for a, b, bands in chosen]

    def _costs(
        self, xs: NDArray[np.int64], ys: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Bits of every candidate region: (strips, cuts, cuts) for strip, top cut, bottom cut; infinite if refused."""
        levels = np.unique(self.qp)
        # Smallest QP index of each cell between neighbouring cuts, then of each strip.
        index = np.searchsorted(levels, self.qp).astype(np.int16)
        cells = np.minimum.reduceat(np.minimum.reduceat(index, ys[:-1], axis=0), xs[:-1], axis=1)
        lowest = np.empty((len(left), len(ys) - 1), np.int16)
        for first in range(len(xs) - 1):
            lowest[left == first] = np.minimum.accumulate(cells[:, first:], axis=1).T
        # total[level, cut, strip]: bits of the strip above a cut.
        table = np.moveaxis(self.rate.bits[:, :, levels], 2, 0)
        table = np.add.reduceat(np.add.reduceat(table, ys[:-1], axis=1), xs[:-1], axis=2)
        integral = np.zeros((len(levels), len(ys), len(xs)))
        integral[:, 1:, 1:] = table.cumsum(axis=1).cumsum(axis=2)
        total = (integral[:, :, right] - integral[:, :, left]).reshape(-1, len(left)).T.copy()

        width = (self._x[xs[right]] - self._x[xs[left]])[:, None]
        inner = (left > 0)[:, None]
        per_sample = np.array([self.overhead.border_bits(int(qp)) for qp in levels])
        cost = np.full((len(left), len(ys), len(ys)), np.inf)
        strips = np.arange(len(left))[:, None]
        bottoms = np.arange(len(ys))
        for top in range(len(ys) - 1):
            level = np.minimum.accumulate(lowest[:, top:], axis=1).astype(np.int64)
            height = (self._y[ys[top + 1 :]] - self._y[ys[top]])[None, :]
            row = level * len(ys)
            bits = total[strips, row + bottoms[top + 1 :]] - total[strips, row + top]
            border = inner * height + (width if top > 0 else 0)
            bits += self.overhead.fixed_bits + per_sample[level] * border
            cost[:, top, top + 1 :] = np.where(_too_small(width, height), np.inf, bits)
        return cost


def candidate_cuts(qp: NDArray[np.int8], max_rectangles: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Column and row positions at which a cut is considered, both with the picture's ends.

    All of them while the regions between them number at most ``max_rectangles``; else those where the map changes, and
    of these the ones with the largest mean QP step across them.
    """
    rows, cols = qp.shape
    xs, ys = np.arange(cols + 1), np.arange(rows + 1)
    if _pairs(cols + 1) * _pairs(rows + 1) <= max_rectangles:
        return xs, ys
    wide = qp.astype(np.float64)
    across_x, across_y = np.abs(np.diff(wide, axis=1)).mean(axis=0), np.abs(np.diff(wide, axis=0)).mean(axis=1)
    cuts = [(float(step), 0, at + 1) for at, step in enumerate(across_x) if step > 0]
    cuts += [(float(step), 1, at + 1) for at, step in enumerate(across_y) if step > 0]
    cuts.sort(reverse=True)
    kept: tuple[list[int], list[int]] = ([0, cols], [0, rows])
    for _, axis, at in cuts:
        kept[axis].append(at)
        if _pairs(len(kept[0])) * _pairs(len(kept[1])) > max_rectangles:
            kept[axis].pop()
            break
    return np.array(sorted(kept[0])), np.array(sorted(kept[1]))


def _pairs(cuts: int) -> int:
    return cuts * (cuts - 1) // 2


def _too_small(width: NDArray[np.int64] | int, height: NDArray[np.int64] | int) -> NDArray[np.bool_] | np.bool_:
    """Whether an encoder refuses a picture: under 8x16 and under 16x8 samples."""
    return np.less(np.minimum(width, height), 8) | np.less(np.maximum(width, height), 16)


def _bands(cost: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Per strip and bottom cut the fewest bits of all bands above it, and where the last of them begins."""
    strips, cuts, _ = cost.shape
    best = np.zeros((strips, cuts))
    begin = np.zeros((strips, cuts), np.int64)
    for bottom in range(1, cuts):
        tried = best[:, :bottom] + cost[:, :bottom, bottom]
        begin[:, bottom] = tried.argmin(axis=1)
        best[:, bottom] = tried.min(axis=1)
    return best, begin


def _trace(begin: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The pairs of cuts that ``begin`` leads back along from the last cut."""
    found, at = [], len(begin) - 1
    while at > 0:
        found.append((int(begin[at]), at))
        at = int(begin[at])
    return found[::-1]


def _strips(strip: NDArray[np.float64], most: int) -> list[tuple[int, int]]:
    """The cheapest chain of at most ``most`` strips; ``strip[a, b]`` is infinite for b <= a."""
    cuts = len(strip)
    best = np.full(cuts, np.inf)
    best[0] = 0.0
    history = []
    for _ in range(min(most, cuts - 1)):
        tried = best[:, None] + strip
        begin, fewest = tried.argmin(axis=0), tried.min(axis=0)
        # Each round knows the best chains of exactly n strips; the best n is picked below.
        history.append((begin, fewest))
        best = fewest
    count = int(np.argmin([fewest[-1] for _, fewest in history])) + 1
    found, at = [], cuts - 1
    for begin, _ in reversed(history[:count]):
        found.append((int(begin[at]), at))
        at = int(begin[at])
    return found[::-1]


def _counted(
    cost: NDArray[np.float64], number: NDArray[np.int64], most: int, columns: int
) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """The cheapest cut with at most ``most`` regions in at most ``columns`` strips: the same search, by count."""
    strips, cuts, _ = cost.shape
    deepest = min(most, cuts - 1)
    # bands[n, strip, bottom]: fewest bits with exactly n + 1 bands.
    bands = np.empty((deepest, strips, cuts))
    begins = np.zeros((deepest, strips, cuts), np.int64)
    bands[0] = cost[:, 0, :]
    for n in range(1, deepest):
        bands[n, :, 0] = np.inf
        for bottom in range(1, cuts):
            tried = bands[n - 1, :, :bottom] + cost[:, :bottom, bottom]
            begins[n, :, bottom] = tried.argmin(axis=1)
            bands[n, :, bottom] = tried.min(axis=1)
    full = bands[:, :, -1]

    # best[k, m, c]: fewest bits left of cut c with exactly k strips and at most m regions.
    ends = number.shape[0]
    depth = min(columns, ends - 1)
    best = np.full((depth + 1, most + 1, ends), np.inf)
    best[0, :, 0] = 0.0
    choice = np.zeros((depth + 1, most + 1, ends, 2), np.int64)
    for right in range(1, ends):
        for n in range(1, deepest + 1):
            # One strip with n bands from each possible left cut, behind k - 1 strips with m - n regions.
            tried = best[:-1, : most + 1 - n, :right] + full[n - 1, number[:right, right]]
            left, value = tried.argmin(axis=2), tried.min(axis=2)
            better = value < best[1:, n:, right]
            best[1:, n:, right][better] = value[better]
            choice[1:, n:, right, 0][better] = left[better]
            choice[1:, n:, right, 1][better] = n
    k, m, at = int(best[:, most, -1].argmin()), most, ends - 1
    found = []
    while at > 0:
        left_cut, n = (int(value) for value in choice[k, m, at])
        inner, bottom = [], cuts - 1
        for depth_left in range(n - 1, -1, -1):
            top = int(begins[depth_left, number[left_cut, at], bottom]) if depth_left else 0
            inner.append((top, bottom))
            bottom = top
        found.append((left_cut, at, inner[::-1]))
        k, m, at = k - 1, m - n, left_cut
    return found[::-1]
