"""Time stamps of coded pictures as containers count them: whole ticks of a time base, in the order of decoding."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from fractions import Fraction

TICKS = 90_000
"""Ticks per second where the times of the source do not ask for more: MPEG's, a multiple of all common frame rates."""
# Above it an hour of one frame would no longer fit into MP4's 32 bits, and the times come from no clock anyway.
_MAX_TICKS = 1 << 24


def ticks_per_second(times: Iterable[Fraction]) -> int:
    """The ticks per second that hold times exactly, at least 90,000 of them.

    Where that were more than 2 to the power of 24, as with times in nanoseconds, 90,000: times are rounded to them.
    """
    ticks = math.lcm(TICKS, *{time.denominator for time in times})
    return ticks if ticks <= _MAX_TICKS else TICKS


class DecodeClock:
    """Decoding times of pictures whose presentation times are known, segment by segment.

    A picture is decoded when the one that stands as many places further ahead in the order of presentation is shown as
    pictures are ever held back, so that no picture is due before it has been decoded. How many that is, the first
    segment says; where a later one holds more of them back, its first pictures are decoded in quicker succession.
    """

    def __init__(self) -> None:
        self._delay: int | None = None
        self._shown: deque[int] = deque()
        self._last: int | None = None

    def of(self, presentation: Sequence[int], step: int) -> list[int]:
        """The decoding times, in ticks, of a segment's pictures.

        Args:
            presentation: Their presentation times in ticks, all different and behind those of earlier segments, in
                decoding order.
            step: Ticks from one picture to the next, where there is none to say it.

        Returns:
            Times in strictly increasing order, none of them after the picture's presentation, but where presentation
            times lie closer together than pictures are held back.
        """
        shown = sorted(presentation)
        if self._delay is None:
            place = {time: number for number, time in enumerate(shown)}
            self._delay = max(number - place[time] for number, time in enumerate(presentation))
            step = shown[1] - shown[0] if len(shown) > 1 else step
            self._shown.extend(shown[0] - step * back for back in range(self._delay, 0, -1))
        ahead = [*self._shown, *shown]
        times = [min(early, due) for early, due in zip(ahead, presentation, strict=False)]
        self._shown = deque(ahead[len(shown) :], self._delay)
        for number in range(len(times) - 2, -1, -1):
            times[number] = min(times[number], times[number + 1] - 1)
        for number, time in enumerate(times):
            self._last = times[number] = time if self._last is None else max(time, self._last + 1)
        return times
