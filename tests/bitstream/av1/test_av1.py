"""AV1 streams are split, described as FFmpeg describes them, joined, packed and told how they are to be shown."""

from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import pytest

from vcmpipe.bitstream import (
    CODECS,
    RegionLayout,
    StreamJoiner,
    Vui,
    codec_of,
    count_pictures,
    inspect_stream,
    merge_regions,
    split_access_units,
    with_presentation,
)
from vcmpipe.bitstream.av1 import to_low_overhead
from vcmpipe.bitstream.av1.frame_header import FrameReader
from vcmpipe.bitstream.av1.obu import DELIMITER, SEQUENCE_HEADER, TEMPORAL_DELIMITER, split_obus
from vcmpipe.bitstream.av1.sequence_header import read_sequence_header
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import Capabilities
from vcmpipe.errors import BitstreamError, InputError

FRAMES = 9
COLOUR = Vui(9, 16, 9, False, 2)


def samples(data: bytes) -> list[bytes]:
    return [picture.yuv.y.tobytes() + picture.yuv.u.tobytes() for picture in decode_stream(data)]


def traced(stream: bytes, folder: Path) -> list[tuple[str, int]]:
    """All header elements of a stream as FFmpeg's trace_headers filter reads them."""
    path = folder / "traced.obu"
    path.write_bytes(stream)
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path), "-c", "copy"]
    argv += ["-bsf:v", "trace_headers", "-f", "null", "-"]
    text = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stderr
    # Before the first packet stands what extradata holds, the sequence header once more.
    elements = re.findall(r"\] \d+ +(\S+) +[01]+ = (-?\d+)$", text[text.index("Packet:") :], re.MULTILINE)
    return [(name, int(value)) for name, value in elements]


def test_streams_are_split_and_described(stream: bytes) -> None:
    assert codec_of(stream) == "av1" and count_pictures(stream) == FRAMES
    assert b"".join(unit.data for unit in split_obus(stream)) == stream
    units = split_access_units(stream)
    assert b"".join(unit.data for unit in units) == stream
    assert [unit.picture_size for unit in units] == [(146, 130)] * FRAMES
    info = inspect_stream(stream)
    assert (info.codec, info.problems, len(info.pictures)) == ("av1", (), FRAMES)
    assert sum(picture.bits for picture in info.pictures) == 8 * len(stream)
    assert info.nal_units["TEMPORAL_DELIMITER"] == FRAMES
    first = info.pictures[0]
    assert (first.width, first.height, first.nal_type, first.slice_types) == (152, 136, "KEY_FRAME", "I")
    assert units[0].is_a("idr") and units[0].is_a("irap") and not units[0].is_a("cra")
    decoded = list(decode_stream(stream))
    assert [picture.size for picture in decoded] == [(146, 130)] * FRAMES


def test_headers_are_read_as_ffmpeg_reads_them(stream: bytes, tmp_path: Path) -> None:
    theirs = traced(stream, tmp_path)
    reader = FrameReader()
    frames = [frame for unit in split_obus(stream) if (frame := reader.read(unit)) is not None]
    coded = [frame for frame in frames if not frame.existing]
    assert [frame.index for frame in coded] == [value for name, value in theirs if name == "base_q_idx"]
    deltas = [value for name, value in theirs if name == "delta_q_present"]
    assert len(deltas) == len(coded) and all(frame.deltas for frame, one in zip(coded, deltas, strict=True) if one)
    existing = sum(value for name, value in theirs if name == "show_existing_frame")
    assert sum(frame.existing for frame in frames) == existing and sum(frame.shown for frame in frames) == FRAMES
    own = read_sequence_header(next(unit.payload for unit in split_obus(stream) if unit.type == SEQUENCE_HEADER))
    place = next(number for number, (name, _) in enumerate(theirs) if name == "seq_profile")
    for number, (name, value) in enumerate(own.items()):
        assert theirs[place + number] == (name, value)


def test_hidden_frames_belong_to_the_picture_that_is_shown_next(hidden: bytes) -> None:
    kinds = [[unit.type_name for unit in unit.obus] for unit in split_access_units(hidden)]
    assert kinds[0][:3] == ["TEMPORAL_DELIMITER", "SEQUENCE_HEADER", "FRAME"]
    assert any(each.count("FRAME") > 1 for each in kinds), "the encoder hid no frame"
    assert ["TEMPORAL_DELIMITER", "FRAME_HEADER"] in kinds, "no frame is shown later"
    pictures = inspect_stream(hidden).pictures
    assert pictures[0].regions[0].qp < pictures[1].regions[0].qp
    assert [picture.slice_types for picture in pictures] == ["I"] + ["P"] * (FRAMES - 1)


def test_quantizers_of_their_own_are_seen(streams: dict[str, bytes]) -> None:
    for kind, possible in (("libaom, quantizers by segment", True), ("SVT-AV1, hidden frames", False)):
        pictures = inspect_stream(streams[kind]).pictures
        assert any(picture.cu_qp_delta_possible for picture in pictures) is possible


@pytest.mark.parametrize("rate", [Fraction(25), Fraction(30000, 1001), Fraction(1, 2)])
def test_rate_and_colour_are_stated_and_nothing_else_changes(stream: bytes, rate: Fraction) -> None:
    stated = with_presentation(stream, rate=rate, vui=COLOUR)
    info = inspect_stream(stated)
    # Headers of stills alone have no place for a rate.
    alone = info.parameter_sets[0].elements["reduced_still_picture_header"]
    assert info.rate == (None if alone else rate)
    assert {picture.vui for picture in info.pictures} == {COLOUR}
    others = [unit.data for unit in split_obus(stream) if unit.type != SEQUENCE_HEADER]
    assert [unit.data for unit in split_obus(stated) if unit.type != SEQUENCE_HEADER] == others
    assert samples(stated) == samples(stream)
    assert with_presentation(stated, rate=rate, vui=COLOUR) == stated


def test_the_colour_is_read_as_the_decoder_reads_it(stream: bytes) -> None:
    stated = with_presentation(stream, rate=None, vui=replace(COLOUR, full_range=True))
    spec = next(decode_stream(stated)).spec
    assert (spec.matrix, spec.range, spec.siting, spec.primaries) == ("bt2020", "full", "topleft", 9)
    with av.open(io.BytesIO(stated), format="obu") as file:
        frame = next(file.decode(video=0))
        assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (9, 16, 9, 2)


def test_what_is_not_asked_for_stays(hidden: bytes) -> None:
    assert with_presentation(hidden, rate=None) == hidden
    # No code says that chroma lies between four luma samples.
    centre = with_presentation(hidden, rate=None, vui=replace(COLOUR, chroma_siting=1))
    assert {picture.vui for picture in inspect_stream(centre).pictures} == {replace(COLOUR, chroma_siting=None)}


def test_joined_streams_decode_to_their_own_frames(streams: dict[str, bytes]) -> None:
    joiner = StreamJoiner("av1")
    parts = [streams[kind] for kind in ("SVT-AV1, hidden frames", "SVT-AV1, all intra", "libaom, tiles")]
    joined = b"".join([joiner.add(part) for part in parts])
    assert samples(joined) == [frame for part in parts for frame in samples(part)]
    headless = b"".join(unit.data for unit in split_access_units(parts[0])[1:])
    with pytest.raises(BitstreamError, match="stream 3 of the joined ones: it begins with no sequence header"):
        joiner.add(headless)


def test_containers_give_the_stream_back(hidden: bytes) -> None:
    packets = [unit.data.removeprefix(DELIMITER) for unit in split_access_units(hidden)]
    assert to_low_overhead(b"", packets) == hidden
    header = next(unit.data for unit in split_obus(hidden) if unit.type == SEQUENCE_HEADER)
    without = [packets[0].removeprefix(header), *packets[1:]]
    assert to_low_overhead(b"\x81\0\0\0" + header, without) == hidden
    with pytest.raises(BitstreamError, match="av1C: the decoder configuration record is missing"):
        to_low_overhead(b"", without)
    with pytest.raises(BitstreamError, match=r"packet 1: OBU \d+ at byte \d+: the data ends"):
        to_low_overhead(b"", [packets[0], packets[1][:-1]])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the bitstream is empty"),
        (DELIMITER, "no picture"),
        (DELIMITER + b"\x93", "a bit of its header is 1"),
        (DELIMITER + b"\x30", "it states no size"),
        (DELIMITER + b"\x32" + b"\x80" * 8 + b"\0", "more than 32 bits"),
        (DELIMITER + b"\x32\5ab", "the data ends in an OBU"),
        (DELIMITER + b"\x32\1\0", "no sequence header comes before it"),
    ],
)
def test_what_is_no_stream_is_refused_in_one_line(data: bytes, message: str) -> None:
    with pytest.raises(BitstreamError, match=message) as caught:
        CODECS["av1"].inspect(data)
    assert "\n" not in str(caught.value)


def test_layers_are_not_read(hidden: bytes) -> None:
    # The same OBUs with an extension that names spatial layer 1.
    layered = b"".join(
        bytes((unit.data[0] | 4, 1 << 3)) + unit.data[1:] if unit.type != TEMPORAL_DELIMITER else unit.data
        for unit in split_obus(hidden)
    )
    with pytest.raises(BitstreamError, match="spatial layers are not read"):
        inspect_stream(layered)


def test_no_regions(hidden: bytes) -> None:
    with pytest.raises(InputError, match="an encoder of av1 cannot have regions"):
        Capabilities("av1", (0, 63), native_map=False, regions=True)
    with pytest.raises(BitstreamError, match="not an elementary stream of VVC"):
        merge_regions([hidden], RegionLayout.single(152, 136, 64))
