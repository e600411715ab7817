"""Reading files from outside: regular files only, and no more bytes than a file of their kind can have."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line

LARGEST_DOCUMENT = 1 << 28
"""Bytes of the largest text or table that people and other programs hand us: annotations of some 10^5 pictures."""
LARGEST_CARD = 1 << 24
"""Bytes of the largest description of one thing: weights' cards, manifests, descriptions of encoders."""


def read_file(path: Path, limit: int, what: str = "") -> bytes:
    """What a regular file holds.

    A pipe or a device, which may never end or never begin, is not waited for.

    Args:
        path: The file; links are followed.
        limit: The most bytes that it may have.
        what: What messages call it before its path, such as ``the sidecar``.

    Raises:
        InputError: It is missing, no regular file, larger than ``limit``, or cannot be read.
    """
    shown = f"{what} {one_line(str(path))}".strip()
    try:
        # Not blocking: a pipe that nobody writes to would be waited for in open().
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode):
                kind = "a folder" if stat.S_ISDIR(info.st_mode) else "no regular file (a pipe or a device)"
                raise InputError(f"{shown} is {kind}: name a file")
            if info.st_size <= limit:
                # It may grow while it is read, and files of /proc state no size.
                data = file.read(limit + 1)
                if len(data) <= limit:
                    return data
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{shown} cannot be read ({reason}): check the path and its permissions") from error
    except ValueError as error:  # a NUL in the path
        raise InputError(f"{shown} cannot be read ({error}): check the path") from error
    raise InputError(f"{shown} has more than {limit:,} bytes, more than such a file can have: name another")


_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def read_text(path: Path, limit: int, what: str = "") -> str:
    """The text of a regular file in UTF-8, with or without a byte order mark. Otherwise as ``read_file``.

    Raises:
        InputError: As there, or it is not UTF-8.
    """
    try:
        text = read_file(path, limit, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        shown = f"{what} {one_line(str(path))}".strip()
        raise InputError(f"{shown} is no text in UTF-8 (byte {error.start}): save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
