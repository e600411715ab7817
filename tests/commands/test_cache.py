"""``cache`` counts what a run has kept, by kind, and removes that alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcmpipe.commands.cache import cache
from vcmpipe.config import CacheOptions, EncodeOptions
from vcmpipe.errors import InputError
from vcmpipe.process.content_cache import ContentCache, content_key


def test_counts_by_kind_and_clears(tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    kept = ContentCache(folder)
    values = {"streams": b"\0\0\0\1stream", "measurements": b"PK\3\4", "times": b"2.5e-05"}
    for kind, value in values.items():
        kept.put(content_key(kind), value)
    (folder / "mine.txt").write_text("mine")
    report = cache(CacheOptions(cache=str(folder)))
    assert {kind: (own.entries, own.bytes) for kind, own in report.kinds.items()} == {
        kind: (1, 32 + len(value)) for kind, value in values.items()
    }
    assert (report.entries, report.removed) == (3, 0)
    report = cache(CacheOptions(cache=str(folder), clear=True))
    assert (report.entries, report.bytes, report.removed) == (0, 0, 3)
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="there is no such folder"):
        cache(CacheOptions(cache=str(tmp_path / "nowhere")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache(CacheOptions()).entries == 0


def test_a_size_is_of_a_cache() -> None:
    with pytest.raises(InputError, match="--cache-size"):
        EncodeOptions(input="in", out="out.bin", cache_size="2G")
    with pytest.raises(InputError, match="--cache-size 2X"):
        EncodeOptions(input="in", out="out.bin", cache="folder", cache_size="2X")
