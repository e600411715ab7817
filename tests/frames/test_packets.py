"""Containers that others wrote, and such as nobody should have written."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames.packets import ContainerWriter, Packet, VideoTrack, container_of, is_own, read_container
from vcmpipe.process import run


@pytest.fixture
def written(coded_segment: Callable[..., bytes], tmp_path: Path) -> Callable[[str], Path]:
    """Makes a file of eight times the same picture."""

    def write(container: str) -> Path:
        picture = coded_segment("intra", 1)
        track = VideoTrack("vvc", 128, 96, picture, Fraction(10))
        path = tmp_path / f"x.{container}"
        with path.open("wb") as file, ContainerWriter(file, container, track, picture, ticks=90_000) as writer:
            for number in range(8):
                time = Fraction(number, 10)
                writer.write(Packet(picture, time, time, Fraction(1, 10), True))
        return path

    return write


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_packets_come_back(written, coded_segment, container: str) -> None:
    stored = read_container(written(container))
    assert (stored.container, stored.track.codec) == (container, "vvc")
    assert (stored.track.width, stored.track.height, stored.track.rate) == (128, 96, 10)
    assert [packet.time for packet in stored.packets] == [Fraction(number, 10) for number in range(8)]
    assert all(packet.key for packet in stored.packets)
    assert coded_segment("intra", 1)[-60:] in stored.packets[5].data
    assert is_own(written(container))


def test_containers_are_known_by_their_content(written, tmp_path: Path) -> None:
    assert container_of(written("mp4").rename(tmp_path / "a.bin")) == "mp4"
    assert container_of(written("mkv").rename(tmp_path / "b.mp4")) == "mkv"
    (tmp_path / "c.mp4").write_bytes(b"\0\0\0\1\0\x79")
    assert container_of(tmp_path / "c.mp4") is None
    assert container_of(tmp_path / "nowhere") is None


def test_other_videos_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x64:d=0.2"]
    run([*argv, "-c:v", "libx264", str(other)], timeout=60)
    with pytest.raises(InputError, match="holds h264, and no VVC, HEVC or AV1"):
        read_container(other)
    assert not is_own(other)
    (tmp_path / "text").write_text("nothing")
    with pytest.raises(InputError, match="neither MP4 nor MKV"):
        read_container(tmp_path / "text")


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_cut_files_are_refused(written, container: str) -> None:
    path = written(container)
    whole = path.read_bytes()
    for length in (16, 40, len(whole) // 3, len(whole) - 30, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=f"x.{container}"):
            read_container(path)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_flipped_bits_are_one_line_or_nothing(written, container: str) -> None:
    path = written(container)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, len(whole), 13):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        try:
            read_container(path)
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused


def test_an_index_that_names_the_same_bytes_over_and_over_is_refused(written) -> None:
    path = written("mp4")
    data = bytearray(path.read_bytes())
    picture = struct.unpack_from(">II", data, data.index(b"stco") + 8)
    assert picture[0] == 1  # one chunk holds all eight pictures
    chunks = data.index(b"stsc") + 12
    struct.pack_into(">I", data, chunks + 4, 1)
    struct.pack_into(">I", data, data.index(b"stsz") + 8, len(data) // 2)  # all pictures have one size
    more = struct.pack(">I", picture[1]) * 7
    struct.pack_into(">I", data, data.index(b"stco") + 8, 8)
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stco"):
        place = data.index(name) - 4
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(more))
    data[data.index(b"stco") + 16 : data.index(b"stco") + 16] = more
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"its pictures take more bytes than the file has"):
        read_container(path)


def test_a_full_disk_is_an_os_error(coded_segment, tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    picture = coded_segment("intra", 1)
    track = VideoTrack("vvc", 128, 96, picture)
    with pytest.raises(OSError, match="No space left"), ContainerWriter(Full(), "mkv", track, picture, ticks=1000) as w:
        for number in range(2000):
            w.write(Packet(picture, Fraction(number), Fraction(number), Fraction(1), True))
