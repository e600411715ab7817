"""An interrupt that cannot get lost.

A signal handler's KeyboardInterrupt is raised in whatever the main thread is doing. In a destructor or a callback of C
code Python prints it and goes on as if nothing had happened; so the wish to stop is also noted here, and whoever waits
long checks.
"""

from __future__ import annotations

import threading

_wanted = threading.Event()


def want() -> None:
    """Note that the user wants to stop."""
    _wanted.set()


def forget() -> None:
    """Begin anew: nobody wants to stop."""
    _wanted.clear()


def check() -> None:
    """Raise KeyboardInterrupt where the user wants to stop."""
    if _wanted.is_set():
        raise KeyboardInterrupt
