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
from vcmpipe.decoder import decode_stream
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.encoders.vvenc import FfmpegVvenc, Vvencapp, parameters
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, pad_yuv, rgb_to_yuv


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
    jobs = [Job(wide, 27, CodingMode()), Job(small, 40, CodingMode(region=True, ctu=32)), Job(wide, 45, CodingMode())]
    streams = load_encoder("vvenc").encode(jobs)
    for job, stream in zip(jobs, streams, strict=True):
        picture = inspect_stream(stream).pictures[0]
        assert (picture.width, picture.height) == (job.yuv.width, job.yuv.height)
        assert [region.qp for region in picture.regions] == [job.qp]
        assert not picture.cu_qp_delta_possible
        assert len(list(decode_stream(stream))) == 1
    assert len(streams[2]) < len(streams[0])


@pytest.mark.parametrize("qp", [0, 1, 31, 62, 63])
def test_the_qp_in_the_stream_is_the_one_asked_for(make_frame, qp: int) -> None:
    frame = make_frame(64, 64)
    smooth = replace(frame, rgb=cv2.GaussianBlur(frame.rgb, (0, 0), 2))
    yuv = pad_yuv(rgb_to_yuv(smooth.rgb, ColourSpec()), 8)
    (stream,) = load_encoder("vvenc").encode([Job(yuv, qp, CodingMode())])
    assert inspect_stream(stream).pictures[0].regions[0].qp == qp


def test_what_ffmpegs_buffer_cannot_hold_is_said_so() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    with pytest.raises(TooDenseError, match=r"more than the 8 bits per pixel.*higher QP"):
        load_encoder("vvenc").encode([Job(rgb_to_yuv(noise, ColourSpec()), 0, CodingMode())])


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
        encoder.encode([Job(yuv_of(make_frame, 32, 32), 32, CodingMode())])


# Reads vvencapp's command line as its --help describes it, and lets libvvenc in FFmpeg do the work.
SHIM = """
import subprocess, sys
import imageio_ffmpeg
words = sys.argv[1:]
if words == ["--version"]:
    print("vvencapp version 1.14.0"); sys.exit()
value = dict(zip(words[::2], words[1::2]))
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
    jobs = [Job(yuv_of(make_frame, 64, 48), qp, CodingMode(region=True, ctu=32)) for qp in (30, 40)]
    assert app.encode(jobs) == load_encoder("vvenc").encode(jobs)
