"""Frame rate, sample aspect ratio, colour, level and profile are stated, and nothing else changes."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vcmpipe.bitstream import CODECS, Vui, codec_of, inspect_stream, with_presentation
from vcmpipe.bitstream.bits import BitReader
from vcmpipe.bitstream.hevc.nal import split_nal_units as split_hevc
from vcmpipe.bitstream.nal import escape, rewritten
from vcmpipe.bitstream.presentation import Presentation, aspect_code, aspect_of, rate_of, ticks
from vcmpipe.bitstream.vvc import split_nal_units as split_vvc
from vcmpipe.bitstream.vvc.sps import read_sps, write_sps
from vcmpipe.bitstream.vvc.vui import restated_vui
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.process import run

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
RATES = [Fraction(25), Fraction(30000, 1001), Fraction(25, 2), Fraction(1, 2), Fraction(60000, 1001)]
FULL = Vui(9, 16, 9, True, 2)
VVENC = ("libvvenc", "-preset", "faster", "-qp", "40", "-pix_fmt", "yuv420p10le")
KVAZAAR = ("libkvazaar", "-pix_fmt", "yuv420p", "-kvazaar-params", "preset=ultrafast,qp=40,period=16,gop=8")
X265 = ("libx265", "-pix_fmt", "yuv420p10le", "-x265-params")
HRD = "log-level=none:keyint=8:hrd=1:vbv-maxrate=900:vbv-bufsize=900:colorprim=bt709:range=full:sar=2:display-window=0"


def code(folder: Path, *codec: str, frames: int = 9, size: str = "160x96") -> bytes:
    out = folder / "out.bin"
    argv = [FFMPEG, "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=25", "-frames:v", str(frames)]
    name = "vvc" if codec[0] == "libvvenc" else "hevc"
    run([*argv, "-c:v", *codec, "-f", name, str(out)], timeout=60)
    return out.read_bytes()


@pytest.fixture(scope="module", params=[VVENC, KVAZAAR, (*X265, HRD)], ids=["vvenc", "kvazaar", "x265 with HRD"])
def stream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return code(tmp_path_factory.mktemp("streams"), *request.param)


def decoded(data: bytes) -> list[bytes]:
    codec = av.CodecContext.create(codec_of(data), "r")
    codec.thread_count = 1
    frames = [f for unit in CODECS[codec_of(data)].split(data) for f in codec.decode(av.Packet(unit.data))]
    return [frame.to_ndarray().tobytes() for frame in [*frames, *codec.decode(None)]]


def units_of(data: bytes) -> list[tuple[str, bytes]]:
    split = split_vvc if codec_of(data) == "vvc" else split_hevc
    return [(unit.type_name, unit.data) for unit in split(data)]


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_ffmpeg_believes_the_rate(stream: bytes, rate: Fraction, tmp_path: Path) -> None:
    stated = with_presentation(stream, rate=rate)
    path = tmp_path / f"out{CODECS[codec_of(stream)].endings[0]}"
    path.write_bytes(stated)
    with av.open(str(path)) as container:
        (video,) = container.streams.video
        # Its average rate is what the reader of raw streams assumes, 25, whatever the stream says.
        assert video.base_rate == video.guessed_rate == rate
        packet = next(container.demux(video))
        assert packet.duration == int(1 / rate / packet.time_base)
    assert inspect_stream(stated).rate == rate


def test_only_the_sps_changes_and_it_does_so_once(stream: bytes) -> None:
    how = {"rate": Fraction(30000, 1001), "sample_aspect": Fraction(7, 5), "vui": FULL}
    stated = with_presentation(stream, **how)
    assert with_presentation(stated, **how) == stated != stream
    for (kind, before), (other, after) in zip(units_of(stream), units_of(stated), strict=True):
        assert kind == other and (kind == "SPS") == (before != after)
    assert decoded(stated) == decoded(stream)
    info = inspect_stream(stated)
    assert info.problems == () and (info.rate, info.sample_aspect) == (Fraction(30000, 1001), Fraction(7, 5))
    assert {picture.vui for picture in info.pictures} == {FULL}


def test_nothing_to_state_changes_nothing(stream: bytes) -> None:
    assert with_presentation(stream, rate=None) == stream
    assert with_presentation(stream + b"\0\0", rate=inspect_stream(stream).rate) == stream + b"\0\0"


def test_what_is_not_stated_anew_stays(stream: bytes) -> None:
    def elements(data: bytes) -> dict[str, int]:
        return next(s.elements for s in inspect_stream(data).parameter_sets if s.kind == "SPS")

    first = with_presentation(stream, rate=Fraction(10), sample_aspect=Fraction(16, 11), vui=FULL)
    again = with_presentation(first, rate=Fraction(50), vui=replace(FULL, chroma_siting=None))
    before, after = elements(first), elements(again)
    different = {name for name in before | after if before.get(name) != after.get(name)}
    assert all(re.search(r"tick|time_scale|level|chroma_(sample_)?loc|payload|front", name) for name in different), (
        different
    )
    assert inspect_stream(again).sample_aspect == Fraction(16, 11)


def test_ffmpeg_reads_the_same_elements(stream: bytes, tmp_path: Path) -> None:
    def traced(data: bytes) -> dict[str, int]:
        path = tmp_path / "traced.bin"
        path.write_bytes(data)
        argv = [FFMPEG, "-i", str(path), "-c", "copy", "-frames:v", "1", "-bsf:v", "trace_headers", "-f", "null", "-"]
        text = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stderr
        text = text[text.index("Sequence Parameter Set") :]
        text = text[: text.index("Picture Parameter Set")]
        return {name: int(value) for name, value in re.findall(r"\d+ +(\S+) +[01]+ = (-?\d+)", text)}

    before = traced(stream)
    after = traced(with_presentation(stream, rate=Fraction(48), sample_aspect=Fraction(4, 3), vui=FULL))
    stated = {name: value for name, value in after.items() if before.get(name) != value}
    assert next(value for name, value in stated.items() if name.endswith("time_scale")) == 48
    assert {14} == {value for name, value in after.items() if name.endswith("aspect_ratio_idc")}
    kept = {name: value for name, value in before.items() if name in after}
    lost = before.keys() - kept.keys()
    assert all(re.search(r"sar_|alignment|bit_equal", name) for name in lost), lost
    changed = {name for name in kept if after[name] != kept[name]}
    about = r"time_scale|level|vui|colour|transfer|matrix|range|chroma_loc|aspect|video_signal|video_format|tick"
    assert all(re.search(about, name) for name in changed), changed


@pytest.mark.parametrize(
    ("codec", "rate", "level"),
    [(VVENC, 25, 16), (VVENC, 36, 16), (VVENC, 37, 32), (VVENC, 300, 35), (KVAZAAR, 300, 186)]
    + [((*X265, "log-level=none:level-idc=1"), rate, level) for rate, level in ((36, 30), (37, 60), (300, 63))],
)
def test_the_level_rises_with_the_rate_and_never_falls(codec, rate, level, tmp_path: Path) -> None:
    data = code(tmp_path, *codec, frames=2)
    stated = with_presentation(data, rate=Fraction(rate))
    assert level_of(stated) == level
    assert level_of(with_presentation(stated, rate=Fraction(1))) == level


def level_of(data: bytes) -> int:
    return next(s.elements["general_level_idc"] for s in inspect_stream(data).parameter_sets if s.kind == "SPS")


def test_a_rate_beyond_every_level(stream: bytes) -> None:
    with pytest.raises(BitstreamError, match=r"no level of H.266 holds a .* at 1e"):
        with_presentation(stream, rate=Fraction(10**6))


def vvc_sps(data: bytes, **changes: int) -> bytes:
    def change(unit):
        if unit.type_name != "SPS":
            return unit.data
        return unit.data[:2] + escape(write_sps(read_sps(unit.payload()) | changes))

    return rewritten(data, split_vvc(data), change)


def sps_of(data: bytes) -> dict[str, int]:
    return read_sps(next(unit.payload() for unit in split_vvc(data) if unit.type_name == "SPS"))


def profile_of(data: bytes) -> int:
    return next(s.elements["general_profile_idc"] for s in inspect_stream(data).parameter_sets if s.kind == "SPS")


@pytest.mark.parametrize(("still", "video"), [(65, 1), (97, 33), (1, 1)])
def test_several_vvc_pictures_are_no_still_picture(still: int, video: int, tmp_path: Path) -> None:
    one, two = code(tmp_path, *VVENC, frames=1), code(tmp_path, *VVENC, frames=2)
    one, two = (vvc_sps(data, general_profile_idc=still, general_level_idc=255) for data in (one, two))
    assert (profile_of(with_presentation(one, rate=None)), level_of(with_presentation(one, rate=None))) == (still, 255)
    assert profile_of(with_presentation(two, rate=None)) == profile_of(with_presentation(one, rate=RATES[0])) == video
    # A level without limits is for still pictures only.
    assert level_of(with_presentation(two, rate=None)) == (255 if still == video else 16)
    assert decoded(with_presentation(two, rate=None)) == decoded(two)


@pytest.mark.parametrize(
    ("still", "video"),
    [
        ((3, 0b0111 << 28, 0), (1, 0b0110 << 28, 0)),  # Main Still Picture, Main
        ((2, 0b0010 << 28, 1 << 36), (2, 0b0010 << 28, 0)),  # Main 10 Still Picture, Main 10
        ((4, 1 << 27, 0b111 << 36), (4, 1 << 27, 0b110 << 36)),  # of the range extensions
        ((1, 0b0110 << 28, 1 << 47), (1, 0b0110 << 28, 1 << 47)),
    ],
)
def test_several_hevc_pictures_are_no_still_picture(still, video, tmp_path: Path) -> None:
    def change(unit):
        if unit.type_name != "SPS":
            return unit.data
        payload = bytearray(unit.payload())
        payload[1:12] = bytes([still[0]]) + still[1].to_bytes(4, "big") + still[2].to_bytes(6, "big")
        return unit.data[:2] + escape(bytes(payload))

    def stated(data: bytes) -> tuple[int, int, int]:
        sps = next(s.elements for s in inspect_stream(data).parameter_sets if s.kind == "SPS")
        names = ("general_profile_idc", "general_profile_compatibility_flags", "general_constraint_flags")
        return sps[names[0]], sps[names[1]], sps[names[2]]

    one = code(tmp_path, *KVAZAAR, frames=1)
    one = rewritten(one, split_hevc(one), change)
    assert stated(one) == stated(with_presentation(one, rate=None)) == still
    assert stated(with_presentation(one, rate=RATES[0])) == stated(with_presentation(one + one, rate=None)) == video
    assert decoded(with_presentation(one + one, rate=None)) == decoded(one) * 2


def test_interlaced_sources_stay_interlaced(tmp_path: Path) -> None:
    data = code(tmp_path, *VVENC, frames=2)
    fields = sps_of(with_presentation(data, rate=None, vui=FULL))
    unsited = with_presentation(data, rate=None, vui=replace(FULL, chroma_siting=None))
    shown = vvc_sps(unsited, vui_interlaced_source_flag=1)
    again = sps_of(with_presentation(shown, rate=None, vui=FULL))
    assert fields["vui_chroma_sample_loc_type_frame"] == again["vui_chroma_sample_loc_type_top_field"] == 2
    assert again["vui_progressive_source_flag"] == again["vui_interlaced_source_flag"] == 1


@pytest.mark.parametrize("extension", [1, 0b1101, 0b1_0000_0001])
def test_reserved_vui_data_are_kept(extension: int, tmp_path: Path) -> None:
    data = code(tmp_path, *VVENC, frames=1)
    sps = sps_of(data)
    sps |= restated_vui(sps, FULL)
    vui = restated_vui(sps | {"vui_payload_tail": extension << 1 | 1}, FULL)
    assert restated_vui(vui, FULL) == vui
    again = read_sps(write_sps(sps | vui))
    tail = again.get("vui_payload_tail", 0b11)
    assert tail >> (tail & -tail).bit_length() == extension
    assert restated_vui(again, FULL) == {name: value for name, value in again.items() if name in vui}


def test_a_damaged_sps_is_refused(stream: bytes) -> None:
    def cut(unit):
        return unit.data[:20] if unit.type_name == "SPS" else unit.data

    split = split_vvc if codec_of(stream) == "vvc" else split_hevc
    with pytest.raises(BitstreamError, match="SPS"):
        with_presentation(rewritten(stream, split(stream), cut), rate=RATES[0])


def test_damaged_headers_are_restated_or_refused_in_one_line(stream: bytes) -> None:
    rng = np.random.default_rng(4)
    how = {"rate": RATES[1], "sample_aspect": Fraction(4, 3), "vui": FULL}
    refused = 0
    for _ in range(200):
        damaged = bytearray(stream)
        for place in rng.integers(0, 200, 3):
            damaged[place] ^= 1 << int(rng.integers(0, 8))
        try:
            stated = with_presentation(bytes(damaged), **how)
            assert with_presentation(stated, **how) == stated
        except InputError as error:
            refused += 1
            assert str(error).isprintable()
    assert 0 < refused < 200


U32 = 2**32 - 1


@given(st.integers(1, 2**40), st.integers(1, 2**40))
def test_a_rate_is_stated_as_nearly_as_32_bits_can(top: int, bottom: int) -> None:
    rate = Fraction(top, bottom)
    assume(Fraction(1, 4000) < rate < 4000)
    units, scale = ticks(rate)
    assert 0 < units <= U32 and 0 < scale <= U32
    near = rate_of(units, scale)
    assert near == rate or max(rate.numerator, rate.denominator) > U32
    assert abs(near / rate - 1) < Fraction(1, 2**20)


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_a_sample_aspect_ratio_is_read_as_it_is_stated(width: int, height: int) -> None:
    assert aspect_of(*aspect_code(Fraction(width, height))) == Fraction(width, height)


@pytest.mark.parametrize(
    ("ratio", "code"),
    [("1", 1), ("12/11", 2), ("40/33", 5), ("160/99", 13), ("4/3", 14), ("3/2", 15), ("2", 16), ("5/4", 255)],
)
def test_common_sample_aspect_ratios_have_codes(ratio: str, code: int) -> None:
    assert aspect_code(Fraction(ratio))[0] == code


def test_unstated_ratios() -> None:
    assert [aspect_of(0, 0, 0), aspect_of(17, 0, 0), aspect_of(255, 0, 1), rate_of(0, 25)] == [None] * 4


@pytest.mark.parametrize(
    "how",
    [{"rate": Fraction(0)}, {"rate": Fraction(-25)}, {"rate": Fraction(2**33)}, {"sample_aspect": Fraction(1, 99999)}],
)
def test_numbers_that_cannot_be_stated(how: dict[str, Fraction]) -> None:
    with pytest.raises(InputError, match="cannot be stated"):
        Presentation(**how)


def test_the_front_of_an_hevc_sps_is_never_read_as_something_else(stream: bytes) -> None:
    """The bytes of profile and level lie where the reader of the elements finds them."""
    if codec_of(stream) != "hevc":
        pytest.skip("VVC's SPS is written element by element")
    payload = next(unit.payload() for unit in split_hevc(stream) if unit.type_name == "SPS")
    sps = next(s.elements for s in inspect_stream(stream).parameter_sets if s.kind == "SPS")
    reader = BitReader(payload, "SPS")
    reader.u("front", 11)
    assert reader.u("profile", 5) == sps["general_profile_idc"] and payload[12] == sps["general_level_idc"]
