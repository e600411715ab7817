"""Locks on files, which the system lifts when their holder dies, however it dies."""

from __future__ import annotations

import os
from pathlib import Path


def take_lock(path: Path) -> int | None:
    """The open file with an exclusive lock on it; None where somebody else has it, or there is no such file."""
    import fcntl

    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle
