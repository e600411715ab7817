"""Streams by access unit."""

import pytest

from vcmpipe.bitstream import count_pictures, merge_regions, split_access_units
from vcmpipe.bitstream.nal import join_nal_units
from vcmpipe.bitstream.vvc.nal import NalType, make_nal, split_nal_units
from vcmpipe.errors import BitstreamError


def test_one_access_unit_per_picture(sample):
    for stream, pictures in (
        (sample.streams[0], 2),
        (sample.inter, 20),
        (merge_regions(sample.streams, sample.layout), 2),
    ):
        units = split_access_units(stream)
        assert count_pictures(stream) == len(units) == pictures
        assert [u.data for a in units for u in a.nal_units] == [u.data for u in split_nal_units(stream)]


def test_sizes_are_those_after_the_crop(sample):
    merged = merge_regions(sample.streams, sample.layout, display_size=(193, 130))
    assert {unit.picture_size for unit in split_access_units(merged)} == {(194, 130)}
    assert split_access_units(sample.inter)[7].picture_size == (96, 64)


def test_intra_pictures_are_marked(sample):
    assert [unit.is_a("idr") for unit in split_access_units(sample.streams[0])] == [True, True]
    irap = [unit.is_a("irap") for unit in split_access_units(sample.inter)]
    assert irap[0] and not all(irap)


def test_messages_go_with_the_picture_they_stand_at(sample):
    units = split_nal_units(merge_regions(sample.streams, sample.layout))
    suffix = make_nal(NalType.SUFFIX_SEI, b"\x84\x00\x80")
    first, second = split_access_units(join_nal_units([*units, suffix, make_nal(NalType.EOS, b"")]))
    assert [unit.type_name for unit in second.nal_units[-2:]] == ["SUFFIX_SEI", "EOS"]
    assert [unit.type_name for unit in first.nal_units[:2]] == ["SPS", "PPS"]


def test_an_unreadable_header_leaves_the_size_unknown(sample):
    units = split_nal_units(sample.streams[0])
    assert {unit.picture_size for unit in split_access_units(join_nal_units(units[1:4]))} == {None}


def test_no_picture(sample):
    headers = join_nal_units(split_nal_units(sample.streams[0])[:2])
    assert count_pictures(headers) == 0
    with pytest.raises(BitstreamError, match="no coded picture"):
        split_access_units(headers)
