"""The end of a process that does not end by itself: foreign code that never returns keeps signals from Python.

The system notes every signal that Python has a handler for in a socket, also while Python cannot run the handler.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

GRACE = 8.0
"""Seconds to clean up in after a second wish to stop."""
# Seconds within which signals are one wish: some programs send one twice, to us and to the group that we are in.
_ONE_WISH = 0.5

_lock = threading.Lock()
_wishes: list[float] = []


@contextmanager
def last_resort(numbers: Collection[int], second: Callable[[], object], end: Callable[[], object]) -> Iterator[None]:
    """Count wishes to stop within the block; for the main thread alone.

    Args:
        numbers: Signals that are such wishes, with handlers of Python's.
        second: Called from another thread at the second wish.
        end: Called ``GRACE`` seconds later where the block has not ended by then; must not return.
    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    _wishes.clear()
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        with reader:
            while not _second_wish(reader.recv(64), numbers):
                pass
            if len(_wishes) > 1:
                second()
                if not _closed(reader, GRACE):
                    end()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        writer.close()


def heeded() -> None:
    """The wish that just came was taken for another one than to end the process: the next one is the first again."""
    with _lock:
        del _wishes[-1:]


def _second_wish(received: bytes, numbers: Collection[int]) -> bool:
    """Whether the listening is over: at the second wish, or where nothing is received because the block has ended."""
    if not received:
        return True
    with _lock:
        now = time.monotonic()
        if any(number in numbers for number in received) and (not _wishes or now - _wishes[-1] >= _ONE_WISH):
            _wishes.append(now)
        return len(_wishes) > 1


def _closed(reader: socket.socket, seconds: float) -> bool:
    """Whether the other end is closed within some seconds."""
    deadline = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while (left := deadline - time.monotonic()) > 0:
            reader.settimeout(left)
            if not reader.recv(64):
                return True
    return False
