"""Rate-quality curves, many at once: monotone envelopes, bits at a quality and Bjontegaard rates, a row per resample.

Everything is an array of R rows, one per set of pictures that was drawn. Nothing raises on odd measurements: real
curves have ties, dents and gaps. A figure that a row does not have is NaN, and an array of reason codes says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

Reason = Literal[
    "no_points",
    "single_point",
    "no_overlap",
    "not_reached",
    "anchor_not_reached",
    "neither_reached",
    "not_finite",
    "no_objects",
]
"""Why there is no figure.

``no_points``: no usable point on a side. ``single_point``: a curve has but one. ``no_overlap``: the two curves share no
range of quality. ``not_reached``: no point is that good; ``anchor_not_reached``: the method's are, but none of the
anchor's; ``neither_reached``: none of either. ``not_finite``: the numbers are too wild for arithmetic. ``no_objects``:
there was nothing to keep.
"""
REASONS: tuple[Reason | None, ...] = (None, *get_args(Reason))
"""Why there is no figure, by code: a code is a place in this tuple, and 0 says that there is one."""
_NO_POINTS, _SINGLE, _NO_OVERLAP, _NOT_REACHED, _ANCHOR_NOT_REACHED, _NEITHER_REACHED, _NOT_FINITE = range(1, 8)

# Qualities closer than this, relative to the curve's span, are one: slopes between them would be noise.
_SAME = 1e-9
# exp() overflows from there on.
_MAX_EXPONENT = 700.0

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]


@dataclass(frozen=True)
class Curves:
    """R envelopes: in each row only the points that no other one beats, cheapest first.

    Attributes:
        rate: (R, P) sizes, strictly ascending over the first ``count`` columns; NaN behind them.
        quality: (R, P) likewise.
        count: (R,) points in each row.
    """

    rate: Floats
    quality: Floats
    count: NDArray[np.int64]

    @classmethod
    def of(cls, rate: ArrayLike, quality: ArrayLike) -> Curves:
        """The envelopes of operating points.

        A point is left out of a row where one of its numbers is not finite or it costs nothing.

        Args:
            rate: (R, P) sizes of P points in any linear unit.
            quality: (R, P) what was kept; larger is better.
        """
        sizes, values = np.array(rate, dtype=np.float64, ndmin=2), np.array(quality, dtype=np.float64, ndmin=2)
        usable = np.isfinite(sizes) & (sizes > 0) & np.isfinite(values)
        sizes, values = np.where(usable, sizes, np.inf), np.where(usable, values, -np.inf)
        order = np.lexsort((-values, sizes))
        sizes, values = np.take_along_axis(sizes, order, 1), np.take_along_axis(values, order, 1)
        best = np.maximum.accumulate(values, axis=1)
        before = np.concatenate([np.full((len(best), 1), -np.inf), best[:, :-1]], axis=1)
        return cls._packed(sizes, values, values > before)

    @classmethod
    def _packed(cls, rate: Floats, quality: Floats, keep: NDArray[np.bool_]) -> Curves:
        """The points to keep, moved to the front of their rows."""
        order = np.argsort(~keep, axis=1, kind="stable")
        keep = np.take_along_axis(keep, order, 1)
        return cls(
            np.where(keep, np.take_along_axis(rate, order, 1), np.nan),
            np.where(keep, np.take_along_axis(quality, order, 1), np.nan),
            keep.sum(axis=1),
        )

    def last(self) -> Floats:
        """(R,) the best quality of each row; NaN where it has no point."""
        return _column(self.quality, self.count - 1)

    def separate(self) -> Curves:
        """Of points with nearly equal qualities the cheapest only."""
        if not self.quality.shape[1]:
            return self
        keep = np.zeros(self.quality.shape, dtype=bool)
        first = self.quality[:, 0]
        with np.errstate(all="ignore"):
            least = _SAME * (self.last() - first)
            kept = np.full_like(first, -np.inf)
            for place in range(self.quality.shape[1]):
                value = self.quality[:, place]
                keep[:, place] = value - kept > least  # false for NaN
                kept = np.where(keep[:, place], value, kept)
        # A single point has no span, and a span that overflows separates nothing: the cheapest point stays.
        keep[:, 0] |= self.count > 0
        return self._packed(self.rate, self.quality, keep)


def rate_at(curves: Curves, quality: ArrayLike) -> tuple[Floats, Codes]:
    """The least rate at which each row reaches a quality.

    Log-linear between the points of the envelope (the logarithm of the rate is linear in quality). Where even the
    cheapest point is good enough, that point's rate is the answer: nothing is extrapolated.

    Args:
        curves: R envelopes.
        quality: One quality for all, or (R,) of them.

    Returns:
        (R,) rates, and the codes of why there is none (places in ``REASONS``).
    """
    wanted = np.broadcast_to(np.asarray(quality, dtype=np.float64), curves.count.shape)
    with np.errstate(all="ignore"):
        good = curves.quality >= wanted[:, None]  # false for NaN
        upper = good.argmax(axis=1) if curves.quality.shape[1] else np.zeros(len(good), dtype=np.int64)
        high_rate, high = _column(curves.rate, upper), _column(curves.quality, upper)
        low_rate, low = _column(curves.rate, upper - 1), _column(curves.quality, upper - 1)
        share = (wanted - low) / (high - low)
        between = np.exp((1.0 - share) * np.log(low_rate) + share * np.log(high_rate))
        values = np.where((upper == 0) | (high == wanted), high_rate, between)
    codes = np.zeros(len(values), dtype=np.int8)
    codes[~np.isfinite(values)] = _NOT_FINITE
    codes[~good.any(axis=1)] = _NOT_REACHED
    codes[curves.count == 0] = _NO_POINTS
    return np.where(codes == 0, values, np.nan), codes


def saved_at(anchor: Curves, test: Curves, quality: ArrayLike) -> tuple[Floats, Codes]:
    """How much of the anchor's rate each row of the test saves at a quality, in percent.

    Returns:
        (R,) percentages, and codes; what the test lacks comes before what the anchor lacks.
    """
    (ours, our_code), (theirs, their_code) = rate_at(test, quality), rate_at(anchor, quality)
    with np.errstate(all="ignore"):
        values = 100.0 * (1.0 - ours / theirs)
    neither = (our_code == _NOT_REACHED) & (their_code == _NOT_REACHED)
    their_code = np.where(their_code == _NOT_REACHED, _ANCHOR_NOT_REACHED, their_code)
    return _checked(values, np.where(neither, _NEITHER_REACHED, np.where(our_code > 0, our_code, their_code)))


def bd_rates(anchor: Curves, test: Curves) -> tuple[Floats, Codes]:
    """The Bjontegaard delta rate of each row: the mean difference in rate at equal quality, in percent.

    The logarithm of the rate is interpolated over quality by PCHIP, and the difference averaged over the range of
    quality that both sides reach. Source: Bjontegaard, VCEG-M33 (2001), with the piecewise cubic interpolation of the
    JCT-VC reporting template.

    Returns:
        (R,) percentages, negative where the test saves, and codes.
    """
    sides = (anchor.separate(), test.separate())
    counts = np.minimum(sides[0].count, sides[1].count)
    codes = np.where(counts == 0, _NO_POINTS, np.where(counts == 1, _SINGLE, 0)).astype(np.int8)
    if not anchor.quality.shape[1] or not test.quality.shape[1]:
        return np.full(len(codes), np.nan), codes
    with np.errstate(all="ignore"):
        first, last = [side.quality[:, 0] for side in sides], [side.last() for side in sides]
        low, high = np.maximum(*first), np.minimum(*last)
        span = np.maximum(last[0] - first[0], last[1] - first[1])
        codes[(codes == 0) & ~(high - low > _SAME * span)] = _NO_OVERLAP
        difference = _mean_log_rate(sides[1], low, high) - _mean_log_rate(sides[0], low, high)
        values = 100.0 * np.expm1(np.where(difference > _MAX_EXPONENT, np.nan, difference))
    return _checked(values, codes)


def _mean_log_rate(curves: Curves, low: Floats, high: Floats) -> Floats:
    """Mean over low..high of quality of the logarithm of the rate, interpolated by PCHIP; NaN where it is undefined."""
    start = curves.quality[:, :1]
    span = curves.last()[:, None] - start
    # Over 0..1 instead of the qualities themselves, whose unit may be tiny or huge.
    x, y = (curves.quality - start) / span, np.log(curves.rate)
    left, right = (low[:, None] - start) / span, (high[:, None] - start) / span
    if x.shape[1] < 2:
        return np.full(len(x), np.nan)
    step = np.diff(x, axis=1)
    slope = np.diff(y, axis=1) / step
    tangents = _tangents(step, slope, curves.count)
    segment = np.arange(step.shape[1])[None, :] < (curves.count - 1)[:, None]
    wild = (segment & ~(np.isfinite(y[:, 1:]) & np.isfinite(slope) & (step > 0))).any(axis=1)
    a, b = (np.clip((end - x[:, :-1]) / step, 0.0, 1.0) for end in (left, right))
    # The integral of a cubic Hermite segment, from its four basis polynomials.
    values = (
        y[:, :-1] * _between(lambda t: t**4 / 2 - t**3 + t, a, b)
        + step * tangents[:, :-1] * _between(lambda t: t**4 / 4 - 2 * t**3 / 3 + t**2 / 2, a, b)
        + y[:, 1:] * _between(lambda t: t**3 - t**4 / 2, a, b)
        + step * tangents[:, 1:] * _between(lambda t: t**4 / 4 - t**3 / 3, a, b)
    )
    total: Floats = np.where(segment, step * values, 0.0).sum(axis=1) / (right - left)[:, 0]
    return np.where(wild, np.nan, total)


def _tangents(step: Floats, slope: Floats, count: NDArray[np.int64]) -> Floats:
    """The derivatives of PCHIP at the points: none turns a curve back that its points let rise.

    Inside the weighted harmonic mean of the neighbouring slopes, at the ends a one-sided three-point formula that is
    bounded; of two points the straight line. Source: Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5 (1984); Moler,
    Numerical Computing with MATLAB (2004), 3.4.
    """
    tangents = np.full((len(step), step.shape[1] + 1), np.nan)
    if step.shape[1] > 1:
        wide, narrow = 2 * step[:, 1:] + step[:, :-1], step[:, 1:] + 2 * step[:, :-1]
        mean = (wide + narrow) / (wide / slope[:, :-1] + narrow / slope[:, 1:])
        tangents[:, 1:-1] = np.where(slope[:, :-1] * slope[:, 1:] > 0, mean, 0.0)
    rows = np.arange(len(step))
    ends = np.maximum(count - 2, 0)
    for place, near, far in ((np.zeros_like(ends), np.zeros_like(ends), 1), (ends + 1, ends, -1)):
        other = np.clip(near + far, 0, step.shape[1] - 1)
        tangents[rows, place] = np.where(
            count > 2,
            _end_tangent(step[rows, near], step[rows, other], slope[rows, near], slope[rows, other]),
            slope[rows, near],
        )
    return tangents


def _end_tangent(step: Floats, next_step: Floats, slope: Floats, next_slope: Floats) -> Floats:
    tangent = ((2 * step + next_step) * slope - step * next_slope) / (step + next_step)
    steep = (np.sign(slope) != np.sign(next_slope)) & (np.abs(tangent) > 3 * np.abs(slope))
    tangent = np.where(steep, 3 * slope, tangent)
    return np.where(np.sign(tangent) == np.sign(slope), tangent, 0.0)


def _between(polynomial: Callable[[Floats], Floats], a: Floats, b: Floats) -> Floats:
    return polynomial(b) - polynomial(a)


def _column(values: Floats, places: NDArray[np.int64]) -> Floats:
    """From each row the value at its place; NaN where the place lies outside."""
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    inside = (places >= 0) & (places < values.shape[1])
    picked = np.take_along_axis(values, np.where(inside, places, 0)[:, None], 1)[:, 0]
    return np.where(inside, picked, np.nan)


def _checked(values: Floats, codes: NDArray[np.integer]) -> tuple[Floats, Codes]:
    why: Codes = np.where((codes == 0) & ~np.isfinite(values), _NOT_FINITE, codes).astype(np.int8)
    return np.where(why == 0, values, np.nan), why
