"""HEVC slice headers: kind, order and QP of every picture, against FFmpeg's decoder and its own reading of headers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe.bitstream import CODECS, inspect_stream
from vcmpipe.bitstream.bits import BitReader, Fields
from vcmpipe.bitstream.hevc.parameter_sets import reference_set, st_ref_pic_set
from vcmpipe.errors import BitstreamError
from vcmpipe.process import run

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
SIZE, FRAMES = (256, 192), 20
KVAZAAR = ("libkvazaar", "-kvazaar-params")
X265 = ("libx265", "-x265-params")
STREAMS = {
    "intra": (*KVAZAAR, "qp=32,period=1,gop=0"),
    "random access": (*KVAZAAR, "qp=32,period=8,gop=8"),
    "low delay": (*KVAZAAR, "qp=32,period=8,gop=lp-g4d3t1"),
    "four references": (*KVAZAAR, "qp=32,period=64,gop=0,ref=4"),
    "tiles as slices": (*KVAZAAR, "qp=32,period=8,gop=0,tiles=2x2,slices=tiles"),
    "dependent slices": (*KVAZAAR, "qp=32,period=8,gop=0,slices=wpp"),
    "open groups": (*X265, "log-level=none:keyint=8:bframes=3:open-gop=1:qp=30"),
    "weights and long groups": (
        *X265,
        "log-level=none:keyint=30:bframes=4:weightb=1:weightp=2:ref=4:crf=25:cbqpoffs=3",
    ),
}


@pytest.fixture(scope="module", params=STREAMS.values(), ids=STREAMS)
def stream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    width, height = SIZE
    texture = np.random.default_rng(1).integers(40, 200, (height // 8, width // 8), dtype=np.uint8)
    picture = texture.repeat(8, 0).repeat(8, 1)
    # It moves and fades, so that references are weighted.
    lumas = [(np.roll(picture, 2 * n, 1) * (1 - n / 40)).astype(np.uint8).tobytes() for n in range(FRAMES)]
    out = tmp_path_factory.mktemp("hevc") / "out.hevc"
    argv = [FFMPEG, "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}"]
    argv += ["-i", "pipe:0", "-c:v", *request.param, "-f", "hevc", str(out)]
    run(argv, timeout=60, input=b"".join(luma + bytes([128]) * (width * height // 2) for luma in lumas))
    return out


def test_kind_and_order_are_those_that_the_decoder_shows(stream: Path) -> None:
    data = stream.read_bytes()
    info = inspect_stream(data)
    assert info.problems == () and len(info.pictures) == FRAMES
    sequences = np.cumsum([picture.nal_type.startswith("IDR") for picture in info.pictures])
    order = sorted(range(FRAMES), key=lambda n: (sequences[n], info.pictures[n].poc))
    codec = av.CodecContext.create("hevc", "r")
    codec.thread_count = 1
    shown = []
    for number, unit in enumerate(CODECS["hevc"].split(data)):
        packet = av.Packet(unit.data)
        packet.pts = number
        shown += codec.decode(packet)
    shown += codec.decode(None)
    assert [frame.pts for frame in shown] == order
    assert [av.video.frame.PictureType(frame.pict_type).name for frame in shown] == [
        info.pictures[n].slice_types for n in order
    ]


def test_qps_are_those_that_ffmpeg_reads(stream: Path) -> None:
    argv = [FFMPEG, "-i", str(stream), "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]
    trace = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stderr
    elements = "first_slice_segment_in_pic_flag|init_qp_minus26|slice_qp_delta|pps_cb_qp_offset|slice_cb_qp_offset"
    expected: list[list[tuple[int, int]]] = []
    last = dict.fromkeys(elements.split("|"), 0)
    for name, value in re.findall(rf" ({elements}) .* = (-?\d+)", trace):
        last[name] = int(value)
        if name == "first_slice_segment_in_pic_flag" and last[name]:
            expected.append([])
        elif name == "slice_qp_delta":
            expected[-1].append((26 + last["init_qp_minus26"] + last[name], last["pps_cb_qp_offset"]))
        elif name == "slice_cb_qp_offset":
            qp, offset = expected[-1].pop()
            expected[-1].append((qp, offset + last[name]))
    pictures = inspect_stream(stream.read_bytes()).pictures
    # Regions are told of pictures that are one slice segment; dependent ones have no QP of their own.
    found = [[(region.qp, region.chroma_qp_offsets[0]) for region in picture.regions] for picture in pictures]
    segments = trace.count(" first_slice_segment_in_pic_flag ")
    assert found == (expected if segments == FRAMES else [[]] * FRAMES) and len(expected) == FRAMES


def read_set(bits: str, index: int, count: int, known: Fields) -> list[tuple[int, int]]:
    reader = BitReader(int(bits.ljust(16, "0"), 2).to_bytes(2, "big"), "SPS")
    st_ref_pic_set(reader, index, count, known)
    return reference_set(reader.fields, index)


def test_a_reference_set_is_predicted_from_another() -> None:
    known = {"NumDeltaPocs[0]": 3}
    for j, (delta, used) in enumerate([(-1, 1), (-3, 0), (2, 1)]):
        known |= {f"DeltaPoc[0][{j}]": delta, f"UsedByCurrPic[0][{j}]": used}
    # Prediction, delta -1, then used_by_curr_pic_flag (and use_delta_flag) of -1, -3, 2 and of the set's own picture.
    assert read_set("1" + "1" + "1" + "1" + "01" + "1" + "1", 1, 2, known) == [(-1, 1), (-2, 1), (-4, 0), (1, 1)]
    # Delta 1: what falls on the picture itself is no reference.
    assert read_set("1" + "0" + "1" + "1" + "00" + "1" + "00", 1, 2, known) == [(3, 1)]
    with pytest.raises(BitstreamError, match="no such set"):
        reference_set(known, 1)
