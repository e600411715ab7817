from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe.errors import InputError, OutputError
from vcmpipe.frames import ColourSpec, Y4mWriter, is_decoded, open_source, pad_yuv, read_picture, rgb_to_yuv, write_png
from vcmpipe.frames.samples import plane_array
from vcmpipe.process import run


def _rgb(width: int, height: int, seed: int = 0) -> np.ndarray:
    base = np.random.default_rng(seed).integers(20, 236, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(base, (width, height), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize("name", ["a.png", "-i.png", "http:x.png"])
def test_png_comes_back_exactly(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rgb = np.random.default_rng(0).integers(0, 256, (17, 31, 3), dtype=np.uint8)
    write_png(Path(name), rgb)
    assert np.array_equal(read_picture(Path(name)), rgb)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_png_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"a\.png"):
        write_png(tmp_path / "file" / "a.png", _rgb(20, 20))
    with pytest.raises(InputError, match="uint8"):
        write_png(tmp_path / "a.png", _rgb(20, 20).astype(np.float32))


@pytest.mark.parametrize("size", [(32, 24), (33, 25), (31, 24)])
@pytest.mark.parametrize(
    "spec", [ColourSpec(), ColourSpec("bt601", "full"), ColourSpec("bt709", "full", "centre")], ids=str
)
def test_y4m_holds_the_samples_and_their_meaning(size: tuple[int, int], spec: ColourSpec, tmp_path: Path) -> None:
    pictures = [_rgb(*size, seed) for seed in range(3)]
    planes = [rgb_to_yuv(rgb, spec) for rgb in pictures]
    path = tmp_path / "out.y4m"
    with Y4mWriter(path, size, Fraction(30000, 1001), spec) as writer:
        for yuv in planes:
            writer.write(pad_yuv(yuv, 8))
        assert not path.exists()
    assert writer.count == 3
    # FFmpeg reads the same samples,
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-i",
        path,
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p10le",
        "-",
    ]
    width, height = size
    half = (slice((height + 1) // 2), slice((width + 1) // 2))
    expected = b"".join(p.tobytes() for yuv in planes for p in (yuv.y[:height, :width], yuv.u[half], yuv.v[half]))
    assert run(command, timeout=60).stdout == expected
    # and vcmpipe the same colours, at the same times.
    frames = list(open_source(path))
    assert [frame.timestamp for frame in frames] == pytest.approx([n * 1001 / 30000 for n in range(3)], abs=1e-3)
    for frame, rgb in zip(frames, pictures, strict=True):
        assert frame.rgb.shape == rgb.shape
        assert np.abs(frame.rgb.astype(int) - rgb).mean() < 1.5


def test_y4m_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.y4m"
    yuv = rgb_to_yuv(_rgb(32, 24), ColourSpec())
    with pytest.raises(RuntimeError), Y4mWriter(path, (32, 24)) as writer:
        writer.write(yuv)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="one size only"), Y4mWriter(path, (40, 24)) as writer:
        writer.write(yuv)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="with statement"):
        Y4mWriter(path, (32, 24)).write(yuv)


@pytest.mark.parametrize(("size", "rate"), [((0, 24), 25), ((32, 24), 0), ((32, 24), Fraction(-1, 2))])
def test_y4m_headers_that_make_no_sense(size: tuple[int, int], rate: Fraction, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a video"):
        Y4mWriter(tmp_path / "x.y4m", size, rate)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    yuv = rgb_to_yuv(_rgb(640, 480), ColourSpec())
    opened = Path.open

    def full(self: Path, *arguments: object, **named: object) -> object:
        return opened(Path("/dev/full") if self.name.startswith(".vcmpipe-") else self, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", full)
    with (
        pytest.raises(OutputError, match=r"out\.y4m.*disk is full"),
        Y4mWriter(tmp_path / "out.y4m", (640, 480)) as writer,
    ):
        writer.write(yuv)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("siting", ["left", "centre", "topleft"])
@pytest.mark.parametrize("full", [False, True])
def test_y4m_of_8_bits(tmp_path: Path, siting, full: bool) -> None:
    spec = ColourSpec("bt709", "full" if full else "limited", siting)
    yuv, path = rgb_to_yuv(_rgb(33, 25), spec), tmp_path / "out.y4m"
    with Y4mWriter(path, (33, 25), 25, spec, depth=8) as writer:
        writer.write(yuv)
    with av.open(str(path)) as container:
        (picture,) = container.decode(video=0)
    assert picture.format.name == "yuv420p"
    read = [plane_array(plane, 8) for plane in picture.planes]
    for plane, of, middle in zip(read, (yuv.y[:25, :33], yuv.u[:13, :17], yuv.v[:13, :17]), (0, 128, 128), strict=True):
        expected = (of - 4.0 * middle) * (255 / 1023) + middle if full else of / 4
        assert np.abs(plane - expected).max() <= 0.501
    (frame,) = open_source(path)
    assert np.abs(frame.rgb.astype(int) - _rgb(33, 25)).mean() < 3


def test_the_longest_y4m_header_is_read(tmp_path: Path) -> None:
    """FFmpeg refuses a header of more than 128 bytes."""
    spec, path, size = ColourSpec("bt2020", "limited", "topleft"), tmp_path / "out.y4m", (16384, 10000)
    with Y4mWriter(path, size, Fraction(240000, 1001), spec, aspect=Fraction(64, 45), decoded=True) as writer:
        assert writer.count == 0
    assert is_decoded(path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.average_rate) == (*size, Fraction(240000, 1001))
        assert stream.sample_aspect_ratio == Fraction(64, 45)


def test_files_of_earlier_versions_are_known_again(tmp_path: Path) -> None:
    (tmp_path / "a.y4m").write_bytes(b"YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420p10 XWRITER=vcmpipe-decode\n")
    assert is_decoded(tmp_path / "a.y4m")
    (tmp_path / "a.y4m").write_bytes(b"YUV4MPEG2 W16 H16 F25:1 Ip A1:1 C420p10\n")
    assert not is_decoded(tmp_path / "a.y4m")
