"""Comparing methods by their rate-quality points: monotone envelope, bits at a retention, BD-rate.

Nothing here raises on odd measurements. Real curves have ties, dents and gaps; the answer is a value, or the reason
why there is none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

Reason = Literal["no_points", "single_point", "no_overlap", "not_reached", "not_finite"]

# Qualities closer than this, relative to the curve's span, are one: slopes between them would be noise.
_SAME = 1e-9


class RdPoint(NamedTuple):
    """One operating point.

    Attributes:
        bits: Size in any linear unit (bits, bytes, bits per pixel), above 0.
        quality: What was kept; larger is better (retention, AP, PSNR). None where it could not be measured.
    """

    bits: float
    quality: float | None


@dataclass(frozen=True)
class Outcome:
    """A figure, or why there is none.

    Attributes:
        value: The figure; always finite.
        reason: Set exactly where ``value`` is None. ``no_points``: no usable point on a side. ``single_point``: a
            curve has but one. ``no_overlap``: the two curves share no range of quality. ``not_reached``: no point is
            that good. ``not_finite``: the numbers are too wild for arithmetic.
    """

    value: float | None = None
    reason: Reason | None = None


def envelope(points: Iterable[tuple[float, float | None]]) -> tuple[RdPoint, ...]:
    """The points that no other one beats: each better than all that are cheaper or as cheap.

    Points that are not finite, have no quality, or cost nothing are left out.

    Returns:
        Points with strictly ascending bits and quality.
    """
    usable = [
        RdPoint(float(bits), float(quality))
        for bits, quality in points
        if quality is not None and math.isfinite(bits) and bits > 0 and math.isfinite(quality)
    ]
    usable.sort(key=lambda point: (point.bits, -_quality(point)))
    rising: list[RdPoint] = []
    for point in usable:
        if not rising or _quality(point) > _quality(rising[-1]):
            rising.append(point)
    return tuple(rising)


def bits_at(points: Iterable[tuple[float, float | None]], quality: float) -> Outcome:
    """The least bits at which a method reaches a quality.

    Read off the method's envelope: log-linear between its points (the logarithm of the bits is linear in quality).
    Where even the cheapest point is good enough, that point's bits are the answer: nothing is extrapolated.

    Args:
        points: (bits, quality) of the method's operating points, in any order.
        quality: What has to be reached, for example retention 0.95.
    """
    curve = envelope(points)
    if not curve:
        return Outcome(reason="no_points")
    qualities = [_quality(point) for point in curve]
    if not quality <= qualities[-1]:  # also for NaN
        return Outcome(reason="not_reached")
    upper = next(i for i, value in enumerate(qualities) if value >= quality)
    if upper == 0 or qualities[upper] == quality:
        return Outcome(curve[upper].bits)
    low, high = curve[upper - 1], curve[upper]
    share = (quality - qualities[upper - 1]) / (qualities[upper] - qualities[upper - 1])
    with np.errstate(all="ignore"):
        return _checked(float(np.exp((1.0 - share) * math.log(low.bits) + share * math.log(high.bits))))


def bits_saved(
    anchor: Iterable[tuple[float, float | None]], test: Iterable[tuple[float, float | None]], quality: float
) -> Outcome:
    """How many of the anchor's bits the test saves at a quality, in percent; negative where it needs more."""
    ours, theirs = bits_at(test, quality), bits_at(anchor, quality)
    if ours.value is None or theirs.value is None:
        return Outcome(reason=ours.reason or theirs.reason)
    return _checked(100.0 * (1.0 - ours.value / theirs.value))


def bd_rate(anchor: Iterable[tuple[float, float | None]], test: Iterable[tuple[float, float | None]]) -> Outcome:
    """Bjontegaard delta rate: the mean difference in bits at equal quality, in percent; negative = the test saves.

    Each side is reduced to its envelope, the logarithm of its bits interpolated over quality by PCHIP, and the
    difference averaged over the range of quality that both reach. Source: Bjontegaard, VCEG-M33 (2001), with the
    piecewise cubic interpolation of the JCT-VC reporting template.

    Args:
        anchor: (bits, quality) of the method compared against, in any order.
        test: (bits, quality) of the method in question, same units.
    """
    curves = (_separate(envelope(anchor)), _separate(envelope(test)))
    if not all(curves):
        return Outcome(reason="no_points")
    if min(map(len, curves)) < 2:
        return Outcome(reason="single_point")
    low = max(_quality(curve[0]) for curve in curves)
    high = min(_quality(curve[-1]) for curve in curves)
    span = max(_quality(curve[-1]) - _quality(curve[0]) for curve in curves)
    if not high - low > _SAME * span:
        return Outcome(reason="no_overlap")
    with np.errstate(all="ignore"):
        means = [_mean_log_bits(curve, low, high) for curve in curves]
        difference = means[1] - means[0]
    if not math.isfinite(difference) or difference > 700.0:  # exp() overflows from there on
        return Outcome(reason="not_finite")
    return _checked(100.0 * math.expm1(difference))


def _separate(curve: Sequence[RdPoint]) -> list[RdPoint]:
    """Of points with nearly equal qualities the cheapest only."""
    kept = list(curve[:1])
    for point in curve[1:]:
        if _quality(point) - _quality(kept[-1]) > _SAME * (_quality(curve[-1]) - _quality(curve[0])):
            kept.append(point)
    return kept


def _mean_log_bits(curve: Sequence[RdPoint], low: float, high: float) -> float:
    """Mean of log(bits) over low..high of quality."""
    from scipy.interpolate import PchipInterpolator

    # Over 0..1 instead of the qualities themselves, whose unit may be tiny or huge.
    start, span = _quality(curve[0]), _quality(curve[-1]) - _quality(curve[0])
    x = np.array([(_quality(point) - start) / span for point in curve])
    y = np.log([point.bits for point in curve])
    if not (np.isfinite(x).all() and (np.diff(x) > 0).all()):
        return math.nan
    left, right = (low - start) / span, (high - start) / span
    return float(PchipInterpolator(x, y).integrate(left, right)) / (right - left)


def _quality(point: RdPoint) -> float:
    assert point.quality is not None  # envelopes hold measured points only
    return point.quality


def _checked(value: float) -> Outcome:
    return Outcome(value) if math.isfinite(value) else Outcome(reason="not_finite")
