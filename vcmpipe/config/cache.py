"""Options about what is kept for later runs."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config.base import Options, option
from vcmpipe.process.content_cache import parse_size


@dataclass(frozen=True, kw_only=True)
class CacheSizeOptions(Options):
    """What is stored for later runs."""

    cache_size: str | None = option(
        None,
        metavar="SIZE",
        help="size limit of the cache, such as 500M or 2G: the least recently used entries go first; default: no limit",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.cache_limit

    @property
    def cache_limit(self) -> int | None:
        """The most bytes that the cache may take; InputError where the text is no size."""
        return None if self.cache_size is None else parse_size(self.cache_size, "--cache-size")


@dataclass(frozen=True, kw_only=True)
class CacheOptions(Options):
    """Show what a cache holds, or empty it."""

    cache: str | None = option(None, bare=True, help="its folder; default: the user's cache folder, which bench uses")
    clear: bool = option(False, help="remove every entry; other files in the folder stay")
