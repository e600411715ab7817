"""What an address sends, over as many connections as it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain

from vcmpipe.config.video import LiveOptions
from vcmpipe.errors import InputError
from vcmpipe.frames.containers import address_name, open_address
from vcmpipe.frames.reading import Reading
from vcmpipe.frames.selection import Shot
from vcmpipe.frames.times import FALLBACK_RATE
from vcmpipe.process.text import count

_LONGEST_PAUSE = 30.0
# Seconds after which a connection has proved good: its loss begins a new count of attempts.
_HELD = 60.0


@dataclass(frozen=True)
class LiveRules:
    """How an address is read.

    Attributes:
        reconnect: how often it is opened again, in a row, after it ended, broke off or stalled.
        stall: seconds without a frame after which it has stalled.
        drop: whether frames are dropped where whoever takes them does not keep up; else the sender has to wait.
        pause: seconds before the first attempt to open it again; each further pause is twice as long, up to 30 s.
        opening: seconds that a server has to answer in, and to say what it sends: FFmpeg looks at up to five of them.
    """

    reconnect: int = LiveOptions.reconnect
    stall: float = LiveOptions.stall
    drop: bool = False
    pause: float = 1.0
    opening: float = 10.0


class Address:
    """The frames that an address sends; opened, and read until its first frame.

    Args:
        url: the address.
        rules: how it is read.
        stopped: set by whoever wants no more of it: ends pauses.

    Attributes:
        name: the address without what can be secret.
        reading: the connection that is open, or was the last.
        recorded: whether it states its length: a file that a server has. It can wait, and would begin anew if it were
            opened again.
        reconnects: how often it was opened again and sent frames.

    Raises:
        InputError: another scheme, no answer within the time allowed, or no video.
    """

    def __init__(self, url: str, rules: LiveRules, stopped: threading.Event) -> None:
        self.name, self._url, self._rules, self._stopped = address_name(url), url, rules, stopped
        self.reconnects, self._missed = 0, 0.0
        self._notes: list[str] = []
        self._shots = self._connect(0)
        container = self.reading.container
        self.recorded = container.size > 0 or bool(container.duration)

    def shots(self) -> Generator[Shot]:
        """Yields its frames; their numbers and times go on from one connection to the next.

        The first frame of a new connection comes as long after the last of the one before as it came in fact.

        Raises:
            InputError: it broke off, and could not be opened again as often as the rules have it.
        """
        start, left, pause = Fraction(0), self._rules.reconnect, self._rules.pause
        while True:
            begun, failure = time.monotonic(), None
            try:
                for shot in self._shots:
                    last, seen = replace(shot, time=start + shot.time), time.monotonic()
                    yield last
            except InputError as error:
                failure = error
            if not self._rules.reconnect or self.recorded:
                if failure is not None:
                    raise failure
                return
            if seen - begun >= _HELD:
                left, pause = self._rules.reconnect, self._rules.pause
            self.close()
            why = str(failure) if failure is not None else f"{self.name} ended after its first {last.index + 1} frames"
            while True:
                if not left:
                    tried = count(self._rules.reconnect, "attempt")
                    raise InputError(f"{why}; that was after {tried} to open it again (--reconnect)")
                if self._stopped.wait(pause):
                    return
                left, pause = left - 1, min(2 * pause, _LONGEST_PAUSE)
                try:
                    self._shots = self._connect(last.index + 1)
                    break
                except InputError as error:
                    why = str(error)
            missed = time.monotonic() - seen
            self.reconnects, self._missed = self.reconnects + 1, self._missed + missed
            # In milliseconds, which the time bases of containers hold exactly.
            start = last.time + max(Fraction(round(1000 * missed), 1000), 1 / (self.reading.rate or FALLBACK_RATE))

    def close(self) -> None:
        """Let go of the connection; what was wrong with it stays in ``notes``."""
        self._notes = self.notes
        self.reading.container.close()

    @property
    def notes(self) -> list[str]:
        """What was found wrong so far, in the connections that are closed and in this one."""
        return list(dict.fromkeys([*self._notes, *self.reading.notes]))

    @property
    def interruptions(self) -> list[str]:
        """A line about the connections that were lost, if any were."""
        if not self.reconnects:
            return []
        return [f"opened again {count(self.reconnects, 'time')}; {self._missed:.1f} s are missing"]

    def _connect(self, number: int) -> Iterator[Shot]:
        """Open it; its frames, the first with this number."""
        container = open_address(self._url, self._rules.opening, self._rules.stall)
        try:
            reading = Reading(container, self.name, lossy=True, stall=self._rules.stall)
            shots = reading.shots(number)
            first = next(shots, None)
            if first is None:
                raise InputError(f"{self.name} sent no frame: check that a video is sent there now")
        except BaseException:
            container.close()
            raise
        self.reading = reading
        return chain([first], shots)
