"""Segments coded apart, with inter pictures, one behind the other: they decode to the frames of each by itself."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from vcmpipe.bitstream import CODECS, StreamJoiner, codec_of, inspect_stream, split_access_units
from vcmpipe.bitstream.vvc import split_nal_units
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.slice_header import read_slice
from vcmpipe.process import run

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SAME = "POC0IDR=1:GOPQPA=0:MCTF=0:BIM=0:STA=0:accessunitdelimiter=0"
STRUCTURES = {
    "ra": f"IntraPeriod=-1:GOPSize=16:DecodingRefreshType=idr:{SAME}",
    "ld": f"IntraPeriod=-1:PicReordering=0:DecodingRefreshType=none:GOPSize=8:{SAME}",
}
# (structure, frames, QP, size)
A, B = ("ra", 17, 37, "112x64"), ("ra", 17, 27, "112x64")
LOW_DELAY, SMALL = ("ld", 17, 37, "112x64"), ("ra", 9, 37, "64x64")
JOINED = {
    "lengths": [("ra", frames, 37, "112x64") for frames in (17, 33, 1, 2, 17)],
    "low delay": [("ld", frames, 37, "112x64") for frames in (17, 1, 2)],
    "another QP and back": [A, B, A],
    "another size and back": [SMALL, A, A, SMALL],
    "another structure and back": [A, LOW_DELAY, LOW_DELAY, A],
}
Segment = tuple[str, int, int, str]


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Segment], bytes]:
    folder = tmp_path_factory.mktemp("segments")
    known: dict[tuple[str, Segment], bytes] = {}

    def code(codec: str, segment: Segment) -> bytes:
        structure, frames, qp, size = segment
        out = folder / "out.bin"
        argv = [
            FFMPEG,
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            f"testsrc2=size={size}:rate=25,noise=alls=24:all_seed=1:allf=t",
        ]
        argv += ["-frames:v", str(frames), "-f", codec, "-c:v"]
        if codec == "vvc":
            argv += ["libvvenc", "-pix_fmt", "yuv420p10le", "-preset", "faster", "-qpa", "0", "-qp", str(qp)]
            argv += ["-vvenc-params", STRUCTURES[structure]]
        else:
            gop = "gop=16,open-gop=0" if structure == "ra" else "gop=lp-g4d3t1"
            argv += ["libkvazaar", "-pix_fmt", "yuv420p", "-kvazaar-params"]
            argv.append(f"preset=ultrafast,qp={qp},period=64,{gop},info=0,hash=none")
        if (codec, segment) not in known:
            run([*argv, str(out)], timeout=60)
            known[codec, segment] = out.read_bytes()
        return known[codec, segment]

    return code


def by_the_library(data: bytes) -> list[str]:
    codec = av.CodecContext.create(codec_of(data), "r")
    codec.thread_count = 1
    frames = [frame for unit in split_access_units(data) for frame in codec.decode(av.Packet(unit.data))]
    return [hashlib.md5(f.to_ndarray().tobytes()).hexdigest() for f in [*frames, *codec.decode(None)]]


def by_the_program(data: bytes, folder: Path) -> list[str]:
    path = folder / f"in{CODECS[codec_of(data)].endings[0]}"
    path.write_bytes(data)
    # Frames of another size are not scaled to the first one's.
    argv = [FFMPEG, "-v", "error", "-i", str(path), "-fps_mode", "passthrough", "-noautoscale", "-f", "framemd5", "-"]
    lines = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("segments", JOINED.values(), ids=JOINED)
@pytest.mark.parametrize("codec", ["vvc", "hevc"])
def test_joined_segments_decode_to_their_own_frames(codec, segments, coded, tmp_path: Path) -> None:
    parts = [coded(codec, segment) for segment in segments]
    joiner = StreamJoiner(codec)
    joined = b"".join([joiner.add(part) for part in parts])
    expected = [frame for part in parts for frame in by_the_library(part)]
    assert len(expected) == sum(frames for _, frames, _, _ in segments)
    assert by_the_library(joined) == by_the_program(joined, tmp_path) == expected
    info = inspect_stream(joined)
    assert info.problems == ()
    starts = [picture for picture in info.pictures if picture.nal_type.startswith("IDR")]
    assert [picture.poc for picture in starts] == [0] * len(parts)


@pytest.mark.parametrize(("codec", "kinds"), [("vvc", ["SPS", "PPS"]), ("hevc", ["SPS", "PPS"])])
def test_parameter_sets_are_sent_where_they_change(codec, kinds, coded) -> None:
    def sent(segments: list[Segment]) -> list[str]:
        joiner = StreamJoiner(codec)
        joined = b"".join([joiner.add(coded(codec, segment)) for segment in segments])
        return [u.type_name for unit in CODECS[codec].group(joined) for u in unit if u.type_name in kinds]

    assert sent([A, A, A]) == kinds
    assert sent([SMALL, A, A, SMALL]) == kinds * 3


def test_no_alf_of_another_segment_is_used(coded) -> None:
    joiner = StreamJoiner("vvc")
    joined = b"".join([joiner.add(coded("vvc", segment)) for segment in (A, B, LOW_DELAY, A)])
    sets, used = ParameterSets(), 0
    known: set[int] = set()  # since the last IDR picture, and with what is sent in front of it
    sent: set[int] = set()
    for unit in split_nal_units(joined):
        sets.read(unit)
        if unit.type_name == "PREFIX_APS":
            sent.add(unit.payload()[0])
        elif unit.is_slice:
            known = sent if unit.type_name.startswith("IDR") else known | sent
            fields = read_slice(unit, sets, None).fields
            own = {value for name, value in fields.items() if name.startswith("sh_alf") and "aps_id" in name}
            assert own <= known
            used, sent = used + len(own), set()
    assert used
