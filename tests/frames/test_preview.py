from __future__ import annotations

import re
import shutil
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe.errors import InputError, OutputError, ProcessError
from vcmpipe.frames import ColourSpec, Schedule, Yuv, is_decoded, rgb_to_yuv, schedule, write_preview
from vcmpipe.process import run

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
VARYING = [Fraction(0), Fraction(1, 25), Fraction(1, 5), Fraction(3, 10), Fraction(1, 2), Fraction(3, 2)]
WAYS = [pytest.param(None, id="pyav"), pytest.param(FFMPEG, id="ffmpeg")]


@pytest.fixture
def frames(make_frame):
    """``frames(count, width, height)``: each brighter than the one before."""

    def make(count: int, width: int = 64, height: int = 48, spec: ColourSpec | None = None) -> list[Yuv]:
        base = make_frame(width, height).rgb.astype(int) * 0.5
        return [
            rgb_to_yuv((base + 120 * place / count).astype(np.uint8), spec or ColourSpec()) for place in range(count)
        ]

    return make


def _shown(path: Path) -> list[tuple[float, float]]:
    """Times and mean luma of what a player shows."""
    with av.open(str(path)) as container:
        return [(frame.time, float(frame.to_ndarray()[: frame.height].mean())) for frame in container.decode(video=0)]


@pytest.mark.parametrize("ffmpeg", WAYS)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "b.MP4"])
@pytest.mark.parametrize(
    "shown",
    [schedule(6, VARYING), schedule(6, rate=Fraction(30000, 1001)), schedule(1)],
    ids=["varying", "ntsc", "one"],
)
def test_every_frame_at_its_time(frames, tmp_path: Path, name: str, shown: Schedule, ffmpeg: Path | None) -> None:
    path, pictures = tmp_path / "new" / name, frames(len(shown.times))
    assert write_preview(path, iter(pictures), (64, 48), shown, ColourSpec(), ffmpeg=ffmpeg) == len(pictures)
    found = _shown(path)
    tolerance = 1e-3 if name.endswith("mkv") else 1e-6
    assert [time for time, _ in found] == pytest.approx([float(time) for time in shown.times], abs=tolerance)
    assert [luma for _, luma in found] == pytest.approx([yuv.y.mean() / 4 for yuv in pictures], abs=1.5)
    assert [file.name for file in path.parent.iterdir()] == [name]


@pytest.mark.parametrize("shown", [schedule(6, VARYING), schedule(6, rate=Fraction(25))], ids=["varying", "constant"])
def test_the_last_frame_stays_as_long_as_it_should(frames, tmp_path: Path, shown: Schedule) -> None:
    write_preview(tmp_path / "a.mp4", frames(6), (64, 48), shown, ColourSpec())
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.start_time == 0
        assert float(stream.duration * stream.time_base) == pytest.approx(float(shown.end), abs=1e-3)


@pytest.mark.parametrize("ffmpeg", WAYS)
@pytest.mark.parametrize(
    ("spec", "codes"),
    [
        (ColourSpec(), (1, 1, 1, 1, "0")),
        (ColourSpec("bt601", "full", "centre", 5, 6), (2, 6, 5, 6, "1")),
        (ColourSpec("bt2020", "limited", "topleft", 9, 14), (1, 9, 9, 14, "2")),
    ],
    ids=["bt709", "bt601", "bt2020"],
)
def test_colours_and_aspect_are_stated(frames, tmp_path: Path, spec: ColourSpec, codes, ffmpeg: Path | None) -> None:
    path, pictures = tmp_path / "a.mp4", frames(3, spec=spec)
    write_preview(path, pictures, (64, 48), schedule(3), spec, aspect=Fraction(4, 3), ffmpeg=ffmpeg)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.profile) == ("h264", "High")
        assert stream.sample_aspect_ratio == Fraction(4, 3)
        frame = next(container.decode(stream))
    assert (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc) == codes[:4]
    half = frame.to_ndarray().reshape(-1)[64 * 48 :].reshape(2, -1)
    assert half.mean(1) == pytest.approx([pictures[0].u.mean() / 4, pictures[0].v.mean() / 4], abs=1.5)
    trace = ["-c", "copy", "-bsf:v", "filter_units=pass_types=7,trace_headers", "-frames:v", "1", "-f", "null", "-"]
    headers = run([FFMPEG, "-hide_banner", "-i", path, *trace], timeout=60).stderr
    sited = re.findall(r"chroma_sample_loc_type_top_field +\S+ = (\d)", headers) or ["0"]
    assert set(sited) == {codes[4]}


def test_the_index_stands_in_front(frames, tmp_path: Path) -> None:
    write_preview(tmp_path / "a.mp4", frames(3), (64, 48), schedule(3), ColourSpec())
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize("ffmpeg", WAYS)
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_it_is_known_again_until_it_is_changed(frames, tmp_path: Path, name: str, ffmpeg: Path | None) -> None:
    path = tmp_path / name
    write_preview(path, frames(5), (64, 48), schedule(5), ColourSpec(), ffmpeg=ffmpeg)
    assert is_decoded(path)
    data = path.read_bytes()
    path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    assert not is_decoded(path)
    path.write_bytes(data[:-9])
    assert not is_decoded(path)
    # What somebody made of it has its comment.
    path.write_bytes(data)
    run([FFMPEG, "-v", "error", "-i", path, "-t", "0.1", tmp_path / f"cut-{name}"], timeout=60)
    assert b"vcmpipe decode" in (tmp_path / f"cut-{name}").read_bytes()
    assert not is_decoded(tmp_path / f"cut-{name}")
    shutil.copy(path, tmp_path / f"copy-{name}")
    assert is_decoded(tmp_path / f"copy-{name}")


@pytest.mark.parametrize(
    "head", [b"\0\0\0\x20ftypisom" + bytes(200), b"\x1a\x45\xdf\xa3" + bytes(200), b"\0\0\0\x20ftyp"]
)
def test_a_file_of_somebody_elses(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(head)
    assert not is_decoded(tmp_path / "a.mp4")


@pytest.mark.parametrize("size", [(63, 47), (64, 47), (1, 1), (16, 16)])
def test_odd_and_tiny_sizes(frames, tmp_path: Path, size: tuple[int, int]) -> None:
    write_preview(tmp_path / "a.mp4", frames(2, *size), size, schedule(2), ColourSpec())
    with av.open(str(tmp_path / "a.mp4")) as container:
        found = [(frame.width, frame.height) for frame in container.decode(video=0)]
    assert found == [(size[0] + size[0] % 2, size[1] + size[1] % 2)] * 2


@pytest.mark.parametrize("ffmpeg", WAYS)
def test_nothing_is_left_of_what_fails(frames, tmp_path: Path, ffmpeg: Path | None) -> None:
    (tmp_path / "a.mp4").write_bytes(b"older")

    def failing():
        yield from frames(3)
        raise RuntimeError("the stream broke")

    def write(pictures, count: int = 3) -> None:
        write_preview(tmp_path / "a.mp4", pictures, (64, 48), schedule(count), ColourSpec(), ffmpeg=ffmpeg)

    with pytest.raises(RuntimeError, match="broke"):
        write(failing())
    with pytest.raises(InputError, match="frame 1 has 32x48"):
        write([frames(1)[0], frames(1, 32)[0]], 2)
    with pytest.raises(InputError, match="there are 2 frames, 3"):
        write(frames(2))
    with pytest.raises(InputError, match="there are 4 frames, 3"):
        write(frames(4))
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.mp4", b"older")]


def test_a_program_that_fails_is_named(frames, tmp_path: Path) -> None:
    program = tmp_path / "no-ffmpeg"
    program.write_text("#!/bin/sh\necho unknown encoder >&2\nexit 3\n")
    program.chmod(0o755)
    with pytest.raises(ProcessError, match="no-ffmpeg failed with exit code 3: unknown encoder"):
        write_preview(tmp_path / "a.mp4", frames(3), (64, 48), schedule(3), ColourSpec(), ffmpeg=program)
    assert [file.name for file in tmp_path.iterdir()] == ["no-ffmpeg"]


def test_places_and_names_that_do_not_do(frames, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"end in \.mp4 or \.mkv"):
        write_preview(tmp_path / "a.avi", frames(1), (64, 48), schedule(1), ColourSpec())
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="part of its path is a file"):
        write_preview(tmp_path / "file" / "a.mp4", frames(1), (64, 48), schedule(1), ColourSpec())


@pytest.mark.parametrize("name", ["-a.mp4", "http:x.mkv", "a%d.mp4", "ä b.mkv"])
@pytest.mark.parametrize("ffmpeg", WAYS)
def test_odd_names(frames, tmp_path: Path, monkeypatch, name: str, ffmpeg: Path | None) -> None:
    monkeypatch.chdir(tmp_path)
    write_preview(Path(name), frames(1), (64, 48), schedule(1), ColourSpec(), ffmpeg=ffmpeg)
    assert [file.name for file in tmp_path.iterdir()] == [name]
