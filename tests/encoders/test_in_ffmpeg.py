"""Encoders that FFmpeg carries and a description calls: what they write, and what becomes of their maps."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.bitstream import Vui, inspect_stream
from vcmpipe.coding.conformance import check_segment
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.encoders.base import Structure
from vcmpipe.encoders.ffmpeg import FOLDER_VARIABLE
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, psnr_y
from vcmpipe.qpmap import QpMap

STRUCTURES = ("intra", "random-access", "low-delay")
NAMES = ("x265", "svtav1")


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("name", NAMES)
def test_sequences_begin_with_the_qp_that_is_requested(name: str, structure: Structure, moving) -> None:
    encoder = load_encoder(name)
    assert encoder.build.startswith(f"{name} ") and " in FFmpeg " in encoder.build
    frames = moving(19, 130, 98)
    (stream,) = encoder.encode([Job(frames, 32, CodingMode(), ColourSpec(), structure, Fraction(10))])
    pictures = inspect_stream(stream).pictures
    assert [picture.slice_types == "I" for picture in pictures][1:] == [structure == "intra"] * 18
    assert pictures[0].nal_type.startswith(("IDR", "KEY")) and pictures[0].regions[0].qp == 32
    assert not any(picture.cu_qp_delta_possible for picture in pictures)
    decoded = [picture.yuv for picture in decode_stream(stream)]
    assert min(psnr_y(source, yuv) for source, yuv in zip(frames, decoded, strict=True)) > 27


@pytest.mark.parametrize("name", NAMES)
def test_pictures_of_less_than_a_ctu(name: str, make_frame) -> None:
    coder = SegmentCoder(load_encoder(name), make_frame(16, 24))
    (coded,) = coder.uniform([30])
    assert str(check_segment(coder, coded, QpMap.uniform(30, 16, 24))) == "yes (uniform)"
    assert coder.decode_still(coded)[1] > 25


def test_x265_states_colour_and_rate_and_seeks(moving) -> None:
    colour = ColourSpec("bt601", "full", "topleft", primaries=5, transfer=6)
    job = Job(moving(20, 98, 66), 40, CodingMode(), colour, "random-access", Fraction(30000, 1001), 8)
    pictures = inspect_stream(load_encoder("x265").encode([job])[0]).pictures
    intra = [(picture.poc, picture.nal_type) for picture in pictures if picture.slice_types == "I"]
    assert intra == [(0, "IDR_N_LP"), (8, "CRA"), (16, "CRA")]
    assert {picture.regions[0].qp for picture in pictures} <= {40, 41, 42}
    assert pictures[0].vui == Vui.of_colour(colour) and pictures[0].rate == Fraction(30000, 1001)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_x265_has_the_quality_of_the_map_where_the_map_has_it(structure: Structure, moving) -> None:
    frames = moving(6, 256, 128)
    halves = QpMap(np.array([[27, 27, 37, 37]] * 2), 64, 256, 128)
    jobs = [Job(frames, qp, CodingMode(), ColourSpec(), structure, Fraction(25)) for qp in (27, 37, halves)]
    streams = load_encoder("x265").encode(jobs)
    fine, coarse, mixed = ([picture.yuv.y for picture in decode_stream(stream)] for stream in streams)
    for columns, like, unlike in ((slice(0, 128), fine, coarse), (slice(128, 256), coarse, fine)):
        source = np.stack([frame.y[:, columns] for frame in frames]).astype(np.float64)
        error, near, far = (
            float(np.mean((np.stack([y[:, columns] for y in pictures]) - source) ** 2))
            for pictures in (mixed, like, unlike)
        )
        assert abs(error - near) < 0.15 * abs(far - near)


def test_svtav1_seeks_and_has_its_lowest_and_highest_qp(moving) -> None:
    colour = ColourSpec("bt601", "full", primaries=5, transfer=6)
    for qp in (0, 1, 62, 63):
        job = Job(moving(20, 98, 66), qp, CodingMode(), colour, "random-access", Fraction(30000, 1001), 8)
        pictures = inspect_stream(load_encoder("svtav1").encode([job])[0]).pictures
        # Groups of 16 are whole: eight more frames than were requested.
        assert [n for n, picture in enumerate(pictures) if picture.slice_types == "I"] == [0, 16]
        assert [pictures[n].regions[0].qp for n in (0, 16)] == [qp, qp]
        assert max(picture.regions[0].qp for picture in pictures) == min(63, qp + 15)
        vui = pictures[0].vui
        assert vui is not None and replace(vui, chroma_siting=0) == Vui.of_colour(colour)


@pytest.mark.parametrize("siting", ["left", "topleft", "centre"])
def test_svtav1_streams_state_colour_and_rate(siting: str, make_video) -> None:
    frames = tuple(make_video(64, 48, 5, matrix="bt601", range="full", siting=siting))
    coder = SegmentCoder(load_encoder("svtav1"), Segment(0, frames, "random-access", Fraction(10)))
    info = inspect_stream(coder.uniform([30])[0].data)
    stated = Vui.of_colour(frames[0].planes.colour)
    assert info.rate == 10
    # There is no code for the centre.
    assert info.pictures[0].vui == (replace(stated, chroma_siting=None) if siting == "centre" else stated)


def test_svtav1_reads_no_map(make_frame) -> None:
    coder = SegmentCoder(load_encoder("svtav1"), make_frame(128, 64))
    requested = QpMap(np.array([[27, 45]]), 64, 128, 64)
    assert coder.by_map(requested).realisation == "uniform"
    for how in ("native", "regions"):
        with pytest.raises(InputError, match="use --realise auto or uniform"):
            coder.by_map(requested, how)


def test_x265_codes_by_its_map(make_frame) -> None:
    coder = SegmentCoder(load_encoder("x265"), make_frame(192, 128))
    requested = QpMap(np.array([[27, 45, 45], [45, 45, 51]]), 64, 192, 128)
    coded = coder.by_map(requested, "native")
    assert str(check_segment(coder, coded, requested)) == "yes (native)" and not coded.notes


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('ffmpeg = "libx265"', None),
        ('ffmpeg = "libnothing"', "built without libnothing"),
    ],
)
def test_a_users_description_names_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_frame, text: str, reason: str | None
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    arguments = '["-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "{width}x{height}", "-i", "{input}", '
    arguments += '"-c:v", "libx265", "-qp", "{qp}", "-x265-params", "log-level=none", "-f", "hevc", "{output}"]'
    (tmp_path / "mine.toml").write_text(
        f'{text}\ncodec = "hevc"\nqp_range = [0, 51]\ninput = "yuv420p"\narguments = {arguments}\n'
    )
    if reason is not None:
        with pytest.raises(InputError, match=reason):
            load_encoder("mine")
        return
    coder = SegmentCoder(load_encoder("mine"), make_frame(96, 64))
    assert coder.decode_still(coder.uniform([30])[0]).psnr_y > 30
