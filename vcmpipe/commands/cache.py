"""``vcmpipe cache``: what a content cache holds, by kind, and emptying it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vcmpipe.config import CacheOptions
from vcmpipe.errors import InputError
from vcmpipe.process import one_line
from vcmpipe.process.cache_files import Kind, cache_files, remove_all
from vcmpipe.process.content_cache import cache_folder


@dataclass
class Holding:
    """Entries of one kind, and the bytes that they take."""

    entries: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class CacheReport:
    """What a cache holds.

    Attributes:
        folder: Where it is.
        entries: How many there are.
        bytes: What they take.
        kinds: The same by kind.
        removed: Files that were removed, with ``--clear``; and the bytes that they took, ``freed``.
    """

    folder: str
    entries: int
    bytes: int
    kinds: dict[Kind, Holding] = field(default_factory=dict)
    removed: int = 0
    freed: int = 0


def cache(options: CacheOptions) -> CacheReport:
    """Count a cache's entries, or remove them.

    Other processes may use it meanwhile: what they look for and do not find they make again.

    Raises:
        InputError: The folder that was named is not there, or is none.
    """
    folder = cache_folder(options.cache)
    if options.cache is not None and not folder.is_dir():
        raise InputError(f"--cache {one_line(options.cache)}: there is no such folder: name one that a run wrote to")
    removed = freed = 0
    if options.clear:
        removed, freed = remove_all(folder)
    kinds: dict[Kind, Holding] = {}
    for file in cache_files(folder):
        own = kinds.setdefault(file.kind, Holding())
        own.entries, own.bytes = own.entries + 1, own.bytes + file.size
    entries, size = (sum(getattr(own, name) for own in kinds.values()) for name in ("entries", "bytes"))
    return CacheReport(str(folder), entries, size, dict(sorted(kinds.items())), removed, freed)
