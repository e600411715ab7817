"""Regions cut out into streams of their own."""

import pytest

from vcmpipe.bitstream import concatenate, extract_subpicture, inspect_stream, merge_regions
from vcmpipe.bitstream.nal import join_nal_units
from vcmpipe.bitstream.vvc.nal import NalType, make_nal, split_nal_units
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.pps import write_pps
from vcmpipe.errors import BitstreamError, InputError


@pytest.mark.parametrize("form", ["slices", "subpictures"])
def test_a_region_decodes_as_it_did_alone(form, sample, decode, same):
    merged = merge_regions(sample.streams, sample.layout, form=form)
    for index, own in enumerate(sample.own):
        cut = extract_subpicture(merged, index)
        assert len(cut) <= len(sample.streams[index])
        assert all(same(a, b) for a, b in zip(decode(cut), own, strict=True))
        info = inspect_stream(cut)
        assert not info.problems
        assert [picture.regions[0].qp for picture in info.pictures] == [sample.qps[index]] * 2


def test_the_crop_goes_with_the_region(sample, decode):
    merged = merge_regions(sample.streams, sample.layout, form="subpictures", display_size=(198, 134))
    assert [decode(extract_subpicture(merged, i))[0][0].shape for i in range(3)] == [(64, 64), (70, 64), (134, 134)]


def test_one_picture_of_several(sample, decode, same):
    merged = merge_regions(sample.streams, sample.layout, form="subpictures")
    joined = concatenate([sample.streams[1], merged])
    cut = decode(extract_subpicture(joined, 2, picture=3))
    assert len(cut) == 1 and same(cut[0], sample.own[2][1])


def test_the_only_region_is_the_picture(sample, decode, same):
    cut = decode(extract_subpicture(sample.streams[0], 0))
    assert all(same(a, b) for a, b in zip(cut, sample.own[0], strict=True))


@pytest.mark.parametrize(
    ("index", "picture", "message"),
    [
        (3, None, "there is no region 3"),
        (-1, None, "not -1"),
        (0, 2, "no picture 2, the stream has 2"),
        (9, 1, "picture 1 has 3"),
    ],
)
def test_what_is_not_there(sample, index, picture, message):
    with pytest.raises(InputError, match=message):
        extract_subpicture(merge_regions(sample.streams, sample.layout), index, picture=picture)


def test_regions_whose_borders_are_filtered_stay(sample):
    sets, units = ParameterSets(), []
    for unit in split_nal_units(merge_regions(sample.streams, sample.layout)):
        if unit.type == NalType.PPS:
            pps = sets.read(unit) | {"pps_loop_filter_across_slices_enabled_flag": 1}
            unit = make_nal(NalType.PPS, write_pps(pps))
        units.append(unit)
    with pytest.raises(BitstreamError, match="pps_loop_filter_across_slices_enabled_flag = 1"):
        extract_subpicture(join_nal_units(units), 0)


def test_a_truncated_stream(sample):
    merged = merge_regions(sample.streams, sample.layout, form="subpictures")
    units = split_nal_units(merged)
    with pytest.raises(BitstreamError, match="region 2 has 0 slices"):
        extract_subpicture(join_nal_units(units[:-1]), 2)
