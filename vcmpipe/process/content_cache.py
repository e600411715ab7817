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
from vcmpipe.process.reading import read_file

# A key is the SHA-256 of what an entry depends on: its first two digits name the folder, the others the file. While it
# is written, the numbers of the process and the thread follow.
_FOLDER, _ENTRY = re.compile(r"[0-9a-f]{2}"), re.compile(r"[0-9a-f]{62}(\.[0-9]+\.[0-9]+)?")
# Bytes of the largest entry that is read: a long segment's stream, or the JND map of the largest picture.
_LARGEST = 1 << 30
_DIGEST = hashlib.sha256().digest_size


class ContentCache:
    """Bytes by key, one file each, in a folder that is made when it is first written to.

    An entry begins with the SHA-256 of its key and value. One that does not hold what it states (bits that a disk lost,
    a file that was cut, exchanged or edited, an entry of an earlier version) is removed and counts as missing, so that
    it is made again; ``warn`` is called once for all of them, with one line. It is likewise called once where the
    cache cannot be written; that is then left alone.
    """

    def __init__(self, folder: Path, warn: Callable[[str], None] = lambda message: None) -> None:
        self.folder = folder
        self._warn = warn
        self._writable = True
        self._sound = True

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key[2:]

    def get(self, key: str) -> bytes | None:
        """The value of a key, or None."""
        try:
            entry = read_file(self._path(key), _LARGEST + _DIGEST)
        except InputError:
            return None
        stated, value = entry[:_DIGEST], entry[_DIGEST:]
        if stated == _digest(key, value):
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

    def clear(self) -> None:
        """Remove every entry, and the folders that are empty then; what is not ours stays."""
        for folder in self._folders():
            with contextlib.suppress(OSError):
                for file in folder.iterdir():
                    if _ENTRY.fullmatch(file.name):
                        file.unlink()
            with contextlib.suppress(OSError):
                folder.rmdir()
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _folders(self) -> list[Path]:
        try:
            with os.scandir(self.folder) as entries:
                found = [each for each in entries if _FOLDER.fullmatch(each.name)]
                return [Path(each.path) for each in found if each.is_dir(follow_symlinks=False)]
        except OSError:
            return []


def _digest(key: str, value: bytes) -> bytes:
    """What an entry begins with; with its key, so that one entry is not taken for another."""
    return hashlib.sha256(key.encode() + b"\0" + value).digest()


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
