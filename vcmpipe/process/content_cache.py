"""A folder that keeps results by the content they were made from, so that a second run costs seconds."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path


class ContentCache:
    """Bytes by key, one file each, in a folder that is made when it is first written to.

    A cache that cannot be written calls ``warn`` once, with one line, and is then left alone.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None] = lambda message: None) -> None:
        self.folder = folder
        self._warn = warn
        self._writable = True

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]

    def get(self, key: str) -> bytes | None:
        """The value of a key, or None."""
        try:
            return self._path(key).read_bytes()
        except OSError:
            return None

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; published whole or not at all."""
        if not self._writable:
            return
        path = self._path(key)
        # Renamed into place, but not synced to disk: a lost entry is made again.
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(value)
            temporary.replace(path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink()
            if self._writable:
                self._writable = False
                self._warn(
                    f"the cache {self.folder} cannot be written and is not used further: {error.strerror or error}"
                )


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
