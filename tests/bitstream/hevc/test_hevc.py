"""HEVC headers: what kvazaar, and x265 with inter pictures, wrote is counted, sized and described."""

from __future__ import annotations

from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe.bitstream import StreamJoiner, codec_of, count_pictures, inspect_stream, split_access_units
from vcmpipe.bitstream.hevc.nal import split_nal_units
from vcmpipe.bitstream.nal import join_nal_units
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.errors import BitstreamError
from vcmpipe.process import run

KVAZAAR = ("libkvazaar", "-kvazaar-params", "qp=30,period=1,gop=0,wpp=0,threads=0,owf=0,info=0,hash=none")
X265 = ("libx265", "-x265-params", "log-level=none:keyint=4:bframes=2:open-gop=0")


def code(folder: Path, size: tuple[int, int], frames: int, codec: tuple[str, ...], bsf: str = "null") -> bytes:
    width, height = size
    rng = np.random.default_rng(1)
    picture = rng.integers(40, 200, (height // 8, width // 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    raw = b"".join(np.roll(picture, n, 1).tobytes() + bytes([128]) * (width * height // 2) for n in range(frames))
    out = folder / "out.hevc"
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p"]
    argv += ["-s", f"{width}x{height}", "-i", "pipe:0", "-c:v", *codec, "-bsf:v", bsf, "-f", "hevc", str(out)]
    run(argv, timeout=60, input=raw)
    return out.read_bytes()


@pytest.fixture(scope="module")
def still(tmp_path_factory) -> bytes:
    colours = "colour_primaries=1:transfer_characteristics=1:matrix_coefficients=6:chroma_sample_loc_type=1"
    bsf = f"hevc_metadata=crop_right=2:crop_bottom=4:video_full_range_flag=1:{colours}"
    return code(tmp_path_factory.mktemp("hevc"), (136, 104), 1, KVAZAAR, bsf)


@pytest.fixture(scope="module")
def moving(tmp_path_factory) -> bytes:
    return code(tmp_path_factory.mktemp("hevc"), (96, 64), 10, X265)


def test_a_still_is_described(still: bytes) -> None:
    info = inspect_stream(still)
    assert (info.codec, codec_of(still), count_pictures(still), info.problems) == ("hevc", "hevc", 1, ())
    (picture,) = info.pictures
    assert (picture.width, picture.height, picture.display_width, picture.display_height) == (136, 104, 134, 100)
    assert (picture.ctu, picture.cu_qp_delta_possible, picture.bits) == (64, False, 8 * len(still))
    assert [region.qp for region in picture.regions] == [30]
    assert picture.vui is not None
    assert (picture.vui.matrix, picture.vui.full_range, picture.vui.chroma_siting) == (6, True, 1)


def test_inter_pictures_are_counted_and_decoded(moving: bytes) -> None:
    info = inspect_stream(moving)
    assert count_pictures(moving) == len(info.pictures) == 10
    assert sum(picture.bits for picture in info.pictures) == 8 * len(moving)
    assert [unit.picture_size for unit in split_access_units(moving)] == [(96, 64)] * 10
    decoded = list(decode_stream(moving))
    assert [picture.index for picture in decoded] == list(range(10))


def test_sizes_may_change_on_the_way(still: bytes, moving: bytes) -> None:
    assert [p.size for p in decode_stream(still + moving + still)] == [(134, 100), *[(96, 64)] * 10, (134, 100)]
    (picture,) = decode_stream(still)
    assert (picture.spec.matrix, picture.spec.range, picture.spec.siting) == ("bt601", "full", "centre")


def test_joined_streams_send_equal_parameter_sets_once(still: bytes, moving: bytes) -> None:
    joiner = StreamJoiner("hevc")
    joined = joiner.add(still) + joiner.add(still)
    assert count_pictures(joined) == 2 and len(joined) < 2 * len(still)
    assert [unit.type_name for unit in split_nal_units(joined)].count("SPS") == 1
    assert len(list(decode_stream(joined))) == 2
    headless = join_nal_units([unit for group in split_access_units(moving)[1:] for unit in group.nal_units])
    with pytest.raises(BitstreamError, match="stream 2 of the joined ones: its first picture is TRAIL"):
        joiner.add(b"\0\0\0\1\x46\x01\x10" + headless)
    with pytest.raises(BitstreamError, match="not HEVC"):
        joiner.add(b"\0\0\0\1\x00\x79\x00")
    with pytest.raises(BitstreamError):
        StreamJoiner("vvc").add(still)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\0\0\0\1\x40\x01\x0c", "hevc"),
        (b"\0\0\1\x46\x01\x10", "hevc"),
        (b"\0\0\0\1\x00\x79\x00", "vvc"),
        (b"\0\0\0\1\x67\x42\x00", "vvc"),  # H.264's SPS: neither, and VVC's reader says so
        (b"\0\0\0\1\x09\x10\x00", "vvc"),
        (b"x\0\0\0\1\x40\x01", "vvc"),
        (b"", "vvc"),
    ],
)
def test_the_codec_is_recognised(data: bytes, expected: str) -> None:
    assert codec_of(data) == expected


def test_a_picture_hash_shows_damage(tmp_path: Path) -> None:
    codec = (KVAZAAR[0], KVAZAAR[1], KVAZAAR[2].replace("hash=none", "hash=md5"))
    stream = bytearray(code(tmp_path, (136, 104), 1, codec))
    assert len(list(decode_stream(bytes(stream)))) == 1
    stream[len(stream) // 2] ^= 8
    with pytest.raises(BitstreamError, match="damaged"):
        list(decode_stream(bytes(stream)))


def test_damaged_headers_end_in_pictures_or_one_error(still: bytes, moving: bytes) -> None:
    rng = np.random.default_rng(3)
    headers = sum(len(unit.data) + unit.framing for unit in split_nal_units(still) if not unit.is_slice)
    for stream in (still, moving):
        for _ in range(150):
            damaged = bytearray(stream)
            for _ in range(2):
                damaged[int(rng.integers(0, headers + 20))] ^= 1 << int(rng.integers(0, 8))
            for look in (inspect_stream, count_pictures):
                try:
                    look(bytes(damaged))
                except BitstreamError as error:
                    assert str(error).isprintable()
