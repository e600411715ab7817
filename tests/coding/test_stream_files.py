"""Streams in files, read back by us, decoded by FFmpeg's program and by PyAV: count, order and times."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from vcmpipe.bitstream import StreamJoiner, codec_of
from vcmpipe.coding.stored_streams import read_stream
from vcmpipe.coding.stream_files import check_ending, check_place, stream_file
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.process import run

TEN = Fraction(10)


def shown_by_ffmpeg(path: Path, *how: str) -> list[tuple[Fraction, str]]:
    """Time and digest of each frame that FFmpeg's program shows."""
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", *how, "-i", str(path), "-map", "0:v"]
    argv += ["-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f", "framemd5", "-"]
    lines = run(argv, timeout=60).stdout.decode().splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return [(Fraction(int(row[2]), 90_000), row[5].strip()) for row in rows]


def shown_by_pyav(path: Path, form: str | None = None) -> list[tuple[Fraction, str]]:
    """The same of PyAV."""
    with av.open(str(path), format=form) as file:
        stream = file.streams.video[0]
        stream.thread_count = 1
        return [
            (Fraction(frame.pts or 0) * frame.time_base, hashlib.md5(frame.to_ndarray().tobytes()).hexdigest())
            for frame in file.decode(stream)
        ]


@dataclass
class Written:
    """A stream file, the joined stream that went into it, and its times."""

    path: Path
    joined: bytes
    times: list[Fraction]
    sha256: str
    notes: list[str]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Written]:
    def write(
        segments: Sequence[tuple[bytes, int]],
        ending: str,
        times: Sequence[Fraction | None] | None = None,
        rate: Fraction | None = None,
        **options: object,
    ) -> Written:
        codec = codec_of(segments[0][0])
        joiner, path = StreamJoiner(codec), tmp_path / f"part{ending}.tmp"
        count = sum(frames for _, frames in segments)
        rest, joined = list(times or [None] * count), b""
        with stream_file(path, tmp_path / f"x{ending}", codec, **options) as file:
            for data, frames in segments:
                data = joiner.add(data)
                joined += data
                grown = file.add(data, [rest.pop(0) for _ in range(frames)], rate)
                assert grown == len(data)
        steps = [Fraction(n) / (rate or 25) for n in range(count)]
        told = [steps[n] if times is None or times[n] is None else times[n] - times[0] for n in range(count)]
        assert file.size == len(read_stream(path).data)
        return Written(path, joined, told, file.sha256, file.notes)

    return write


KINDS = {
    "three segments of random access": [("random-access", 20, "128x96", start) for start in (0, 2, 4)],
    "random access behind a single frame": [("intra", 1, "128x96", 0), ("random-access", 20, "128x96", 1)],
    "low delay": [("low-delay", 12, "128x96", start) for start in (0, 2)],
    "all-intra": [("intra", 5, "128x96", 0), ("intra", 4, "128x96", 3)],
    "one frame": [("intra", 1, "128x96", 0)],
    "two sizes": [("random-access", 20, "128x96", 0), ("random-access", 17, "192x128", 2)],
    "the first picture is not shown first": [("leading", 20, "128x96", 0)],
    "HEVC": [("hevc", 20, "128x96", start) for start in (0, 2)],
}


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
@pytest.mark.parametrize("kind", KINDS)
def test_containers_give_back_every_frame(coded_segment, write, tmp_path: Path, kind: str, ending: str) -> None:
    written = write([(coded_segment(*each), each[1]) for each in KINDS[kind]], ending, rate=TEN)
    stored = read_stream(written.path)
    assert hashlib.sha256(stored.data).hexdigest() == written.sha256
    raw = tmp_path / "raw"
    raw.write_bytes(written.joined)
    codec = codec_of(written.joined)
    assert stored.data == written.joined
    assert sorted(stored.times) == written.times
    assert stored.end == len(written.times) / TEN
    assert stored.rate == TEN or len(written.times) == 1
    by_ffmpeg, by_pyav = shown_by_ffmpeg(written.path), shown_by_pyav(written.path)
    assert [frame for _, frame in by_ffmpeg] == [frame for _, frame in shown_by_ffmpeg(raw, "-f", codec)]
    assert [frame for _, frame in by_pyav] == [frame for _, frame in shown_by_pyav(raw, codec)]
    assert [time for time, _ in by_pyav] == written.times
    if not (kind.startswith("the first") and ending == ".mkv"):  # FFmpeg counts MKV's times from the first packet
        assert [time for time, _ in by_ffmpeg] == written.times


# A clock of 1/12,800 s that begins late and is not steady; the same number of frames as two segments have.
ODD = [Fraction(70 + 13 * n * n, 12_800) for n in range(40)]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_variable_times_are_kept(coded_segment, write, ending: str) -> None:
    written = write([(coded_segment("random-access", start=start), 20) for start in (0, 2)], ending, ODD)
    stored = read_stream(written.path)
    grain = 1000 if ending == ".mkv" else 12_800
    expected = [Fraction(round(time * grain), grain) for time in written.times]
    assert sorted(stored.times) == expected
    assert stored.rate is None and written.notes == []
    assert [time for time, _ in shown_by_pyav(written.path)] == expected
    # FFmpeg was told to count in 1/90,000 s.
    by_ffmpeg = [time for time, _ in shown_by_ffmpeg(written.path)]
    assert all(abs(time - own) <= Fraction(1, 90_000) for time, own in zip(by_ffmpeg, expected, strict=True))


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_times_that_go_back_are_put_behind_one_another(coded_segment, write, ending: str) -> None:
    times = [Fraction(n % 5, 10) for n in range(20)]
    written = write([(coded_segment("random-access"), 20)], ending, times)
    found = [time for time, _ in shown_by_pyav(written.path)]
    assert len(set(found)) == 20 and found == sorted(found) and found[4] == Fraction(2, 5)
    assert len(written.notes) == 1 and "go back" in written.notes[0]


def test_frames_without_times_are_shown_25_times_a_second(coded_segment, write) -> None:
    written = write([(coded_segment("low-delay", 12), 12)], ".mp4")
    assert [time for time, _ in shown_by_ffmpeg(written.path)] == [Fraction(n, 25) for n in range(12)]


def test_the_same_stream_gives_the_same_file(coded_segment, write) -> None:
    for ending in (".mp4", ".mkv"):
        once, again = (write([(coded_segment("intra", 2), 2)], ending).path.read_bytes() for _ in range(2))
        assert once == again


def test_what_the_pictures_mean_is_in_the_container(coded_segment, write) -> None:
    written = write([(coded_segment("intra", 2), 2)], ".mp4", sample_aspect=Fraction(4, 3))
    with av.open(str(written.path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.width, stream.codec_context.height) == (128, 96)
        assert stream.sample_aspect_ratio == Fraction(4, 3)


def test_raw_streams_are_appended_as_they_are(coded_segment, write, tmp_path: Path) -> None:
    segments = [(coded_segment("random-access", start=start), 20) for start in (0, 2)]
    for ending in (".bin", ".266", ".vvc"):
        written = write(segments, ending)
        assert written.path.read_bytes() == written.joined
        assert read_stream(written.path).times is None
    out = io.BytesIO()
    with stream_file(out, tmp_path / "x.bin", "vvc") as file:
        file.add(segments[0][0], [None] * 20)
    assert out.getvalue() == segments[0][0]
    assert file.sha256 == hashlib.sha256(segments[0][0]).hexdigest()


ENDINGS = [
    ("x.avi", "vvc", r"\.avi is not an ending for a VVC stream: name a file that ends in \.mp4, \.mkv"),
    ("x", "vvc", "it has no ending"),
    ("x.hevc", "vvc", r"\.hevc is for HEVC streams"),
    ("x.266", "hevc", r"\.266 is for VVC streams"),
    ("x.json", "hevc", r"\.json is not an ending"),
]


@pytest.mark.parametrize(("name", "codec", "named"), ENDINGS)
def test_other_endings_are_refused(tmp_path: Path, name: str, codec: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        check_ending(tmp_path / name, codec)
    with pytest.raises(InputError, match=named), stream_file(tmp_path / "part", tmp_path / name, codec):
        pass
    assert not (tmp_path / "part").exists()


def test_endings_say_what_is_written() -> None:
    assert [check_ending(Path(name), "hevc") for name in ("a.MP4", "a.mkv", "a.bin", "a.h265")] == [
        "mp4",
        "mkv",
        None,
        None,
    ]


def test_a_segment_with_another_number_of_pictures_is_refused(coded_segment, write) -> None:
    with pytest.raises(ProcessError, match="a segment of 3 frames came back with 2 pictures"):
        write([(coded_segment("intra", 2), 3)], ".mp4")


def test_somebody_elses_video_is_not_replaced(coded_segment, write, tmp_path: Path) -> None:
    own = write([(coded_segment("intra", 1), 1)], ".mkv").path.rename(tmp_path / "own.mkv")
    check_place(own)
    check_place(tmp_path / "new.mp4")
    (tmp_path / "other.mp4").write_bytes(b"holidays")
    (tmp_path / "link.mp4").symlink_to(own)
    for name in ("other.mp4", "link.mp4"):
        with pytest.raises(InputError, match=name):
            check_place(tmp_path / name)


@pytest.fixture(scope="module")
def with_sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("sound")

    def make(codec: str) -> Path:
        sources = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=5", "-f", "lavfi", "-i", "sine=440:d=5"]
        argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *sources, "-c:v", "libx264", "-c:a", codec]
        run([*argv, str(folder / f"{codec}.mkv")], timeout=60)
        return folder / f"{codec}.mkv"

    return make


def sound_of(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in file.demux(stream) if packet.size]


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_sound_is_carried_over_from_the_first_frame_to_the_last(coded_segment, write, with_sound, ending: str) -> None:
    source, start = with_sound("aac"), Fraction(3, 2)
    segments = [(coded_segment("random-access", 10, start=start), 10) for start in (0, 2)]
    written = write(segments, ending, [start + n / TEN for n in range(20)], TEN, audio=source)
    expected = [(time - start, data) for time, data in sound_of(source) if start <= time < start + 2]
    found = sound_of(written.path)
    assert [data for _, data in found] == [data for _, data in expected] and len(found) > 50
    assert all(abs(a - b) < Fraction(1, 500) for (a, _), (b, _) in zip(found, expected, strict=True))
    assert read_stream(written.path).data == written.joined
    with av.open(str(written.path)) as file:
        kinds = "".join(packet.stream.type[0] for packet in file.demux() if packet.size)
    assert "v" * 8 not in kinds and "a" * 25 not in kinds  # they lie beside one another


def test_sound_lies_beside_the_frames_of_a_video_that_begins_late(
    coded_segment, write, with_sound, tmp_path: Path
) -> None:
    late = tmp_path / "late.mkv"
    source = str(with_sound("aac"))
    inputs = ["-itsoffset", "0.7", "-i", source, "-i", source, "-map", "0:v", "-map", "1:a"]
    run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *inputs, "-c", "copy", str(late)], timeout=60)
    with av.open(str(late)) as file:
        start = file.streams.video[0].start_time * file.streams.video[0].time_base
    assert start > Fraction(1, 2)
    segment = coded_segment("random-access", 10, start=0)
    written = write([(segment, 10)], ".mkv", [n / TEN for n in range(10)], TEN, audio=late)
    expected = [(time - start, data) for time, data in sound_of(late) if start <= time < start + 1]
    found = sound_of(written.path)
    assert [data for _, data in found] == [data for _, data in expected]
    assert all(abs(a - b) < Fraction(1, 500) for (a, _), (b, _) in zip(found, expected, strict=True))


def test_sound_that_cannot_be_carried_over(coded_segment, write, with_sound, tmp_path: Path) -> None:
    segment = (coded_segment("intra", 2), 2)
    with pytest.raises(InputError, match=r"is wmav2, which MP4 does not hold"):
        write([segment], ".mp4", audio=with_sound("wmav2"))
    with pytest.raises(InputError, match="is a raw stream, which holds no sound"):
        write([segment], ".bin", audio=with_sound("aac"))
    silent = write([segment], ".mkv").path.rename(tmp_path / "silent.mkv")
    assert write([segment], ".mp4", audio=silent).notes == ["--audio copy: the source has no sound"]
