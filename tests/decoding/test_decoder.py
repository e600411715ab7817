from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from vcmpipe.bitstream import split_access_units
from vcmpipe.decoding import decoder
from vcmpipe.decoding.decoder import DecodedPicture, decode_stream
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.frames import ColourSpec, psnr_y, rgb_to_yuv, yuv_bytes
from vcmpipe.process import run

INTRA = "IntraPeriod=1:DecodingRefreshType=idr"
Encode = Callable[..., bytes]


def _pictures(count: int, width: int, height: int, seed: int = 1) -> list[NDArray[np.uint8]]:
    """A textured scene with a square that moves."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8 + 1, width // 8 + 1, 3), dtype=np.uint8)
    scene = np.kron(coarse, np.ones((8, 8, 1), np.uint8))[:height, :width]
    scene = (scene // 2 + rng.integers(0, 64, scene.shape, dtype=np.uint8)).astype(np.uint8)
    pictures = []
    for n in range(count):
        picture = scene.copy()
        picture[8:24, 4 + 2 * n % (width - 24) : 20 + 2 * n % (width - 24)] = (250, 30, 30)
        pictures.append(picture)
    return pictures


@pytest.fixture(scope="session")
def encode(tmp_path_factory: pytest.TempPathFactory) -> Encode:
    """Encodes pictures with FFmpeg's VVenC, unmodified."""
    folder = tmp_path_factory.mktemp("streams")

    def call(
        pictures: list[NDArray[np.uint8]], qp: int = 30, structure: str = INTRA, options: tuple[str, ...] = ()
    ) -> bytes:
        height, width = pictures[0].shape[:2]
        raw = b"".join(yuv_bytes(rgb_to_yuv(picture, ColourSpec())) for picture in pictures)
        out = folder / "out.266"
        params = f"CTUSize=64:threads=0:GOPQPA=0:MCTF=0:BIM=0:IntraQPOffset=0:STA=0:accessunitdelimiter=0:{structure}"
        source = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", f"{width}x{height}", "-r", "25", "-i", "pipe:0"]
        coder = ["-c:v", "libvvenc", "-preset", "faster", "-qp", str(qp), "-qpa", "0", "-vvenc-params", params]
        run(
            [
                imageio_ffmpeg.get_ffmpeg_exe(),
                "-v",
                "error",
                "-y",
                "-threads",
                "1",
                *source,
                *options,
                *coder,
                "-f",
                "vvc",
                out,
            ],
            timeout=120,
            input=raw,
        )
        return out.read_bytes()

    return call


@pytest.fixture(scope="session")
def still(encode: Encode) -> bytes:
    return encode(_pictures(1, 136, 104))


@pytest.fixture(scope="session")
def moving(encode: Encode) -> bytes:
    return encode(_pictures(20, 96, 64), qp=24, structure="IntraPeriod=16:GOPSize=16:DecodingRefreshType=cra")


def _reference(stream: bytes) -> bytes:
    """What FFmpeg's command line decodes, as raw planes (one thread: see decoder.py)."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-v",
        "error",
        "-threads",
        "1",
        "-f",
        "vvc",
        "-i",
        "pipe:0",
        "-fps_mode",
        "passthrough",
    ]
    return run([*command, "-f", "rawvideo", "-pix_fmt", "yuv420p10le", "pipe:1"], timeout=60, input=stream).stdout


def _planes(stream: bytes | Path, threads: int | None = None) -> bytes:
    return b"".join(yuv_bytes(picture.yuv) for picture in decode_stream(stream, threads=threads))


def test_samples_are_those_of_the_command_line_decoder(still: bytes, moving: bytes) -> None:
    for stream in (still, moving):
        assert _planes(stream) == _reference(stream)


def test_output_order_and_quality(moving: bytes) -> None:
    source = _pictures(20, 96, 64)
    decoded = list(decode_stream(moving))
    assert [picture.index for picture in decoded] == list(range(20))
    assert all(picture.size == (96, 64) for picture in decoded)
    for picture, original in zip(decoded, source, strict=True):
        # the moving square tells neighbours apart
        here = psnr_y(picture.yuv, rgb_to_yuv(original, ColourSpec()))
        assert here > 25
        assert all(
            here > psnr_y(picture.yuv, rgb_to_yuv(other, ColourSpec()))
            for n, other in enumerate(source)
            if n != picture.index
        )


@pytest.mark.parametrize("size", [(34, 130), (64, 200)])
def test_pictures_one_ctu_wide_are_decoded_right(size: tuple[int, int], encode: Encode) -> None:
    # With more than one thread FFmpeg's decoder has a race there; VVenC's picture hash says what is right.
    structure = INTRA + ":SEIDecodedPictureHash=md5"
    stream = encode(_pictures(3, *size), structure=structure)
    units = split_access_units(stream)
    for number, unit in enumerate(units):
        assert any(nal.type == 24 for nal in unit.nal_units), "the encoder wrote no picture hash"
        _check_with_hash(b"".join(u.data for u in units[: number + 1]))
    assert len({_planes(stream, threads) for threads in (1, 2, 4, 4, 4)}) == 1
    assert _planes(stream) == _reference(stream)


def _check_with_hash(stream: bytes) -> None:
    """FFmpeg compares its samples with the hash and fails where they differ; as one thread gives them, they do not."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", "-threads", "1"]
    options = ["-err_detect", "crccheck+explode", "-f", "vvc", "-i", "pipe:0", "-f", "null", "-"]
    run([*command, *options], timeout=60, input=stream)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads: int, moving: bytes) -> None:
    assert _planes(moving, threads) == _planes(moving)


def test_sizes_may_change_on_the_way(encode: Encode, still: bytes) -> None:
    sizes = [(136, 104), (50, 34), (136, 104), (34, 130)]
    parts = [still, encode(_pictures(2, 50, 34)), still, encode(_pictures(1, 34, 130))]
    decoded = list(decode_stream(b"".join(parts)))
    assert [picture.size for picture in decoded] == [sizes[0], sizes[1], sizes[1], sizes[2], sizes[3]]
    assert b"".join(yuv_bytes(picture.yuv) for picture in decoded) == b"".join(_planes(part) for part in parts)


def test_a_file_is_as_good_as_its_bytes(still: bytes, tmp_path: Path) -> None:
    path = tmp_path / "-http:x.bin"
    path.write_bytes(still)
    assert _planes(path) == _planes(still)


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        ((), ColourSpec("bt709", "limited", "left")),
        (("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"), ColourSpec("bt709")),
        (("-colorspace", "smpte170m", "-color_primaries", "bt709", "-color_trc", "bt709"), ColourSpec("bt601")),
    ],
)
def test_colours_come_from_the_stream(options: tuple[str, ...], spec: ColourSpec, encode: Encode) -> None:
    (picture,) = decode_stream(encode(_pictures(1, 64, 64), options=options))
    assert picture.spec == spec


def test_rgb_has_the_exact_size_and_the_colours(encode: Encode) -> None:
    source = _pictures(1, 64, 48)[0]
    (picture,) = decode_stream(encode([source], qp=10))
    assert picture.rgb().shape == source.shape
    square = picture.rgb()[12:20, 8:16].reshape(-1, 3).mean(axis=0)
    assert np.abs(square - (250, 30, 30)).max() < 4
    cut = DecodedPicture(0, picture.yuv, (63, 47), picture.spec)
    assert np.array_equal(cut.rgb(), picture.rgb()[:47, :63])


@pytest.mark.parametrize("cut", [3, 20, 200, 0.5, 0.9])
def test_cut_streams_are_one_error(cut: float, still: bytes, moving: bytes) -> None:
    for stream in (still, moving):
        length = len(stream) - int(cut) if cut >= 1 else int(len(stream) * (1 - cut))
        with pytest.raises(BitstreamError, match=r"damaged|cut") as caught:
            list(decode_stream(stream[:length]))
        assert str(caught.value).isprintable()


def test_a_cut_last_byte_is_an_error_or_changes_nothing(still: bytes, moving: bytes) -> None:
    # The last byte can hold nothing but the end of the arithmetic code, which reads as zeros where it is missing.
    for stream in (still, moving):
        try:
            samples = _planes(stream[:-1])
        except BitstreamError:
            continue
        assert samples == _planes(stream)


def test_a_missing_picture_is_noticed(moving: bytes) -> None:
    units = split_access_units(moving)
    with pytest.raises(BitstreamError, match=r"damaged|cut"):
        list(decode_stream(b"".join(unit.data for n, unit in enumerate(units) if n != 1)))


def test_a_picture_that_the_decoder_keeps_is_noticed(still: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    units = split_access_units(still + still)
    monkeypatch.setitem(decoder.CODECS, "vvc", replace(decoder.CODECS["vvc"], split=lambda data: units))
    monkeypatch.setattr(
        type(units[0]),
        "data",
        property(lambda unit: still if unit is units[0] else b"\0\0\0\1\0\xa1\x10"),
        raising=True,
    )
    with pytest.raises(BitstreamError, match=r"2 pictures, but 1|cannot be decoded"):
        list(decode_stream(still + still))


def test_a_stream_may_begin_with_an_open_gop(encode: Encode) -> None:
    stream = encode(_pictures(40, 64, 64), qp=40, structure="IntraPeriod=16:GOPSize=16:DecodingRefreshType=cra")
    units = split_access_units(stream)
    entry = next(n for n, unit in enumerate(units) if n and unit.is_a("irap"))
    sets = b"".join(b"\0\0\0\1" + nal.data for nal in units[0].nal_units if nal.type in (15, 16))
    tail = sets + b"".join(unit.data for unit in units[entry:])
    shown = len(list(decode_stream(tail)))
    assert 0 < shown < len(units) - entry  # the pictures that lean on what came before are left out, and no error


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bits_end_in_pictures_or_one_error(seed: int, still: bytes, moving: bytes) -> None:
    rng = np.random.default_rng(seed)
    for stream in (still, moving):
        damaged = bytearray(stream)
        for _ in range(3):
            damaged[rng.integers(0, len(damaged))] ^= 1 << int(rng.integers(0, 8))
        try:
            list(decode_stream(bytes(damaged)))
        except BitstreamError as error:
            assert str(error).isprintable()


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"hello, world" * 20, b"\0\0\0\1\x67\x42\0\x1e" * 30])
def test_what_is_no_vvc_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(BitstreamError):
        list(decode_stream(data))
    path = tmp_path / "not.vvc"
    path.write_bytes(data)
    with pytest.raises(BitstreamError, match=r"not\.vvc"):
        list(decode_stream(path))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.bin does not exist"):
        decode_stream(tmp_path / "gone.bin")
    with pytest.raises(InputError, match="is a folder: name a file"):
        decode_stream(tmp_path)


def test_absurd_sizes_are_refused_before_decoding(still: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "MAX_SIDE", 128)
    with pytest.raises(BitstreamError, match=r"picture 0 states 136x104"):
        decode_stream(still)
    monkeypatch.undo()
    monkeypatch.setattr(decoder, "MAX_SAMPLES", 10_000)
    with pytest.raises(BitstreamError, match="136x104"):
        decode_stream(still)
    # A window may hide the size that is coded: the decoder has the same bound.
    monkeypatch.setattr(decoder, "_check_size", lambda unit, where: None)
    with pytest.raises(BitstreamError, match="cannot be decoded"):
        list(decode_stream(still))


@pytest.mark.parametrize(
    ("form", "size"),
    [
        ("yuv444p10le", (17, 19)),
        ("yuv422p", (18, 17)),
        ("yuv444p", (16, 16)),
        ("yuv420p", (16, 18)),
        ("gray10le", (17, 17)),
        ("gray", (16, 16)),
        ("yuv422p12le", (18, 17)),
    ],
)
def test_other_formats_become_ten_bit_420(form: str, size: tuple[int, int]) -> None:
    import av

    picture = av.VideoFrame(*size, form)
    depth = picture.format.components[0].bits
    for plane, value in zip(picture.planes, (100, 60, 200), strict=False):
        samples = np.full(plane.buffer_size // (1 if depth == 8 else 2), value << (depth - 8))
        plane.update(samples.astype(np.uint8 if depth == 8 else "<u2").tobytes())
    yuv = decoder._to_yuv(picture, ColourSpec(), "x")
    assert (yuv.width, yuv.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    expected = (400, 512, 512) if form.startswith("gray") else (400, 240, 800)
    assert tuple((int(p.min()), int(p.max())) for p in yuv.planes) == tuple((e, e) for e in expected)


def test_rgb_streams_are_refused() -> None:
    import av

    with pytest.raises(BitstreamError, match="gbrp"):
        decoder._to_yuv(av.VideoFrame(16, 16, "gbrp"), ColourSpec(), "x")


def test_memory_does_not_grow_and_nothing_is_said(still: bytes, tmp_path: Path) -> None:
    path = tmp_path / "long.bin"
    path.write_bytes(still * 400)
    damaged = tmp_path / "damaged.bin"
    damaged.write_bytes(still + still[:-40] + still)
    program = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from vcmpipe.decoding.decoder import decode_stream\n"
        "from vcmpipe.errors import BitstreamError\n"
        "pictures = decode_stream(Path(sys.argv[1]), threads=2)\n"
        "next(pictures)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "count = 1 + sum(1 for _ in pictures)\n"
        "print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
        "try:\n"
        "    list(decode_stream(Path(sys.argv[2])))\n"
        "except BitstreamError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path, damaged], capture_output=True, text=True, timeout=120)
    assert done.stderr == "", done.stderr
    first, second = done.stdout.splitlines()
    count, grown = (int(word) for word in first.split())
    # 400 pictures of 136x104 would be 17 MB; ru_maxrss counts kilobytes (bytes on macOS)
    assert count == 400 and (grown < 10_000 or sys.platform == "darwin")
    assert second == "refused"
