"""A cache within a size: what was used least recently goes, whoever else writes, and nothing that is not ours."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from vcmpipe.errors import InputError
from vcmpipe.process.cache_files import cache_files, remove_all, shrink
from vcmpipe.process.content_cache import ContentCache, content_key, parse_size

ENTRY = 1000 + 32  # bytes with the digest


def key(number: int) -> str:
    return content_key("entry", str(number))


def aged(cache: ContentCache, number: int) -> None:
    """Put an entry that was used so many seconds after the epoch."""
    cache.put(key(number), bytes(1000))
    os.utime(cache.folder / key(number)[:2] / key(number)[2:], (number, number))


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache", limit=10 * ENTRY)
    for number in range(1, 11):
        aged(cache, number)
    assert cache.get(key(1)) == bytes(1000)  # used again, and so the youngest
    cache.put(key(11), bytes(1000))
    there = [number for number in range(1, 12) if cache.get(key(number)) is not None]
    assert there == [1, *range(4, 12)]  # down to nine tenths
    assert sum(file.size for file in cache_files(cache.folder)) <= 9 * ENTRY


def test_without_a_limit_nothing_goes_and_no_file_is_touched(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache")
    for number in range(1, 30):
        aged(cache, number)
    assert all(cache.get(key(number)) is not None for number in range(1, 30))
    assert {file.used for file in cache_files(cache.folder)} == set(range(1, 30))


def test_what_is_larger_than_the_limit_does_no_harm(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache", limit=500)
    cache.put(key(1), bytes(1000))
    assert cache.get(key(1)) is None and list(cache_files(cache.folder)) == []


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache")
    cache.put(key(1), b"x")
    (tmp_path / "elsewhere").mkdir()
    strange = [cache.folder / "notes.txt", cache.folder / key(1)[:2] / "mine", cache.folder / "demo-900000-6" / "a.png"]
    for path in strange:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(5000))
    (tmp_path / "elsewhere" / key(2)[2:]).write_bytes(b"theirs")
    (cache.folder / key(2)[:2]).symlink_to(tmp_path / "elsewhere")
    shrink(cache.folder, 1)
    cache.put(key(1), b"x")
    assert remove_all(cache.folder) == (1, 33)
    assert all(path.exists() for path in (*strange, tmp_path / "elsewhere" / key(2)[2:]))


def test_an_entry_under_way_stays_until_nobody_can_be_writing_it(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache")
    cache.put(key(1), b"x")
    half = next(cache_files(cache.folder)).path.with_suffix(".123.456")
    half.write_bytes(b"half")
    shrink(cache.folder, 1)
    assert half.exists() and [file.kind for file in cache_files(cache.folder)] == ["unfinished"]
    os.utime(half, (1, 1))
    shrink(cache.folder, 1)
    assert not half.exists()


def _writer(folder: Path, first: int, problems: object) -> None:
    cache = ContentCache(folder, problems.put, limit=20 * ENTRY)  # type: ignore[attr-defined]
    for number in range(first, first + 200):
        cache.put(key(number), bytes(1000))
        if cache.get(key(number % 40)) not in (None, bytes(1000)):
            problems.put("a wrong value")  # type: ignore[attr-defined]


def test_several_processes_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    problems = context.Queue()
    writers = [context.Process(target=_writer, args=(tmp_path / "cache", first, problems)) for first in (0, 100, 200)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(120)
    assert [each.exitcode for each in writers] == [0, 0, 0] and problems.empty()
    # Each process knows what the others wrote when it looks again: three of them may stand just below their limit.
    assert sum(file.size for file in cache_files(tmp_path / "cache")) <= 60 * ENTRY


@pytest.mark.parametrize(
    ("text", "size"), [("1", 1), ("500M", 500 << 20), ("2G", 2 << 30), ("2GiB", 2 << 30), ("1k", 1024)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "--cache-size") == size


@pytest.mark.parametrize("text", ["0", "", "-1", "2X", "1.5G", "G"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(InputError, match="--cache-size"):
        parse_size(text, "--cache-size")
