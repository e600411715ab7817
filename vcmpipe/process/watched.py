"""Work in foreign code that Python cannot break off: ended from another thread when its time is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vcmpipe.process import interrupt
from vcmpipe.process.settings import Settings

# Seconds between looks at the clock.
_PAUSE = 0.25


class Watch:
    """How long work may take.

    Attributes:
        seconds: The limit, with ``VCMPIPE_TIMEOUT_FACTOR``.
        expired: Whether it was over.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds, self.expired = seconds, False
        self._done = threading.Event()

    def look_after(self, stop: Callable[[], object]) -> None:
        """Wait until the block is done; ``stop`` is called once where the time is over or the user wants to stop."""
        deadline = time.monotonic() + self.seconds
        while not self._done.wait(_PAUSE):
            self.expired = time.monotonic() > deadline
            if self.expired or interrupt.wanted():
                stop()
                return

    def close(self) -> None:
        """The block is done."""
        self._done.set()


@contextmanager
def watched(seconds: float, stop: Callable[[], object]) -> Iterator[Watch]:
    """Within the block, call ``stop`` from another thread when the seconds are over or the user wants to stop.

    Args:
        seconds: Times ``VCMPIPE_TIMEOUT_FACTOR``.
        stop: Makes the foreign code return.
    """
    watch = Watch(seconds * Settings.from_environment().timeout_factor)
    threading.Thread(target=watch.look_after, args=(stop,), daemon=True).start()
    try:
        yield watch
    finally:
        watch.close()
