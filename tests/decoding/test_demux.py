"""Containers taken apart in a process of its own."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from vcmpipe.decoding import demux
from vcmpipe.decoding.demux import read_isolated
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames.packets import ContainerWriter, VideoTrack, read_container
from vcmpipe.frames.packets import Packet as Picture


@pytest.fixture
def written(coded_segment: Callable[..., bytes], tmp_path: Path) -> Callable[[str], Path]:
    def write(container: str) -> Path:
        picture = coded_segment("intra", 1)
        track = VideoTrack("vvc", 128, 96, picture, Fraction(10))
        path = tmp_path / f"-x y.{container}"
        with path.open("wb") as file, ContainerWriter(file, container, track, picture, ticks=90_000) as writer:
            for number in range(8):
                time = Fraction(number, 10)
                writer.write(Picture(picture, time, time, Fraction(1, 10), True))
        return path

    return write


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_it_is_what_would_be_read_here(written, container: str) -> None:
    path = written(container)
    own, isolated = read_container(path), read_isolated(path)
    assert (isolated.container, isolated.track) == (own.container, own.track)
    assert [(each.data, each.time, each.duration, each.key) for each in isolated.packets] == [
        (each.data, each.time, each.duration, each.key) for each in own.packets
    ]


def test_its_errors_come_through(written) -> None:
    path = written("mkv")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"-x y\.mkv is cut"):
        read_isolated(path)


def test_an_index_of_millions_of_pictures_takes_no_memory_here(written) -> None:
    path = written("mp4")
    data, millions = bytearray(path.read_bytes()), 80_000_000
    struct.pack_into(">II", data, data.index(b"stsz") + 8, 1, millions)
    struct.pack_into(">I", data, data.index(b"stsc") + 16, millions)
    struct.pack_into(">I", data, data.index(b"stts") + 12, millions)
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"-x y\.mp4"):
        read_isolated(path)


def test_a_child_that_dies_is_one_error(written, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written("mp4")
    for code in ("import os; os.abort()", "pass", "print('nonsense' * 9)"):
        monkeypatch.setattr(demux, "_COMMAND", (*demux._COMMAND[:1], "-c", code))
        with pytest.raises(ProcessError, match=r"-x y\.mp4"):
            read_isolated(path)
