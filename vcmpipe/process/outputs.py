"""Publishing files: a reader sees the old file or the whole new one.

A file is written beside its target, flushed to the disk, and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from vcmpipe.errors import OutputError
from vcmpipe.process.text import one_line

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What an operating system says of a place that takes no more."""


@contextlib.contextmanager
def publish(path: Path) -> Iterator[Path]:
    """A path to write to, beside ``path`` and with its suffix, that becomes ``path`` when the block ends without error.

    Missing parent folders are made. The new file is flushed to the disk before it takes the name; a symbolic link is
    followed. On an exception the temporary file and parent folders made for it are removed; ``path`` is left alone.

    Yields:
        A path that does not exist yet.

    Raises:
        OutputError: the place cannot be written to, the disk is full, or the block wrote nothing.
    """
    target = Path(os.path.realpath(path))
    made: list[Path] = []
    part = target.with_name(f".vcmpipe-{secrets.token_hex(8)}{target.suffix[:16]}")
    done = False
    try:
        try:
            if target.exists() and not stat.S_ISREG(target.stat().st_mode):
                kind = "a folder" if target.is_dir() else "no regular file"
                raise OutputError(f"{one_line(str(path))} cannot be written: it is {kind}; name a file")
            make_parents(target.parent, made)
            # Made and removed again: says now, before hours of encoding, that the place cannot be written to.
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            part.unlink()
        except OSError as error:
            raise output_error(path, error) from error
        try:
            yield part
        except OSError as error:
            if error.errno in FULL or (error.filename is not None and str(error.filename) == str(part)):
                raise output_error(path, error) from error
            raise
        if not part.is_file():
            raise OutputError(f"{one_line(str(path))} was not written: nothing was produced for it")
        try:
            _sync(part)
            part.replace(target)
            done = True
            if os.name == "posix":
                _sync(target.parent)
        except OSError as error:
            raise output_error(path, error) from error
    finally:
        if not done:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for folder in reversed(made):
                    folder.rmdir()


def make_parents(folder: Path, made: list[Path]) -> None:
    """Makes a folder with its parents and adds those that were missing to ``made``, the outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        made.append(new)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems cannot sync a folder (EINVAL); that is no failure to write.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def output_error(path: Path, error: OSError) -> OutputError:
    """The error for a place that could not be written to, with the way out."""
    name = one_line(str(path))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{name} cannot be written: the disk is full; free space or choose another place")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"{name} cannot be written: permission denied; choose a place that you may write to")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return OutputError(f"{name} cannot be written: part of its path is a file; choose another place")
    return OutputError(f"{name} cannot be written: {one_line(error.strerror or str(error))}; choose another place")
