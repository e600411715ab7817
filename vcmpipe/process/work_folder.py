"""What long work has finished, in a hidden folder beside its output, until the output is there.

    .vcmpipe-0123456789abcdef.journal/     beside the output; the digits are those of its name
        vcmpipe-journal                    the marker by which the folder is known to be ours
        KIND-CONFIGURATION-KEY             an entry: the SHA-256 of what follows, and what was kept

An entry is whole on the disk before it has its name, so that SIGKILL, a power cut or a full disk lose what is under way
and nothing else. The folder is made with its first entry. Whoever uses it holds the lock of the output.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from vcmpipe.errors import OutputError
from vcmpipe.process.cache_files import remove_all
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.outputs import name_digest, output_error, publish, sync
from vcmpipe.process.text import one_line

_MARKER = "vcmpipe-journal"
_MARK = b"vcmpipe journal 1\n"
_DIGEST = hashlib.sha256().digest_size
# Hexadecimal digits of a configuration in the name of an entry, and of its key.
_SHORT, _KEY = 16, 64
_ENTRY = re.compile(rf"(?P<kind>[a-z]+)-(?P<configuration>[0-9a-f]{{{_SHORT}}})-[0-9a-f]{{{_KEY}}}")
# Files that ``publish`` had under way when we were killed.
_UNFINISHED = re.compile(r"\.vcmpipe-[0-9a-f]{16}-[0-9a-f]{16}")
_CACHE = "encodes"


class WorkFolder:
    """Entries by configuration, kind and key, in the hidden folder of an output; safe for several threads.

    Args:
        target: The output, whose lock the caller holds.

    Attributes:
        path: The folder; it need not be there.
        configuration: SHA-256 (hexadecimal) of what all entries that are read and written depend on.

    Raises:
        OutputError: Something that is not ours has its name.
    """

    def __init__(self, target: Path) -> None:
        self._target = Path(os.path.realpath(target))
        self.path = self._target.with_name(f".vcmpipe-{name_digest(self._target)}.journal")
        self.configuration = "0" * _KEY
        self._lock = threading.Lock()
        self._ready = False
        if os.path.lexists(self.path) and not self._is_ours():
            raise OutputError(
                f"{one_line(str(self.path))} is where the work on {one_line(target.name)} is kept, and was not made by "
                "vcmpipe: move it away, or name another --out"
            )
        for file in self._files():
            if _UNFINISHED.fullmatch(file.name):
                with contextlib.suppress(OSError):
                    file.unlink()

    def _is_ours(self) -> bool:
        """Whether what is there is a folder of our user's with our marker, or nothing in it, as a kill may leave it."""
        try:
            info = self.path.lstat()
            if not stat.S_ISDIR(info.st_mode) or (hasattr(os, "getuid") and info.st_uid != os.getuid()):
                return False
            with os.scandir(self.path) as entries:
                if all(_UNFINISHED.fullmatch(entry.name) for entry in entries):
                    return True
            marker = self.path / _MARKER
            return stat.S_ISREG(marker.lstat().st_mode) and marker.read_bytes() == _MARK
        except OSError:
            return False

    def _files(self) -> list[Path]:
        try:
            with os.scandir(self.path) as entries:
                return [Path(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
        except OSError:
            return []

    def count(self, kind: str) -> int:
        """The entries of a kind."""
        return self._counted(kind, ours=True)

    def count_others(self, kind: str) -> int:
        """Those of other configurations, which are of no use here."""
        return self._counted(kind, ours=False)

    def _counted(self, kind: str, *, ours: bool) -> int:
        found = [match for file in self._files() if (match := _ENTRY.fullmatch(file.name))]
        own = self.configuration[:_SHORT]
        return sum(each["kind"] == kind and (each["configuration"] == own) == ours for each in found)

    def _entry(self, kind: str, key: str) -> Path:
        return self.path / f"{kind}-{self.configuration[:_SHORT]}-{key}"

    def get(self, kind: str, key: str) -> bytes | None:
        """An entry; None where there is none, or a damaged one."""
        try:
            handle = os.open(self._entry(kind, key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as file:
                stated, value = file.read(_DIGEST), file.read()
        except OSError:
            return None
        return value if hashlib.sha256(value).digest() == stated else None

    def put(self, kind: str, key: str, value: bytes) -> None:
        """Keep an entry; when this returns it is on the disk.

        Raises:
            OutputError: It cannot be written: the disk is full, or the place may not be written to.
        """
        self._make()
        path = self._entry(kind, key)
        try:
            with publish(path) as part, part.open("xb") as file:
                file.write(hashlib.sha256(value).digest())
                file.write(value)
        except OutputError as error:
            if isinstance(error.__cause__, OSError):
                # What the user named, not a hidden file.
                raise output_error(self._target, error.__cause__) from error
            raise

    def _make(self) -> None:
        with self._lock:
            if self._ready:
                return
            try:
                self.path.mkdir(mode=0o700, exist_ok=True)
                if os.name == "posix":
                    sync(self.path.parent)
            except OSError as error:
                raise output_error(self._target, error) from error
            if not (self.path / _MARKER).exists():
                with publish(self.path / _MARKER) as part:
                    part.write_bytes(_MARK)
            self._ready = True

    def cache(self) -> ContentCache:
        """A cache in the folder, for what many trials have in common. What a power cut takes of it is made again.

        Raises:
            OutputError: It cannot be made.
        """
        self._make()
        return ContentCache(self.path / _CACHE)

    @property
    def has_cache(self) -> bool:
        """Whether anything is in that cache."""
        return (self.path / _CACHE).is_dir()

    def clear(self) -> None:
        """Remove the folder; files in it that are not ours stay, and so does it then."""
        remove_all(self.path / _CACHE)
        files = self._files()
        ours = [file for file in files if _ENTRY.fullmatch(file.name) or _UNFINISHED.fullmatch(file.name)]
        # The marker last: killed in between, the rest is still known to be ours.
        for file in [*ours, self.path / _MARKER]:
            with contextlib.suppress(OSError):
                file.unlink()
        with contextlib.suppress(OSError):
            self.path.rmdir()
        self._ready = False


@contextlib.contextmanager
def work_folder(target: Path, *, fresh: bool = False) -> Iterator[WorkFolder]:
    """The work folder of an output, which goes with the block, unless that fails with something kept.

    Args:
        target: The output.
        fresh: Begin anew: what is kept is removed.
    """
    folder = WorkFolder(target)
    if fresh:
        folder.clear()
    yield folder
    folder.clear()
