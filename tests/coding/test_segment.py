"""Segments of several frames, coded by real encoders and decoded again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from vcmpipe.bitstream import StreamJoiner, inspect_stream, presentation_order
from vcmpipe.coding.conformance import check_segment
from vcmpipe.coding.records import joined, segment_record
from vcmpipe.coding.segment import Segment, cut, read_units
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.encoders.kvazaar import FfmpegKvazaar
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.qpmap import QpMap
from vcmpipe.sidecar import Conformance, Verdict

MakeFrame = Callable[..., Frame]


@pytest.fixture
def segment(make_frame: MakeFrame) -> Segment:
    """Three frames of an odd size, each another picture."""
    return Segment(4, tuple(make_frame(161, 98, seed=seed, index=seed) for seed in range(3)))


def two_levels(coder: SegmentCoder) -> QpMap:
    width, height = coder.padded_size
    qps = np.full((-(-height // coder.ctu), -(-width // coder.ctu)), 45)
    qps[:2, :2] = 27
    return QpMap(qps, coder.ctu, width, height)


def test_a_segment_says_what_it_is(segment: Segment, make_frame: MakeFrame) -> None:
    assert (len(segment), segment.width, segment.height, segment.structure) == (3, 161, 98, "intra")
    assert segment.source == "picture_0.png..2" and segment.name == "picture_0.png"
    still = Segment.still(make_frame(32, 32, index=7))
    assert (len(still), still.index, still.source) == (1, 7, "picture_7.png")


@pytest.mark.parametrize(
    ("frames", "error"),
    [((), "segment 0 holds no frame"), (((32, 32), (48, 32)), "picture_1.png has 48x32 pixels, the segment's first")],
)
def test_what_is_no_segment(frames: tuple[tuple[int, int], ...], error: str, make_frame: MakeFrame) -> None:
    with pytest.raises(InputError, match=error):
        Segment(0, [make_frame(*size, index=index) for index, size in enumerate(frames)])


@pytest.mark.parametrize(
    ("widths", "length", "lengths"),
    [([32] * 5, 1, [1] * 5), ([32] * 5, 2, [2, 2, 1]), ([32, 32, 48, 48, 32], 4, [2, 2, 1]), ([], 3, [])],
)
def test_frames_are_cut_into_segments(
    widths: list[int], length: int, lengths: list[int], make_frame: MakeFrame
) -> None:
    frames = [make_frame(width, 32, index=index) for index, width in enumerate(widths)]
    found = list(cut(((frame, frame.index) for frame in frames), length))
    assert [len(segment) for segment, _ in found] == lengths
    assert [segment.index for segment, _ in found] == list(range(len(lengths)))
    assert [index for _, own in found for index in own] == list(range(len(widths)))
    assert all([frame.index for frame in segment.frames] == list(own) for segment, own in found)


@pytest.mark.parametrize("name", ["vvenc", "kvazaar", "x265", "svtav1"])
def test_every_frame_comes_back_in_its_place(name: str, segment: Segment) -> None:
    coder = SegmentCoder(load_encoder(name), segment)
    coded = coder.uniform([30])[0]
    assert sorted(unit.presentation for unit in coded.units) == [0, 1, 2]
    assert sum(unit.bits for unit in coded.units) == coded.bits
    decoded = list(coder.decode(coded))
    assert [each.frame.index for each in decoded] == [0, 1, 2]
    assert all((each.frame.width, each.frame.height) == (161, 98) and each.psnr_y > 30 for each in decoded)
    # The second version of a frame is that frame's.
    assert np.array_equal(coder.of_frame(1)(30).rgb, decoded[1].frame.rgb)
    assert check_segment(coder, coded, QpMap.uniform(30, *coder.padded_size)).verdict == Verdict.YES


@pytest.mark.parametrize("form", ["slices", "subpictures"])
def test_regions_hold_in_every_frame(form: str, segment: Segment) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), segment, form=form)
    requested = two_levels(coder)
    coded = coder.by_map(requested, "regions")
    assert len(coded.qps) > 1 and len(coded.region_bits) == len(coded.qps)
    for picture in inspect_stream(coded.data).pictures:
        assert [region.qp for region in picture.regions] == list(coded.qps)
    assert check_segment(coder, coded, requested).verdict == Verdict.YES
    assert [each.frame.index for each in coder.decode(coded)] == [0, 1, 2]
    # A frame whose QPs are others is found out, wherever it stands.
    one = SegmentCoder(load_encoder("vvenc"), replace(segment, frames=segment.frames[:1]), form=form)
    other = one.by_map(QpMap(requested.qp + 3, requested.ctu, requested.width, requested.height), "regions")
    joiner = StreamJoiner("vvc")
    rest = SegmentCoder(load_encoder("vvenc"), replace(segment, frames=segment.frames[1:]), form=form)
    mixed = joiner.add(rest.by_map(requested, "regions").data) + joiner.add(other.data)
    found = check_segment(coder, replace(coded, data=mixed, units=read_units(mixed)), requested)
    assert found.verdict == Verdict.NO


def test_a_native_map_is_read_for_every_frame(segment: Segment) -> None:
    coder = SegmentCoder(load_encoder("kvazaar"), segment, ctu=64)
    coded = coder.native(two_levels(coder))
    assert check_segment(coder, coded, two_levels(coder)).verdict == Verdict.YES
    fine, coarse = coder.uniform([27, 45])
    assert coarse.bits < coded.bits < fine.bits


def test_scaled_segments_come_back_at_the_sources_size(segment: Segment) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), segment, coded_size=(81, 49))
    decoded = list(coder.decode(coder.uniform([22])[0]))
    assert {(each.frame.width, each.frame.height) for each in decoded} == {(161, 98)}


def test_an_encoder_says_what_it_does_not_code(segment: Segment) -> None:
    encoder = load_encoder("kvazaar")
    assert isinstance(encoder, FfmpegKvazaar)
    encoder = replace(encoder, capabilities=replace(encoder.capabilities, structures=("intra",)))
    coder = SegmentCoder(encoder, replace(segment, structure="low-delay"))
    with pytest.raises(InputError, match="encoder kvazaar does not code low-delay: it codes intra"):
        coder.uniform([30])
    # A still is intra in every structure.
    still = SegmentCoder(encoder, replace(segment, frames=segment.frames[:1], structure="low-delay"))
    assert still.uniform([30])[0].units[0].slice_type == "I"


def test_frames_are_read_as_they_are_coded(segment: Segment) -> None:
    """An adapter takes one frame after another: no two are held by the segment at once."""
    coder = SegmentCoder(load_encoder("vvenc"), segment)
    first = coder.padded[0]
    assert coder.padded[0] is first and coder.padded[1] is not first and coder.padded[0] is not first
    (stream,) = load_encoder("vvenc").encode([Job(coder.padded, 34, CodingMode())])
    assert len(list(decode_stream(stream))) == 3


def test_presentation_follows_picture_order_counts() -> None:
    from types import SimpleNamespace as Picture

    pictures = [("IDR_W_RADL", 0), ("TRAIL", 8), ("TRAIL", 4), ("TRAIL", 2), ("IDR_N_LP", 0), ("TRAIL", None)]
    order = presentation_order([Picture(nal_type=kind, poc=poc) for kind, poc in pictures])  # type: ignore[misc]
    assert order == [0, 3, 2, 1, 4, 5]


def test_every_frame_is_intra_in_the_encoder_as_it_comes(segment: Segment) -> None:
    coded = SegmentCoder(load_encoder("vvenc"), segment, constant_qp=False).uniform([40])[0]
    assert [(unit.presentation, unit.slice_type) for unit in coded.units] == [(0, "I"), (1, "I"), (2, "I")]


def test_the_rate_model_counts_the_bits_of_a_frame(make_frame: MakeFrame) -> None:
    frame = make_frame(161, 98)
    still, several = (SegmentCoder(load_encoder("vvenc"), Segment(0, (frame,) * count)) for count in (1, 3))
    one, three = (coder.rate_model(whole=coder.uniform([30])[0]).total(30) for coder in (still, several))
    assert three == pytest.approx(one, rel=0.05)


def test_parameter_sets_left_out_are_those_of_the_frame_decoded_first(segment: Segment) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), segment)
    coded = coder.uniform([40])[0]
    # As an encoder of random access may do: the second frame comes first.
    units = tuple(replace(coded.units[place], presentation=at) for place, at in enumerate((1, 0, 2)))
    coded = replace(coded, units=units)
    requested = QpMap.uniform(40, *coder.padded_size)
    unknown = Conformance(Verdict.UNKNOWN, "")
    record = segment_record(coder, coded, requested, [[]] * 3, psnr_y=[40.0] * 3, conformance=unknown)
    appended = joined(record, coded.units[0].presentation, 7, 80)
    assert [old.bits - new.bits for old, new in zip(record.frames, appended.frames, strict=True)] == [0, 80, 0]
    assert (appended.index, record.bits - appended.bits) == (7, 80)
