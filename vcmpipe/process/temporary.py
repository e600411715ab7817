"""Temporary folders, which go when their block ends; and those of runs that were killed, which go at the next start.

A folder is known to be ours by its name and by a marker file in it that repeats the name, and to be in use by a lock on
that file, which the system lifts when its owner dies, however it dies.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from vcmpipe.errors import OutputError
from vcmpipe.process.locks import take_lock
from vcmpipe.process.outputs import FULL
from vcmpipe.process.text import one_line

PREFIX = "vcmpipe-"
"""How the names of our temporary folders begin."""
LOCK = ".vcmpipe-lock"
"""The marker in each of our temporary folders, which its owner holds a lock on."""


@contextlib.contextmanager
def temporary_folder(purpose: str = "work") -> Iterator[Path]:
    """A new folder under the system's temporary folder, removed with all it holds at the end.

    The first call in a process also removes what runs of vcmpipe that were killed (SIGKILL) left there. ``purpose`` is
    a part of its name. OutputError where it cannot be made, or the disk fills up within the block.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{purpose}-", ignore_cleanup_errors=True)
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
    """Removes our temporary folders in ``parent`` whose owner is gone, once per process; returns how many.

    Ours are those with our name and marker that belong to our user; links are not followed.
    """
    if sys.platform == "win32":
        return 0  # without such locks nobody can tell
    removed = 0
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                named = entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
                if not named or entry.stat(follow_symlinks=False).st_uid != os.getuid():
                    continue
                if (lock := take_lock(Path(entry.path) / LOCK)) is not None:
                    try:
                        if _is_marker(lock, entry.name):
                            shutil.rmtree(entry.path, ignore_errors=True)
                            removed += 1
                    finally:
                        os.close(lock)
    return removed


def _marker(name: str) -> bytes:
    """What the marker of a folder of that name holds."""
    return b"vcmpipe temporary folder 1\n" + os.fsencode(name) + b"\n"


def _is_marker(handle: int, name: str) -> bool:
    """Whether an open file is the marker that we wrote into the folder of that name."""
    info, expected = os.fstat(handle), _marker(name)
    regular = stat.S_ISREG(info.st_mode) and info.st_uid == os.getuid()
    return regular and os.pread(handle, len(expected) + 1, 0) == expected


@contextlib.contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Holds the lock that says that the folder is in use; without one (a full disk, NFS) nobody removes the folder."""
    lock = None
    if sys.platform != "win32":
        new = folder / f"{LOCK}.new"
        # Locked before it has its name: a folder with an unlocked lock is always one without an owner.
        with contextlib.suppress(OSError):
            new.write_bytes(_marker(folder.name))
            lock = take_lock(new)
            new.rename(folder / LOCK)
    try:
        yield
    finally:
        if lock is not None:
            # The folder goes first: closed here, the lock would be lifted while the files are still there.
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
