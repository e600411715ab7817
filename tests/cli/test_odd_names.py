"""Names that shells, options, protocols, markup and file systems stumble over: in a folder, alone, and in a sidecar."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from vcmpipe.bitstream import count_pictures
from vcmpipe.sidecar import Sidecar

CODE = ["--predictor", "constant", "--no-check"]

NAMES = [
    "-i.png",
    "--out.png",
    "http:x.png",
    "file:x.png",
    "concat:x|y.png",
    "new\nline.png",
    "tab\tand\x1b[31m.png",
    "quo\"te's $(x) `y`.png",
    "back\\slash.png",
    "[bold]x[].png",
    "%d {0}.png",
    "a#12.png",
    "ünï 漢字 🐈.png",
    "two..dots...png",
    " blank .png",
    "x" * 251 + ".png",
    "漢" * 83 + ".png",
]


@pytest.fixture
def odd(here: Path, make_picture) -> Path:
    folder = here / "odd"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes(make_picture(32, 32))
    (folder / ".hidden.png").write_bytes(b"no picture, and not looked at")
    return folder


def test_a_folder_of_odd_names(here: Path, odd: Path, vcmpipe, leftovers) -> None:
    done = vcmpipe("encode", "--input", "odd", "--out", "a.bin", "--map-out", "maps", *CODE)
    assert done.code == 0
    assert all(line.isprintable() for line in done.err.splitlines())
    assert {frame.source for frame in Sidecar.read(here / "a.json").frames} == set(NAMES)
    assert len(list((here / "maps").iterdir())) == 3 * len(NAMES)
    assert vcmpipe("decode", "--input", "a.bin", "--out", "back").code == 0
    # Names of 251 bytes before the suffix are shortened: other endings may be longer than .png.
    assert {p.name for p in (here / "back").iterdir()} == {n if len(n.encode()) < 230 else _cut(n) for n in NAMES}
    assert leftovers() == []


def _cut(name: str) -> str:
    return Path(name).stem.encode()[:224].decode(errors="ignore") + ".png"


@pytest.mark.parametrize("name", ["-i.png", "http:x.png", "./-i.png", ".dot.png"])
@pytest.mark.parametrize("joined", [True, False])
def test_given_directly(here: Path, make_picture, vcmpipe, name: str, joined: bool) -> None:
    (here / name).write_bytes(make_picture(32, 32))
    words = [f"--input={name}", "--out=-o.bin"] if joined else ["--input", name, "--out", "-o.bin"]
    done = vcmpipe("encode", *words, *CODE)
    assert done.code == 0, done.err
    assert count_pictures((here / "-o.bin").read_bytes()) == 1
    for command in (["inspect", "--input", "-o.bin", "--verify-map"], ["decode", "--input", "-o.bin", "--out", "-d"]):
        assert vcmpipe(*command).code == 0
    assert [p.name for p in (here / "-d").iterdir()] == [Path(name).stem.lstrip(".") + ".png"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux only")
def test_a_name_that_is_no_utf_8(here: Path, make_picture, vcmpipe, start) -> None:
    (here / "in").mkdir()
    raw = os.fsencode(here / "in") + b"/\xff\xfe.png"
    Path(os.fsdecode(raw)).write_bytes(make_picture(32, 32))
    assert vcmpipe("encode", "--input", "in", "--out", "a.bin", *CODE).code == 0
    assert vcmpipe("decode", "--input", "a.bin", "--out", "back").code == 0
    assert [os.fsencode(path.name) for path in (here / "back").iterdir()] == [b"\xff\xfe.png"]
    # Naming it on a stdout of strict encoding.
    running = start("decode", "--input", "a.bin", "--out", os.fsdecode(b"\xfe"))
    out, err = running.communicate()
    assert (running.returncode, err) == (0, "") and "1 picture in" in out


def test_pictures_that_differ_in_their_ending_only(here: Path, make_picture, vcmpipe) -> None:
    (here / "in").mkdir()
    names = ["a.bmp", "a.jpg", "a.png", "a_000002.png", "a_000001.jpg", "a_000001_000003.png"]
    for seed, name in enumerate(names):
        (here / "in" / name).write_bytes(make_picture(32 + 8 * seed, 32, seed, Path(name).suffix))
    done = vcmpipe("encode", "--input", "in", "--out", "a.bin", "--json", *CODE)
    assert done.code == 0
    assert json.loads(done.out)["bytes"] == (here / "a.bin").stat().st_size
    assert vcmpipe("decode", "--input", "a.bin", "--out", "back").code == 0
    assert len(list((here / "back").iterdir())) == len(names)
    done = vcmpipe("decode", "--input", "a.bin", "--out", "in")
    done.refused(2, "holds the source pictures")


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("../../x.png", "x.png"),
        ("/etc/passwd", "passwd.png"),
        ("..", "picture_000000.png"),
        ("", "picture_000000.png"),
        ("....png", "picture_000000.png"),
        (".vcmpipe-decode.png", "vcmpipe-decode.png"),
        ("../clip.mp4#7", "clip_000007.png"),
        ("#" + "9" * 5000, "#" + "9" * 223 + ".png"),
        ("x\0y.png", "xy.png"),
        ("half \ud800.png", "picture_000000.png"),
        ("n" * 400, "n" * 224 + ".png"),
    ],
)
def test_a_name_in_the_sidecar_stays_in_the_folder(
    here: Path, encoded: Path, vcmpipe, contents, source: str, written: str
) -> None:
    record = json.loads((encoded / "a.json").read_text())
    record["segments"][0]["frames"][0]["source"] = source
    (here / "s.json").write_text(json.dumps(record))
    done = vcmpipe("decode", "--input", encoded / "a.bin", "--sidecar", "s.json", "--out", "deep/back")
    assert done.code == 0, done.err
    assert sorted(contents(here)) == sorted(["s.json", "deep", "deep/back", f"deep/back/{written}", "deep/back/p2.png"])


@pytest.fixture
def unfit(here: Path, make_picture) -> Path:
    """Two pictures, and two more whose names no store can hold."""
    folder = here / "unfit"
    folder.mkdir()
    for name in (b"a.png", b"ok.png", b"\xff\xfe.png", b"x" * 246 + b".png"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(make_picture(48, 32))
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux only")
def test_a_build_names_what_it_cannot_store_and_goes_on(here: Path, unfit: Path, vcmpipe, leftovers) -> None:
    words = ["dataset", "build", "--images", "unfit", "--out", "store", "--detector", "demo", "--qps", "30:40:5"]
    done = vcmpipe(*words)
    assert done.code == 3
    assert "unfit/\\udcff\\udcfe.png: its name is not UTF-8" in done.err
    assert "x.png: its name has over 247 bytes" in done.err
    assert sorted(path.name for path in (here / "store").rglob("*.parquet")) == ["a.png.parquet", "ok.png.parquet"]
    assert leftovers() == []


@pytest.mark.skipif(sys.platform != "linux", reason="file names are any bytes on Linux only")
@pytest.mark.parametrize("locale", ["UTF-8", "C"])
def test_a_bench_of_odd_names_writes_its_report(here: Path, unfit: Path, make_picture, start, locale: str) -> None:
    (unfit / "ünï 漢字.png").write_bytes(make_picture(48, 32))
    (unfit / "=1+1|<img src=x>[y](z).png").write_bytes(make_picture(48, 32))
    words = ["--methods", "plain", "--qps", "30:40:5", "--resamples", "10", "--predictor", "constant"]
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} if locale == "C" else {}
    running = start(
        "bench", "--images", "unfit", "--out", "report", "--cache", "cache", *words, env=os.environ | ascii_only
    )
    _, err = running.communicate()
    assert running.returncode == 0, err
    table = (here / "report" / "pictures.csv").read_text(encoding="utf-8")
    assert "\\xff\\xfe.png" in table and "ünï 漢字.png" in table
    assert "\n'=1+1|<img" in table, "no spreadsheet takes it for a formula"
    assert "<img" not in (here / "report" / "report.md").read_text(encoding="utf-8")


def test_names_reach_no_terminal_as_they_are(here: Path, make_picture, vcmpipe) -> None:
    """Stdout as well as stderr: tables, and lines with paths."""
    folder = here / "in"
    folder.mkdir()
    (folder / "a\x1b]0;title\x07\x1b[2J\u202e.png").write_bytes(make_picture(32, 32))
    for words in (
        ["predict", "--input", "in", "--out", "p\x1b[31m.json", "--predictor", "constant"],
        ["encode", "--input", "in", "--out", "b\x1b[31m.bin", *CODE],
        ["decode", "--input", "b\x1b[31m.bin", "--out", "d\x1b[31m"],
        ["extract", "--input", "b\x1b[31m.bin", "--out", "e\x1b[31m.bin"],
        ["inspect", "--input", "b\x1b[31m.bin"],
    ):
        done = vcmpipe(*words)
        assert done.code == 0, done.err
        assert all(line.isprintable() for line in (done.out + done.err).splitlines()), words
    assert "\\x1b" in vcmpipe("decode", "--input", "b\x1b[31m.bin", "--out", "f\x1b[31m").out
