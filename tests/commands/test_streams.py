"""Several inputs: one stream of all pictures, or one of each input in a folder."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vcmpipe import DecodeOptions, EncodeOptions, InputError, Sidecar, decode, encode, encode_each
from vcmpipe.cli import main
from vcmpipe.commands.streams import plan
from vcmpipe.frames import Y4mWriter, write_png
from vcmpipe.frames.colour import ColourSpec, rgb_to_yuv

QP = ["--qp", "40"]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of pictures, one of which has a video, too."""
    rng = np.random.default_rng(1)
    for name in ("in/a/1.png", "in/a/2.png", "in/b/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_png(tmp_path / name, rng.integers(0, 255, (32, 48, 3), np.uint8))
    with Y4mWriter(tmp_path / "in/b/clip.y4m", (48, 32), 25, ColourSpec()) as writer:
        for value in (60, 70):
            writer.write(rgb_to_yuv(np.full((32, 48, 3), value, np.uint8), ColourSpec()))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def sources(sidecar: Path) -> list[str]:
    return [frame.source for frame in Sidecar.read(sidecar).frames]


def test_one_stream_of_all(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "in/a", "in/b/*.png", "-o", "one.bin", *QP]) == 0
    assert sources(Path("one.json")) == ["1.png", "2.png", "1.png"]
    assert main(["encode", "--input", "in/a", "in/b/1.png", "--out", "two.bin", *QP]) == 0
    assert Path("one.bin").read_bytes() == Path("two.bin").read_bytes()
    encode(EncodeOptions(input=[tree / "in/a", "in/b/1.png"], out="three.bin", qp=40))
    assert Path("three.bin").read_bytes() == Path("one.bin").read_bytes()
    assert Sidecar.read(Path("three.json")).configuration["input"] == [str(tree / "in/a"), "in/b/1.png"]
    decode(DecodeOptions(input="one.bin", out="out"))
    assert len(list(Path("out").iterdir())) == 3
    with pytest.raises(InputError, match="holds the source pictures"):
        decode(DecodeOptions(input="one.bin", out="in/a"))
    # What cannot be one.
    assert main(["encode", "in", "--recursive", "-o", "x.bin", *QP]) == 2
    assert "1 video such as in/b/clip.y4m and 3 pictures cannot be one stream" in capsys.readouterr().err
    assert main(["encode", "in/a", "in/b/1.png", "-o", "in/b/1.png", *QP]) == 2
    assert "is one of the inputs" in capsys.readouterr().err


def test_a_stream_of_each(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "in/a", "in/b/clip.y4m", "in/b/1.png", "-o", "out/", *QP, "--json"]) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == [
        *("1.bin", "1.json", "a.bin", "a.json", "clip.bin", "clip.json")
    ]
    assert sources(Path("out/a.json")) == ["1.png", "2.png"]
    assert sources(Path("out/clip.json")) == ["clip.y4m#0", "clip.y4m#1"]
    shown = json.loads(capsys.readouterr().out)["streams"]
    assert [(each["input"], each["out"]) for each in shown] == [
        *(("in/a", "out/a.bin"), ("in/b/clip.y4m", "out/clip.bin"), ("in/b/1.png", "out/1.bin"))
    ]
    # The folder is there now, and needs no slash; a tree is one stream of pictures, and one of each video.
    assert main(["encode", "in", "--recursive", "-o", "out", *QP]) == 0
    assert sources(Path("out/in.json")) == ["1.png", "2.png", "1.png"]
    assert "written  2 streams, 5 frames" in capsys.readouterr().out


def test_names_that_would_be_one(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "in/a/1.png", "in/b/1.png", "-o", "out/", *QP]) == 2
    assert "in/a/1.png and in/b/1.png would both be out/1.bin" in capsys.readouterr().err
    assert not Path("out").exists()
    assert main(["encode", "in/a", "in/b", "-o", "in/a", *QP]) == 2
    assert "--out in/a is the folder of the inputs" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--map-out", "maps"], "--map-out is for one stream, and there are 2"),
        (["--detections-out", "x.csv"], "--detections-out is for one stream, and there are 2"),
    ],
)
def test_what_is_about_one_stream(tree: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert main(["encode", "in/a", "in/b", "-o", "out/", *QP, *words]) == 2
    assert says in capsys.readouterr().err


def test_bad_inputs(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("in/bad.png").write_bytes(Path("in/a/1.png").read_bytes()[:60])
    words = ["encode", "in/a", "in/bad.png", "in/b", *QP]
    assert main([*words, "-o", "out/"]) == 2
    assert "bad.png" in capsys.readouterr().err and Path("out/a.bin").is_file() and not Path("out/b.bin").exists()
    assert main([*words, "-o", "out/", "--on-error", "skip"]) == 3
    shown = capsys.readouterr()
    assert "in/bad.png was left out: " in shown.err and "left out" in shown.out and Path("out/b.bin").is_file()
    # All of them in one stream: the others are in it.
    assert main([*words, "-o", "one.bin", "--on-error", "skip"]) == 3
    assert sources(Path("one.json")) == ["1.png", "2.png", "1.png"]


def test_from_python(tree: Path) -> None:
    options = EncodeOptions(input=["in/a", "in/b"], out="out/", qp=40)
    assert [(job.input, job.out) for job in plan(options)] == [("in/a", "out/a.bin"), ("in/b", "out/b.bin")]
    streams = list(encode_each(options))
    assert [each.sidecar.stream for each in streams if each.sidecar] == ["a.bin", "b.bin"]
    with pytest.raises(InputError, match="call encode_each"):
        encode(options)
    with pytest.raises(InputError, match="--input is empty"):
        EncodeOptions(input=[], out="x.bin")
    with pytest.raises(InputError, match="--input is of the type int"):
        EncodeOptions(input=["a", 3], out="x.bin")  # type: ignore[list-item]


def test_a_list_in_a_file_of_options(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.yaml").write_text("input: [in/a, in/b/1.png]\nqp: 40\n")
    assert main(["encode", "--config", "c.yaml", "-o", "one.bin"]) == 0
    assert sources(Path("one.json")) == ["1.png", "2.png", "1.png"]
    with pytest.raises(SystemExit):
        main(["encode", "--config", "c.yaml", "-o", "one.bin", "--print-config"])
    assert "input:\n- in/a\n- in/b/1.png\n" in capsys.readouterr().out
    Path("c.yaml").write_text("input: [[in/a]]\n")
    assert main(["encode", "--config", "c.yaml", "-o", "one.bin"]) == 2
    assert "input has several values" in capsys.readouterr().err
