"""VVenC for real, through FFmpeg; and what happens when an encoder lies."""

from __future__ import annotations

import stat
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe.bitstream import inspect_stream
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.encoders.base import Structure, TooDenseError
from vcmpipe.encoders.vvenc import FfmpegVvenc, Vvencapp, parameters
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, Yuv, pad_yuv, psnr_y, rgb_to_yuv

FLAT = Yuv(np.full((64, 64), 512, np.uint16), *(np.full((32, 32), 512, np.uint16) for _ in range(2)))


def yuv_of(make_frame, width: int, height: int, seed: int = 0):
    return pad_yuv(rgb_to_yuv(make_frame(width, height, seed).rgb, ColourSpec()), 8)


@pytest.mark.parametrize(
    ("mode", "present", "absent"),
    [
        (
            CodingMode(),
            {"MCTF", "IntraQPOffset", "GOPQPA", "BIM", "STA"},
            {"CTUSize", "threads", "TreatAsSubPic", "ALF"},
        ),
        (CodingMode(region=True, ctu=32), {"TreatAsSubPic", "threads", "CTUSize"}, {"ALF"}),
        (CodingMode(alf=False), {"ALF"}, {"TreatAsSubPic"}),
        (CodingMode(constant_qp=False), set(), {"MCTF", "IntraQPOffset", "IntraPeriod"}),
    ],
)
def test_switches_of_each_mode(mode: CodingMode, present: set[str], absent: set[str]) -> None:
    keys = set(parameters(Job([FLAT], 32, mode)))
    assert present <= keys and not absent & keys


@pytest.mark.parametrize("values", [{"preset": "best"}, {"ctu": 16}])
def test_modes_that_do_not_exist(values: dict) -> None:
    with pytest.raises(InputError):
        CodingMode(**values)


def test_several_sizes_and_qps_in_one_process(make_frame) -> None:
    wide, small = yuv_of(make_frame, 160, 96), yuv_of(make_frame, 64, 48)
    jobs = [
        Job([wide], 27, CodingMode()),
        Job([small], 40, CodingMode(region=True, ctu=32)),
        Job([wide], 45, CodingMode()),
    ]
    streams = load_encoder("vvenc").encode(jobs)
    for job, stream in zip(jobs, streams, strict=True):
        picture = inspect_stream(stream).pictures[0]
        assert (picture.width, picture.height) == (job.width, job.height)
        assert [region.qp for region in picture.regions] == [job.qp]
        assert not picture.cu_qp_delta_possible
        assert len(list(decode_stream(stream))) == 1
    assert len(streams[2]) < len(streams[0])


@pytest.mark.parametrize("qp", [0, 1, 31, 62, 63])
def test_the_qp_in_the_stream_is_the_one_asked_for(make_frame, qp: int) -> None:
    frame = make_frame(64, 64)
    smooth = frame.with_rgb(cv2.GaussianBlur(frame.rgb, (0, 0), 2))
    yuv = pad_yuv(rgb_to_yuv(smooth.rgb, ColourSpec()), 8)
    (stream,) = load_encoder("vvenc").encode([Job([yuv], qp, CodingMode())])
    assert inspect_stream(stream).pictures[0].regions[0].qp == qp


NOISE = np.random.default_rng(0).integers(0, 256, (64, 72, 3)).astype(np.uint8)


def test_a_picture_that_ffmpegs_buffer_cannot_hold_is_coded_on_a_larger_canvas() -> None:
    yuv = rgb_to_yuv(NOISE, ColourSpec())
    encoder = load_encoder("vvenc")
    jobs = [Job([yuv], qp, CodingMode()) for qp in (0, 1, 19, 40)]
    streams = encoder.encode(jobs)
    for job, stream in zip(jobs, streams, strict=True):
        picture = inspect_stream(stream).pictures[0]
        assert (picture.display_width, picture.display_height) == (72, 64)
        assert picture.regions[0].qp == job.qp
        (decoded,) = (one.yuv for one in decode_stream(stream))
        assert decoded.y.shape == yuv.y.shape
        assert psnr_y(yuv, decoded) > 60 - job.qp
    assert len(streams[0]) > yuv.y.size  # more than a byte per sample: there was no room for it as it was
    assert inspect_stream(streams[0]).pictures[0].height == 128
    assert inspect_stream(streams[3]).pictures[0].height == 64
    # What else was requested changes nothing.
    assert [encoder.encode([job])[0] for job in jobs] == streams


def test_a_region_that_ffmpegs_buffer_cannot_hold_is_said_so() -> None:
    job = Job([rgb_to_yuv(NOISE, ColourSpec())], 0, CodingMode(ctu=32, region=True))
    with pytest.raises(TooDenseError, match=r"more than the 8 bits per pixel.*higher QP"):
        load_encoder("vvenc").encode([job])


@pytest.mark.parametrize(
    ("width", "height", "preset"), [(200, 136, "fast"), (416, 240, "faster"), (1280, 720, "faster")]
)
def test_the_bits_do_not_depend_on_the_number_of_jobs(make_frame, width: int, height: int, preset: str) -> None:
    """One thread per encoder where many run side by side, and VVenC's own number where one runs alone."""
    yuv = yuv_of(make_frame, width, height)
    jobs = [Job([yuv], qp, CodingMode(preset=preset)) for qp in (30, 37, 44, 50)]
    encoder = load_encoder("vvenc")
    assert encoder.encode(jobs) == [encoder.encode([job])[0] for job in jobs]


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("", "wrote 0 pictures"),
        ("import sys; open(sys.argv[-1].removeprefix('file:'), 'wb').close()", "wrote 0 pictures"),
        ("import sys; open(sys.argv[-1].removeprefix('file:'), 'wb').write(b'rubbish' * 99)", "damaged stream"),
        ("import sys; print('out of luck', file=sys.stderr); sys.exit(3)", "out of luck"),
    ],
)
def test_an_encoder_that_lies_or_fails_is_found_out(tmp_path: Path, make_frame, body: str, named: str) -> None:
    encoder = FfmpegVvenc(script(tmp_path / "ffmpeg", body), "fake")
    with pytest.raises(ProcessError, match=named):
        encoder.encode([Job([yuv_of(make_frame, 32, 32)], 32, CodingMode())])


# Reads vvencapp's command line as its --help describes it, and lets libvvenc in FFmpeg do the work.
SHIM = """
import subprocess, sys
import imageio_ffmpeg
arguments = sys.argv[1:]
if arguments == ["--version"]:
    print("vvencapp version 1.14.0"); sys.exit()
value = dict(zip(arguments[::2], arguments[1::2]))
assert value["--format"] == "yuv420_10" and value["--frames"] == "1"
keys = ":".join(value["--additional"].split()) if "--additional" in value else ""
argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuv420p10le",
        "-s", value["--size"], "-i", value["--input"], "-c:v", "libvvenc", "-preset", value["--preset"],
        "-qpa", value["--qpa"], "-qp", value["--qp"]]
argv += ["-vvenc-params", keys] if keys else []
sys.exit(subprocess.call([*argv, "-f", "vvc", value["--output"]]))
"""


def test_vvencapp_codes_the_same_as_ffmpeg(tmp_path: Path, make_frame) -> None:
    app = Vvencapp(script(tmp_path / "vvencapp", SHIM), "shim")
    jobs = [Job([yuv_of(make_frame, 64, 48)], qp, CodingMode(region=True, ctu=32)) for qp in (30, 40)]
    assert app.encode(jobs) == load_encoder("vvenc").encode(jobs)


@pytest.mark.parametrize(
    ("structure", "period", "given"),
    [
        ("intra", None, {"IntraPeriod": "1", "DecodingRefreshType": "idr"}),
        ("random-access", None, {"IntraPeriod": "-1", "DecodingRefreshType": "cra", "GOPSize": "16", "POC0IDR": "1"}),
        ("random-access", 20, {"IntraPeriod": "32", "DecodingRefreshType": "cra", "GOPSize": "16", "POC0IDR": "1"}),
        ("low-delay", 20, {"IntraPeriod": "-1", "DecodingRefreshType": "none", "GOPSize": "8", "PicReordering": "0"}),
    ],
)
def test_switches_of_each_structure(structure: Structure, period: int | None, given: dict[str, str]) -> None:
    frames = [FLAT] * 3
    keys = parameters(Job(frames, 32, CodingMode(), structure=structure, intra_period=period))
    assert given.items() <= keys.items()
    # One picture is an intra picture whatever the structure; and the encoder as it comes is not told its groups.
    assert parameters(Job(frames[:1], 32, CodingMode(), structure=structure)) == parameters(
        Job(frames[:1], 32, CodingMode())
    )
    default = parameters(Job(frames, 32, CodingMode(constant_qp=False), structure=structure))
    assert ("GOPSize" in default) == (structure == "low-delay")


@pytest.mark.parametrize("structure", ["random-access", "low-delay"])
@pytest.mark.parametrize("count", [1, 2, 17, 18])
def test_sequences_of_any_length(structure: Structure, count: int, make_video) -> None:
    frames = [frame.planes.yuv() for frame in make_video(64, 48, count)]
    (stream,) = load_encoder("vvenc").encode([Job(frames, 37, CodingMode(), structure=structure, rate=Fraction(10))])
    pictures = inspect_stream(stream).pictures
    assert sorted(picture.poc for picture in pictures) == list(range(count))
    assert pictures[0].nal_type == "IDR_N_LP" and pictures[0].regions[0].qp == (34 if count > 1 else 37)
    assert all(picture.slice_types != "I" for picture in pictures[1:])
    shown = list(decode_stream(stream))
    assert min(psnr_y(source, each.yuv) for source, each in zip(frames, shown, strict=True)) > 25


def test_further_intra_pictures_are_there_to_seek(make_video) -> None:
    frames = [frame.planes.yuv() for frame in make_video(64, 48, 40)]
    job = Job(frames, 37, CodingMode(), structure="random-access", rate=Fraction(10), intra_period=10)
    pictures = inspect_stream(load_encoder("vvenc").encode([job])[0]).pictures
    assert [(p.poc, p.nal_type) for p in pictures if p.slice_types == "I"] == [
        (0, "IDR_N_LP"),
        (16, "CRA"),
        (32, "CRA"),
    ]


def test_a_frame_that_cannot_be_made_ends_the_encoder(make_video) -> None:
    frames = [frame.planes.yuv() for frame in make_video(64, 48, 4)]

    class Broken(list):
        def __iter__(self):
            yield frames[0]
            raise InputError("clip.mp4#1 is damaged")

    with pytest.raises(InputError, match="is damaged"):
        load_encoder("vvenc").encode([Job(Broken(frames), 37, CodingMode(), structure="random-access")])


@pytest.mark.parametrize("qp", [0, 1, 63])
def test_the_first_picture_is_finer_but_for_what_does_not_exist(qp: int, make_video) -> None:
    frames = [frame.planes.yuv() for frame in make_video(64, 48, 3)]
    job = Job(frames, qp, CodingMode(), structure="random-access")
    pictures = inspect_stream(load_encoder("vvenc").encode([job])[0]).pictures
    assert pictures[0].regions[0].qp == max(qp - 3, 0) and all(0 <= each.regions[0].qp <= 63 for each in pictures)
