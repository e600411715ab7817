"""Every fault that a hostile or clumsy user can make: one line, the right exit code, nothing written, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe import process
from vcmpipe.bitstream import inspect_stream
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import OutputError, ProcessError
from vcmpipe.frames import ColourSpec, rgb_to_yuv, schedule, write_preview

CODE = ["--predictor", "constant", "--no-check"]


@pytest.fixture
def untouched(here: Path, contents, leftovers):
    """Checks that what a block did left every file as it was."""

    class Untouched:
        def __enter__(self) -> None:
            self.before = contents(here)

        def __exit__(self, kind: object, *rest: object) -> None:
            if kind is None:
                assert contents(here) == self.before
                assert leftovers() == []

    return Untouched


@pytest.fixture
def frames(here: Path, make_picture) -> Path:
    (here / "frames").mkdir()
    for seed in (1, 2):
        (here / "frames" / f"p{seed}.png").write_bytes(make_picture(96, 64, seed))
    return here / "frames"


def no_folder(here: Path, picture: Callable[..., bytes]) -> None:
    shutil.rmtree(here / "in")


def one_file(name: str, data: Callable[[Callable[..., bytes]], bytes]) -> Callable[[Path, Callable[..., bytes]], None]:
    def make(here: Path, picture: Callable[..., bytes]) -> None:
        (here / "in" / name).write_bytes(data(picture))

    return make


def with_a_good_one(here: Path, picture: Callable[..., bytes]) -> None:
    (here / "in" / "a.png").write_bytes(picture(32, 32))
    (here / "in" / "b.png").write_bytes(picture(32, 32)[:-30])


PICTURES = [
    ("in", no_folder, "in does not exist"),
    ("in", lambda here, picture: None, "in holds no pictures"),
    ("in", one_file("x.txt", lambda p: b"words"), "in holds no pictures"),
    ("in", lambda here, p: (here / "in" / "x.png").mkdir(), "in holds no pictures"),
    ("in", lambda here, p: (here / "in" / "x.png").symlink_to("/nowhere/x.png"), "in holds no pictures"),
    ("in", lambda here, p: os.mkfifo(here / "in" / "x.png"), "in holds no pictures"),
    ("in/x.png", lambda here, p: os.mkfifo(here / "in" / "x.png"), "neither a file nor a folder"),
    ("in/x.png", lambda here, p: (here / "in" / "x.png").symlink_to("/nowhere/x.png"), "does not exist"),
    ("in/x.png", lambda here, p: (here / "in" / "x.png").symlink_to("x.png"), "in/x.png cannot be read"),
    ("in", one_file("x.jpg", lambda p: p(96, 96, 1, ".jpg")[:-200]), "in/x.jpg is a truncated"),
    ("in", one_file("x.png", lambda p: p(96, 96)[:-200]), "in/x.png is a truncated"),
    ("in", one_file("x.png", lambda p: p(96, 96)[:10]), "in/x.png"),
    ("in", one_file("x.png", lambda p: b""), "in/x.png is empty"),
    ("in", one_file("x.png", lambda p: b"no picture"), "in/x.png is not a picture"),
    ("in", one_file("x.png", lambda p: p(15, 15)), "in/x.png has 15x15 pixels: the least is 16x16"),
    ("in", one_file("x.png", lambda p: p(400, 15)), "400x15"),
    ("in/x.txt", one_file("x.txt", lambda p: b"words"), "in/x.txt is neither a picture"),
    ("in/x.mp4", one_file("x.mp4", lambda p: b"\0\0\0\x20ftypisom" + bytes(50)), "in/x.mp4"),
    ("in/x.mp4", one_file("x.mp4", lambda p: b""), "in/x.mp4 is empty"),
]


@pytest.mark.parametrize(("source", "make", "named"), PICTURES, ids=[f"{n}-{p[2]}" for n, p in enumerate(PICTURES)])
def test_pictures_that_cannot_be_coded(here: Path, make_picture, vcmpipe, untouched, source, make, named) -> None:
    (here / "in").mkdir()
    make(here, make_picture)
    (here / "a.bin").write_bytes(b"an older stream")
    (here / "a.json").write_text('{"schema": 1, "stream": "a.bin"}')
    with untouched():
        vcmpipe("encode", "--input", source, "--out", "a.bin", "--map-out", "new/maps", *CODE).refused(2, named)
        vcmpipe("bench", "--images", source, "--out", "new/report", "--cache", here.parent / "cache").refused(2, named)


def test_a_picture_that_cannot_be_coded_among_good_ones(here: Path, make_picture, vcmpipe, untouched) -> None:
    (here / "in").mkdir()
    with_a_good_one(here, make_picture)
    (here / "a.bin").write_bytes(b"an older stream")
    (here / "a.json").write_text('{"schema": 1, "stream": "a.bin"}')
    with untouched():
        named = "in/b.png is a truncated"
        vcmpipe("bench", "--images", "in", "--out", "new/report", "--cache", here.parent / "cache").refused(2, named)
        done = vcmpipe("encode", "--input", "in", "--out", "a.bin", "--map-out", "new/maps", *CODE)
        done.refused(1, named, "1 picture is kept")
        for journal in here.glob(".vcmpipe-*.journal"):
            shutil.rmtree(journal)


def test_a_truncated_video(here: Path, frames: Path, vcmpipe, untouched) -> None:
    ffmpeg = load_encoder("vvenc").binary  # type: ignore[attr-defined]
    if "ffmpeg" not in ffmpeg.name:
        pytest.skip("the VVenC in use is no FFmpeg that could make a video")
    argv = [ffmpeg, "-v", "error", "-stream_loop", "20", "-i", f"file:{frames / 'p%d.png'}", "-c:v", "mpeg4"]
    for name, cut in (("v.mkv", 3), ("v.mp4", 2)):
        process.run([*argv, here / name], timeout=60)
        data = (here / name).read_bytes()
        (here / name).write_bytes(data[: len(data) * (cut - 1) // cut - 11])
        with untouched():
            done = vcmpipe("encode", "--input", name, "--out", "out.bin", "--structure", "intra", *CODE)
            # 1 where frames before the cut were coded, and are kept.
            done.refused(1 if "kept" in done.err else 2, name)
            for journal in here.glob(".vcmpipe-*.journal"):
                shutil.rmtree(journal)


WORDS = [
    (["--detector", "nonsense"], 2, "unknown detector 'nonsense'"),
    (["--detector", "nowhere.onnx"], 2, "detector nowhere.onnx: there is no such file"),
    (["--detector", "frames/p1.png"], 2, "give an .onnx or .pt file"),
    (["--detector", "bad.onnx"], 2, "bad.onnx"),
    (["--encoder", "nonsense"], 2, "unknown encoder 'nonsense'"),
    (["--predictor", "nonsense"], 2, "unknown predictor 'nonsense'"),
    (["--predictor", "constant:99"], 2, "0..63, not 99"),
    (["--predictor", "measured:9:5"], 2, "'9:5'"),
    (["--background", "99"], 2, "background QP 99"),
    (["--background", "foo"], 2, "background 'foo'"),
    (["--realise", "native"], 2, "reads no QP maps"),
    (["--scale", "0"], 2, "--scale 0"),
    (["--margin", "1" + "0" * 30], 2, "--margin"),
    (["--smooth", "1" + "0" * 30], 2, "--smooth"),
    (["--dilate", "1" + "0" * 30], 2, "--dilate"),
    (["--jobs", "1000000"], 2, "--jobs 1000000"),
    (["--empty", "64"], 2, "--empty 64"),
    (["--limit", "0"], 2, "--limit 0"),
    (["--limit", "x\ny"], 2, "--limit"),
    (["--config", "bad.onnx"], 2, "--config"),
    (["--config", "frames"], 2, "--config frames"),
    (["--out", ""], 2, "--out is empty"),
    (["--out", "/"], 2, "is not a name for a stream"),
    (["--out", "a.json"], 2, "another ending"),
    (["--out", "frames"], 2, "is the folder of the inputs"),
    (["--out", "frames/p1.png"], 2, "one of the inputs"),
    (["--out", "frames/p1.png/x.bin"], 1, "part of its path is a file"),
    (["--out", "x" * 300], 1, "File name too long"),
    (["--out", "notes.bin"], 2, "would take the place of notes.json"),
    (["--map-out", "frames/p1.png"], 2, "frames/p1.png is a file"),
    (["--map-out", "frames/p1.png/x"], 1, "part of its path is a file"),
    (["--input", ""], 2, "--input is empty"),
]


@pytest.mark.parametrize(("words", "code", "named"), WORDS, ids=[" ".join(w[0])[:40].strip() for w in WORDS])
def test_options_that_cannot_be(here: Path, frames: Path, vcmpipe, untouched, words, code, named) -> None:
    (here / "bad.onnx").write_bytes(b"\xff\xfe no model")
    (here / "notes.json").write_text('{"what": "somebody\'s own"}')
    with untouched():
        vcmpipe("encode", "--input", "frames", "--out", "new/a.bin", *CODE, *words).refused(code, named)


@pytest.mark.parametrize(
    ("binary", "named"),
    [("/nowhere", "which does not exist"), ("/", "which is not a file"), ("frames/p1.png", "neither vvencapp nor")],
)
def test_an_encoder_that_is_not_there(here, frames, vcmpipe, untouched, monkeypatch, binary: str, named: str) -> None:
    monkeypatch.setenv("VCMPIPE_VVENC", binary)
    with untouched():
        vcmpipe("encode", "--input", "frames", "--out", "a.bin", *CODE).refused(
            2, f"VCMPIPE_VVENC names {binary}", named
        )


def test_an_encoder_that_fails_or_lies(here, frames, vcmpipe, untouched, monkeypatch) -> None:
    real = load_encoder("vvenc").binary  # type: ignore[attr-defined]
    for does, named in (
        ("echo it broke >&2; exit 3", "it broke"),
        ("exit 0", "wrote 0 pictures"),
        ("kill -9 $$", "SIGKILL"),
    ):
        fake = here.parent / "ffmpeg-that-fails"
        fake.write_text(f'#!/bin/sh\ncase "$*" in *-version*) exec "{real}" -version;; esac\n{does}\n')
        fake.chmod(0o755)
        monkeypatch.setenv("VCMPIPE_VVENC", str(fake))
        with untouched():
            vcmpipe("encode", "--input", "frames", "--out", "a.bin", *CODE).refused(1, named)


def hevc() -> bytes:
    """The head of an H.265 stream: VPS, SPS."""
    return bytes.fromhex("0000000140010c01ffff01600000030090000003000003005d95980900000001420101")


STREAMS = [
    (lambda s, p: b"", "the bitstream is empty"),
    (lambda s, p: p(64, 64, 1, ".jpg"), "no Annex-B start code"),
    (lambda s, p: hevc(), "s.bin: "),
    (lambda s, p: b"\0\0\0\1" + bytes(range(1, 200)), "s.bin: "),
    (lambda s, p: bytes(5000), "s.bin: "),
    (lambda s, p: s[:40], "s.bin: "),
]


@pytest.mark.parametrize(("make", "named"), STREAMS)
def test_streams_that_are_none(here, region_stream, make_picture, vcmpipe, untouched, make, named: str) -> None:
    (here / "s.bin").write_bytes(make(region_stream, make_picture))
    with untouched():
        for words in (["decode", "--out", "new/d"], ["decode", "--out", "new/v.y4m"], ["inspect"]):
            vcmpipe(*words, "--input", "s.bin").refused(2, "s.bin: ", named)
        vcmpipe("inspect", "--json", "--input", "s.bin").refused(2, "s.bin: ", named)
        vcmpipe("extract", "--out", "new/x.bin", "--input", "s.bin").refused(2, "s.bin: ", named)


def test_a_stream_cut_anywhere(here: Path, region_stream: bytes, vcmpipe, untouched) -> None:
    """It never decodes, is never extracted whole, and inspect says what it can and that something is wrong."""
    first = inspect_stream(region_stream).pictures[0].bits // 8
    for length in [*range(50, first, 97), first - 8, len(region_stream) - 8]:
        (here / "s.bin").write_bytes(region_stream[:length])
        with untouched():
            vcmpipe("decode", "--input", "s.bin", "--out", "new/d").refused(2, "s.bin: ")
            vcmpipe("extract", "--input", "s.bin", "--out", "new/x", "--region", 1).refused(2, "s.bin: ")
            done = vcmpipe("inspect", "--input", "s.bin", "--json")
            assert done.code in (0, 2) and done.err.count("\n") == (done.code == 2)
            if done.out:
                assert bool(json.loads(done.out)["problems"]) == (done.code == 2)


def test_flipped_bits(here: Path, region_stream: bytes, encoded: Path, vcmpipe, untouched) -> None:
    for place in range(5, len(region_stream), 61):
        data = bytearray(region_stream)
        data[place] ^= 1 << place % 8
        (here / "s.bin").write_bytes(data)
        with untouched():
            for words in (["inspect"], ["extract", "--out", here.parent / "x"]):
                done = vcmpipe(*words, "--input", "s.bin")
                assert done.code in (0, 2) and "not foreseen" not in done.err
                assert done.err.count("\n") == (done.code == 2)
    # With its sidecar no flipped bit goes unnoticed, wherever it is.
    stream = bytearray((encoded / "a.bin").read_bytes())
    stream[-9] ^= 1
    (here / "a.bin").write_bytes(stream)
    shutil.copy(encoded / "a.json", here)
    with untouched():
        vcmpipe("decode", "--input", "a.bin", "--out", "new/d").refused(2, "SHA-256 differs")
        done = vcmpipe("inspect", "--input", "a.bin", "--verify-map")
        assert done.code == 2 and "SHA-256 differs" in done.err


OTHERS = [
    (["decode", "--input", "nowhere", "--out", "d"], 2, "nowhere does not exist"),
    (["decode", "--input", "frames", "--out", "d"], 2, "frames is a folder"),
    (["decode", "--input", "fifo", "--out", "d"], 2, "fifo is not a regular file"),
    (["decode", "--input", "s.bin", "--out", ""], 2, "--out is empty"),
    (["decode", "--input", "s.bin", "--out", "s.bin"], 2, "the stream itself"),
    (["decode", "--input", "s.y4m", "--out", "s.y4m"], 2, "the stream itself"),
    (["decode", "--input", "s.bin", "--out", "frames/p1.png"], 2, "is a file"),
    (["decode", "--input", "s.bin", "--out", "new.avi"], 2, "though its name ends in .avi"),
    (["decode", "--input", "s.bin", "--out", "new.png"], 2, "though its name ends in .png"),
    (["decode", "--input", "s.bin", "--out", "frames/p1.png/d"], 1, "part of its path is a file"),
    (["decode", "--input", "s.bin", "--out", "frames/p1.png/d.y4m"], 1, "part of its path is a file"),
    (["decode", "--input", "s.bin", "--out", "full"], 2, "full/picture_000000.png exists and was not written by"),
    (["decode", "--input", "s.bin", "--out", "full", "--overwrite"], 1, "full/picture_000001.png cannot be written"),
    (["decode", "--input", "s.bin", "--out", "d", "--sidecar", "nowhere.json"], 2, "nowhere.json"),
    (["inspect", "--input", "s.bin", "--verify-map"], 2, "needs the sidecar of s.bin"),
    (["inspect", "--input", "frames"], 2, "frames is a folder"),
    (["extract", "--input", "s.bin", "--out", "x", "--region", "7"], 2, "there is no region 7"),
    (["extract", "--input", "s.bin", "--out", "x", "--region", "-1"], 2, "not -1"),
    (["extract", "--input", "s.bin", "--out", "x", "--picture", "9"], 2, "no picture 9"),
    (["extract", "--input", "s.bin", "--out", "s.bin"], 2, "the stream itself"),
    (["extract", "--input", "s.bin", "--out", "x.hevc"], 2, ".hevc is for HEVC streams"),
    (["extract", "--input", "s.bin", "--out", "x.png.json", "--region", "0"], 2, ".json is not an ending"),
    (["extract", "--input", "s.bin", "--out", "frames"], 2, "it is a folder"),
]


@pytest.mark.parametrize(("words", "code", "named"), OTHERS, ids=[" ".join(w[0])[:60] for w in OTHERS])
def test_decode_inspect_extract(here, frames, region_stream, vcmpipe, untouched, words, code, named) -> None:
    for name in ("s.bin", "s.y4m"):
        (here / name).write_bytes(region_stream)
    (here / "full" / "picture_000001.png").mkdir(parents=True)
    (here / "full" / "picture_000000.png").write_bytes(b"an older picture")
    os.mkfifo(here / "fifo")
    with untouched():
        vcmpipe(*words).refused(code, named)


def put(*path: str | int, value: object) -> Callable[[dict], str]:
    def change(record: dict) -> str:
        place = record
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return json.dumps(record)

    return change


QP = ("segments", 0, "qp_map", "requested", 0, 0)
SIDECARS = [
    (lambda r: "", "is not a sidecar"),
    (lambda r: "\xff", "is not a sidecar"),
    (lambda r: "[" * 100_000, "is not a sidecar"),
    (lambda r: json.dumps(r)[:300], "is not a sidecar"),
    (put("schema", value=3), "has schema 3, this vcmpipe reads 1 and 2"),
    (put(*QP, value=99), "segments[0].qp_map.requested[0][0] is 99: expected int <= 63"),
    (put(*QP, value=-1), "is -1: expected int >= 0"),
    (put(*QP, value="30"), 'qp_map.requested[0][0] is "30": expected int, got str'),
    (put(*QP, value=None), "is null"),
    (put("segments", 0, "qp_map", "actual", 0, 0, value=64), "qp_map.actual[0][0] is 64"),
    (put("segments", 0, "qp_map", "ctu", value=0), "CTU size is 0"),
    (put("\ud800", value=1), "half of a surrogate pair"),
    (put("segments", 0, "source_size", value=["\ud800", 96]), "half of a surrogate pair"),
    (put("segments", 0, "source_size", value=[0, -5]), "source_size is 0x-5"),
    (put("segments", 0, "source_size", value=[10**9, 10**9]), "source_size is"),
    (
        put("segments", 0, "source_size", value=[9459, 9459]),
        "source_size is 9459x9459, but coded_size 96x64 is less",
    ),
    (put("segments", 0, "coded_size", value=[64]), "segments[0].coded_size: expected array of length 2, got 1"),
    (put("segments", value=3), "segments is 3: expected array, got int"),
    (put("segments", 0, "frames", value=[]), "segments[0].frames: expected array of length >= 1"),
    (put("segments", 0, "frames", 0, "psnr_y", value=float("nan")), "NaN is not a number"),
    (lambda r: json.dumps(r).replace('"bytes":', '"seconds": 1e999, "bytes":'), "1e999 is not a number"),
    (put("sha256", value="0" * 64), "SHA-256 differs"),
    (put("segments", value=[]), "do not belong together"),
    (put("segments", 0, "coded_size", value=[64, 64]), None),
    (put("segments", 0, "qp_map", "requested", value=[[30]]), None),
]


@pytest.mark.parametrize(("change", "named"), SIDECARS, ids=[f"{n} {s[1]}"[:40] for n, s in enumerate(SIDECARS)])
@pytest.mark.parametrize("beside", [True, False])
def test_sidecars(here: Path, encoded: Path, vcmpipe, untouched, change, named: str | None, beside: bool) -> None:
    shutil.copy(encoded / "a.bin", here)
    sidecar = here / ("a.json" if beside else "other.json")
    sidecar.write_text(change(json.loads((encoded / "a.json").read_text())), encoding="latin-1")
    words = [] if beside else ["--sidecar", "other.json"]
    with untouched():
        if named is None:  # each of these is wrong for one of the two only
            done = [
                vcmpipe("decode", "--input", "a.bin", "--out", here.parent / "d", *words),
                vcmpipe("inspect", "--input", "a.bin", "--verify-map", *words),
            ]
            assert sorted(one.code for one in done) == [0, 2]
            return
        vcmpipe("decode", "--input", "a.bin", "--out", "new/d", *words).refused(2, named)
        done = vcmpipe("inspect", "--input", "a.bin", "--verify-map", *words)
        assert done.code == 2 and done.err.count("\n") == 1 and named in done.err


def test_somebody_elses_json_beside_a_stream_is_left_alone(here: Path, encoded: Path, vcmpipe) -> None:
    shutil.copy(encoded / "a.bin", here)
    (here / "a.json").write_text('{"images": []}')
    assert vcmpipe("decode", "--input", "a.bin", "--out", "d").code == 0
    vcmpipe("decode", "--input", "a.bin", "--out", "d", "--sidecar", "a.json").refused(2, "it states no schema")


def test_json_is_all_of_stdout(here: Path, frames: Path, vcmpipe) -> None:
    for jobs in (1, 8):
        done = vcmpipe("encode", "--input", "frames", "--out", "a.bin", "--json", "--limit", 1, "--jobs", jobs, *CODE)
        assert done.code == 0 and len(json.loads(done.out)["segments"]) == 1
    for words in (["inspect", "--verify-map"], ["extract", "--out", "x.bin"], ["decode", "--out", "d"]):
        done = vcmpipe(*words, "--input", "a.bin", "--json")
        assert (done.code, done.err) == (0, "")
        json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


QUICK = ["--methods", "plain,jrd", "--qps", "30,40", "--margins", "0", "--predictor", "constant"]


@pytest.fixture
def benched(here: Path, frames: Path, vcmpipe):
    """Runs a small bench."""
    return lambda *words: vcmpipe("bench", "--images", "frames", "--cache", here.parent / "cache", *QUICK, *words)


def truth(names: list[str], category: str, size: tuple[int, int] = (96, 64)) -> str:
    images = [{"id": n, "file_name": name, "width": size[0], "height": size[1]} for n, name in enumerate(names)]
    box = {"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0}
    return json.dumps({"images": images, "annotations": [box], "categories": [{"id": 1, "name": category}]})


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["--annotations", "nowhere.json"], 2, "nowhere.json"),
        (["--annotations", "frames"], 2, "annotations frames"),
        (["--annotations", "none.json"], 2, "none.json are not in COCO's"),
        (["--annotations", "other.json"], 2, "p1.png is not in it"),
        (["--annotations", "classes.json"], 2, "no class in common"),
        (["--annotations", "small.json"], 2, "p1.png is 96x64, but its annotations are for 48x32"),
        (["--anchors", "best"], 2, "--anchors: unknown method 'best'"),
        (["--resamples", "-1"], 2, "--resamples -1"),
        (["--second-detector", "nonsense"], 2, "unknown detector"),
        (["--out", "none.json"], 2, "none.json is a file"),
        (["--out", "none.json/x"], 1, "part of its path is a file"),
        (["--qps", "99"], 2, "--qps"),
        (["--scales", "2"], 2, "--scales"),
        (["--methods", "plain,,"], 2, "unknown method ''"),
        (["--detector", "nonsense"], 2, "unknown detector"),
    ],
)
def test_benches_that_cannot_be(here, frames, benched, untouched, words, code: int, named: str) -> None:
    (here / "none.json").write_text("{}")
    (here / "other.json").write_text(truth(["x.png"], "star"))
    (here / "classes.json").write_text(truth(["p1.png", "p2.png"], "no such thing"))
    (here / "small.json").write_text(truth(["p1.png", "p2.png"], "star", (48, 32)))
    with untouched():
        benched("--out", "new/report", *words).refused(code, named)


def test_annotations_of_one_picture_for_two(here: Path, frames: Path, benched, make_picture, untouched) -> None:
    (frames / "p1.jpg").write_bytes(make_picture(96, 64, 1, ".jpg"))
    (here / "one.json").write_text(truth(["p1.png", "p2.png"], "star"))
    with untouched():
        benched("--out", "new/report", "--annotations", "one.json").refused(2, "p1.jpg and p1.png are the same picture")


def test_a_detector_that_fails_on_one_picture(here: Path, frames: Path, benched, make_picture, monkeypatch) -> None:
    from vcmpipe.detection.demo import DemoDetector

    detect = DemoDetector.detect

    def brittle(self: DemoDetector, pictures: Any) -> Any:
        if any(frame.rgb.shape[1] == 104 for frame in pictures):
            raise RuntimeError("CUDA error:\n an illegal memory access")
        return detect(self, pictures)

    monkeypatch.setattr(DemoDetector, "detect", brittle)
    (frames / "p3.png").write_bytes(make_picture(104, 64, 3))
    done = benched("--out", "report", "--json")
    assert done.code == 1 and not (here / "report").exists()
    done = benched("--out", "report", "--json", "--on-error", "skip")
    assert done.code == 3
    result = json.loads(done.out)
    assert [picture["name"] for picture in result["per_picture"]] == ["p1.png", "p2.png"]
    assert [left["name"] for left in result["left_out"]] == ["p3.png"]
    said = done.err.splitlines()[-1]
    assert said.startswith("vcmpipe: p3.png was left out: the detector ") and "CUDA error: an illegal" in said
    assert "1 of 3 pictures was left out" in (here / "report" / "report.md").read_text()
    monkeypatch.undo()


def test_a_bench_in_which_nothing_is_found(here: Path, benched) -> None:
    done = benched("--out", "report", "--score", "1", "--json", "--limit", 1)
    assert done.code == 0, done.err
    result = json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (result["pictures"], result["objects"]) == (1, 0)
    assert {point["qualities"]["retention"]["reason"] for point in result["points"]} == {"no_objects"}
    assert (here / "report" / "report.html").is_file()
    assert benched("--out", "report", "--score", "1", "--limit", 1).code == 0


def test_a_place_that_may_not_be_written_to(here, frames, encoded, vcmpipe, small_disk, leftovers, benched) -> None:
    disk = small_disk(100_000, ",ro")
    for words in (
        ["encode", "--input", "frames", "--out", disk / "a.bin", *CODE],
        ["encode", "--input", "frames", "--out", "a.bin", "--map-out", disk / "new" / "maps", *CODE],
        ["decode", "--input", encoded / "a.bin", "--out", disk / "new"],
        ["decode", "--input", encoded / "a.bin", "--out", disk],
        ["extract", "--input", encoded / "a.bin", "--out", disk / "new" / "x.bin"],
    ):
        vcmpipe(*words).refused(1, str(disk), "permission denied")
    benched("--out", disk / "report").refused(1, str(disk), "permission denied")
    assert leftovers() == [] and not (here / "a.bin").exists()


@pytest.mark.parametrize("out", ["v.mp4", "new/v.mkv"])
@pytest.mark.parametrize("ffmpeg", [None, Path(imageio_ffmpeg.get_ffmpeg_exe())], ids=["pyav", "ffmpeg"])
def test_a_preview_on_a_full_disk(small_disk, out: str, ffmpeg: Path | None) -> None:
    disk, rng, spec = small_disk(8_192), np.random.default_rng(0), ColourSpec()
    noise = (rgb_to_yuv(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8), spec) for _ in range(20))
    with pytest.raises((OutputError, ProcessError), match=r"the disk is full|No space left on device"):
        write_preview(disk / out, noise, (128, 96), schedule(20), spec, ffmpeg=ffmpeg)
    assert list(disk.iterdir()) == []


def test_a_full_disk(here, frames, encoded, vcmpipe, small_disk, leftovers, benched) -> None:
    disk = small_disk(8_192)
    (disk / "a.bin").write_bytes(b"an older stream")
    for words in (
        ["encode", "--input", "frames", "--out", disk / "a.bin", *CODE],
        ["encode", "--input", "frames", "--out", disk / "new" / "b.bin", "--map-out", disk / "maps", *CODE],
        ["decode", "--input", encoded / "a.bin", "--out", disk / "new" / "d"],
        ["decode", "--input", encoded / "a.bin", "--out", disk],
        ["decode", "--input", encoded / "a.bin", "--out", disk / "v.y4m"],
    ):
        vcmpipe(*words).refused(1, str(disk), "the disk is full")
        assert [path.name for path in disk.rglob("*")] == ["a.bin"]
    full = benched("--out", disk / "report")
    *_, last = full.err.splitlines()  # above it stand the figures so far
    replace(full, err=f"{last}\n").refused(1, str(disk), "the disk is full")
    assert [path.name for path in disk.rglob("*")] == ["a.bin"]
    assert (disk / "a.bin").read_bytes() == b"an older stream"
    assert leftovers() == []


def test_a_full_temporary_folder(here, frames, vcmpipe, small_disk, untouched, monkeypatch) -> None:
    """The pictures do not fit, or they do and the streams do not."""
    disk = small_disk(28_672)
    monkeypatch.setenv("TMPDIR", str(disk))
    monkeypatch.setattr(tempfile, "tempdir", None)
    for filling in (20_000, 8_000):
        (disk / "filling").write_bytes(bytes(filling))
        with untouched():
            done = vcmpipe("encode", "--input", "frames", "--out", "a.bin", "--jobs", 1, "--preset", "faster", *CODE)
            done.refused(1)
            assert f"temporary folder {disk} is full" in done.err or "No space left" in done.err
        assert [path.name for path in disk.iterdir()] == ["filling"]
