"""Every structure is written as it was read, and read as FFmpeg reads it."""

import re
import subprocess
from dataclasses import replace

import imageio_ffmpeg
import pytest

from vcmpipe.bitstream import NalType, merge_regions, split_nal_units
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.picture_header import read_picture_header, write_picture_header
from vcmpipe.bitstream.vvc.pps import write_pps
from vcmpipe.bitstream.vvc.slice_header import read_slice, read_slice_header, write_slice
from vcmpipe.bitstream.vvc.sps import write_sps


def structures(stream):
    """(kind of structure, payload, payload written anew, fields) for all that a stream holds."""
    sets = ParameterSets()
    header = None
    for unit in split_nal_units(stream):
        payload = unit.payload()
        if unit.type == NalType.SPS:
            fields = sets.read(unit)
            yield "SPS", payload, write_sps(fields), fields
        elif unit.type == NalType.PPS:
            fields = sets.read(unit)
            yield "PPS", payload, write_pps(fields), fields
        elif unit.type == NalType.PH:
            header = read_picture_header(payload, sets)
            yield "PH", payload, write_picture_header(header, sets), header
        elif unit.is_slice:
            piece = read_slice(unit, sets, header)
            inside = piece.fields["sh_picture_header_in_slice_header_flag"]
            first = {"sh_picture_header_in_slice_header_flag": inside}
            fields = {**first, **(piece.picture_header if inside else {}), **piece.fields}
            yield "SH", payload, write_slice(piece, sets), fields


def ffmpeg_trace(stream, folder):
    """All header elements of a stream as FFmpeg's trace_headers filter reads them: lists of (name, value)."""
    path = folder / "traced.266"
    path.write_bytes(stream)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path), "-c", "copy"]
    command += ["-bsf:v", "trace_headers", "-f", "null", "-"]
    text = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stderr
    found = []
    for line in text[text.index("Packet:") :].splitlines():
        line = re.sub(r"^\[[^]]*\] ", "", line)
        element = re.match(r"(\d+) +(\S+) +[01]+ = (-?\d+)$", line)
        if element is None:
            if re.match(r"[A-Z]", line):
                found.append([])
        elif not re.search(r"zero_bit|byte_alignment|rbsp_|nuh_|nal_unit|alignment_bit|_equal_to_", element[2]):
            found[-1].append((re.sub(r"\[.*", "", element[2]), int(element[3])))
    return [elements for elements in found if elements and not elements[0][0].startswith(("aud_", "aps_"))]


def encoded_variants(encode, draw, sample):
    from vcmpipe.bitstream import Rect

    yield "intra", sample.streams[0]
    yield "random access", sample.inter
    yield "slices", merge_regions(sample.streams, sample.layout)
    yield "sub-pictures", merge_regions(sample.streams, sample.layout, form="subpictures")
    whole = Rect(0, 0, 72, 56)
    for ctu, preset, extra in ((32, "fast", ":Range=full"), (128, "medium", ":WaveFrontSynchro=1:JointCbCr=1")):
        yield f"{preset} {extra}", encode([draw(72, 56, 1)], [whole], [30], ctu=ctu, preset=preset, extra=extra)[0]
    pictures = [draw(136, 72, seed) for seed in range(3)]
    lists = "IntraPeriod=-1:PicReordering=0:DecodingRefreshType=none:GOPSize=8"
    yield "low delay, sliced", encode(pictures, [Rect(0, 0, 136, 72)], [30], ctu=64, gop=lists)[0]


@pytest.fixture(scope="module")
def variants(encode, draw, sample):
    return dict(encoded_variants(encode, draw, sample))


def test_structures_are_written_bit_identically(variants):
    seen = set()
    for name, stream in variants.items():
        for kind, payload, written, _ in structures(stream):
            assert written == payload, (name, kind)
            seen.add(kind)
    assert seen == {"SPS", "PPS", "PH", "SH"}


def test_elements_have_the_values_that_ffmpeg_reads(variants, tmp_path):
    for name, stream in variants.items():
        ours = [
            [(re.sub(r"\[.*", "", key), value) for key, value in fields.items() if key != "vui_payload_tail"]
            for _, _, _, fields in structures(stream)
            if fields
        ]
        theirs = ffmpeg_trace(stream, tmp_path)
        assert len(ours) == len(theirs) > 2, name
        for mine, other in zip(ours, theirs, strict=True):
            assert mine == other, name


@pytest.mark.parametrize("usual", [3, 8, 20, 512])
def test_a_header_is_the_same_read_without_its_slice(variants, usual, monkeypatch):
    monkeypatch.setattr("vcmpipe.bitstream.vvc.slice_header._USUAL", usual)
    for name, stream in variants.items():
        sets, header = ParameterSets(), None
        for unit in split_nal_units(stream):
            sets.read(unit)
            if unit.type == NalType.PH:
                header = read_picture_header(unit.payload(), sets)
            elif unit.is_slice:
                whole = read_slice(unit, sets, header)
                assert whole.data and read_slice_header(unit, sets, header) == replace(whole, data=b""), name
