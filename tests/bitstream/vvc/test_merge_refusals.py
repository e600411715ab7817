"""What cannot be merged is refused, and the message names the element."""

import pytest

from vcmpipe.bitstream import RegionLayout, concatenate, merge_regions, split_nal_units
from vcmpipe.bitstream.nal import join_nal_units
from vcmpipe.bitstream.vvc.access_units import split_access_units
from vcmpipe.bitstream.vvc.nal import NalType, make_nal
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.pps import write_pps
from vcmpipe.bitstream.vvc.slice_header import read_slice, write_slice
from vcmpipe.bitstream.vvc.sps import write_sps
from vcmpipe.errors import BitstreamError, InputError


def rewritten(stream, **changes):
    """A stream with changed SPS, PPS or picture header elements."""
    sets, units = ParameterSets(), []
    for unit in split_nal_units(stream):
        if unit.type in (NalType.SPS, NalType.PPS):
            write = write_sps if unit.type == NalType.SPS else write_pps
            fields = dict(sets.read(unit))
            fields |= {name: value for name, value in changes.items() if name in fields}
            unit = make_nal(unit.type, write(fields))
            sets.read(unit)
        elif unit.is_slice and any(name.startswith("ph_") for name in changes):
            piece = read_slice(unit, sets, None)
            piece.picture_header |= changes
            unit = make_nal(unit.type, write_slice(piece, sets), unit.temporal_id)
        units.append(unit)
    return join_nal_units(units)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"sps_sign_data_hiding_enabled_flag": 0, "sps_dep_quant_enabled_flag": 0},
            "sps_sign_data_hiding_enabled_flag",
        ),
        ({"sps_cclm_enabled_flag": 0}, "sps_cclm_enabled_flag is 0, but 1 in region 0"),
        ({"sps_weighted_pred_flag": 1}, "sps_weighted_pred_flag = 1 is not supported"),
        ({"general_tier_flag": 1}, "general_tier_flag"),
        ({"pps_cabac_init_present_flag": 0}, "pps_cabac_init_present_flag is 0, but 1 in region 0"),
        ({"ph_pic_order_cnt_lsb": 9}, "ph_pic_order_cnt_lsb is 9, but 0 in region 0"),
        ({"sps_field_seq_flag": 1}, "sps_field_seq_flag = 1 is not supported"),
    ],
)
def test_differing_or_unproved_elements(sample, change, message):
    streams = [*sample.streams[:2], rewritten(sample.streams[2], **change)]
    with pytest.raises(BitstreamError, match=f"region 2: .*{message}"):
        merge_regions(streams, sample.layout)


def test_a_changed_initial_qp_is_corrected_in_the_slices(sample, decode, crop, same):
    def moved(stream):
        sets, units = ParameterSets(), []
        other = ParameterSets()
        for unit in split_nal_units(stream):
            if unit.type == NalType.SPS:
                other.add_sps(sets.read(unit))
            elif unit.type == NalType.PPS:
                pps = other.add_pps(sets.read(unit) | {"pps_init_qp_minus26": 11})
                unit = make_nal(NalType.PPS, write_pps(pps))
            elif unit.is_slice:
                piece = read_slice(unit, sets, None)
                piece.fields["sh_qp_delta"] -= 11
                unit = make_nal(unit.type, write_slice(piece, other))
            units.append(unit)
        return join_nal_units(units)

    merged = merge_regions([sample.streams[0], moved(sample.streams[1]), sample.streams[2]], sample.layout)
    for region, own in zip(sample.layout.regions(), sample.own, strict=True):
        assert same(crop(decode(merged)[0], region), own[0])


def test_more_aps_than_a_picture_can_hold(sample, encode, draw, decode, crop, same):
    layout = RegionLayout(384, 192, 64, (2, 2, 2), (3,), ((1, 1, 1),) * 3)
    picture = draw(384, 192, 5, grain=40)
    qps = [27, 28, 29, 30, 31, 27, 28, 29, 30]
    streams = encode([picture], layout.regions(), qps, ctu=64)
    assert all(any(unit.type == NalType.PREFIX_APS for unit in split_nal_units(stream)) for stream in streams)
    with pytest.raises(BitstreamError, match=r"9 ALF APS, a picture can hold 8 \(encode .* with ALF=0\)"):
        merge_regions(streams, layout)
    less = encode([picture], layout.regions(), qps, ctu=64, alf=[True] * 4 + [False] + [True] * 4)
    for form in ("slices", "subpictures"):
        merged = merge_regions(less, layout, form=form)
        ids = [u.payload()[0] for u in split_nal_units(merged) if u.type == NalType.PREFIX_APS]
        assert ids == list(range(8))
        (decoded,) = decode(merged)
        for region, stream in zip(layout.regions(), less, strict=True):
            assert same(crop(decoded, region), decode(stream)[0])


def test_an_lmcs_aps_is_refused(sample):
    units = split_nal_units(sample.streams[0])
    lmcs = make_nal(NalType.PREFIX_APS, b"\x20\xaa\x80")
    with pytest.raises(BitstreamError, match="region 0: APS: aps_params_type = 1"):
        merge_regions([join_nal_units([*units[:2], lmcs, *units[2:]]), *sample.streams[1:]], sample.layout)


def test_streams_of_differing_length(sample):
    first = split_access_units(sample.streams[1])[0].data
    with pytest.raises(BitstreamError, match="region 1: the stream has only 1 picture,"):
        merge_regions([sample.streams[0], first, sample.streams[2]], sample.layout)


def test_streams_in_the_wrong_order(sample):
    with pytest.raises(BitstreamError, match=r"region 0: sps_pic_width_max_in_luma_samples: .*136x136"):
        merge_regions(sample.streams[::-1], sample.layout)


def test_another_ctu_size(sample):
    layout = RegionLayout(200, 136, 32, (2, 5), (5,), ((2, 3), (5,)))
    with pytest.raises(BitstreamError, match="sps_log2_ctu_size_minus5"):
        merge_regions(sample.streams, layout)
    with pytest.raises(BitstreamError, match="CTU"):
        merge_regions([sample.streams[0]], RegionLayout.single(64, 64, 32))


def test_merged_streams_are_no_regions(sample):
    merged = merge_regions(sample.streams, sample.layout, display_size=(199, 135))
    layout = RegionLayout(200, 272, 64, (4,), (5,), ((3, 2),))
    with pytest.raises(BitstreamError, match="region 0"):
        merge_regions([merged, merged], layout)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"form": "tiles"}, "form"),
        ({"display_size": (201, 136)}, "display size 201x136"),
        ({"display_size": (0, 136)}, "display size 0x136"),
    ],
)
def test_bad_arguments(sample, arguments, message):
    with pytest.raises(InputError, match=message):
        merge_regions(sample.streams, sample.layout, **arguments)


def test_a_stream_too_few(sample):
    with pytest.raises(InputError, match="2 streams for a layout of 3 regions"):
        merge_regions(sample.streams[:2], sample.layout)


def test_several_regions_in_one_ctu_column(sample):
    with pytest.raises(InputError, match="one CTU column"):
        merge_regions(sample.streams[:2], RegionLayout(64, 136, 64, (1,), (3,), ((1, 2),)))


@pytest.mark.parametrize(
    ("stream", "message"),
    [(b"", "region 0: .*empty"), (b"\xff\xd8\xff\xe0 a JPEG picture", "region 0: .*start code")],
)
def test_what_is_no_stream(sample, stream, message):
    with pytest.raises(BitstreamError, match=message):
        merge_regions([stream, *sample.streams[1:]], sample.layout)


def test_a_stream_without_pictures(sample):
    headers = join_nal_units(split_nal_units(sample.streams[0])[:2])
    with pytest.raises(BitstreamError, match="no coded picture"):
        merge_regions([headers, *sample.streams[1:]], sample.layout)
    with pytest.raises(BitstreamError, match="no coded picture"):
        merge_regions([headers], RegionLayout.single(64, 64, 64))
    with pytest.raises(BitstreamError, match="stream 1 of the joined ones: it holds no coded picture"):
        concatenate([sample.streams[0], headers])
