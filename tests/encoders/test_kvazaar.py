"""kvazaar for real: its native maps, its sizes and colours, and the trap in its QP deltas."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.bitstream import inspect_stream, presentation_order
from vcmpipe.coding.conformance import check_segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import Capabilities, CodingMode, Job, load_encoder
from vcmpipe.encoders.base import Structure
from vcmpipe.encoders.kvazaar import CAPABILITIES, map_order, metadata, parameters
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame, Yuv, psnr_y, rgb_to_yuv, yuv_bytes_8
from vcmpipe.qpmap import KVAZAAR_SPAN, MapLimits, QpMap, fit_map, fit_maps


def two_levels(coder: SegmentCoder, low: int = 27, high: int = 46) -> QpMap:
    qp = np.full((-(-coder.padded_size[1] // 32), -(-coder.padded_size[0] // 32)), high)
    qp[:2, :2] = low
    return QpMap(qp, 32, *coder.padded_size)


@pytest.mark.parametrize("size", [(161, 99), (192, 128), (250, 131)])
@pytest.mark.parametrize("spec", [ColourSpec(), ColourSpec("bt601", "full", "centre")])
def test_a_native_map_is_honoured_at_any_size(make_frame, size: tuple[int, int], spec: ColourSpec) -> None:
    coder = SegmentCoder(load_encoder("kvazaar"), make_frame(*size), spec=spec)
    requested = two_levels(coder)
    coded = coder.by_map(requested, "native")
    assert (coded.realisation, coded.qps) == ("native", (27,))
    assert coded.notes == ("map resampled from CTU 32 to 64 (minimum)",)
    assert (coded.actual(requested).qp <= requested.qp).all()
    assert str(check_segment(coder, coded, requested)) == "yes (native)"
    assert next(iter(decode_stream(coded.data))).spec == spec
    frame, psnr = coder.decode_still(coded)
    assert frame.rgb.shape == (size[1], size[0], 3) and psnr > 22
    assert np.abs(frame.rgb.mean((0, 1)) - coder.segment.frames[0].rgb.mean((0, 1))).max() < 3


def test_auto_takes_the_map_where_it_is_cheaper(make_frame) -> None:
    coder = SegmentCoder(load_encoder("kvazaar"), make_frame(192, 128))
    requested = two_levels(coder)
    assert coder.by_map(requested).realisation == "native"
    flat = QpMap.uniform(31, *coder.padded_size)
    whole = coder.by_map(flat)
    assert (whole.realisation, str(check_segment(coder, whole, flat))) == ("uniform", "yes (uniform)")
    with pytest.raises(InputError, match="codes no regions"):
        coder.by_map(requested, "regions")


def test_a_map_that_is_not_honoured_is_found_out(make_frame) -> None:
    coder = SegmentCoder(load_encoder("kvazaar"), make_frame(192, 128))
    coded = coder.native(two_levels(coder))
    assert coded.native is not None
    turned = replace(coded, native=QpMap(coded.native.qp[:, ::-1].copy(), 64, 192, 128))
    assert str(check_segment(coder, turned, turned.native)).startswith("no: ")
    ignored = replace(coded, data=coder.uniform([27])[0].data)
    assert str(check_segment(coder, ignored, coded.native)).startswith("no: ")
    flat = QpMap.uniform(30, 192, 128)
    assert str(check_segment(coder, coder.native(flat), flat)).startswith("unknown")


def test_qps_that_hevc_has_not_become_the_nearest_with_a_note(make_frame) -> None:
    coder = SegmentCoder(load_encoder("kvazaar"), make_frame(128, 64))
    high = QpMap(np.array([[60, 63]]), 64, 128, 64)
    coded = coder.by_map(high)
    assert coded.qps == (51,) and "became 51" in coded.notes[0]
    assert coder.uniform([63])[0].qps == (51,)
    assert inspect_stream(coded.data).pictures[0].regions[0].qp == 51


def test_small_steps_over_flat_ctus_would_end_in_an_abort(make_frame) -> None:
    """The deltas of neighbours stay within 25, but a flat CTU passes on the QP before it: 22 to 51."""
    rgb = make_frame(320, 64).rgb.copy()
    rgb[:, 64:128] = 128
    yuv = rgb_to_yuv(rgb, ColourSpec())
    requested = QpMap(np.array([[22, 47, 51, 47, 22]]), 64, 320, 64)
    encoder = load_encoder("kvazaar")
    with pytest.raises(InputError, match="does not fit the encoder"):
        encoder.encode([Job([yuv], requested, CodingMode(), ColourSpec())])
    fitted = fit_map(requested, CAPABILITIES.map_limits or MapLimits())
    assert int(fitted.map.qp.max()) == 22 + KVAZAAR_SPAN and "within 25" in fitted.notes[0]
    (stream,) = encoder.encode([Job([yuv], fitted.map, CodingMode(), ColourSpec())])
    assert len(list(decode_stream(stream))) == 1


@pytest.mark.parametrize("seed", range(3))
def test_any_fitted_map_is_coded(make_frame, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rgb = make_frame(256, 192, seed).rgb.copy()
    rgb[64:128] = 90  # no residual there
    coder = SegmentCoder(load_encoder("kvazaar"), Frame(0, rgb, "x"))
    coded = coder.native(QpMap(rng.integers(0, 64, (3, 4)), 64, 256, 192))
    assert len(list(decode_stream(coded.data))) == 1


def test_many_jobs_share_a_process_and_runs_are_equal(make_frame) -> None:
    encoder = load_encoder("kvazaar")
    yuv = rgb_to_yuv(make_frame(98, 66).rgb, ColourSpec())
    jobs = [Job([yuv], qp, CodingMode(preset), ColourSpec()) for qp in (22, 40) for preset in ("faster", "slower")]
    streams = encoder.encode(jobs)
    assert streams == encoder.encode(jobs)
    for job, stream in zip(jobs, streams, strict=True):
        (picture,) = inspect_stream(stream).pictures
        assert (picture.display_width, picture.display_height) == (98, 66)
        assert [region.qp for region in picture.regions] == [job.qp]


def test_the_command_line(make_frame, tmp_path: Path) -> None:
    yuv = rgb_to_yuv(make_frame(64, 64).rgb, ColourSpec())
    job = Job([yuv], QpMap.uniform(33, 64, 64), CodingMode("slow"), ColourSpec("bt601", "full", "topleft"))
    assert parameters(job, "map0.txt") == (
        "preset=slow,qp=33,period=1,gop=0,threads=0,owf=0,wpp=0,info=0,hash=none,roi=map0.txt"
    )
    assert metadata(job, (2, 6)) == (
        "hevc_metadata=crop_right=2:crop_bottom=6:colour_primaries=1:transfer_characteristics=1:"
        "matrix_coefficients=6:video_full_range_flag=1:chroma_sample_loc_type=2"
    )


@pytest.mark.parametrize("structure", ["intra", "random-access", "low-delay"])
@pytest.mark.parametrize("frames", [1, 2, 5, 16, 17, 33])
def test_sequences_of_any_length(moving, structure: Structure, frames: int) -> None:
    sources = moving(frames, 98, 66)
    job = Job(sources, 32, CodingMode(), ColourSpec(), structure, Fraction(10))
    (stream,) = load_encoder("kvazaar").encode([job])
    pictures = inspect_stream(stream).pictures
    assert [picture.nal_type.startswith("IDR") for picture in pictures] == [
        number == 0 or structure == "intra" for number in range(frames)
    ]
    assert presentation_order(pictures) == map_order(job)
    decoded = [picture.yuv for picture in decode_stream(stream)]
    assert min(psnr_y(source, yuv) for source, yuv in zip(sources, decoded, strict=True)) > 27


@pytest.mark.parametrize(
    ("structure", "qp", "offsets"),
    [
        ("random-access", 22, [0, 7, 5, 7, 4, 7, 5, 7, 1, 7, 5, 7, 4, 7, 5, 7, 1]),
        ("random-access", 32, [0, 9, 8, 9, 6, 9, 8, 9, 3, 9, 8, 9, 6, 9, 8, 9, 1]),
        ("random-access", 42, [0, 9, 8, 9, 7, 9, 8, 9, 4, 9, 8, 9, 7, 9, 8, 9, 1]),
        ("low-delay", 22, [0, 5, 4, 5, 1, 5, 4, 5, 1, 5, 4, 5, 1, 5, 4, 5, 1]),
        ("low-delay", 32, [0, 8, 7, 8, 1, 8, 7, 8, 1, 8, 7, 8, 1, 8, 7, 8, 1]),
        ("intra", 32, [0] * 17),
    ],
)
def test_only_the_cascade_moves_the_qp(moving, structure: Structure, qp: int, offsets: list[int]) -> None:
    """The table of docs/encoders.md, whatever the preset."""
    sources = moving(17, 64, 64)
    jobs = [Job(sources, qp, CodingMode(preset), ColourSpec(), structure) for preset in ("faster", "medium")]
    for stream in load_encoder("kvazaar").encode(jobs):
        pictures = inspect_stream(stream).pictures
        shown = sorted(zip(presentation_order(pictures), pictures, strict=True), key=lambda pair: pair[0])
        assert [picture.regions[0].qp - qp for _, picture in shown] == offsets
        assert not any(picture.cu_qp_delta_possible for picture in pictures)


def test_intra_pictures_for_seeking(moving) -> None:
    job = Job(moving(40, 64, 64), 38, CodingMode(), ColourSpec(), "random-access", intra_period=10)
    (stream,) = load_encoder("kvazaar").encode([job])
    pictures = inspect_stream(stream).pictures
    intra = [(p.poc, p.nal_type) for p in pictures if p.slice_types == "I"]
    assert intra == [(0, "IDR_W_RADL"), (16, "CRA"), (32, "CRA")]
    assert presentation_order(pictures) == map_order(job)
    assert len(list(decode_stream(stream))) == 40


@pytest.mark.parametrize("structure", ["intra", "random-access", "low-delay"])
def test_maps_reach_their_frames_on_top_of_the_cascade(moving, structure: Structure) -> None:
    sources = moving(17, 192, 64)
    encoder = load_encoder("kvazaar")
    coarse, fine = QpMap(np.array([[34, 34, 24]]), 64, 192, 64), QpMap(np.array([[24, 34, 24]]), 64, 192, 64)
    maps = tuple(fine if i == 11 else coarse for i in range(17))
    jobs = [Job(sources, qp, CodingMode(), ColourSpec(), structure) for qp in (maps, coarse, 24, 34)]

    def levels(stream: bytes, columns: slice) -> np.ndarray:
        errors = [
            np.square(source.y[:, columns].astype(float) - picture.yuv.y[:, columns]).mean()
            for source, picture in zip(sources, decode_stream(stream), strict=True)
        ]
        return 10 * np.log10(1023**2 / np.array(errors))

    own, same, low, high = encoder.encode(jobs)
    left, middle, right = slice(0, 64), slice(64, 128), slice(128, 192)
    assert int((levels(own, left) - levels(same, left)).argmax()) == 11
    # An area without a delta is as at the map's smallest QP, one with 10 as at 10 more: the cascade stays.
    assert np.abs(levels(same, right) - levels(low, right)).max() < 0.5
    assert (
        np.abs(levels(same, middle) - levels(high, middle)) < np.abs(levels(same, middle) - levels(low, middle))
    ).all()


def test_maps_that_do_not_fit_the_frames(moving) -> None:
    encoder = load_encoder("kvazaar")
    sources = moving(2, 64, 64)
    one, far = QpMap.uniform(20, 64, 64, 64), QpMap.uniform(50, 64, 64, 64)
    with pytest.raises(InputError, match="1 map for 2 frames"):
        encoder.encode([Job(sources, (one,), CodingMode(), ColourSpec())])
    # Each fits by itself; together they are further apart than a delta can say.
    with pytest.raises(InputError, match="within 25"):
        encoder.encode([Job(sources, (one, far), CodingMode(), ColourSpec())])
    fitted, notes = fit_maps((one, far), CAPABILITIES.map_limits or MapLimits())
    assert [item.minimum() for item in fitted] == [20, 45] and len(notes) == 1
    assert len(encoder.encode([Job(sources, fitted, CodingMode(), ColourSpec())])) == 1


def test_eight_bits() -> None:
    ramp = np.arange(64, 64 + 256, dtype=np.uint16).reshape(16, 16) * 3
    yuv = Yuv(ramp, np.full((8, 8), 512, np.uint16), np.full((8, 8), 1023, np.uint16))
    limited = np.frombuffer(yuv_bytes_8(yuv), np.uint8)
    full = np.frombuffer(yuv_bytes_8(yuv, full_range=True), np.uint8)
    assert np.array_equal(limited[:256], np.rint(ramp.ravel() / 4).astype(np.uint8))
    assert np.array_equal(full[:256], np.rint(ramp.ravel() * (255 / 1023)).astype(np.uint8))
    assert (limited[256], full[256], limited[-1], full[-1]) == (128, 128, 255, 255)


def test_regions_are_for_vvc_only() -> None:
    with pytest.raises(InputError, match="only VVC streams are merged"):
        Capabilities("hevc", (0, 51), native_map=True, regions=True)
