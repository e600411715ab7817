"""Encoders described by TOML files: what is refused, the command lines, and a shim that codes for real."""

from __future__ import annotations

import itertools
import re
import signal
import sys
import tempfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.coding.conformance import check_segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders import CodingMode, Job, load_encoder, search_encoders
from vcmpipe.encoders.command import CommandEncoder, identify
from vcmpipe.encoders.description import read_description
from vcmpipe.encoders.discovery import _DESCRIPTIONS
from vcmpipe.encoders.ffmpeg import FOLDER_VARIABLE
from vcmpipe.encoders.maps import WrittenMap, write_map
from vcmpipe.encoders.versions import FAULTS, at_least
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, rgb_to_yuv
from vcmpipe.qpmap import MapLimits, QpMap, fit_maps
from vcmpipe.sidecar import Verdict

GOOD = """
codec = "vvc"
qp_range = [0, 63]
arguments = ["{input}", "{output}", "{width}", "{height}", "{qp}"]
"""
LOW_DELAY = '\n[structures.low-delay]\narguments = ["--ld", "{rate}"]\n'
MAP = '\n[map]\nform = "mask"\narguments = ["-mi", "{map}", "-qbg", "{background_qp}"]\n'


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!{sys.executable}\n{body}")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("codec = [", "not a TOML file"),
        (GOOD.replace("vvc", "avs3"), "codec is 'avs3': choose one of vvc, hevc, av1"),
        (GOOD.replace("63", "64"), "qp_range is"),
        (GOOD.replace('"{qp}"', '"32"'), "arguments never uses {qp}"),
        (GOOD.replace('"{qp}"', '"{qp}", "{password}"'), "choose placeholders from"),
        (GOOD.replace('"{qp}"', '"{qp.real}"'), "choose placeholders from"),
        (GOOD.replace('"{qp}"', '"{qp}", "{"'), "write {{ and }}"),
        (
            GOOD.replace('["{input}", "{output}", "{width}", "{height}", "{qp}"]', '"a shell line"'),
            "expected `array`",
        ),
        ("qp_range = [0, 63]", "codec is missing"),
        (GOOD + 'shell = "rm"', "shell is not known here"),
        (GOOD + 'name = "../x"', "name is '../x'"),
        (GOOD + MAP.replace("mask", "pixels"), "map.form is 'pixels'"),
        (GOOD + MAP.replace("{map}", "x"), "map.arguments never uses {map}"),
        (GOOD + MAP + "ctu = 48", "CTU size 48"),
        (GOOD + '[version]\narguments = []\npattern = "("', "version.pattern is not a regular expression"),
        (GOOD + '[version]\narguments = []\npattern = "x"', "one group"),
        (GOOD + "[structures.inter]\narguments = []", "structures.inter is not known"),
        (GOOD + "[structures.low-delay]", "structures.low-delay.arguments is missing"),
        (GOOD + '[structures.intra]\narguments = ["{structure}"]', "choose placeholders from"),
        (GOOD + "[structures.random-access]\narguments = []\ngop = 0", "structures.random-access.gop is 0"),
        (GOOD + '[structures.intra]\narguments = []\nfirst_only = "no"', "structures.intra.first_only is 'no'"),
        (GOOD.replace('"{qp}"', '"{qp}", "{structure}", "{structure}"'), "'{structure}' twice"),
        (GOOD + MAP + 'order = "display"', "map.order is 'display': choose one of presentation, coding"),
        (
            GOOD + "[structures.random-access]\narguments = []\ngop = 12" + MAP + 'order = "coding"',
            "structures.random-access.gop is 12: maps in coding order need a power of two",
        ),
        (GOOD + '[presets]\nfastest = "x"', "presets.fastest is not known"),
        (GOOD.replace('"{qp}"', '"{qp}", "{map_arguments}", "{map_arguments}"'), "'{map_arguments}' twice"),
        (GOOD + 'ffmpeg = "x265"', "ffmpeg is 'x265'"),
        (GOOD + 'ffmpeg = "libx265"\nprogram = "x265"', "program is 'x265': leave it out where ffmpeg names a library"),
    ],
)
def test_a_wrong_description_is_refused_with_the_place(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_description(path)
    assert named in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


def command(name: str, job: Job, written: WrittenMap | None = None) -> list[str]:
    description = read_description(_DESCRIPTIONS / f"{name}.toml")
    encoder = CommandEncoder(description, Path("/bin") / description.program, "x")
    return encoder.command(job, Path("/t/-i.yuv"), Path("/t/o.266"), written)


def test_command_lines_of_the_shipped_ones(make_frame) -> None:
    yuv = rgb_to_yuv(make_frame(98, 66).rgb, ColourSpec())
    job = Job([yuv], QpMap.uniform(30, 98, 66), CodingMode("slow"), ColourSpec("bt601", "full", "centre"))
    for name in ("uvg266", "kvazaar"):
        argv = command(name, job, WrittenMap(Path("/t/map0.txt"), 30, 30))
        value = dict(itertools.pairwise(argv[1:]))
        assert argv[0] == f"/bin/{name}"
        assert (value["--input"], value["--input-res"], value["--qp"]) == ("/t/-i.yuv", "98x66", "30")
        assert (value["--preset"], value["--period"], value["--gop"]) == ("slow", "1", "0")
        # The map by its bare name: uvg266 aborts over long ones.
        assert (value["--roi"], value["--range"], value["--colormatrix"]) == ("map0.txt", "pc", "smpte170m")
        assert not {"--vaq", "--set-qp-in-cu", "--bitrate"} & set(argv)
    argv = command("vtm", Job([yuv], 41, CodingMode(), ColourSpec()))
    assert argv[:3] == ["/bin/EncoderAppStatic", "-c", "/bin/encoder_intra_vtm.cfg"]
    assert {"--TemporalSubsampleRatio=1", "--ProgressiveSource=1"} <= set(argv)
    assert {"--QP=41", "--SourceWidth=98", "--ConformanceWindowMode=1", "--InputFile=/t/-i.yuv"} <= set(argv)
    with pytest.raises(InputError, match="reads no QP maps"):
        command("vtm", job)


def test_command_lines_of_sequences(make_frame) -> None:
    yuv = rgb_to_yuv(make_frame(64, 64).rgb, ColourSpec())
    job = Job([yuv] * 17, 30, CodingMode(), ColourSpec("bt2020", primaries=9, transfer=16), rate=Fraction(30000, 1001))
    seeking = replace(job, structure="random-access", intra_period=40)
    whole = replace(seeking, intra_period=None)
    low_delay = replace(seeking, structure="low-delay")
    for name in ("uvg266", "kvazaar"):
        for given, period, gop in ((seeking, "48", "16"), (whole, "0", "16"), (low_delay, "0", "lp-g4d3t1")):
            argv = command(name, given)
            value = dict(itertools.pairwise(argv[1:]))
            assert (value["--period"], value["--gop"], value["--intra-qp-offset"]) == (period, gop, "0")
            assert (value["--input-fps"], value["--frames"]) == ("30000/1001", "17")
            colour = (value["--colorprim"], value["--transfer"], value["--colormatrix"])
            assert colour == ("bt2020", "undef", "bt2020nc")
            assert argv.index("--gop") > argv.index("--preset"), "a preset chooses a group, too"
    for given, period in ((seeking, "48"), (whole, "-1")):
        argv = command("vtm", given)
        assert argv[1:4] == ["-c", "/bin/encoder_randomaccess_vtm_gop16.cfg", f"--IntraPeriod={period}"]
        assert {"--FrameRate=29.97003", "--IntraQPOffset=0", "--TemporalFilter=0"} <= set(argv)
    assert command("vtm", low_delay)[1:3] == ["-c", "/bin/encoder_lowdelay_vtm.cfg"]
    # One picture is intra in every structure; without a rate one has to be stated all the same.
    still = command("uvg266", replace(seeking, frames=[yuv], rate=None))
    assert (still[still.index("--gop") + 1], still[still.index("--input-fps") + 1]) == ("0", "25/1")


def test_a_configuration_that_is_not_beside_the_program(tmp_path: Path, make_frame) -> None:
    yuv = rgb_to_yuv(make_frame(64, 64).rgb, ColourSpec())
    encoder = CommandEncoder(
        read_description(_DESCRIPTIONS / "vtm.toml"), script(tmp_path / "EncoderAppStatic", ""), "x"
    )
    job = Job([yuv] * 2, 30, CodingMode(), structure="random-access")
    with pytest.raises(InputError, match=r"random-access with encoder_randomaccess_vtm_gop16\.cfg, which is not in"):
        encoder.encode([job])
    (tmp_path / "encoder_randomaccess_vtm_gop16.cfg").touch()
    with pytest.raises(ProcessError, match="wrote 0 pictures for 2 frames"):
        encoder.encode([job])


def test_a_description_without_structures_codes_intra_only(tmp_path: Path, make_frame) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    description = read_description(tmp_path / "mine.toml")
    encoder = CommandEncoder(description, script(tmp_path / "mine", ""), "x")
    assert encoder.capabilities.structures == ("intra",)
    yuv = rgb_to_yuv(make_frame(64, 64).rgb, ColourSpec())
    with pytest.raises(InputError, match="encoder mine does not code low-delay: it codes intra"):
        encoder.encode([Job([yuv] * 2, 30, CodingMode(), structure="low-delay")])
    (tmp_path / "mine.toml").write_text(GOOD + LOW_DELAY)
    description = read_description(tmp_path / "mine.toml")
    assert description.capabilities.structures == ("intra", "low-delay")
    # Where {structure} does not stand, its arguments come last.
    assert description.structure_arguments("low-delay") == (*description.arguments, "--ld", "{rate}")
    assert description.structure_arguments("intra") == description.arguments


def test_arguments_of_maps_and_structures_stand_where_their_places_are(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD.replace('"{qp}"', '"{qp}", "{map_arguments}", "{structure}", "z"') + MAP)
    description = read_description(tmp_path / "mine.toml")
    behind = ("z",)
    assert description.structure_arguments("intra")[5:] == behind
    assert description.structure_arguments("intra", with_map=True)[5:] == (*description.map.arguments, *behind)
    (tmp_path / "mine.toml").write_text(GOOD + MAP)
    description = read_description(tmp_path / "mine.toml")
    assert description.structure_arguments("intra", with_map=True)[5:] == description.map.arguments


# An encoder program of nobody's: it checks its mask, and lets kvazaar code with two QPs.
SHIM = """
import subprocess, sys
import imageio_ffmpeg, numpy as np
arguments = sys.argv[1:]
if arguments == ["--about"]:
    print("maskcoder 3.4-beta"); sys.exit()
source, output, width, height, qp = arguments[:5]
value = dict(zip(arguments[5::2], arguments[6::2]))
keys = f"qp={qp},period=1,gop=0,wpp=0,threads=0,owf=0,info=0,hash=none"
if "-mi" in value:
    mask = np.fromfile(value["-mi"], np.uint8).reshape(int(height), int(width))[::64, ::64]
    delta = np.where(mask == 255, 0, int(value["-qbg"]) - int(qp))
    with open("roi.txt", "w") as file:
        file.write(f"{mask.shape[1]} {mask.shape[0]} " + " ".join(map(str, delta.ravel())))
    keys += ",roi=roi.txt"
sys.exit(subprocess.call([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-f", "rawvideo",
    "-pix_fmt", "yuv420p", "-s", f"{width}x{height}", "-i", source, "-c:v", "libkvazaar", "-kvazaar-params", keys,
    "-f", "hevc", output]))
"""
TOML = """
program = "maskcoder.py"
codec = "hevc"
qp_range = [0, 51]
input = "yuv420p"
arguments = ["{input}", "{output}", "{width}", "{height}", "{qp}"]
[map]
form = "mask"
span = 25
arguments = ["-mi", "{map}", "-qbg", "{background_qp}"]
[version]
arguments = ["--about"]
pattern = 'maskcoder (\\S+)'
minimum = "3.4"
reason = "masks"
"""


@pytest.fixture
def shimmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    script(tmp_path / "maskcoder.py", SHIM)
    (tmp_path / "masked.toml").write_text(TOML)
    return tmp_path


def test_an_encoder_of_the_users_own_codes_by_its_masks(shimmed: Path, make_frame) -> None:
    encoder = load_encoder("masked")
    assert encoder.build == "masked 3.4-beta"
    coder = SegmentCoder(encoder, make_frame(192, 128))
    requested = QpMap(np.array([[27, 40, 45], [45, 45, 45]]), 64, 192, 128)
    coded = coder.by_map(requested)
    assert coded.realisation == "native"
    assert coded.native is not None and coded.native.qp.tolist() == [[27, 27, 45], [45, 45, 45]]
    assert "two levels" in coded.notes[0]
    assert str(check_segment(coder, coded, requested)) == "yes (native)"


def test_too_old_is_not_taken_and_the_reason_said(shimmed: Path) -> None:
    (shimmed / "masked.toml").write_text(TOML.replace('"3.4"', '"3.5"'))
    encoder, reason = identify(read_description(shimmed / "masked.toml"), shimmed / "maskcoder.py")
    assert encoder is None and reason == "is masked 3.4-beta, 3.5 or later is needed: masks"


def test_a_broken_description_harms_no_other_encoder(shimmed: Path) -> None:
    (shimmed / "broken.toml").write_text("codec = 3")
    (shimmed / "vvenc2.toml").write_text(GOOD + 'name = "vvenc"')
    assert "libvvenc" in load_encoder("vvenc").build
    with pytest.raises(InputError, match=r"broken\.toml"):
        load_encoder("broken")
    reasons = {place.name: place.reason for place in search_encoders() if place.encoder is None}
    assert "codec is 3" in reasons["broken"] and "built in" in reasons["vvenc2"]


def test_a_program_that_states_no_version_is_known_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    encoder, _ = identify(read_description(tmp_path / "mine.toml"), script(tmp_path / "mine", "1"))
    assert encoder is not None and encoder.build.startswith("mine sha256:")


@pytest.mark.parametrize(
    ("version", "minimum", "enough"),
    [
        ("2.3.2", "2.3", True),
        ("2.3", "2.3.0", True),
        ("0.8.1-abc1234", "0.8.1", True),
        ("1.10", "1.9", True),
        ("1.8.9", "1.9", False),
        ("", "1", False),
    ],
)
def test_versions_are_numbers(version: str, minimum: str, enough: bool) -> None:
    assert at_least(version, minimum) is enough


# What uvg266 does: its stream is complete, and it aborts on its way out.
ABORTING = """
import os, subprocess, sys
import imageio_ffmpeg
source, output, width, height, qp, share, last = sys.argv[1:8]
subprocess.call([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt",
    "yuv420p", "-s", f"{width}x{height}", "-i", source, "-c:v", "libkvazaar", "-kvazaar-params",
    f"qp={qp},period=1,gop=0", "-f", "hevc", output])
with open(output, "r+b") as file:
    file.truncate(int(file.seek(0, 2) * float(share)))
os.kill(os.getpid(), int(last)) if int(last) else sys.exit(3)
"""


@pytest.mark.parametrize(
    ("key", "share", "last", "fault"),
    [
        ("aborts_at_end = true", 1, signal.SIGABRT, None),
        ("", 1, signal.SIGABRT, "SIGABRT"),
        ("aborts_at_end = true", 1, signal.SIGSEGV, "SIGSEGV"),
        ("aborts_at_end = true", 1, 0, "exit code 3"),
        ("aborts_at_end = true", 0.1, signal.SIGABRT, "wrote 0 pictures for 1 frame"),
    ],
)
def test_a_program_that_aborts_at_its_end(
    tmp_path: Path, make_frame, key: str, share: float, last: int, fault: str | None
) -> None:
    binary = script(tmp_path / "aborting", ABORTING)
    text = GOOD.replace("vvc", "hevc").replace("63", "51").replace('"{qp}"', f'"{{qp}}", "{share}", "{int(last)}"')
    (tmp_path / "mine.toml").write_text(f'{text}input = "yuv420p"\n{key}\n')
    encoder = CommandEncoder(read_description(tmp_path / "mine.toml"), binary, "x")
    coder = SegmentCoder(encoder, make_frame(96, 64))
    if fault is None:
        assert coder.decode_still(coder.uniform([30])[0]).psnr_y > 30
        return
    with pytest.raises(ProcessError, match=fault):
        coder.uniform([30])


def test_auto_does_without_a_map_that_an_encoder_fails_with(shimmed: Path, make_frame) -> None:
    (shimmed / "masked.toml").write_text(TOML.replace('"-qbg"', '"-nonsense", "x", "-qbg-is-missing"'))
    coder = SegmentCoder(load_encoder("masked"), make_frame(192, 128))
    requested = QpMap(np.array([[27, 40, 45], [45, 45, 45]]), 64, 192, 128)
    with pytest.raises(ProcessError):
        coder.by_map(requested, "native")
    coded = coder.by_map(requested)
    assert (coded.realisation, coded.qps) == ("uniform", (27,))
    (note,) = coded.notes
    assert "failed with a map, which was left out: " in note and "exit code" in note
    # Every run has a folder of its own, and its records are those of every other run.
    assert tempfile.gettempdir() not in note and "command:" not in note


def test_what_realise_may_be_instead_is_what_the_encoder_has(shimmed: Path, make_frame) -> None:
    requested = QpMap(np.array([[27, 40, 45], [45, 45, 45]]), 64, 192, 128)
    with pytest.raises(InputError, match="use --realise auto, native or uniform"):
        SegmentCoder(load_encoder("masked"), make_frame(192, 128)).by_map(requested, "regions")
    (shimmed / "mapless.toml").write_text(TOML[: TOML.index("[map]")] + TOML[TOML.index("[version]") :])
    for how in ("native", "regions"):
        with pytest.raises(InputError, match="use --realise auto or uniform"):
            SegmentCoder(load_encoder("mapless"), make_frame(192, 128)).by_map(requested, how)


@pytest.mark.parametrize(
    ("name", "answer", "exit_code", "taken"),
    [
        ("kvazaar", "Kvazaar v2.3.1", 0, "is kvazaar 2.3.1, 2.3.2 or later is needed: older ones crash"),
        ("kvazaar", "Kvazaar 2.3.2", 0, "kvazaar 2.3.2"),
        ("uvg266", "uvg266 v0.8.0-abc", 0, "is uvg266 0.8.0-abc, 0.8.1 or later is needed: older ones read ROI"),
        ("vtm", "VVCSoftware: VTM Encoder Version 9.3 [Linux]", 1, "is vtm 9.3, 10.0 or later is needed"),
        ("vtm", "VVCSoftware: VTM Encoder Version 23.13 [Linux]", 1, "vtm 23.13 sha256:"),
        ("vtm", "VVCSoftware: VTM Encoder Version 23.13 [Linux]", 2, "does not answer when it is started"),
    ],
)
def test_versions_known_to_be_broken_are_refused(
    tmp_path: Path, name: str, answer: str, exit_code: int, taken: str
) -> None:
    binary = script(tmp_path / name, f"import sys\nprint({answer!r})\nsys.exit({exit_code})\n")
    encoder, reason = identify(read_description(_DESCRIPTIONS / f"{name}.toml"), binary)
    assert (encoder.build if encoder else reason).startswith(taken)


def test_the_docs_have_the_table_of_broken_versions() -> None:
    text = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text()
    for fault in FAULTS:
        assert re.search(rf"^\| {fault.program}[^|]* \| {re.escape(fault.before)} \|", text, re.MULTILINE), fault


def test_a_qp_for_each_frame_as_vtm_reads_it(tmp_path: Path, make_video) -> None:
    """The file goes on behind the last frame, and deltas count from the smallest QP."""
    description = read_description(_DESCRIPTIONS / "vtm.toml")
    capabilities = description.capabilities
    assert (capabilities.native_map, capabilities.frame_qps) == (False, True)
    frames = [frame.planes.yuv() for frame in make_video(64, 64, 3)]
    maps = tuple(QpMap.uniform(qp, 64, 64, 64) for qp in (30, 41, 33))
    written = write_map(
        Job(frames, maps, CodingMode(), structure="low-delay"), "frame-deltas", tmp_path / "m.txt", capabilities
    )
    deltas = [int(line) for line in written.path.read_text().split()]
    assert (written.qp, deltas[:3]) == (30, [0, 11, 3])
    assert len(deltas) > 3 + 64 and set(deltas[3:]) == {3}
    uneven = QpMap(np.array([[30, 40]]), 64, 128, 64)
    fitted, notes = fit_maps((uneven, QpMap.uniform(50, 128, 64, 64)), capabilities.map_limits or MapLimits())
    assert [set(one.qp.ravel().tolist()) for one in fitted] == [{30}, {50}]
    assert notes == ("frame 0: 1 of 2 QPs lowered, by 10 at most, to one QP",)


def test_a_map_for_an_encoder_of_one_qp_per_frame_is_its_smallest(make_frame) -> None:
    real = load_encoder("kvazaar")

    class PerFrame:
        """kvazaar, told a QP per frame and no map."""

        name, build = "per-frame", "1"
        capabilities = replace(real.capabilities, native_map=False, map_limits=MapLimits(levels=1, qp_range=(0, 51)))

        def encode(self, jobs):
            assert all(one.is_uniform for job in jobs for one in job.maps)
            return real.encode([replace(job, qp=job.lowest_qp) for job in jobs])

    coder = SegmentCoder(PerFrame(), make_frame(192, 128))
    requested = QpMap(np.array([[27, 40, 45], [45, 45, 45]]), 64, 192, 128)
    coded = coder.by_map(requested, "native")
    assert coded.qps == (27,) and "to one QP" in coded.notes[0]
    assert check_segment(coder, coded, requested).verdict == Verdict.YES
