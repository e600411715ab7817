"""An interrupt that cannot get lost.

A signal handler's KeyboardInterrupt is raised in whatever the main thread is doing. In a destructor or a callback of C
code Python prints it and goes on as if nothing had happened; so the wish to stop is also noted here, and whoever waits
long checks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vcmpipe.process import last_resort

_wanted = threading.Event()
_stop: Callable[[], object] | None = None
_asked: float | None = None
# Seconds within which interrupts are one wish.
_ONE_WISH = 0.5


def want() -> None:
    """Note that the user wants to stop."""
    _wanted.set()


def forget() -> None:
    """Begin anew: nobody wants to stop."""
    _wanted.clear()


def wanted() -> bool:
    """Whether the user wants to stop."""
    return _wanted.is_set()


def check() -> None:
    """Raise KeyboardInterrupt where the user wants to stop."""
    if _wanted.is_set():
        raise KeyboardInterrupt


@contextmanager
def ends_reading(stop: Callable[[], object]) -> Iterator[None]:
    """Within the block the first interrupt only calls ``stop``, which ends an endless input; a later one interrupts."""
    global _stop, _asked
    _stop, _asked = stop, None
    try:
        yield
    finally:
        _stop = None


def taken() -> bool:
    """Whether an interrupt that came was taken for the wish to end the input; for the handler of signals."""
    global _asked
    if _stop is None:
        return False
    if _asked is None:
        _asked = time.monotonic()
        _stop()
        last_resort.heeded()
        return True
    # Some programs send a signal twice: to us, and to the group that we are in.
    return time.monotonic() - _asked < _ONE_WISH
