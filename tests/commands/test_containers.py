"""Streams in containers through ``inspect``, ``decode`` and ``extract``; spans of time."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from vcmpipe.bitstream import StreamJoiner, concatenate, inspect_stream
from vcmpipe.cli.main import main
from vcmpipe.coding.stored_streams import read_stream
from vcmpipe.coding.stream_files import stream_file
from vcmpipe.commands.decode import decode
from vcmpipe.commands.encode import encode
from vcmpipe.commands.extract import extract
from vcmpipe.commands.inspect import inspect
from vcmpipe.config import DecodeOptions, EncodeOptions, ExtractOptions, InspectOptions
from vcmpipe.errors import InputError
from vcmpipe.process import run
from vcmpipe.sidecar import Sidecar


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw stream of six frames, 4 per second, from a video, with its sidecar: ``a.bin`` and ``a.json``."""
    folder = tmp_path_factory.mktemp("coded")
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=4:d=1.5"]
    argv = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, "-c:v", "libx264"]
    run([*argv, str(folder / "in.mp4")], timeout=60)
    options = {"predictor": "constant", "detector": "demo", "encoder": "vvenc", "structure": "intra"}
    encode(EncodeOptions(input=str(folder / "in.mp4"), out=str(folder / "a.bin"), **options))
    return folder


@pytest.fixture
def here(coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.bin", "a.json"):
        shutil.copy(coded / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contained(here: Path, name: str, *, sidecar: bool = True) -> Path:
    """The stream of ``a.bin`` in a container, with the same sidecar."""
    sizes = [len(data) for data in frames_of((here / "a.bin").read_bytes())]
    data, place = (here / "a.bin").read_bytes(), 0
    with stream_file(here / "part", here / name, "vvc") as file:
        for number, size in enumerate(sizes):
            file.add(data[place : place + size], [Fraction(number, 4)], Fraction(4))
            place += size
    if sidecar:
        shutil.copy(here / "a.json", (here / name).with_suffix(".json"))
    return (here / "part").rename(here / name)


def frames_of(data: bytes) -> list[bytes]:
    """The bytes of each picture."""
    parts, place = [], 0
    for picture in inspect_stream(data).pictures:
        parts.append(data[place : place + picture.bits // 8])
        place += picture.bits // 8
    return parts


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
def test_a_container_is_the_stream_to_inspect_and_decode(here: Path, capsys, name: str) -> None:
    contained(here, name)
    assert read_stream(here / name).data == (here / "a.bin").read_bytes()
    report = inspect(InspectOptions(input=name, verify_map=True))
    raw = inspect(InspectOptions(input="a.bin", verify_map=True))
    assert report.belongs and not report.faults and report.info == raw.info and report.check == raw.check
    assert report.container is not None and raw.container is None
    assert (report.container.duration, report.container.rate) == (1.5, 4.0)
    assert main(["inspect", name]) == 0
    assert f"{name[2:].upper()}, 1.500 s, 4 frames per second" in capsys.readouterr().out
    assert main(["inspect", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["container"] == {"format": name[2:], "duration": 1.5, "rate": 4.0}
    decode(DecodeOptions(input=name, out="from_container"))
    decode(DecodeOptions(input="a.bin", out="from_raw"))
    pictures = sorted(path.name for path in (here / "from_raw").glob("*.png"))
    assert len(pictures) == 6
    for picture in pictures:
        assert (here / "from_raw" / picture).read_bytes() == (here / "from_container" / picture).read_bytes()


@pytest.mark.parametrize("name", ["a.bin", "b.mp4", "b.mkv"])
@pytest.mark.parametrize("out", ["cut.bin", "cut.mp4", "cut.mkv"])
def test_a_span_of_time_is_cut_out_with_its_sidecar(here: Path, capsys, name: str, out: str) -> None:
    if name != "a.bin":
        contained(here, name)
    report = extract(ExtractOptions(input=name, out=out, time="0.3:1"))
    assert report.span == (0.25, 1.0) and report.pictures == 3 and report.region is None
    whole, own = Sidecar.read(here / "a.json"), Sidecar.read(here / "cut.json")
    stored = read_stream(here / out)
    assert own.stream == out and own.sha256 == hashlib.sha256(stored.data).hexdigest()
    assert own.bytes == len(stored.data) == report.bytes
    assert [frame.index for frame in own.frames] == [1, 2, 3]
    assert [segment.index for segment in own.segments] == [0, 1, 2]
    assert sum(frame.bits for frame in own.frames) == 8 * own.bytes == sum(each.bits for each in own.segments)
    assert [frame.objects for frame in own.frames] == [frame.objects for frame in whole.frames[1:4]]
    judged = [thing.kept for frame in own.frames for thing in frame.objects]
    assert (own.kept, own.lost) == (judged.count(True), judged.count(False))
    if out != "cut.bin":
        assert sorted(stored.times) == [0, Fraction(1, 4), Fraction(1, 2)]
    check = inspect(InspectOptions(input=out, verify_map=True))
    assert check.belongs and not check.faults and check.check is not None
    decode(DecodeOptions(input=out, out="cut"))
    decode(DecodeOptions(input="a.bin", out="whole"))
    names = sorted(path.name for path in (here / "cut").glob("*.png"))
    assert names == sorted(path.name for path in (here / "whole").glob("*.png"))[1:4]
    assert all((here / "cut" / each).read_bytes() == (here / "whole" / each).read_bytes() for each in names)
    assert main(["extract", name, "--out", "again.bin", "--time", "0.3:1"]) == 0
    assert "0.250 s to 1.000 s, 64x64, 3 pictures" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["v.mp4", "v.mkv"])
def test_segments_of_many_frames_are_coded_into_a_container_and_cut_out(coded: Path, here: Path, out: str) -> None:
    how = {"predictor": "constant", "detector": "demo", "structure": "random-access", "segment": 0.75}
    encode(EncodeOptions(input=str(coded / "in.mp4"), out=out, **how))
    whole, stored = Sidecar.read(here / "v.json"), read_stream(here / out)
    assert hashlib.sha256(stored.data).hexdigest() == whole.sha256
    assert [len(segment.frames) for segment in whole.segments] == [3, 3]
    assert sorted(stored.times) == [Fraction(number, 4) for number in range(6)]
    report = extract(ExtractOptions(input=out, out="cut.mkv", time="1:"))
    assert report.span == (0.75, 1.5) and report.pictures == 3
    own = Sidecar.read(here / "cut.json")
    assert sum(frame.bits for frame in own.frames) == 8 * own.bytes
    check = inspect(InspectOptions(input="cut.mkv"))
    assert check.belongs and not check.faults
    for name, folder in ((out, "all"), ("cut.mkv", "part")):
        decode(DecodeOptions(input=name, out=folder))
    pictures = sorted(path.name for path in (here / "all").glob("*.png"))[3:]
    assert [(here / "all" / each).read_bytes() for each in pictures] == [
        (here / "part" / each).read_bytes() for each in pictures
    ]


def test_a_region_of_a_span(here: Path, coded: Path) -> None:
    contained(here, "b.mp4")
    report = extract(ExtractOptions(input="b.mp4", out="r.bin", time=":0.5", region=0))
    assert (report.region, report.pictures, report.span) == (0, 2, (0.0, 0.5))
    assert len(inspect_stream((here / "r.bin").read_bytes()).pictures) == 2
    assert not (here / "r.json").exists()


REFUSED = [
    ({"out": "b.avi", "time": ":1"}, r"b\.avi: \.avi is not an ending for a VVC stream"),
    ({"out": "b.hevc", "time": ":1"}, r"\.hevc is for HEVC streams"),
    ({"out": "b.mp4", "region": 0}, "is the ending of a picture or a video"),
    ({"out": "b.mp4", "region": 0, "time": ":1"}, "is the ending of a picture or a video"),
    ({"out": "b.bin", "time": "9:"}, r"the stream has 1\.500 s"),
    ({"out": "b.bin", "time": "x"}, "give FROM:TO"),
    ({"out": "a.mp4", "time": ":1"}, r"a\.json is the sidecar of a\.bin"),
    ({"out": "movie.mp4", "time": ":1"}, r"movie\.mp4 exists and was not written by vcmpipe"),
    ({"out": ".", "time": ":1"}, "it is a folder"),
]


@pytest.mark.parametrize(("options", "named"), REFUSED)
def test_extracts_that_are_refused(here: Path, options: dict[str, object], named: str) -> None:
    (here / "movie.mp4").write_bytes(b"holidays")
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    with pytest.raises(InputError, match=named):
        extract(ExtractOptions(input="a.bin", **options))
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


@pytest.mark.parametrize(("encoder", "codec"), [("svtav1", "AV1"), ("x265", "HEVC")])
def test_spans_but_no_regions_of_other_codecs(coded: Path, tmp_path: Path, encoder: str, codec: str) -> None:
    source, out = str(coded / "in.mp4"), str(tmp_path / "v.mp4")
    encode(EncodeOptions(input=source, out=out, qp=40, encoder=encoder, structure="intra"))
    report = extract(ExtractOptions(input=out, out=str(tmp_path / "cut.mkv"), time="0.5:1"))
    assert (report.pictures, report.span) == (2, (0.5, 1.0))
    assert decode(DecodeOptions(input=str(tmp_path / "cut.mkv"), out=str(tmp_path / "frames"))).pictures == 2
    with pytest.raises(InputError, match=rf"v\.mp4: regions are cut out of VVC streams only, this is {codec}"):
        extract(ExtractOptions(input=out, out=str(tmp_path / "r.bin"), region=0))
    assert not (tmp_path / "r.bin").exists()


def test_a_picture_number_needs_a_region(here: Path) -> None:
    with pytest.raises(InputError, match="--picture 1 with --time"):
        ExtractOptions(input="a.bin", out="x.bin", time=":1", picture=1)


def test_without_times_a_span_is_refused(here: Path) -> None:
    (here / "a.json").unlink()
    with pytest.raises(InputError, match="neither a container nor the sidecar says when"):
        extract(ExtractOptions(input="a.bin", out="b.bin", time=":1"))


@pytest.mark.parametrize("name", ["m.mp4", "m.mkv"])
def test_inter_coded_segments_are_cut_from_a_container_without_sidecar(
    coded_segment: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    joiner = StreamJoiner("vvc")
    with stream_file(tmp_path / "part", tmp_path / name, "vvc") as file:
        for number in range(3):
            times = [Fraction(20 * number + n, 10) for n in range(20)]
            file.add(joiner.add(coded_segment("random-access", 20, "128x96", 2 * number)), times, Fraction(10))
    (tmp_path / "part").rename(tmp_path / name)
    report = extract(ExtractOptions(input=name, out="cut.mp4", time="00:00:02:00:00:03"))
    assert report.span == (2.0, 4.0) and report.pictures == 20
    # Cut out, it is what was coded: the parameter sets that the first segment sent are in front.
    assert read_stream(tmp_path / "cut.mp4").data == concatenate([coded_segment("random-access", 20, "128x96", 2)])
    assert not (tmp_path / "cut.json").exists()
    data = bytearray((tmp_path / name).read_bytes())
    place = data.index(coded_segment("random-access", 20, "128x96", 2)[-40:-10])
    data[place : place + 20] = bytes(20)
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=name):
        extract(ExtractOptions(input=name, out="bad.mp4", time="2:3"))
    assert not (tmp_path / "bad.mp4").exists()


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
def test_damaged_containers_are_one_line(here: Path, capsys, name: str) -> None:
    path = contained(here, name, sidecar=False)
    whole = path.read_bytes()
    for length in (30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        for words in (["inspect"], ["decode", "--out", "d"], ["extract", "--out", "x.bin"]):
            capsys.readouterr()
            assert main([words[0], name, *words[1:]]) == 2
            out, err = capsys.readouterr()
            assert out == "" and name in err and err.count("\n") == 1
    assert not (here / "d").exists() and not (here / "x.bin").exists()
