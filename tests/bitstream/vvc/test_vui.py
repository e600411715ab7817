"""Colour description and crop, as decoders see them."""

import av
import pytest

from vcmpipe.bitstream import RegionLayout, Vui, inspect_stream, merge_regions, split_access_units
from vcmpipe.bitstream.vvc.vui import restated_vui
from vcmpipe.errors import InputError

BT601_FULL = Vui(colour_primaries=5, transfer=6, matrix=5, full_range=True, chroma_siting=1)
BT709 = Vui(colour_primaries=1, transfer=1, matrix=1, full_range=False, chroma_siting=0)


@pytest.mark.parametrize("vui", [BT601_FULL, BT709, Vui(9, 16, 9, False, None), Vui(2, 2, 2, True, 6)])
@pytest.mark.parametrize("display", [(200, 136), (199, 131)])
def test_a_decoder_reads_colour_and_crop(sample, vui, display):
    merged = merge_regions(sample.streams, sample.layout, vui=vui, display_size=display)
    codec = av.CodecContext.create("vvc", "r")
    (frame,) = [*codec.decode(av.Packet(split_access_units(merged)[0].data)), *codec.decode(None)]
    assert (frame.width, frame.height) == (display[0] + display[0] % 2, display[1] + display[1] % 2)
    assert (frame.color_primaries, frame.color_trc, frame.colorspace) == (
        vui.colour_primaries,
        vui.transfer,
        vui.matrix,
    )
    assert frame.color_range == (2 if vui.full_range else 1)
    picture = inspect_stream(merged).pictures[0]
    assert picture.vui == vui
    assert (picture.display_width, picture.display_height) == (frame.width, frame.height)


def test_one_region_takes_colour_and_crop_too(sample, decode, same):
    merged = merge_regions([sample.streams[0]], RegionLayout.single(64, 64, 64), vui=BT601_FULL, display_size=(61, 50))
    assert inspect_stream(merged).pictures[0].vui == BT601_FULL
    assert same(
        decode(merged)[0],
        tuple(plane[: 50 // s, : 62 // s] for plane, s in zip(sample.own[0][0], (1, 2, 2), strict=True)),
    )


def test_a_stated_vui_is_replaced_and_a_crop_undone(sample):
    first = merge_regions(sample.streams, sample.layout, vui=BT709, display_size=(199, 131))
    again = merge_regions([first], RegionLayout.single(200, 136, 64), vui=BT601_FULL)
    plain = merge_regions(sample.streams, sample.layout, vui=BT601_FULL)
    assert again == plain


def test_without_a_vui_the_streams_is_kept(sample):
    region = sample.layout.regions()[0]
    layout = RegionLayout.single(region.width, region.height, 64)
    stated = merge_regions([sample.streams[0]], layout, vui=BT709)
    assert inspect_stream(merge_regions([stated], layout)).pictures[0].vui == BT709
    assert inspect_stream(sample.streams[0]).pictures[0].vui is None


@pytest.mark.parametrize("codes", [(256, 1, 1, False, 0), (1, -1, 1, False, 0), (1, 1, 1, False, 7)])
def test_codes_out_of_range(codes):
    with pytest.raises(InputError, match="VUI"):
        restated_vui({}, Vui(*codes))
