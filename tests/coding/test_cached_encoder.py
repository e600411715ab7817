"""The content cache: nothing is coded twice, nothing is mixed up, and a broken cache harms nobody."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.encoders import CodingMode, Job
from vcmpipe.frames import ColourSpec, rgb_to_yuv
from vcmpipe.process.content_cache import ContentCache, content_key


def test_only_what_is_new_is_coded(tmp_path: Path, make_frame, counting_encoder) -> None:
    one, other = (rgb_to_yuv(make_frame(64, 48, seed).rgb, ColourSpec()) for seed in (1, 2))
    encoder = counting_encoder
    cached = CachedEncoder(encoder, ContentCache(tmp_path / "cache"))
    mode = CodingMode()
    first = cached.encode([Job([one], 30, mode), Job([other], 30, mode)])
    assert encoder.jobs == 2
    again = cached.encode([Job([other], 30, mode), Job([one], 30, mode)])
    assert again == first[::-1] and encoder.jobs == 2
    cached.encode([Job([one], 31, mode), Job([one], 30, replace(mode, ctu=32)), Job([one], 30, mode)])
    assert encoder.jobs == 4


def test_an_empty_entry_is_made_again(tmp_path: Path, make_frame, counting_encoder) -> None:
    encoder = counting_encoder
    cached = CachedEncoder(encoder, ContentCache(tmp_path))
    job = Job([rgb_to_yuv(make_frame(32, 32).rgb, ColourSpec())], 40, CodingMode())
    cached.encode([job])
    entry = max((path for path in tmp_path.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    entry.write_bytes(b"")
    assert cached.encode([job])[0] and encoder.jobs == 2


@pytest.mark.parametrize("damage", ["bit", "cut", "other", "earlier version", "pipe"])
def test_a_damaged_entry_is_dropped_made_again_and_reported(
    tmp_path: Path, make_frame, counting_encoder, damage: str
) -> None:
    notes: list[str] = []
    cached = CachedEncoder(counting_encoder, ContentCache(tmp_path, notes.append))
    frames = [rgb_to_yuv(make_frame(64, 48, seed).rgb, ColourSpec()) for seed in (1, 2)]
    jobs = [Job([frame], 30, CodingMode()) for frame in frames]
    first = cached.encode(jobs)
    one, other = sorted((path for path in tmp_path.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)[
        -2:
    ]
    whole = bytearray(one.read_bytes())
    if damage == "pipe":  # which nobody writes to
        one.unlink()
        os.mkfifo(one)
    elif damage == "other":
        one.write_bytes(other.read_bytes())
    else:
        middle = len(whole) // 2
        one.write_bytes(
            {
                "bit": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
                "cut": whole[:middle],
                "earlier version": whole[32:],
            }[damage]
        )
    assert cached.encode(jobs) == first and counting_encoder.jobs == 3
    assert one.read_bytes() == whole, "it is whole again"
    assert cached.encode(jobs) == first and counting_encoder.jobs == 3
    assert len(notes) == (damage != "pipe") and all("damaged" in note and str(tmp_path) in note for note in notes)


def test_a_cache_that_cannot_be_written_warns_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    notes: list[str] = []
    cache = ContentCache(tmp_path / "file" / "cache", notes.append)
    cache.put(content_key("a"), b"x")
    cache.put(content_key("b"), b"x")
    assert len(notes) == 1 and "is not used further" in notes[0] and str(cache.folder) in notes[0]
    assert cache.get(content_key("a")) is None


def test_keys_do_not_run_together() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
