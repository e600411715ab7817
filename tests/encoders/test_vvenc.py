"""VVenC for real, through FFmpeg; and what happens when an encoder lies."""

from __future__ import annotations

import stat
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe.bitstream import inspect_stream
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.encoders.vvenc import FfmpegVvenc, Vvencapp, parameters
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, pad_yuv, psnr_y, rgb_to_yuv


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
    keys = set(parameters(mode))
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
    smooth = replace(frame, rgb=cv2.GaussianBlur(frame.rgb, (0, 0), 2))
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
