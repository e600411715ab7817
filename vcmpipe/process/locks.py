"""Locks on files, which the system lifts when their holder dies, however it dies."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.outputs import make_parents, output_error
from vcmpipe.process.text import one_line


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


@contextlib.contextmanager
def only_writer(*targets: Path) -> Iterator[None]:
    """Hold the right to write files, or the files of folders, while the block runs.

    The lock is a hidden file (``.vcmpipe-*.lock``) beside the file, or in a folder that is there already, and goes with
    the block.
    On systems and file systems without such locks nobody can tell, and nothing is held.

    Raises:
        InputError: another run holds it.
        OutputError: the place cannot be written to.
    """
    with contextlib.ExitStack() as held:
        for target in targets if sys.platform != "win32" else ():
            held.enter_context(_held(target))
        yield


@contextlib.contextmanager
def _held(target: Path) -> Iterator[None]:
    made: list[Path] = []
    handle: int | None = None
    try:
        try:
            lock = _lock_file(Path(os.path.realpath(target)))
            make_parents(lock.parent, made)
            handle = _take_named(lock)
        except BlockingIOError as error:
            raise InputError(
                f"{one_line(str(target))} is being written by another vcmpipe: wait for it, or name another --out"
            ) from error
        except OSError as error:
            raise output_error(target, error) from error
        yield
    finally:
        with contextlib.suppress(OSError):
            if handle is not None:
                # While it is locked: whoever waits for this file sees below that it has lost its name.
                lock.unlink()
        if handle is not None:
            os.close(handle)
        with contextlib.suppress(OSError):
            for folder in reversed(made):
                folder.rmdir()


def _lock_file(target: Path) -> Path:
    # Of one length: a name to which something is added may be too long for the file system.
    name = f".vcmpipe-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.lock"
    return target / ".vcmpipe-folder.lock" if target.is_dir() else target.with_name(name)


def _take_named(path: Path) -> int:
    """Make a lock file where there is none, and lock it; BlockingIOError where somebody else has it."""
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise
        except OSError:
            return handle  # a file system without locks
        # The holder before us may have removed the file between our opening and locking it.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)
