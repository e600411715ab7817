"""Merged streams decode to the samples of their regions' own streams."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from vcmpipe.bitstream import RegionLayout, extract_subpicture, inspect_stream, merge_regions, split_nal_units
from vcmpipe.errors import InputError


def _parts(draw, whole, most):
    count = draw(st.integers(1, min(whole, most)))
    cuts = sorted(draw(st.sets(st.integers(1, whole - 1), min_size=count - 1, max_size=count - 1))) if count > 1 else []
    return tuple(b - a for a, b in zip([0, *cuts], [*cuts, whole], strict=True))


@st.composite
def coded_layouts(draw):
    """(layout, display size, QP per region, ALF per region, seed)."""
    ctu = draw(st.sampled_from((32, 64, 128)))
    width, height = draw(st.integers(ctu + 1, 320)), draw(st.integers(16, 256))
    coded = -(-width // 8) * 8, -(-height // 8) * 8
    columns = _parts(draw, -(-coded[0] // ctu), 4)
    rows = _parts(draw, -(-coded[1] // ctu), 2)
    bands = tuple(_parts(draw, rows[tile // len(columns)], 4) for tile in range(len(columns) * len(rows)))
    try:
        layout = RegionLayout(*coded, ctu, columns, rows, bands)
    except InputError:
        assume(False)
    regions = layout.regions()
    # FFmpeg gives libvvenc a buffer of one byte per sample: tiny regions of many bits do not fit into it.
    assume(2 <= len(regions) <= 12)
    qps = [draw(st.integers(20 if r.width * r.height >= 1024 else 40, 55)) for r in regions]
    assume(len(set(qps)) > 1)
    alf = [draw(st.booleans()) and sum(1 for _ in regions[:i]) < 8 for i in range(len(regions))]
    return layout, (width, height), qps, alf, draw(st.integers(0, 9999))


@settings(max_examples=32, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(coded_layouts())
def test_every_region_equals_its_own_stream(encode, decode, draw, crop, same, coded):
    layout, display, qps, alf, seed = coded
    regions = layout.regions()
    streams = encode([draw(layout.width, layout.height, seed)], regions, qps, ctu=layout.ctu, alf=alf)
    own = [decode(stream)[0] for stream in streams]
    for form in ("slices", "subpictures"):
        merged = merge_regions(streams, layout, form=form)
        (picture,) = decode(merged)
        for region, alone in zip(regions, own, strict=True):
            assert same(crop(picture, region), alone), (form, region)
        info = inspect_stream(merged)
        assert not info.problems
        assert [r.rect for r in info.pictures[0].regions] == list(regions)
        assert [r.qp for r in info.pictures[0].regions] == qps
        chosen = seed % len(regions)
        assert same(decode(extract_subpicture(merged, chosen))[0], own[chosen])
    shown = decode(merge_regions(streams, layout, display_size=display))[0][0].shape
    assert shown == (display[1] + display[1] % 2, display[0] + display[0] % 2)


def test_several_pictures_keep_their_parameter_sets(sample, decode, crop, same):
    merged = merge_regions(sample.streams, sample.layout)
    assert [unit.type_name for unit in split_nal_units(merged) if unit.type_name in ("SPS", "PPS")] == ["SPS", "PPS"]
    pictures = decode(merged)
    assert len(pictures) == 2
    for number, picture in enumerate(pictures):
        for region, own in zip(sample.layout.regions(), sample.own, strict=True):
            assert same(crop(picture, region), own[number])


def test_one_region_is_copied_but_for_its_sps(sample):
    region = sample.layout.regions()[2]
    stream = sample.streams[2]
    merged = merge_regions([stream], RegionLayout.single(region.width, region.height, 64))
    assert [unit.data for unit in split_nal_units(merged)] == [
        unit.data for i, unit in enumerate(split_nal_units(stream)) if unit.type_name not in ("SPS", "PPS") or i < 2
    ]
    assert inspect_stream(merged).pictures[0].regions[0].rect.width == region.width


def test_the_level_rises_with_the_picture(sample):
    merged = merge_regions(sample.streams, sample.layout)
    levels = [
        max(s.elements["general_level_idc"] for s in inspect_stream(stream).parameter_sets if s.kind == "SPS")
        for stream in (*sample.streams, merged)
    ]
    assert levels[-1] == 48 and max(levels[:-1]) < 48  # two tile columns need level 3


@pytest.mark.parametrize("form", ["slices", "subpictures"])
def test_inter_streams_merge_as_subpictures_only(form, encode, decode, draw, crop, same):
    layout = RegionLayout(136, 72, 32, (2, 3), (3,), ((3,), (1, 2)))
    pictures = [draw(136, 72, 1), *[draw(136, 72, 1) for _ in range(8)]]
    gop = "IntraPeriod=16:GOPSize=16:DecodingRefreshType=cra"
    streams = encode(pictures, layout.regions(), [30, 37, 33], ctu=32, gop=gop)
    if form == "slices":
        with pytest.raises(InputError, match="ph_inter_slice_allowed_flag"):
            merge_regions(streams, layout, form=form)
        return
    merged = merge_regions(streams, layout, form=form)
    decoded = decode(merged)
    assert len(decoded) == 9
    for index, region in enumerate(layout.regions()):
        alone = decode(streams[index])
        cut = decode(extract_subpicture(merged, index))
        for picture, own, extracted in zip(decoded, alone, cut, strict=True):
            assert same(crop(picture, region), own) and same(extracted, own)
