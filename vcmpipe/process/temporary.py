"""Temporary folders, which go when their block ends; and those of runs that were killed, which go at the next start.

A folder is known to be in use by a lock on a file in it, which the system lifts when its owner dies, however it dies.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vcmpipe.errors import OutputError
from vcmpipe.process.outputs import FULL
from vcmpipe.process.text import one_line

LOCK = ".vcmpipe-lock"
"""The file in each of our temporary folders that its owner holds a lock on."""


@contextlib.contextmanager
def temporary_folder(prefix: str = "vcmpipe-") -> Iterator[Path]:
    """A new folder under the system's temporary folder, removed with all it holds at the end.

    The first call in a process also removes what runs of vcmpipe that were killed (SIGKILL) left there.

    Raises:
        OutputError: it cannot be made, or the disk fills up within the block.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        where = one_line(os.environ.get("TMPDIR", "the system's temporary folder"))
        raise OutputError(
            f"no temporary folder can be made ({error.strerror or error}): free space in {where}, "
            "or set TMPDIR to a folder that can be written to"
        ) from error
    with folder as name, _owned(Path(name)):
        remove_stale(Path(name).parent)
        try:
            yield Path(name)
        except OSError as error:
            if error.errno not in FULL:
                raise
            raise OutputError(
                f"the temporary folder {one_line(str(Path(name).parent))} is full: free space there, or set TMPDIR "
                "to a folder with more room"
            ) from error


@functools.lru_cache(maxsize=16)
def remove_stale(parent: Path) -> int:
    """Removes our temporary folders in ``parent`` whose owner is gone, once per process; returns how many."""
    if sys.platform == "win32":
        return 0  # without such locks nobody can tell
    removed = 0
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                ours = entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
                if ours and (lock := _take(Path(entry.path) / LOCK)) is not None:
                    try:
                        shutil.rmtree(entry.path, ignore_errors=True)
                        removed += 1
                    finally:
                        os.close(lock)
    return removed


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Holds the lock that says that the folder is in use; without one (a full disk, NFS) nobody removes the folder."""
    lock = None
    if sys.platform != "win32":
        new = folder / f"{LOCK}.new"
        # Locked before it has its name: a folder with an unlocked lock is always one without an owner.
        with contextlib.suppress(OSError):
            new.touch(exist_ok=False)
            lock = _take(new)
            new.rename(folder / LOCK)
    try:
        yield
    finally:
        if lock is not None:
            # The folder goes first: closed here, the lock would be lifted while the files are still there.
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _take(path: Path) -> int | None:
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
