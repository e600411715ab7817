"""Programs that no package brings, run for real: ``VCMPIPE_TEST_ENCODERS=FOLDER make test-encoders``.

The folder holds what there is of ``uvg266``, ``vvencapp``, ``kvazaar``, ``EncoderAppStatic`` (VTM, with its
configurations), and of the decoders ``vvdecapp`` and ``DecoderAppStatic``; what is missing is skipped.
"""

from __future__ import annotations

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vcmpipe import process
from vcmpipe.bitstream import Vui, inspect_stream
from vcmpipe.coding.conformance import check_segment
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.commands.encode import encode_frames
from vcmpipe.commands.encoder_trials import try_encoder
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import CodingMode, Encoder, Job
from vcmpipe.encoders.base import Structure
from vcmpipe.encoders.command import identify
from vcmpipe.encoders.description import read_description
from vcmpipe.encoders.discovery import _DESCRIPTIONS
from vcmpipe.encoders.vvenc import Vvencapp
from vcmpipe.frames import ColourSpec, psnr_y
from vcmpipe.frames.yuv import yuv_bytes
from vcmpipe.qpmap import QpMap
from vcmpipe.sidecar import Verdict

pytestmark = pytest.mark.encoders

VARIABLE = "VCMPIPE_TEST_ENCODERS"
COLOUR = ColourSpec("bt601", "full", "topleft")


def program(name: str) -> Path:
    """A program in the folder that the variable names; the test is skipped where it is not there."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} names no folder with {name}")
    path = Path(folder).absolute() / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the folder that {VARIABLE} names")
    return path


def described(name: str) -> Encoder:
    description = read_description(_DESCRIPTIONS / f"{name}.toml")
    encoder, reason = identify(description, program(description.program))
    assert encoder is not None, reason
    return encoder


def load(name: str) -> Encoder:
    return Vvencapp(program("vvencapp"), "vvencapp") if name == "vvenc" else described(name)


@pytest.mark.parametrize("name", ["uvg266", "vvenc", "kvazaar", "vtm"])
def test_it_does_all_that_it_claims(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(name)
    monkeypatch.setenv("VCMPIPE_TIMEOUT_FACTOR", "10")
    trials = try_encoder(encoder).trials
    assert {trial.what: str(trial.verdict) for trial in trials} == dict.fromkeys(
        ("intra", "random-access", "low-delay", "map"), "yes"
    ), trials


@pytest.mark.parametrize("name", ["uvg266", "vvenc", "kvazaar", "vtm"])
def test_what_the_stream_states_is_true(name: str, make_frame) -> None:
    frames = [make_frame(96, 64, seed) for seed in range(1 + (name != "vtm") * 4)]
    data, sidecar = encode_frames(
        frames, encoder=load(name), qp=37, matrix=COLOUR.matrix, range=COLOUR.range, siting=COLOUR.siting
    )
    assert {picture.vui for picture in inspect_stream(data).pictures} == {Vui.of_colour(COLOUR)}
    sets = [each.elements for each in inspect_stream(data).parameter_sets if each.kind == "SPS"]
    assert sets and not {each["general_profile_idc"] for each in sets} & ({3} if sidecar.codec == "hevc" else {65, 97})
    assert all(0 < each["general_level_idc"] < 255 for each in sets)
    # By the stream alone, as players do.
    for frame, picture in zip(frames, decode_stream(data), strict=True):
        assert np.mean((picture.rgb().astype(float) - frame.rgb) ** 2) < 255**2 / 10**2.4


@pytest.mark.parametrize("name", ["m.txt", f"map_{'x' * 80}.txt"])
def test_uvg266_takes_a_map_whatever_its_name(name: str, make_frame, monkeypatch: pytest.MonkeyPatch) -> None:
    from vcmpipe.encoders import command

    write = command.write_map
    monkeypatch.setattr(
        command, "write_map", lambda job, form, path, *rest: write(job, form, path.parent / name, *rest)
    )
    coder = SegmentCoder(load("uvg266"), make_frame(192, 128))
    requested = QpMap(np.array([[27, 40, 45], [45, 45, 45]]), 64, 192, 128)
    coded = coder.native(requested)
    assert str(check_segment(coder, coded, requested)) == "yes (native)"


def test_kvazaar_that_crashes_is_refused() -> None:
    encoder, reason = identify(read_description(_DESCRIPTIONS / "kvazaar.toml"), program("kvazaar231"))
    assert encoder is None and "older ones crash where they are given a map" in reason


@pytest.mark.parametrize("structure", ["intra", "random-access", "low-delay"])
@pytest.mark.parametrize("name", ["uvg266", "kvazaar", "vtm"])
def test_sequences(name: str, structure: Structure, moving) -> None:
    encoder = load(name)
    count, size = (3, (64, 64)) if name == "vtm" else (19, (130, 98))  # VTM takes seconds for a frame
    frames = moving(count, *size)
    job = Job(frames, 32, CodingMode(), ColourSpec(), structure, Fraction(10))
    (stream,) = encoder.encode([job])
    pictures = inspect_stream(stream).pictures
    assert [picture.slice_types == "I" for picture in pictures][1:] == [structure == "intra"] * (count - 1)
    assert pictures[0].nal_type.startswith("IDR") and pictures[0].regions[0].qp == 32
    decoded = [picture.yuv for picture in decode_stream(stream)]
    assert min(psnr_y(source, yuv) for source, yuv in zip(frames, decoded, strict=True)) > 27
    if encoder.capabilities.native_map:
        assert map_lands_in(encoder, replace(job, qp=24), 5)


def map_lands_in(encoder: Encoder, job: Job, frame: int) -> bool:
    """Whether the frame that has a map of its own is the one that differs most."""
    width, height = job.width, job.height
    flat, own = QpMap.uniform(44, width, height, 64), QpMap.uniform(24, width, height, 64)
    maps = [flat] * len(job.frames)
    maps[-1] = own  # the same smallest QP in both, which deltas count from
    streams = []
    for place in (None, frame):
        if place is not None:
            maps[place] = own
        streams += encoder.encode([replace(job, qp=tuple(maps))])
    before, after = ([picture.yuv for picture in decode_stream(stream)] for stream in streams)
    gains = [
        psnr_y(source, new) - psnr_y(source, old) for source, old, new in zip(job.frames, before, after, strict=True)
    ]
    return int(np.argmax(gains)) == frame


def test_vtm_takes_a_qp_for_each_frame_on_top_of_its_cascade(make_video) -> None:
    frames = make_video(64, 64, 9)
    coder = SegmentCoder(load("vtm"), Segment(0, tuple(frames), "random-access", Fraction(10)), ctu=64)
    low, high = QpMap.uniform(30, 64, 64, 64), QpMap.uniform(41, 64, 64, 64)
    plain = {unit.presentation: unit.qp for unit in coder.uniform([30])[0].units}
    maps = [high if place in (3, 4, 8) else low for place in range(9)]
    coded = coder.native(low, maps)
    assert check_segment(coder, coded, low).verdict == Verdict.YES
    deltas = {unit.presentation: unit.qp - plain[unit.presentation] for unit in coded.units}
    # The offsets of its cascade are formulas in the frame's QP, which now is another.
    assert all(11 <= deltas[place] <= 13 for place in (3, 4, 8))
    assert not any(deltas[place] for place in (0, 1, 2, 5, 6, 7))


@pytest.mark.parametrize("form", ["slices", "subpictures"])
@pytest.mark.parametrize("decoder", ["vvdecapp", "DecoderAppStatic"])
def test_other_decoders_decode_regions_to_the_same_samples(decoder: str, form: str, make_frame, tmp_path: Path) -> None:
    binary = program(decoder)
    coder = SegmentCoder(load("vvenc"), make_frame(192, 128), form=form)
    qps = np.full((4, 6), 45)
    qps[1:3, 2:4] = 27
    coded = coder.by_map(QpMap(qps, 32, 192, 128), "regions")
    (tmp_path / "in.266").write_bytes(coded.data)
    out = tmp_path / "out.yuv"
    process.run([binary, "-b", tmp_path / "in.266", "-o", out], timeout=60)
    (picture,) = decode_stream(coded.data)
    assert len(coded.layout.regions()) > 1 and out.read_bytes() == yuv_bytes(picture.yuv)
