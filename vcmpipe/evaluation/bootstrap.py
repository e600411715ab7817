"""Intervals by drawing the units again: percentile bootstrap, the same draws for everything that is compared.

A unit is what is independent of the others: a picture, a sequence, a segment, a subject. What belongs to one unit (the
frames of a sequence, the objects of a picture) comes and goes with it: a cluster bootstrap.

Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.evaluation.curves import REASONS, Codes, Floats, Reason

# The share of an interval.
LEVEL = 0.95
# Draws where nobody asks for another number.
RESAMPLES = 1000
# An interval needs a figure in at least this share of the resamples.
LEAST_DEFINED = 0.5


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval, or why there is none.

    Attributes:
        value: The figure; always finite.
        reason: Set exactly where ``value`` is None.
        low: Lower end of the 95 % interval. None where there is no interval, and where it is open on this side.
        high: Upper end, likewise.
        undefined: By reason, the share of the resamples in which the figure does not exist, 0..1; empty where it
            always does.
    """

    value: float | None = None
    reason: Reason | None = None
    low: float | None = None
    high: float | None = None
    undefined: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % bootstrap interval; all None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None


def draw(
    units: int,
    resamples: int,
    seed: int | np.random.Generator,
    groups: ArrayLike | None = None,
    *,
    strata: ArrayLike | None = None,
) -> Floats:
    """How often each unit counts: once in the first row, as it was drawn (with replacement) in the others.

    Args:
        units: N of them.
        resamples: Draws, each of as many units, or groups, as there are; 0 for no intervals.
        seed: The same seed gives the same draws; a generator goes on where it stands.
        groups: (N,) what each unit belongs to, such as the sequence of a frame. Groups are then drawn instead, each
            with all of its units: draws differ in their number of units.
        strata: (N,) what each unit is drawn within, such as the sequence of a segment: every draw has as many units of
            each stratum as there are. Of a stratum with one unit nothing can be drawn; those with one are drawn among
            each other ("collapsed strata": Cochran, Sampling Techniques, 1977, section 5A.12).

    Returns:
        (1 + resamples, N) weights.

    Raises:
        InputError: The groups or strata are not one per unit.
    """
    if groups is not None:
        names, member = np.unique(np.asarray(groups), return_inverse=True)
        if member.shape != (units,):
            raise InputError(f"groups of the shape {member.shape} do not go with {units} units")
        drawn: Floats = draw(len(names), resamples, seed)[:, member]
        return drawn
    if strata is not None:
        return _stratified(units, resamples, np.random.default_rng(seed), np.asarray(strata))
    rows = np.ones((1 + resamples, units))
    if units and resamples:
        rows[1:] = np.random.default_rng(seed).multinomial(units, np.full(units, 1.0 / units), resamples)
    return rows


def _stratified(units: int, resamples: int, random: np.random.Generator, strata: NDArray[np.generic]) -> Floats:
    _, member, sizes = np.unique(strata, return_inverse=True, return_counts=True)
    if member.shape != (units,):
        raise InputError(f"strata of the shape {member.shape} do not go with {units} units")
    member = np.where(sizes[member] > 1, member, -1)
    rows = np.ones((1 + resamples, units))
    for stratum in np.unique(member):
        places = np.flatnonzero(member == stratum)
        rows[:, places] = draw(len(places), resamples, random)
    return rows


def percentiles(drawn: Floats, axis: int = 0) -> tuple[Floats, Floats]:
    """The lower and the upper end of the interval of figures that were drawn, interpolated between two of them."""
    low, high = np.percentile(drawn, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=axis)
    return low, high


class Bootstrap:
    """Draws of units, the same for all of its intervals.

    Args:
        units: (N,) the unit of each object: what is drawn.
        resamples: Draws.
        seed: Of the draws.
    """

    def __init__(self, units: ArrayLike, resamples: int = RESAMPLES, seed: int = 0) -> None:
        names, self._unit = np.unique(np.asarray(units, dtype=str), return_inverse=True)
        self._count = len(names)
        self._draws = draw(self._count, resamples, seed)[1:]

    def interval(self, columns: Sequence[ArrayLike], figure: Callable[..., Floats]) -> Interval:
        """A figure of sums over objects, with its interval.

        Args:
            columns: Each (N,); what is summed.
            figure: Gets the sums, arrays of one shape; where it divides by 0 the figure is not defined.
        """
        by_unit = np.stack(
            [np.bincount(self._unit, np.asarray(c, dtype=np.float64), minlength=self._count) for c in columns]
        )  # (columns, units)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(np.asarray(figure(*by_unit.sum(axis=1))))
            drawn = np.asarray(figure(*(self._draws @ by_unit.T).T), dtype=np.float64).reshape(-1)
        drawn = drawn[np.isfinite(drawn)]
        if not np.isfinite(value) or not drawn.size:
            return Interval(None, None, None)
        low, high = percentiles(drawn)
        return Interval(value, float(low), float(high))


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
    among them is open (None). ``undefined`` has the shares of both kinds.

    Args:
        values: (1 + R,) figures as ``draw`` orders them.
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
