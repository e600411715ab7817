"""Intervals by drawing the pictures again: percentile bootstrap, the same draws for everything that is compared.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vcmpipe.evaluation.curves import REASONS, Codes, Floats, Reason
from vcmpipe.evaluation.rd import Outcome

# The share of an interval.
LEVEL = 0.95
# An interval needs a figure in at least this share of the resamples.
LEAST_DEFINED = 0.5


@dataclass(frozen=True)
class Estimate(Outcome):
    """A figure with its interval, or why there is none.

    Attributes:
        low: Lower end of the 95 % interval. None where there is no interval, and where it is open on this side.
        high: Upper end, likewise.
        undefined: By reason, the share of the resamples in which the figure does not exist, 0..1; empty where it
            always does.
    """

    low: float | None = None
    high: float | None = None
    undefined: Mapping[str, float] = field(default_factory=dict)


def draw_pictures(pictures: int, resamples: int, seed: int) -> Floats:
    """How often each picture counts: once in the first row, as it was drawn (with replacement) in the others.

    Args:
        pictures: N of them.
        resamples: Draws of N pictures each; 0 for no intervals.
        seed: The same seed gives the same draws.

    Returns:
        (1 + resamples, N) weights.
    """
    rows = np.ones((1 + resamples, pictures))
    if pictures and resamples:
        rows[1:] = np.random.default_rng(seed).multinomial(pictures, [1.0 / pictures] * pictures, size=resamples)
    return rows


def estimate(
    values: Floats,
    codes: Codes | None = None,
    *,
    ends: Mapping[Reason, float] | None = None,
    nan: Reason = "no_objects",
) -> Estimate:
    """The figure of the first row, with the interval from the others.

    A resample without the figure takes no part, unless it is known on which side of all others it lies: bits that were
    "not reached" are more than any that were. Such resamples count as infinite, and an end of the interval that falls
    among them is open (None). The shares of both kinds are said in ``undefined``.

    Args:
        values: (1 + R,) figures as ``draw_pictures`` orders them.
        codes: (1 + R,) why a figure is missing; without them NaN means ``nan``.
        ends: By reason, the infinity that its resamples stand for.
        nan: The reason of a NaN without a code.
    """
    if codes is None:
        codes = np.where(np.isfinite(values), 0, REASONS.index(nan)).astype(np.int8)
    reason = REASONS[int(codes[0])]
    drawn, why = values[1:], codes[1:]
    undefined = {str(REASONS[code]): float((why == code).mean()) for code in np.unique(why[why > 0]).tolist()}
    known = np.where(why == 0, drawn, np.nan)
    for name, end in (ends or {}).items():
        known = np.where(why == REASONS.index(name), end, known)
    low, high = _interval(known[~np.isnan(known)], len(drawn))
    return Estimate(None if reason else float(values[0]), reason, low, high, undefined)


def _interval(known: NDArray[np.float64], drawn: int) -> tuple[float | None, float | None]:
    """The ends, each a value that was drawn; None where one is infinite or too few are known."""
    if not known.size or known.size < LEAST_DEFINED * drawn or not np.isfinite(known).any():
        return None, None
    ordered = np.sort(known)
    # Rounded first: 0.025 of 1,000 is 25, also in floating point.
    places = [math.ceil(round(share * known.size, 6)) - 1 for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    low, high = (float(ordered[max(place, 0)]) for place in places)
    return (low if math.isfinite(low) else None), (high if math.isfinite(high) else None)
