from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, VideoInfo, VideoSource, open_source
from vcmpipe.frames.reading import Reading
from vcmpipe.process import run

Make = Callable[..., Path]


def _ffmpeg(*arguments: str | Path, input: bytes | None = None) -> bytes:
    return run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments], timeout=60, input=input).stdout


def _scene(n: int, width: int, height: int) -> NDArray[np.uint8]:
    """A smooth scene that tells all four corners and every frame apart."""
    x, y = np.meshgrid(np.linspace(30, 220, width), np.linspace(30, 220, height))
    return np.stack([x, y, np.full_like(x, 40 + 12 * n)], -1).astype(np.uint8)


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    folder = tmp_path_factory.mktemp("videos")

    def call(name: str, *options: str, count: int = 6, size: tuple[int, int] = (96, 64), lossless: bool = True) -> Path:
        raw = b"".join(_scene(n, *size).tobytes() for n in range(count))
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", "10", "-i", "pipe:0"]
        _ffmpeg(*source, *options, folder / name, input=raw)
        return folder / name

    return call


H264 = ("-c:v", "libx264", "-qp", "8", "-pix_fmt", "yuv420p")


def _samples(rgb: NDArray[np.uint8], form: str, matrix: str, full: bool) -> bytes:
    """Planes straight from the equations of H.273, chroma taken where "left" siting has it."""
    kr, kb = (0.2126, 0.0722) if matrix == "bt709" else (0.299, 0.114)
    depth = 10 if form.endswith("10le") else 8
    unit, top = 2 ** (depth - 8), 2**depth - 1
    red, green, blue = (rgb[..., c] / 255 for c in range(3))
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    planes = [luma * top if full else (219 * luma + 16) * unit]
    for chroma in ((blue - luma) / (2 * (1 - kb)), (red - luma) / (2 * (1 - kr))):
        if "444" not in form:
            chroma = chroma[:, ::2]
        if "420" in form:
            chroma = (chroma[::2] + chroma[1::2]) / 2
        planes.append(chroma * (top if full else 224 * unit) + 128 * unit)
    return b"".join(np.rint(plane).astype(np.uint8 if depth == 8 else "<u2").tobytes() for plane in planes)


@pytest.mark.parametrize("form", ["yuv420p", "yuv420p10le", "yuv444p", "yuv422p"])
@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full", [False, True])
def test_matrix_and_range_of_the_file_are_undone(form: str, matrix: str, full: bool, tmp_path: Path) -> None:
    scenes = [_scene(n, 96, 64) for n in range(2)]
    raw = b"".join(_samples(scene, form, matrix, full) for scene in scenes)
    tags = ["-colorspace", "smpte170m" if matrix == "bt601" else matrix, "-color_range", "pc" if full else "tv"]
    path = tmp_path / "tagged.mkv"
    _ffmpeg(
        "-f", "rawvideo", "-pix_fmt", form, "-s", "96x64", *tags, "-i", "pipe:0", "-c:v", "ffv1", *tags, path, input=raw
    )
    frames = list(open_source(path))
    assert len(frames) == 2
    for frame, scene in zip(frames, scenes, strict=True):
        difference = frame.rgb.astype(int) - scene
        assert np.abs(difference).max() <= 4 and np.abs(difference.mean(axis=(0, 1))).max() < 0.5


def test_what_is_not_stated_is_guessed_by_the_size(make: Make) -> None:
    for matrix, size in (("bt601", (96, 64)), ("bt709", (64, 720))):
        scale = f"scale=out_color_matrix={matrix}:flags=accurate_rnd"
        path = make(f"guess-{matrix}.y4m", "-vf", scale, "-pix_fmt", "yuv420p", count=1, size=size)
        (frame,) = open_source(path)
        assert np.abs(frame.rgb.astype(int) - _scene(0, *size)).max() <= 5


def test_frames_in_order_with_times(make: Make) -> None:
    path = make("order.mp4", *H264, "-bf", "2", count=12)
    source = open_source(path)
    frames = list(source)
    assert isinstance(source, VideoSource) and source.count == 12
    assert [frame.index for frame in frames] == list(range(12))
    assert [frame.timestamp for frame in frames] == pytest.approx([n / 10 for n in range(12)])
    blues = [float(frame.rgb[..., 2].mean()) for frame in frames]
    assert blues == pytest.approx([40 + 12 * n for n in range(12)], abs=4)
    assert (frames[3].source, frames[3].name) == (f"{path}#3", "order_000003")
    assert len(list(source)) == 12  # again from the start
    assert set(source.sizes()) == {(96, 64)}
    limited = open_source(path, limit=5)
    assert limited.count == 5 and len(list(limited)) == 5


def test_odd_sizes_and_rgb_and_grey(make: Make) -> None:
    for form, size in (("yuv444p", (97, 65)), ("bgr0", (97, 65)), ("yuv420p", (97, 65))):
        path = make(f"odd-{form}.mkv", "-pix_fmt", form, "-c:v", "ffv1", size=size)
        frames = list(open_source(path))
        assert len(frames) == 6 and frames[0].rgb.shape == (65, 97, 3)
        assert np.abs(frames[2].rgb.astype(int) - _scene(2, *size)).mean() < 3
    grey = list(open_source(make("grey.mkv", "-pix_fmt", "gray", "-c:v", "ffv1")))
    assert np.array_equal(grey[0].rgb[..., 0], grey[0].rgb[..., 2])


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_turned_phone_is_upright(turn: int, make: Make, tmp_path: Path) -> None:
    path = make("flat.mp4", *H264)
    turned = tmp_path / "turned.mp4"
    _ffmpeg("-display_rotation", str(turn), "-i", path, "-c", "copy", turned)
    raw = _ffmpeg("-i", turned, "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1")
    frame = next(iter(open_source(turned)))
    assert frame.rgb.shape == ((64, 96, 3) if turn % 180 == 0 else (96, 64, 3))
    # FFmpeg's own upright picture
    assert np.abs(frame.rgb.astype(int) - np.frombuffer(raw, np.uint8).reshape(frame.rgb.shape)).mean() < 3


@pytest.mark.parametrize("name", ["-i.mp4", "http:x.mp4", "a%d.mp4", "x#2.mp4", "no-suffix"])
def test_names_are_never_options_or_protocols(
    name: str, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(make("named.mp4", *H264), tmp_path / name)
    assert len(list(open_source(name))) == 6


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nflat.mp4\n#EXT-X-ENDLIST\n"),
        ("list.mp4", "ffconcat version 1.0\nfile flat.mp4\n"),
        ("list.sdp", "v=0\nm=video 5000 RTP/AVP 96\nc=IN IP4 127.0.0.1\na=rtpmap:96 H264/90000\n"),
    ],
)
def test_playlists_do_not_open_other_files(name: str, text: str, make: Make) -> None:
    path = make("flat.mp4", *H264).with_name(name)
    path.write_text(text)
    with pytest.raises(InputError, match="nor a video"):
        open_source(path)


def test_damaged_videos_are_one_error(make: Make, tmp_path: Path) -> None:
    mp4 = make("whole.mp4", *H264, "-movflags", "+faststart", count=20)
    y4m = make("whole.y4m", "-pix_fmt", "yuv420p")
    for path, size in ((mp4, 0.6), (mp4, 0.97), (y4m, 0.5), (y4m, 0.99)):
        cut = tmp_path / f"cut{path.suffix}"
        cut.write_bytes(path.read_bytes()[: int(path.stat().st_size * size)])
        with pytest.raises(InputError, match=r"cut\.") as caught:
            list(open_source(cut))
        assert str(caught.value).isprintable()
    headless = tmp_path / "headless.mp4"
    headless.write_bytes(make("plain.mp4", *H264).read_bytes()[:-400])
    with pytest.raises(InputError, match="nor a video"):
        open_source(headless)


def test_sound_alone_and_small_pictures_are_refused(make: Make, tmp_path: Path) -> None:
    sound = tmp_path / "sound.mkv"
    _ffmpeg("-f", "lavfi", "-i", "sine=d=0.2", "-c:a", "flac", sound)
    with pytest.raises(InputError, match="holds no video"):
        open_source(sound)
    with pytest.raises(InputError, match="least is 16x16"):
        list(open_source(make("small.mkv", "-c:v", "ffv1", size=(12, 40))))


def test_real_videos(shared_data: Path) -> None:
    for name, size in (("car-detection.mp4", (768, 432)), ("bbb_1280x720.mp4", (1280, 720))):
        source = open_source(shared_data / "video" / name, limit=3)
        assert [(frame.width, frame.height) for frame in source] == [size] * 3


@pytest.mark.parametrize("form", ["yuv420p", "yuvj420p", "yuv420p10le"])
def test_samples_are_carried_as_they_are(form: str, tmp_path: Path) -> None:
    size = 96 * 64 * 3 // 2
    rng = np.random.default_rng(1)
    raw = rng.integers(0, 1024, size).astype("<u2") if "10" in form else rng.integers(0, 256, size).astype(np.uint8)
    path = tmp_path / "own.mkv"
    tags = ["-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", "smpte2084"]
    tags += ["-color_range", "pc" if "j" in form else "tv"]
    source = ["-f", "rawvideo", "-pix_fmt", form, "-s", "96x64", *tags, "-i", "pipe:0"]
    _ffmpeg(*source, "-c:v", "ffv1", *tags, path, input=raw.tobytes())
    (frame,) = open_source(path)
    planes = frame.planes
    assert planes is not None and planes.depth == (10 if "10" in form else 8)
    assert np.array_equal(np.concatenate([plane.ravel() for plane in planes.arrays]), raw)
    assert planes.colour == ColourSpec("bt2020", "full" if "j" in form else "limited", "left", 9, 16)


@pytest.mark.parametrize(
    ("form", "depth"),
    [
        ("nv12", 8),
        ("yuyv422", 8),
        ("yuv411p", 8),
        ("yuv440p", 8),
        ("yuva420p", 8),
        ("yuv420p12le", 10),
        ("yuv444p16le", 10),
        ("gray", 8),
        ("gray10le", 10),
        ("gray16le", 10),
        ("ya8", 8),
        ("rgb24", 10),
        ("gbrp10le", 10),
        ("pal8", 10),
        ("monow", 10),
    ],
)
def test_every_pixel_format_becomes_420(form: str, depth: int, make: Make) -> None:
    path = make(f"form-{form}.nut", "-pix_fmt", form, "-c:v", "rawvideo", count=1, size=(98, 66))
    (frame,) = open_source(path)
    assert frame.planes is not None and frame.planes.depth == depth == open_source(path).info.depth
    assert frame.planes.y.shape == (66, 98) and frame.planes.u.shape == (33, 49)
    difference = frame.rgb.astype(int) - _scene(0, 98, 66)
    if form.startswith(("gray", "ya")):
        difference = frame.rgb[..., 0] - _scene(0, 98, 66) @ [0.299, 0.587, 0.114]
    if form not in ("monow", "pal8"):
        assert np.abs(difference).mean() < 3


def test_what_a_file_states(make: Make, tmp_path: Path) -> None:
    path = make("plain.mp4", *H264)
    info = open_source(path).info
    assert info == VideoInfo(Fraction(10), colour=ColourSpec("bt601"))
    assert open_source(path, stride=2, fps="30000/1001").info.rate == Fraction(15000, 1001)
    phone = tmp_path / "phone.mp4"
    _ffmpeg(
        *("-display_rotation", "90", "-i", path, "-f", "lavfi", "-i", "sine=d=0.5", "-map", "0:v", "-map", "1:a"),
        *("-c:v", "copy", "-c:a", "aac", "-bsf:v", "h264_metadata=sample_aspect_ratio=4/3", phone),
    )
    info = open_source(phone).info
    assert (info.rotation, info.has_audio, info.sample_aspect) == (270, True, Fraction(3, 4))
    assert info.colour == ColourSpec("bt601", siting="centre")
    assert info.notes == ("rotated by 270 degrees", "its pixels are not square (3:4): samples are kept as they are")
    fields = make("fields.mpg", "-vf", "setfield=tff", "-r", "25", "-c:v", "mpeg2video", "-flags", "+ildct+ilme")
    info = open_source(fields).info
    assert info.interlaced and info.notes == ("interlaced: its fields are coded as woven frames",)


def test_an_absurd_rate_is_unknown(make: Make, tmp_path: Path) -> None:
    fast = tmp_path / "fast.y4m"
    slow = make("slow.y4m", "-pix_fmt", "yuv420p").read_bytes()
    fast.write_bytes(slow.replace(b"F10:1", b"F90000:1", 1))
    source = open_source(fast)
    assert source.info.rate is None and "absurd" in source.info.notes[0]
    times = [frame.timestamp for frame in source]
    assert len(times) == 6 and times == sorted(set(times))
    assert open_source(fast, fps="10").info.rate == 10 and not open_source(fast, fps="10").info.notes


def test_variable_rates_are_kept(make: Make) -> None:
    path = make("vfr.mp4", "-vf", "select='not(eq(n,2)+eq(n,3))'", "-fps_mode", "vfr", *H264, count=7)
    assert [frame.timestamp for frame in open_source(path)] == [Fraction(n, 10) for n in (0, 1, 4, 5, 6)]


def test_times_that_go_back_are_pushed(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "back.nut"
    stamps = "if(eq(N,2),4,N)/10/TB"
    _ffmpeg("-i", make("fine.mkv", "-c:v", "ffv1"), "-c", "copy", "-bsf:v", f"setts=pts='{stamps}'", path)
    source = open_source(path)
    times = [frame.timestamp for frame in source]
    assert len(times) == 6 and times == sorted(set(times))
    assert [times[number] for number in (0, 1, 2, 5)] == [0, Fraction(1, 10), Fraction(2, 5), Fraction(1, 2)]
    assert any("goes back or stands still" in note for note in source.notes)
    assert len(list(source)) == 6 and len(source.notes) == 1  # noted once per reading


@pytest.mark.parametrize(
    ("name", "options", "numbered"),
    [
        ("seek.mp4", (*H264, "-g", "10", "-bf", "2"), True),
        ("open.mp4", ("-c:v", "libx265", "-x265-params", "log-level=error:keyint=10:open-gop=1"), True),
        ("seek.avi", (*H264, "-g", "10", "-bf", "2"), True),
        ("seek.y4m", ("-pix_fmt", "yuv420p"), True),
        ("seek.mkv", (*H264, "-g", "10"), False),
        ("seek.ts", (*H264, "-g", "10"), False),
        ("seek.h264", (*H264, "-g", "10", "-bf", "0"), False),
    ],
)
def test_start_gives_what_all_give(name: str, options: tuple[str, ...], numbered: bool, make: Make) -> None:
    path = make(name, *options, count=36)
    every = list(open_source(path))
    assert len(every) == 36
    for start in (0.05, 1.0, 1.75, 3.5):
        wanted = [frame for frame in every if frame.timestamp is not None and frame.timestamp >= Fraction(str(start))]
        found = list(open_source(path, start=start))
        assert [frame.timestamp for frame in found] == [frame.timestamp for frame in wanted]
        for one, other in zip(found, wanted, strict=True):
            assert one.planes is not None and other.planes is not None and np.array_equal(one.planes.y, other.planes.y)
        assert [frame.index for frame in found] == [frame.index for frame in (wanted if numbered else every)][
            : len(found)
        ]
    with pytest.raises(InputError, match="no frame from 99 s on"):
        list(open_source(path, start=99))


def test_start_goes_to_a_key_frame(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make("long.mp4", *H264, "-g", "5", "-bf", "0", count=200)
    decoded = []
    real = Reading._decoded
    monkeypatch.setattr(Reading, "_decoded", lambda *given: (decoded.append(1), real(*given))[1])
    frame = next(iter(open_source(path, start=18.7)))
    assert frame.source == f"{path}#187" and len(decoded) < 20


def test_stride_and_fps(make: Make) -> None:
    path = make("stride.mp4", *H264, count=12)
    source = open_source(path, start=0.1, stride=3, limit=3, fps="5")
    assert source.count == 3
    assert [(frame.index, frame.timestamp) for frame in source] == [(n, Fraction(n, 5)) for n in (1, 4, 7)]
    assert open_source(path, stride=5).count == len(list(open_source(path, stride=5))) == 3
    for bad in ({"stride": 0}, {"start": -1.0}, {"start": float("nan")}, {"fps": "0"}, {"fps": "2000"}, {"limit": 0}):
        with pytest.raises(InputError):
            open_source(path, **bad)


def test_sizes_may_change_in_mid_stream(make: Make, tmp_path: Path) -> None:
    parts = [make(f"{n}.h264", *H264, count=3, size=size) for n, size in enumerate([(96, 64), (64, 96)])]
    joined = tmp_path / "joined.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    source = open_source(joined)
    frames = list(source)
    assert [(frame.width, frame.height) for frame in frames] == [(96, 64)] * 3 + [(64, 96)] * 3
    times = [frame.timestamp for frame in frames]
    assert times == sorted(set(times))


def test_a_damaged_middle_is_an_error(make: Make, tmp_path: Path) -> None:
    data = bytearray(make("middle.mp4", *H264, "-bf", "0", count=30).read_bytes())
    place = data.index(b"mdat") + 4000
    data[place : place + 300] = bytes(300)
    path = tmp_path / "middle.mp4"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"beyond its first \d+ frames|cannot be read"):
        list(open_source(path))


def test_no_frames_and_one_frame(make: Make, tmp_path: Path) -> None:
    (frame,) = open_source(make("one.mp4", *H264, count=1))
    assert frame.timestamp == 0
    empty = tmp_path / "empty.y4m"
    empty.write_bytes(b"YUV4MPEG2 W64 H64 F25:1 C420jpeg\n")
    with pytest.raises(InputError):
        list(open_source(empty))
