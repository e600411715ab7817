"""Maps proved: a stream that keeps its map, every way of breaking it, and frames out of their order."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe.bitstream import StreamJoiner, inspect_stream
from vcmpipe.coding.conformance import check_segment, check_stream, paired
from vcmpipe.coding.segment import CodedSegment, Segment, read_units
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.commands.restoring import restored
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, rgb_to_yuv, yuv_bytes
from vcmpipe.qpmap import QpMap
from vcmpipe.sidecar import Conformance, MapRecord, SegmentRecord, Sidecar, Verdict


@pytest.fixture(scope="module")
def requested() -> QpMap:
    qp = np.full((3, 5), 44)
    qp[:, :2] = 30
    return QpMap(qp, 32, 160, 96)


@pytest.fixture
def coder(make_frame) -> SegmentCoder:
    return SegmentCoder(load_encoder("vvenc"), make_frame(160, 96))


@pytest.fixture
def coded(coder: SegmentCoder, requested: QpMap) -> CodedSegment:
    return coder.by_map(requested, "regions")


@pytest.fixture
def sidecar_of(make_segment) -> Callable[..., Sidecar]:
    """Makes a sidecar of still pictures of 160x96 that all have one map."""

    def make(rows: list[list[int]], count: int = 1) -> Sidecar:
        size, qp_map = (160, 96), MapRecord(32, rows, rows)
        segment = make_segment(source_size=size, coded_size=size, realisation="regions", qp_map=qp_map)
        return Sidecar("s", "", 0, None, None, {}, {}, {}, [segment] * count)

    return make


def test_a_stream_that_keeps_its_map(coder, coded, requested, sidecar_of) -> None:
    assert check_segment(coder, coded, requested) == Conformance(Verdict.YES, "regions")
    check = check_stream(inspect_stream(coded.data), sidecar_of(requested.qp.tolist()))
    assert check.verdict == Verdict.YES and (check.pictures, check.ctus) == (1, 15)
    assert check.regions == len(coded.qps) > 1


def test_one_ctu_for_which_less_was_requested_is_found(coder, coded, requested, sidecar_of) -> None:
    better = requested.qp.copy()
    better[2, 4] = 43
    check = check_stream(inspect_stream(coded.data), sidecar_of(better.tolist()))
    assert check.verdict == Verdict.NO
    assert [fault.reason for fault in check.faults] == ["QP 44 where 43 was requested"]
    said = check_segment(coder, coded, QpMap(better, 32, 160, 96))
    assert said == Conformance(Verdict.NO, f"region {check.faults[0].region} has QP 44 where 43 was requested")


def test_a_fresh_stream_is_held_to_what_the_encoder_was_given(coder, coded, requested) -> None:
    given = tuple(qp - 1 for qp in coded.qps)
    said = check_segment(coder, replace(coded, qps=given), QpMap.uniform(63, 160, 96, 32))
    assert said == Conformance(
        Verdict.NO, f"region 0 has QP {coded.qps[0]} where the encoder was given {coded.qps[0] - 1}"
    )
    whole = coder.uniform([30])[0]
    assert "other regions" in check_segment(coder, replace(coded, data=whole.data), requested).reason


def test_every_access_unit_of_a_segment_counts(make_frame, requested, coded) -> None:
    frames = tuple(make_frame(160, 96, seed=i, index=i) for i in range(2))
    coder = SegmentCoder(load_encoder("vvenc"), Segment(0, frames))
    fine, coarse = (
        SegmentCoder(coder.encoder, frame).uniform([qp])[0] for frame, qp in zip(frames, (30, 31), strict=True)
    )
    writer = StreamJoiner("vvc")
    joined = b"".join(writer.add(one.data) for one in (fine, coarse))
    both = replace(fine, data=joined, units=read_units(joined))
    assert check_segment(coder, both, requested) == Conformance(
        Verdict.NO, "picture 1: region 0 has QP 31 where 30 was requested"
    )
    assert check_segment(coder, replace(both, data=fine.data), requested) == Conformance(Verdict.YES, "uniform")


def test_enabled_cu_level_deltas_are_a_fault(coded, requested, sidecar_of) -> None:
    info = inspect_stream(coded.data)
    info = replace(info, pictures=(replace(info.pictures[0], cu_qp_delta_possible=True),))
    check = check_stream(info, sidecar_of(requested.qp.tolist()))
    assert check.verdict == Verdict.NO and "CU-level" in check.faults[0].reason


def test_a_missing_region_is_a_fault(coded, requested, sidecar_of) -> None:
    info = inspect_stream(coded.data)
    first = info.pictures[0]
    info = replace(info, pictures=(replace(first, regions=first.regions[1:]),))
    check = check_stream(info, sidecar_of(requested.qp.tolist()))
    assert "do not cover" in check.faults[-1].reason


def test_a_sidecar_of_another_stream(coded, requested, sidecar_of) -> None:
    info, rows = inspect_stream(coded.data), requested.qp.tolist()
    with pytest.raises(InputError, match="holds 1 picture and the sidecar 2"):
        check_stream(info, sidecar_of(rows, count=2))
    for other in ([[30]], [rows[0], [30], rows[2]], []):
        with pytest.raises(InputError, match="does not fit"):
            check_stream(info, sidecar_of(other))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Five frames of 64x64, each brighter than the one before, by VVenC with its hierarchy of B frames."""
    out = tmp_path_factory.mktemp("video") / "v.266"
    rng = np.random.default_rng(0).integers(0, 40, (64, 64, 3))
    frames = [rgb_to_yuv((rng + 40 * i).astype(np.uint8), ColourSpec()) for i in range(5)]
    source = ["-f", "rawvideo", "-pix_fmt", "yuv420p10le", "-s", "64x64", "-i", "-"]
    coding = ["-c:v", "libvvenc", "-preset", "faster", "-qp", "32", "-f", "vvc", str(out)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *coding]
    subprocess.run(command, input=b"".join(map(yuv_bytes, frames)), check=True, timeout=60)
    return out.read_bytes()


@pytest.fixture
def two_segments(video: bytes, make_segment: Callable[..., SegmentRecord]) -> tuple[bytes, Sidecar]:
    """The video twice, each time as a segment, with the sidecar that belongs to it."""
    writer = StreamJoiner("vvc")
    data = b"".join(writer.add(video) for _ in range(2))
    (still,) = make_segment().frames
    units = sorted(read_units(video), key=lambda unit: unit.presentation)
    segments = []
    for index in range(2):
        frames = [
            replace(still, index=5 * index + i, source=f"v.mp4#{5 * index + i}", poc=unit.poc, bits=unit.bits)
            for i, unit in enumerate(units)
        ]
        segments.append(make_segment(index=index, structure="random-access", frames=frames))
    digest = hashlib.sha256(data).hexdigest()
    return data, Sidecar("v.bin", digest, len(data), None, None, {}, {}, {}, segments)


def test_pictures_are_paired_by_segment_and_presentation(two_segments) -> None:
    data, sidecar = two_segments
    info = inspect_stream(data)
    order = [picture.poc for picture in info.pictures]
    assert order != sorted(order) and order[:5] == order[5:], "the stream shows nothing"
    pairs = list(paired(info, sidecar))
    assert [picture for picture, _ in pairs] == list(info.pictures)
    assert [segment.index for _, segment in pairs] == [0] * 5 + [1] * 5
    # As they were sorted by the decoder:
    shown = list(restored(data, sidecar))
    assert [picture.source for picture in shown] == [f"v.mp4#{i}" for i in range(10)]
    means = [picture.rgb().mean() for picture in shown]
    assert means[:5] == sorted(means[:5]) and means[5:] == sorted(means[5:]) and means[4] > means[0] + 100


@pytest.mark.parametrize("structure", ["random-access", "low-delay"])
def test_in_a_sequence_a_map_is_relative_to_the_frames(structure, make_video, make_segment) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), Segment(0, make_video(64, 64, 12), structure))
    requested = QpMap.uniform(32, 64, 64, 32)
    coded = coder.by_map(requested)
    assert check_segment(coder, coded, requested) == Conformance(Verdict.YES, "uniform")
    qps = {unit.slice_type: unit.qp for unit in coded.units}
    assert qps["I"] == 29 and 32 < qps["B"] <= 42, "the first picture is finer, the others have their offsets"
    (still,) = make_segment().frames
    units = sorted(coded.units, key=lambda unit: unit.presentation)
    frames = [replace(still, index=i, poc=unit.poc, bits=unit.bits) for i, unit in enumerate(units)]

    def verdict(structure: str, qp: int) -> Verdict:
        qp_map = MapRecord(32, [[qp, qp], [qp, qp]], [[qp, qp], [qp, qp]])
        segment = make_segment(structure=structure, frames=frames, qp_map=qp_map)
        sidecar = Sidecar("v.bin", "", len(coded.data), None, None, {}, {}, {}, [segment])
        return check_stream(inspect_stream(coded.data), sidecar).verdict

    assert verdict(structure, 32) == Verdict.YES
    # An intra picture has no offset, and that of the others is limited; of pictures that are all intra it is none.
    assert verdict(structure, 28) == verdict(structure, 20) == verdict("intra", 32) == Verdict.NO
    # What the encoder was given counts, too.
    coarse = replace(coded, qps=(40,))
    assert check_segment(coder, coarse, QpMap.uniform(40, 64, 64, 32)).verdict == Verdict.NO


def test_frames_of_another_order_do_not_belong(two_segments) -> None:
    data, sidecar = two_segments
    first, second = sidecar.segments
    turned = replace(sidecar, segments=[first, replace(second, frames=second.frames[::-1])])
    with pytest.raises(InputError, match="has picture order count"):
        check_stream(inspect_stream(data), turned)


def test_inspect_is_callable_from_python(two_segments, tmp_path: Path) -> None:
    from vcmpipe.commands.inspect import inspect
    from vcmpipe.config import InspectOptions

    data, sidecar = two_segments
    (tmp_path / "v.bin").write_bytes(data)
    (tmp_path / "v.json").write_text(sidecar.to_json())
    options = InspectOptions(input=str(tmp_path / "v.bin"), verify_map=True)
    report = inspect(options)
    assert report.belongs and report.faults == [] and report.check == check_stream(report.info, sidecar)
    (tmp_path / "v.json").write_text(replace(sidecar, sha256="0" * 64).to_json())
    report = inspect(options)
    assert not report.belongs and "SHA-256 differs" in report.faults[0]
    assert inspect(replace(options, verify_map=False)).check is None
