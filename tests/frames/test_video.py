from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames import VideoSource, open_source
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
