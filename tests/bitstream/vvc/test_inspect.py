"""What a stream says about itself."""

import dataclasses
import json

import pytest

from vcmpipe.bitstream import Rect, ctu_qps, inspect_stream, merge_regions
from vcmpipe.bitstream.nal import join_nal_units
from vcmpipe.bitstream.vvc.nal import NalType, make_nal, split_nal_units
from vcmpipe.errors import BitstreamError


@pytest.mark.parametrize("form", ["slices", "subpictures"])
def test_regions_of_a_merged_stream(form, sample):
    merged = merge_regions(sample.streams, sample.layout, form=form)
    info = inspect_stream(merged)
    assert not info.problems
    assert len(info.pictures) == 2
    assert sum(picture.bits for picture in info.pictures) == 8 * len(merged)
    slices = [unit for unit in split_nal_units(merged) if unit.is_slice]
    for number, picture in enumerate(info.pictures):
        assert (picture.width, picture.height, picture.ctu) == (200, 136, 64)
        assert [region.rect for region in picture.regions] == [
            Rect(0, 0, 64, 64),
            Rect(0, 64, 64, 72),
            Rect(64, 0, 136, 136),
        ]
        assert [region.qp for region in picture.regions] == list(sample.qps)
        assert [region.bits for region in picture.regions] == [8 * len(u.data) for u in slices[3 * number :][:3]]
        assert [region.subpic_id for region in picture.regions] == ([0, 1, 2] if form == "subpictures" else [None] * 3)
        assert not picture.cu_qp_delta_possible and not picture.chroma_qp_delta_possible
        assert ctu_qps(picture) == [[24, 41, 41, 41], [33, 41, 41, 41], [33, 41, 41, 41]]


def test_a_parameter_set_that_replaces_that_of_the_picture_before(sample, encode, draw):
    merged = merge_regions(sample.streams, sample.layout)
    (whole,) = encode([draw(200, 136, 1)], [Rect(0, 0, 200, 136)], [30], ctu=64)
    (other,) = [unit for unit in split_nal_units(whole) if unit.type == NalType.PPS]
    info = inspect_stream(merged + b"\0\0\0\1" + other.data)
    assert "picture 1: 3 slices of 1 (truncated or damaged stream)" in info.problems
    assert [len(picture.regions) for picture in info.pictures] == [3, 1]


def test_an_ordinary_random_access_stream(sample):
    info = inspect_stream(sample.inter)
    assert not info.problems
    assert len(info.pictures) == 20
    assert {picture.slice_types for picture in info.pictures} >= {"I", "B"}
    first = min(picture.poc for picture in info.pictures)
    assert sorted(picture.poc for picture in info.pictures) == list(range(first, first + 20))
    assert all(len(picture.regions) == 1 for picture in info.pictures)
    assert all(picture.cu_qp_delta_possible for picture in info.pictures)  # perceptual adaptation is on by default
    assert info.nal_units["SPS"] >= 1
    assert {s.kind for s in info.parameter_sets} == {"SPS", "PPS"}


def test_json_can_hold_it(sample):
    info = inspect_stream(merge_regions(sample.streams, sample.layout))
    loaded = json.loads(json.dumps(dataclasses.asdict(info), default=str))
    assert loaded["pictures"][1]["regions"][2]["rect"] == {"x": 64, "y": 0, "width": 136, "height": 136}


@pytest.mark.parametrize("qp", [2, 3, 11, 26, 51, 62, 63])
def test_the_qp_asked_for_is_the_qp_signalled(qp, encode, draw):
    smooth = tuple(plane // 8 + 400 for plane in draw(64, 64, 1))
    (stream,) = encode([smooth], [Rect(0, 0, 64, 64)], [qp], ctu=64)
    assert inspect_stream(stream).pictures[0].regions[0].qp == qp


def test_a_missing_slice_is_said(sample):
    merged = merge_regions(sample.streams, sample.layout)
    info = inspect_stream(join_nal_units(split_nal_units(merged)[:-1]))
    assert info.problems == ("picture 1: 2 slices of 3 (truncated or damaged stream)",)


def test_a_cut_is_said_unless_it_lies_in_the_data_of_a_pictures_last_slice(sample):
    merged = merge_regions(sample.streams, sample.layout)
    begins = [0]
    for unit in split_nal_units(merged):
        begins.append(begins[-1] + unit.framing + len(unit.data))
    second = begins[-7]  # an APS may stand before the picture header and the three slices of the second picture
    for place in (*range(1, 150), *range(150, len(merged), 29), *range(second - 20, second + 60)):
        cut = merged[:place]
        try:
            reported = bool(inspect_stream(cut).problems)
        except BitstreamError:
            reported = True
        if not reported:
            units = split_nal_units(cut)
            assert units[-1].is_slice and sum(unit.is_slice for unit in units) % 3 == 0, place


def test_what_cannot_be_read_is_said_and_the_rest_goes_on(sample):
    units = split_nal_units(sample.streams[0])
    broken = make_nal(NalType.PPS, b"\x08\x00\x00\x00\x00\x00\x01")
    info = inspect_stream(join_nal_units([*units, broken, make_nal(NalType.PH, b"\xff\xff"), *units]))
    assert len(info.pictures) == 4
    assert any("PPS: pps_" in problem for problem in info.problems)
    assert all(picture.regions for picture in info.pictures)


def test_other_layers_are_said_to_be_left_out(sample):
    units = split_nal_units(sample.streams[0])
    layered = dataclasses.replace(units[-1], data=b"\x01" + units[-1].data[1:])
    info = inspect_stream(join_nal_units([*units, layered]))
    assert any("nuh_layer_id = 1" in problem for problem in info.problems)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "start code"),
        (b"\x89PNG\r\n\x1a\n", "start code"),
        (b"\0\0\0\1\x40\x01\x0c\x01\xff\xff\x01\x60", "HEVC"),
        (b"\0\0\0\1\x67\x64\x00\x1f", "H.264"),
        (b"\0\0\0\1\x00\x79" + b"\xa5" * 40, "no picture of the stream could be read"),
        (b"\0\0\0\1\x00\x09\x10", "no picture of the stream could be read"),
    ],
)
def test_what_is_no_vvc(data, message):
    with pytest.raises(BitstreamError, match=message) as caught:
        inspect_stream(data)
    assert "\n" not in str(caught.value)
