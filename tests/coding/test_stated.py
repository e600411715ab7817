"""What a stream states of itself, colour, profile and level, whatever an encoder wrote, and what decode makes of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.bitstream import StreamJoiner, Vui, codec_of, inspect_stream
from vcmpipe.bitstream.nal import rewritten
from vcmpipe.bitstream.vvc.nal import make_nal, split_nal_units
from vcmpipe.bitstream.vvc.sps import read_sps, write_sps
from vcmpipe.bitstream.vvc.vui import is_vui_element
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.commands.encode import encode
from vcmpipe.commands.restoring import restored
from vcmpipe.config import EncodeOptions
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders.command import CommandEncoder
from vcmpipe.encoders.description import read_description
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec
from vcmpipe.frames.writers import write_png
from vcmpipe.sidecar import Sidecar

COLOUR = ColourSpec("bt601", "full", "topleft")
# Programs of nobody's: they state no colour, or another than asked for; a still-picture profile; no level.
SHIM = """
import subprocess, sys
import imageio_ffmpeg
source, output, width, height, qp = sys.argv[1:6]
encoder, pixels, arguments = {
    "hevc": ("libkvazaar", "yuv420p", ["-kvazaar-params", f"qp={qp},period=1,gop=0,threads=0,owf=0"]),
    "vvc": ("libvvenc", "yuv420p10le", ["-qp", qp, "-qpa", "0", "-preset", "faster", "-vvenc-params",
            "IntraPeriod=1:GOPQPA=0:MCTF=0:IntraQPOffset=0:BIM=0:Profile=main_10_still_picture:threads=0"]),
}[sys.argv[6]]
sys.exit(subprocess.call([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-f", "rawvideo",
    "-pix_fmt", pixels, "-s", f"{width}x{height}", "-i", source, "-c:v", encoder, *arguments, "-f", sys.argv[6],
    output]))
"""
TOML = """
program = "shim.py"
codec = "CODEC"
qp_range = [0, 51]
input = "PIXELS"
arguments = ["{input}", "{output}", "{width}", "{height}", "{qp}", "CODEC"]
"""


@pytest.fixture(params=["vvc", "hevc"])
def silent(request: pytest.FixtureRequest, tmp_path: Path) -> CommandEncoder:
    """An encoder that leaves out, or states wrongly, all that it can."""
    program = tmp_path / "shim.py"
    program.write_text(f"#!{sys.executable}\n{SHIM}")
    program.chmod(0o755)
    pixels = {"vvc": "yuv420p10le", "hevc": "yuv420p"}[request.param]
    (tmp_path / "silent.toml").write_text(TOML.replace("CODEC", request.param).replace("PIXELS", pixels))
    return CommandEncoder(read_description(tmp_path / "silent.toml"), program, "silent 1")


def stated(data: bytes) -> list[tuple[int, int]]:
    """Profile and level of every SPS."""
    sets = [each.elements for each in inspect_stream(data).parameter_sets if each.kind == "SPS"]
    return [(each["general_profile_idc"], each["general_level_idc"]) for each in sets]


def unstated(data: bytes) -> bytes:
    """A VVC stream without VUI."""

    def change(unit) -> bytes:
        if unit.type_name != "SPS":
            return unit.data
        fields = {name: value for name, value in read_sps(unit.payload()).items() if not is_vui_element(name)}
        return make_nal(unit.type, write_sps(fields | {"sps_vui_parameters_present_flag": 0}), unit.temporal_id).data

    return rewritten(data, split_nal_units(data), change)


def test_what_the_encoder_leaves_out_is_written(silent: CommandEncoder, make_frame) -> None:
    coders = [SegmentCoder(silent, make_frame(96, 64, seed), spec=COLOUR) for seed in range(2)]
    streams = [coder.uniform([20])[0].data for coder in coders]
    joiner = StreamJoiner(codec_of(streams[0]))
    joined = b"".join(map(joiner.add, streams))
    assert {picture.vui for picture in inspect_stream(joined).pictures} == {Vui.of_colour(COLOUR)}
    still = {"vvc": {65, 97}, "hevc": {3}}[codec_of(joined)]
    assert not {profile for profile, _ in stated(joined)} & still
    assert all(0 < level < 255 for _, level in stated(joined))
    for coder, picture in zip(coders, decode_stream(joined), strict=True):
        assert np.array_equal(picture.rgb(), coder.decode_still(coder.uniform([20])[0]).frame.rgb)


def test_a_colour_that_is_another_than_requested_is_restated(make_frame) -> None:
    from vcmpipe.encoders import load_encoder

    encoder = load_encoder("kvazaar")

    class Deaf:
        """kvazaar, told another colour."""

        name, build, capabilities = "deaf", "1", encoder.capabilities

        def encode(self, jobs):
            return encoder.encode([replace(job, colour=ColourSpec("bt2020")) for job in jobs])

    data = SegmentCoder(Deaf(), make_frame(96, 64), spec=COLOUR).uniform([30])[0].data
    assert inspect_stream(data).pictures[0].vui == Vui.of_colour(COLOUR)


def test_decode_takes_the_sidecars_colour_where_the_stream_states_none(tmp_path: Path, make_frame) -> None:
    frame = make_frame(96, 64)
    write_png(tmp_path / "a.png", frame.rgb)
    options = EncodeOptions(
        input=str(tmp_path / "a.png"), out=str(tmp_path / "a.bin"), qp=20, matrix="bt601", range="full"
    )
    encode(options)
    data, sidecar = (tmp_path / "a.bin").read_bytes(), Sidecar.read(tmp_path / "a.json")
    (whole,), (told,), (alone,) = (
        [picture.rgb().astype(float) for picture in restored(*given)]
        for given in ((data, sidecar), (unstated(data), sidecar), (unstated(data), None))
    )
    assert np.array_equal(whole, told)
    errors = [np.mean((rgb - frame.rgb) ** 2) for rgb in (told, alone)]
    assert errors[1] > 1.5 * errors[0], "without either it is BT.709, limited"
    sidecar = replace(sidecar, colour={"matrix": "bt601", "hue": 3})
    with pytest.raises(InputError, match="the sidecar's colour is not one"):
        next(restored(unstated(data), sidecar))
    # What the stream does state comes first.
    (stated_first,) = (each.rgb() for each in restored(data, replace(sidecar, colour={"matrix": "bt2020"})))
    assert np.array_equal(stated_first, whole)


def test_the_sidecar_has_the_colour_of_a_videos_own_samples(make_video) -> None:
    from vcmpipe.commands.encode import encode_frames

    frames = make_video(64, 48, 2, matrix="bt601", range="full")
    _, sidecar = encode_frames(frames, qp=40)
    assert (sidecar.colour["matrix"], sidecar.colour["range"]) == ("bt601", "full")
