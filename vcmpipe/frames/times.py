"""When frames are shown: rates, and times that go forward whatever a container says."""

from __future__ import annotations

import re
from fractions import Fraction

from vcmpipe.errors import InputError
from vcmpipe.process import one_line
from vcmpipe.process.text import count

MAX_RATE = 1000
"""Frames per second above which a rate is taken for a mistake (90,000 is a clock)."""
FALLBACK_RATE = Fraction(25)
"""The rate of frames that have neither times nor a rate."""


def parse_rate(text: str) -> Fraction:
    """Frames per second from ``25``, ``12.5`` or ``30000/1001``; InputError for others, and above 1000."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)(?:/(\d{1,9}))?", text.strip(), re.ASCII)
    below = int(found[2] or 1) if found else 0
    rate = usable_rate(Fraction(found[1]) / below) if found and below else None
    if rate is None:
        raise InputError(
            f"the rate {one_line(text)!r} is not a number of frames per second: give one above 0 and up to {MAX_RATE}, "
            "such as 25 or 30000/1001"
        )
    return rate


def usable_rate(rate: Fraction | None) -> Fraction | None:
    """The rate; None where it is missing or absurd."""
    return Fraction(rate) if rate is not None and 0 < rate <= MAX_RATE else None


class Clock:
    """Frame times in seconds from the first frame, from a stream's time stamps.

    A stamp is exact: time = stamp * time base. A frame without one comes one frame at the average rate after the one
    before. A time that goes back by up to a second, or stands still, is moved to one tick of the time base after the
    one before; one that goes back by more means that the clock was set anew: that frame comes one frame after the one
    before, and later ones are counted from there.

    Args:
        time_base: seconds per tick.
        rate: average frames per second; None where it is not known, then 25 stand in.
        origin: the stamp of time 0; None takes the first frame's.
    """

    def __init__(self, time_base: Fraction | None, rate: Fraction | None, origin: int | None = None) -> None:
        self._step = 1 / (rate or FALLBACK_RATE)
        self._base = time_base if time_base is not None and time_base > 0 else None
        self._offset = None if origin is None or self._base is None else -origin * self._base
        self._last: Fraction | None = None
        self._missing = self._moved = self._restarts = 0

    def time(self, stamp: int | None) -> Fraction:
        """The next frame's time, above that of the one before."""
        last, step, base = self._last, self._step, self._base
        expected = Fraction(0) if last is None else last + step
        if stamp is None or base is None:
            self._missing += 1
            time = expected
        else:
            if self._offset is None:
                self._offset = expected - stamp * base
            time = stamp * base + self._offset
            if last is not None and time < last - 1:
                self._restarts += 1
                self._offset += expected - time
                time = expected
            elif last is not None and time <= last:
                self._moved += 1
                time = last + min(base, step)
        self._last = time
        return time

    @property
    def notes(self) -> list[str]:
        """What was wrong with the stamps so far."""
        lines = []
        if self._missing:
            lines.append(
                f"{count(self._missing, 'frame')} without a time: put at the average rate after the one before"
            )
        if self._moved:
            lines.append(
                f"{count(self._moved, 'frame')} with a time that goes back or stands still: moved to just after the "
                "one before"
            )
        if self._restarts:
            lines.append(f"the times begin anew {count(self._restarts, 'time')}: they are counted on")
        return lines
