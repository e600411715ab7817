"""What a store is made of: the pictures of a folder, each by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from vcmpipe.datasets.work import ClipPart, Failure, unfit_name
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import find_pictures, find_videos, picture_size
from vcmpipe.process.reading import LARGEST_PICTURE, read_file

Item = bytes | ClipPart
"""A picture's file, or a segment."""


class Material(Protocol):
    """Pictures, or the segments of clips, by their names in the store."""

    @property
    def files(self) -> Mapping[str, Path]:
        """By name the file that each is in, in the order in which they are coded."""
        ...

    @property
    def failures(self) -> Sequence[Failure]:
        """Files that could not be taken apart, so that nobody knows what is in them."""
        ...

    def digest(self, name: str) -> str:
        """SHA-256 of the file that one is in, hexadecimal.

        Raises:
            OSError: It cannot be read.
        """
        ...

    def pixels(self, name: str) -> int | None:
        """Luma samples of all of its frames; None where it cannot be read."""
        ...

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Item | Failure]]:
        """Some of them, each when it is asked for, in the order of ``files``."""
        ...


class Pictures:
    """The picture files of a folder and its sub-folders; see ``Material``.

    Raises:
        InputError: There are none.
    """

    def __init__(self, folder: Path, limit: int | None = None) -> None:
        try:
            found = find_pictures(folder, limit=limit)
        except InputError as error:
            if _holds_videos(folder):
                raise InputError(f"{error}; for videos, add --structure random-access") from error
            raise
        unfit = {name: unfit_name(name, path) for name, path in found.items()}
        self.files: Mapping[str, Path] = {name: path for name, path in found.items() if unfit[name] is None}
        self.failures: Sequence[Failure] = [failure for failure in unfit.values() if failure]
        self._digests: dict[str, str] = {}

    def digest(self, name: str) -> str:
        """See ``Material.digest``."""
        if name not in self._digests:
            self._digests[name] = hashlib.sha256(self.files[name].read_bytes()).hexdigest()
        return self._digests[name]

    def pixels(self, name: str) -> int | None:
        """See ``Material.pixels``."""
        try:
            width, height = picture_size(self.files[name])
        except VcmError:
            return None
        return width * height

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Item | Failure]]:
        """See ``Material.read``."""
        for name in names:
            path = self.files[name]
            try:
                item: bytes | Failure = read_file(path, LARGEST_PICTURE)
            except InputError as error:
                item = Failure(name, str(error))
            yield name, item


def _holds_videos(place: Path) -> bool:
    try:
        return bool(find_videos(place))
    except VcmError:
        return False
