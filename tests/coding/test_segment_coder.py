"""One picture coded in every way: what was requested is what the stream carries, and what decodes."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.bitstream import inspect_stream
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders import load_encoder
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec
from vcmpipe.qpmap import MapPolicy, QpMap, build_map


def two_levels(coder: SegmentCoder, low: int = 30, high: int = 46) -> QpMap:
    policy = MapPolicy(background=str(high))
    return build_map([(10, 10, 70, 60)], [low], policy, *coder.padded_size, coder.ctu)


@pytest.mark.parametrize("form", ["slices", "subpictures"])
@pytest.mark.parametrize("size", [(161, 99), (192, 128), (250, 131)])
def test_regions_carry_the_map(make_frame, form: str, size: tuple[int, int]) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(*size), ctu=32, form=form)
    requested = two_levels(coder)
    coded = coder.by_map(requested, "regions")
    picture = inspect_stream(coded.data).pictures[0]
    assert [region.qp for region in picture.regions] == list(coded.qps)
    assert [region.rect for region in picture.regions] == list(coded.layout.regions())
    assert (coded.actual(requested).qp <= requested.qp).all()
    assert not picture.cu_qp_delta_possible
    frame, psnr = coder.decode_still(coded)
    assert frame.rgb.shape == (size[1], size[0], 3)
    assert psnr > 22


def test_auto_takes_the_cheaper_way(make_frame) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(192, 128))
    requested = two_levels(coder)
    bits = {how: coder.by_map(requested, how).bits for how in ("uniform", "regions", "auto")}
    assert bits["auto"] == min(bits["uniform"], bits["regions"])


def test_a_flat_map_is_coded_once_and_whole(make_frame, counting_encoder) -> None:
    encoder = counting_encoder
    coder = SegmentCoder(encoder, make_frame(96, 64))
    flat = QpMap(np.full((2, 3), 37), 32, 96, 64)
    assert coder.by_map(flat).realisation == "uniform"
    assert encoder.jobs == 1
    list(coder.of_frame(0).many([37, 40, 37]))
    assert encoder.jobs == 2, "a QP that was coded is not coded again"


def test_a_scaled_picture_comes_back_at_the_sources_size(make_frame) -> None:
    source = make_frame(161, 121)
    coder = SegmentCoder(load_encoder("vvenc"), source, coded_size=(81, 61))
    coded = coder.uniform([20])[0]
    assert inspect_stream(coded.data).pictures[0].display_width == 82
    decoded, _ = coder.decode_still(coded)
    assert decoded.rgb.shape == source.rgb.shape
    assert np.abs(decoded.rgb.astype(int) - source.rgb.astype(int)).mean() < 20


@pytest.mark.parametrize("spec", [ColourSpec("bt601", "full", "centre"), ColourSpec("bt709", "limited", "topleft")])
def test_colour_is_stated_in_the_stream_and_undone(make_frame, spec: ColourSpec) -> None:
    source = make_frame(96, 64)
    coder = SegmentCoder(load_encoder("vvenc"), source, spec=spec)
    from vcmpipe.decoding.decoder import decode_stream

    coded = coder.uniform([10])[0]
    assert next(iter(decode_stream(coded.data))).spec == spec
    decoded, _ = coder.decode_still(coded)
    assert np.abs(decoded.rgb.astype(float).mean((0, 1)) - source.rgb.astype(float).mean((0, 1))).max() < 1.0


def test_a_picture_one_ctu_wide_stays_whole(make_frame) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(64, 200), ctu=64)
    requested = QpMap(np.array([[24], [50], [24], [50]]), 64, 64, 200)
    for how in ("auto", "regions"):
        coded = coder.by_map(requested, how)
        assert coded.qps == (24,)
        assert coder.decode_still(coded)[1] > 30


def test_regions_that_the_encoder_has_no_room_for(make_frame) -> None:
    rgb = make_frame(136, 64).rgb.copy()
    rgb[:32, 128:] = np.random.default_rng(1).integers(0, 256, (32, 8, 3))
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(136, 64).with_rgb(rgb))
    qp = np.full((2, 5), 50)
    qp[0, 4] = 2  # the last column is 8 samples wide: 256 bytes of room, less the headers
    requested = QpMap(qp, 32, 136, 64)
    with pytest.raises(TooDenseError):
        coder.by_map(requested, "regions")
    assert coder.by_map(requested, "auto").qps == (2,)


def test_what_cannot_be_coded(make_frame) -> None:
    encoder = load_encoder("vvenc")
    with pytest.raises(InputError, match="at least 16x16"):
        SegmentCoder(encoder, make_frame(40, 40), coded_size=(12, 40))
    coder = SegmentCoder(encoder, make_frame(64, 64))
    with pytest.raises(InputError, match="the map is for 96x64"):
        coder.by_map(QpMap(np.full((2, 3), 37), 32, 96, 64))
    with pytest.raises(InputError, match="reads no QP maps"):
        coder.by_map(QpMap(np.full((2, 2), 37), 32, 64, 64), "native")
