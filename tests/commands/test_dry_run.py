"""``encode --dry-run``: what would be coded, an estimate that holds, and nothing written."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.conftest import moving, textured
from vcmpipe import EncodeOptions, encode
from vcmpipe.cli.main import main
from vcmpipe.commands.dry_run import dry_run
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Y4mWriter, rgb_to_yuv, write_png
from vcmpipe.process import run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(5):
        write_png(folder / f"p{number * 7}.png", textured(96, 64 + 16 * (number == 4), seed=number))
    return folder


def test_pictures_are_counted_and_a_few_coded(pictures: Path, tmp_path: Path) -> None:
    options = EncodeOptions(input=str(pictures), out=str(tmp_path / "x.bin"), qp=32, dry_run=True, jobs=1)
    steps: list[tuple[int, int | None]] = []
    plan = dry_run(options, progress=lambda done, total: steps.append((done, total)))
    assert (plan.frames, plan.sizes, plan.structure) == (5, {"96x64": 4, "96x80": 1}, "intra")
    assert plan.parameters["qp"] == 32 and plan.parameters["detector"] == "none"
    assert plan.sample["frames"] == 3 and len(steps) == 3
    real = encode(EncodeOptions(input=str(pictures), out=str(tmp_path / "real.bin"), qp=32))
    assert plan.bytes == pytest.approx(real.bytes, rel=0.2)
    assert plan.seconds is not None and 0 < plan.seconds[0] == plan.seconds[1] < 60
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "real.bin", "real.json"]


def test_a_target_takes_passes_and_says_its_own_bytes(pictures: Path, tmp_path: Path) -> None:
    given = {"input": str(pictures), "out": str(tmp_path / "x.bin"), "detector": "demo", "dry_run": True}
    plan = dry_run(EncodeOptions(**given, target="bytes=700"))
    assert plan.bytes == 3500 and plan.parameters["target"] == "bytes=700"
    assert plan.seconds is not None and plan.seconds[1] == pytest.approx(4.5 * plan.seconds[0])
    assert "--target bytes=700 takes 2 to 9" in plan.how
    plan = dry_run(EncodeOptions(**given, quality="high", max_trials=2))
    assert plan.parameters["trials"] == 2 and "bytes are those without the target" in plan.how


def test_a_video_is_measured_by_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    video = tmp_path / "clip.mp4"
    with Y4mWriter(path, (96, 64), Fraction(10)) as writer:
        for frame in moving(96, 64, 80, rate=10):
            writer.write(rgb_to_yuv(frame.rgb, ColourSpec()))
    run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-c:v", "libx264", "-qp", "12", video], timeout=60)
    given = {"input": str(video), "qp": 32, "segment": 4.0}
    plan = dry_run(EncodeOptions(**given, out=str(tmp_path / "x.mp4"), dry_run=True))
    assert (plan.frames, plan.structure, plan.segments, plan.duration) == (80, "random-access", 2, 8.0)
    assert plan.sample["frames"] == 33 and plan.sizes == {"96x64": 80}
    real = encode(EncodeOptions(**given, out=str(tmp_path / "real.bin")))
    assert plan.bytes == pytest.approx(real.bytes, rel=0.35)
    assert not (tmp_path / "x.mp4").exists()
    # A y4m does not state how many frames it has.
    plan = dry_run(EncodeOptions(input=str(path), out=str(tmp_path / "x.mp4"), qp=32, dry_run=True))
    assert (plan.frames, plan.bytes, plan.seconds, plan.segments) == (None, None, None, None)
    assert plan.sample["bytes"] > 0 and plan.sizes == {"96x64": None}


def test_the_command_prints_it(pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["encode", str(pictures), "-o", str(tmp_path / "x.bin"), "--detector", "demo", "--dry-run"]
    assert main(words) == 0
    shown = capsys.readouterr().out
    for line in ("would code  5 pictures", "sizes       96x64 (4), 96x80 (1)", "predictor", "nothing was written"):
        assert line in shown
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 5
    # What is not written needs no name.
    assert main([words[0], words[1], *words[4:], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"out": "{frames}/p0.png"}, "p0.png"),
        ({"out": "{frames}"}, "frames"),
        ({"out": "x.avi"}, r"\.avi"),
        ({"input": "missing"}, "missing"),
        ({"input": "-"}, "--dry-run codes a little of its input, and what comes from a pipe or an address"),
        ({"input": "rtsp://127.0.0.1:9/x"}, "--dry-run codes a little of its input, and what comes from a pipe"),
    ],
)
def test_what_encode_refuses_is_refused(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"input": str(pictures), "out": "x.bin"} | {k: v.format(frames=pictures) for k, v in change.items()}
    with pytest.raises(InputError, match=named):
        dry_run(EncodeOptions(**given, qp=30, dry_run=True))


def test_encode_itself_does_not_pretend(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"call vcmpipe\.commands\.dry_run"):
        encode(EncodeOptions(input=str(pictures), out=str(tmp_path / "x.bin"), dry_run=True))
