"""Comparing methods by their rate-quality points: monotone envelope, bits at a retention, BD-rate.

Nothing here raises on odd measurements. Real curves have ties, dents and gaps; the answer is a value, or the reason
why there is none. The arithmetic is that of ``vcmpipe.evaluation.curves``, here for one curve.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from vcmpipe.evaluation.curves import REASONS, Codes, Curves, Floats, Reason, bd_rates, rate_at, saved_at


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
            that good; ``anchor_not_reached``: the method's are, but none of the anchor's; ``neither_reached``: none of
            either. ``not_finite``: the numbers
            are too wild for arithmetic. ``no_objects``: there was nothing to keep.
    """

    value: float | None = None
    reason: Reason | None = None


def envelope(points: Iterable[tuple[float, float | None]]) -> tuple[RdPoint, ...]:
    """The points that no other one beats: each better than all that are cheaper or as cheap.

    Points that are not finite, have no quality, or cost nothing are left out.

    Returns:
        Points with strictly ascending bits and quality.
    """
    curve = _curve(points)
    count = int(curve.count[0])
    return tuple(
        RdPoint(bits, quality)
        for bits, quality in zip(curve.rate[0, :count].tolist(), curve.quality[0, :count].tolist(), strict=True)
    )


def bits_at(points: Iterable[tuple[float, float | None]], quality: float) -> Outcome:
    """The least bits at which a method reaches a quality.

    Read off the method's envelope: log-linear between its points (the logarithm of the bits is linear in quality).
    Where even the cheapest point is good enough, that point's bits are the answer: nothing is extrapolated.

    Args:
        points: (bits, quality) of the method's operating points, in any order.
        quality: What has to be reached, for example retention 0.95.
    """
    return _outcome(*rate_at(_curve(points), quality))


def bits_saved(
    anchor: Iterable[tuple[float, float | None]], test: Iterable[tuple[float, float | None]], quality: float
) -> Outcome:
    """How many of the anchor's bits the test saves at a quality, in percent; negative where it needs more."""
    return _outcome(*saved_at(_curve(anchor), _curve(test), quality))


def bd_rate(anchor: Iterable[tuple[float, float | None]], test: Iterable[tuple[float, float | None]]) -> Outcome:
    """Bjontegaard delta rate: the mean difference in bits at equal quality, in percent; negative = the test saves.

    Each side is reduced to its envelope, the logarithm of its bits interpolated over quality by PCHIP, and the
    difference averaged over the range of quality that both reach. Source: Bjontegaard, VCEG-M33 (2001), with the
    piecewise cubic interpolation of the JCT-VC reporting template.

    Args:
        anchor: (bits, quality) of the method compared against, in any order.
        test: (bits, quality) of the method in question, same units.
    """
    return _outcome(*bd_rates(_curve(anchor), _curve(test)))


def _curve(points: Iterable[tuple[float, float | None]]) -> Curves:
    pairs = [(float(bits), math.nan if quality is None else float(quality)) for bits, quality in points]
    return Curves.of([[bits for bits, _ in pairs]], [[quality for _, quality in pairs]])


def _outcome(values: Floats, codes: Codes) -> Outcome:
    reason = REASONS[int(codes[0])]
    return Outcome(reason=reason) if reason else Outcome(float(values[0]))
