"""A folder that keeps results by the content they were made from, so that a second run costs seconds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.cache_files import DIGEST_BYTES, cache_files, shrink
from vcmpipe.process.reading import read_file

# Bytes of the largest entry that is read: a long segment's stream, or the JND map of the largest picture.
_LARGEST = 1 << 30
_DIGEST = DIGEST_BYTES
_SIZE = re.compile(r"([0-9]{1,12})([KMGT]?)(?:i?B)?", re.IGNORECASE)


class ContentCache:
    """Bytes by key, one file each, in a folder that is made when it is first written to.

    An entry begins with the SHA-256 of its key and value. One that does not hold what it states (bits that a disk lost,
    a file that was cut, exchanged or edited, an entry of an earlier version) is removed and counts as missing, so that
    it is made again; ``warn`` is called once for all of them, with one line. It is likewise called once where the
    cache cannot be written; that is then left alone.

    Args:
        folder: Where entries are.
        warn: See above.
        limit: Bytes that all entries may take, those of other processes included; beyond it those go that were used
            least recently. None: no limit.
        fresh: Whether entries that are there already count as missing.
    """

    def __init__(
        self,
        folder: Path,
        warn: Callable[[str], None] = lambda message: None,
        limit: int | None = None,
        *,
        fresh: bool = False,
    ) -> None:
        self.folder = folder
        self._own: set[str] | None = set() if fresh else None  # keys of what was put here, where nothing else counts
        self._warn = warn
        self._limit = limit
        self._size: int | None = None  # of all entries, as far as we know; None: nobody has looked yet
        self._lock = threading.Lock()
        self._writable = True
        self._sound = True

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]

    def get(self, key: str) -> bytes | None:
        """The value of a key, or None."""
        if self._own is not None and key not in self._own:
            return None
        try:
            entry = read_file(self._path(key), _LARGEST + _DIGEST)
        except InputError:
            return None
        stated, value = entry[:_DIGEST], entry[_DIGEST:]
        if stated == _digest(key, value):
            if self._limit is not None:
                with contextlib.suppress(OSError):
                    os.utime(self._path(key))  # it was used just now
            return value
        self._drop(key)
        return None

    def _drop(self, key: str) -> None:
        with contextlib.suppress(OSError):
            self._path(key).unlink()
        if self._sound:
            self._sound = False
            self._warn(
                f"the cache {self.folder} holds damaged entries or such of an earlier version, {key[:8]}... first: "
                "they are removed and made again"
            )

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; published whole or not at all."""
        if not self._writable:
            return
        path = self._path(key)
        # Renamed into place, but not synced to disk: a lost entry is made again.
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(_digest(key, value) + value)
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if self._writable:
                self._writable = False
                self._warn(
                    f"the cache {self.folder} cannot be written and is not used further: {error.strerror or error}"
                )
        else:
            if self._own is not None:
                self._own.add(key)
            self._bound(_DIGEST + len(value))

    def _bound(self, grown: int) -> None:
        """Keep the limit, after the cache has grown by so many bytes."""
        if self._limit is None:
            return
        with self._lock:
            if self._size is None:
                self._size = sum(file.size for file in cache_files(self.folder))
            else:
                self._size += grown
            if self._size > self._limit:
                self._size = shrink(self.folder, self._limit)


def _digest(key: str, value: bytes) -> bytes:
    """What an entry begins with; with its key, so that one entry is not taken for another."""
    return hashlib.sha256(key.encode() + b"\0" + value).digest()


def parse_size(text: str, what: str) -> int:
    """Read a size: bytes, or a number with K, M, G or T (powers of 1024).

    Raises:
        InputError: It is none; calls it ``what``.
    """
    found = _SIZE.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise InputError(f"{what} {text}: give bytes, or a number with K, M, G or T, such as 2G")
    return int(found[1]) << 10 * " KMGT".index(found[2].upper() or " ")


def cache_folder(named: str | None) -> Path:
    """The cache that was named, else the user's."""
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("vcmpipe"))


def content_key(*parts: bytes | str) -> str:
    """A key from everything that a result depends on."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "little"))
        digest.update(raw)
    return digest.hexdigest()
