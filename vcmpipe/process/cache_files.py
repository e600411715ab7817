"""The files of a content cache: what is there, what was used least recently, and how they are removed.

A key is the SHA-256 of what an entry depends on: its first two hexadecimal digits name a folder, the others the file.
While an entry is written, the numbers of the process and the thread follow. Nothing else in the folder is ours.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["streams", "measurements", "times", "unfinished"]
"""Encodes; what was detected, predicted or measured; seconds that encodes took; what runs that were killed left."""

DIGEST_BYTES = 32
"""An entry begins with a SHA-256."""
_FOLDER, _ENTRY = re.compile(r"[0-9a-f]{2}"), re.compile(r"[0-9a-f]{62}(\.[0-9]+\.[0-9]+)?")
_NUMBER, _LONGEST_NUMBER = re.compile(rb"[0-9.e+-]+"), 40
# Seconds after which nobody writes an entry any more.
_FORGOTTEN = 3600.0
# What is left of a limit once it was passed, so that not every new entry removes an old one.
_ROOM = 0.9


@dataclass(frozen=True)
class CacheFile:
    """One file of a cache.

    Attributes:
        path: Where it is.
        size: Bytes.
        used: When it was written or last read, in seconds since the epoch.
    """

    path: Path
    size: int
    used: float

    @property
    def finished(self) -> bool:
        """Whether it is an entry, and not one that is being written, or was when its writer was killed."""
        return "." not in self.path.name

    @property
    def kind(self) -> Kind:
        """What is in it, by its first bytes."""
        if not self.finished:
            return "unfinished"
        try:
            with self.path.open("rb") as file:
                file.seek(DIGEST_BYTES)
                head = file.read(_LONGEST_NUMBER)
        except OSError:
            return "streams"
        if head.startswith(b"PK"):
            return "measurements"
        return "times" if _NUMBER.fullmatch(head) else "streams"


def cache_files(folder: Path) -> Iterator[CacheFile]:
    """The files that are ours; those that another process removes in the meantime are left out."""
    for part in _scanned(folder):
        if _FOLDER.fullmatch(part.name) and part.is_dir(follow_symlinks=False):
            for entry in _scanned(Path(part.path)):
                if _ENTRY.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(OSError):
                        info = entry.stat(follow_symlinks=False)
                        yield CacheFile(Path(entry.path), info.st_size, info.st_mtime)


def _scanned(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def shrink(folder: Path, limit: int) -> int:
    """Remove what was used least recently until the files take no more than nine tenths of a limit.

    Several processes may do so at once: a file that is gone already counts as removed, and one that a reader has open
    stays readable.

    Returns:
        The bytes that are left.
    """
    files = sorted(cache_files(folder), key=lambda file: file.used)
    left, now = sum(file.size for file in files), time.time()
    for file in files:
        forgotten = not file.finished and now - file.used > _FORGOTTEN
        if forgotten or (file.finished and left > _ROOM * limit):
            with contextlib.suppress(OSError):
                file.path.unlink(missing_ok=True)
                left -= file.size
    return left


def remove_all(folder: Path) -> tuple[int, int]:
    """Remove every file that is ours, and the folders that are empty then.

    Returns:
        How many files were removed, and their bytes.
    """
    count = size = 0
    folders = set()
    for file in list(cache_files(folder)):
        folders.add(file.path.parent)
        with contextlib.suppress(OSError):
            file.path.unlink()
            count, size = count + 1, size + file.size
    for each in (*folders, folder):
        with contextlib.suppress(OSError):
            each.rmdir()
    return count, size
