"""Locks on files, which the system lifts when their holder dies, however it dies."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.outputs import make_parents, name_digest, output_error, remove_unfinished
from vcmpipe.process.text import one_line

_FOLDER = ".vcmpipe-folder.lock"


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
    the block. On systems and file systems without such locks nothing is held. What a run that was killed left half
    written of the same files or folders is removed.

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
    lock: Path | None = None
    handle: int | None = None
    try:
        try:
            lock = _lock_file(Path(os.path.realpath(target)))
            make_parents(lock.parent, made)
            handle = _take_named(lock)
            if _is_locked(handle):
                remove_unfinished(lock.parent, Path(os.path.realpath(target)))
        except BlockingIOError as error:
            raise InputError(
                f"{one_line(str(target))} is being written by another vcmpipe: wait for it, or name another --out"
            ) from error
        except OSError as error:
            raise output_error(target, error) from error
        yield
    finally:
        if lock is not None:
            # Without a handle the taking failed or was interrupted: a file that nobody holds goes, too.
            handle = take_lock(lock) if handle is None else handle
            if handle is not None:
                # Removed while it is locked: who opened it before and locks it next sees that it has lost its name.
                if _is_named(handle, lock):
                    with contextlib.suppress(OSError):
                        lock.unlink()
                os.close(handle)
        with contextlib.suppress(OSError):
            for folder in reversed(made):
                folder.rmdir()


def _lock_file(target: Path) -> Path:
    name = f".vcmpipe-{name_digest(target)}.lock"
    return target / _FOLDER if target.is_dir() else target.with_name(name)


def _take_named(path: Path) -> int:
    """Make a lock file where there is none, and lock it; BlockingIOError where somebody else has it."""
    import fcntl

    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            if isinstance(error, OSError) and not isinstance(error, BlockingIOError):
                return handle  # a file system without locks
            os.close(handle)
            raise
        # The holder before us may have removed the file between our opening and locking it.
        if _is_named(handle, path):
            return handle
        os.close(handle)


def _is_locked(handle: int) -> bool:
    """Whether a file system knows of the lock that we took, or took for granted."""
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_named(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False
