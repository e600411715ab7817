"""When frames are shown: their times, and the constant rate that is, or is nearest to, what they keep."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

UNSTATED = Fraction(25)
"""Frames per second where nothing tells: of a folder of pictures, for example."""

# Seconds: those of a time that was a float, or in ticks of an MPEG stream (1/90000); and in Matroska's milliseconds.
_ROUNDED = (Fraction(1, 50_000), Fraction(11, 10_000))
_SLOWEST, _FASTEST = Fraction(1, 86_400), Fraction(10_000)


@dataclass(frozen=True)
class Schedule:
    """When each frame of a video is shown.

    Attributes:
        times: Seconds from the first frame, which is at 0; increasing.
        rate: Frames per second, of varying times their mean.
        constant: Whether the times are those of that rate.
    """

    times: tuple[Fraction, ...]
    rate: Fraction
    constant: bool

    @property
    def end(self) -> Fraction:
        """Seconds until the last frame is gone, which stays for as long as one of ``rate``."""
        return (self.times[-1] if self.times else Fraction(0)) + 1 / self.rate


def schedule(
    count: int, times: Sequence[Fraction | float | None] | None = None, rate: Fraction | None = None
) -> Schedule:
    """When ``count`` frames are shown: at their own times, else at a rate, else at 25 frames per second.

    Args:
        count: How many there are.
        times: Seconds of each. They are left aside where one is missing, or they do not increase, or no video runs at
            such a rate (less than a frame a day, more than 10,000 a second).
        rate: Frames per second where there are no times.
    """
    own = _usable(count, times)
    if own is None:
        rate = rate if rate is not None and _SLOWEST <= rate <= _FASTEST else UNSTATED
        return Schedule(tuple(index / rate for index in range(count)), rate, True)
    rate, constant = frame_rate(own)
    return Schedule(tuple(index / rate for index in range(count)) if constant else own, rate, constant)


def frame_rate(times: Sequence[Fraction]) -> tuple[Fraction, bool]:
    """The rate of two or more times that increase from 0, and whether they keep it but for how containers round.

    An exact one where it is one that videos have: whole, or whole by 1000/1001 (30000/1001 = 29.97). Of times that
    vary it is the mean.
    """
    mean = (len(times) - 1) / times[-1]
    usual = [Fraction(max(1, round(mean))), Fraction(1000 * max(1, round(mean * 1001 / 1000)), 1001)]
    # 1001 covers 12.5 and the like; below one frame a second it is the interval that is a simple number.
    simple = mean.limit_denominator(1001) if mean >= 1 else 1 / (1 / mean).limit_denominator(1001)
    for rounded in _ROUNDED:
        for rate in (*sorted(usual, key=lambda each: _square_error(times, each)), simple):
            if all(abs(time - index / rate) <= rounded for index, time in enumerate(times)):
                return rate, True
    return simple, False


def _square_error(times: Sequence[Fraction], rate: Fraction) -> float:
    return sum(float(time - index / rate) ** 2 for index, time in enumerate(times))


def _usable(count: int, times: Sequence[Fraction | float | None] | None) -> tuple[Fraction, ...] | None:
    """The times from 0, where they can be those of a video."""
    if times is None or count < 2 or len(times) != count:
        return None
    stated = [Fraction(time) for time in times if time is not None and math.isfinite(time)]
    if len(stated) != count or any(later <= earlier for earlier, later in pairwise(stated)):
        return None
    own = tuple(time - stated[0] for time in stated)
    return own if _SLOWEST <= (count - 1) / own[-1] <= _FASTEST else None
