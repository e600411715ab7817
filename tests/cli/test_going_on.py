"""``encode`` stopped in its middle, in whatever way, goes on there and gives the bytes of a run in one piece."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from vcmpipe.process.work_folder import WorkFolder

CODE = ["--predictor", "constant", "--out", "out.bin"]
NAMES = ["ash", "bay", "cay", "dew"]


@pytest.fixture
def pictures(here: Path, make_picture) -> Path:
    (here / "in").mkdir()
    for seed, name in enumerate(NAMES):
        (here / "in" / f"{name}.png").write_bytes(make_picture(96, 64, seed))
    return here / "in"


@pytest.fixture
def results(here: Path):
    """The stream and the sidecar, and that nothing else is beside them."""

    def read() -> tuple[bytes, bytes]:
        assert {path.name for path in here.iterdir()} - {"in", "film.y4m"} == {"out.bin", "out.json"}
        found = (here / "out.bin").read_bytes(), (here / "out.json").read_bytes()
        (here / "out.bin").unlink()
        (here / "out.json").unlink()
        return found

    return read


@pytest.fixture
def damaged(pictures: Path):
    """Cuts a picture; called again, mends it."""
    path = pictures / "cay.png"
    whole = path.read_bytes()

    def toggle() -> None:
        path.write_bytes(whole[:-30] if path.read_bytes() == whole else whole)

    return toggle


def test_a_picture_that_cannot_be_read_stops_the_run_and_the_next_one_goes_on(
    here: Path, damaged, vcmpipe, results
) -> None:
    assert vcmpipe("encode", "in", *CODE).code == 0
    expected = results()
    damaged()
    kept = "2 pictures are kept: the same command continues from there, and --on-error skip"
    vcmpipe("encode", "in", *CODE, "--jobs", 4).refused(1, "in/cay.png is a truncated", kept)
    assert not (here / "out.bin").exists() and WorkFolder(here / "out.bin").count_others("picture") == 2
    damaged()
    done = vcmpipe("encode", "in", *CODE)
    assert done.code == 0 and "going on from an earlier run, which finished 2 pictures" in done.err
    assert results() == expected


def test_what_is_kept_is_not_coded_again(here: Path, damaged, vcmpipe, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged()
    assert vcmpipe("encode", "in", *CODE).code == 1
    damaged()
    coded = []
    from vcmpipe.commands import encode_run

    real = encode_run.encode_segment
    monkeypatch.setattr(
        encode_run,
        "encode_segment",
        lambda pipeline, segment, *a, **k: coded.append(segment.name) or real(pipeline, segment, *a, **k),
    )
    assert vcmpipe("encode", "in", *CODE).code == 0
    assert sorted(coded) == ["cay.png", "dew.png"]


def test_other_options_find_nothing_of_use_and_fresh_starts_over(here: Path, damaged, vcmpipe, results) -> None:
    damaged()
    assert vcmpipe("encode", "in", *CODE).code == 1
    damaged()
    done = vcmpipe("encode", "in", *CODE, "--preset", "fast", "--jobs", 1)
    assert done.code == 0 and "2 parts" in done.err and "is not used" in done.err
    other = results()
    damaged()
    assert vcmpipe("encode", "in", *CODE).code == 1
    damaged()
    done = vcmpipe("encode", "in", *CODE, "--fresh")
    assert done.code == 0 and "going on" not in done.err
    assert results()[0] != other[0]


def test_a_damaged_entry_is_made_again(here: Path, damaged, vcmpipe, results) -> None:
    assert vcmpipe("encode", "in", *CODE).code == 0
    expected = results()
    damaged()
    assert vcmpipe("encode", "in", *CODE).code == 1
    damaged()
    for entry in WorkFolder(here / "out.bin").path.glob("[pf]*-*"):
        entry.write_bytes(entry.read_bytes()[:-5])
    assert vcmpipe("encode", "in", *CODE).code == 0
    assert results() == expected


@pytest.mark.parametrize("way", ["samples", "header", "detector"])
def test_skip_leaves_out_by_name(here: Path, pictures: Path, damaged, vcmpipe, way: str, monkeypatch) -> None:
    if way == "samples":
        damaged()
    elif way == "header":
        (pictures / "cay.png").write_bytes(b"no picture")
    else:
        from vcmpipe.detection.demo import DemoDetector

        real = DemoDetector.detect

        def detect(self, frames):
            if any(frame.source.endswith("cay.png") for frame in frames):
                raise RuntimeError("it broke")
            return real(self, frames)

        monkeypatch.setattr(DemoDetector, "detect", detect)
    done = vcmpipe("encode", "in", *CODE, "--on-error", "skip", "--json")
    assert done.code == 3 and done.err.splitlines()[-1].startswith("vcmpipe: cay.png was left out: in/cay.png")
    record = json.loads((here / "out.json").read_text())
    assert [each["frames"][0]["source"] for each in record["segments"]] == ["ash.png", "bay.png", "dew.png"]
    assert [each["frames"][0]["index"] for each in record["segments"]] == [0, 1, 3]
    (left_out,) = record["left_out"]
    assert (left_out["index"], left_out["source"], left_out["frames"]) == (2, "cay.png", 1)
    assert json.loads(done.out)["left_out"] == record["left_out"]
    assert not WorkFolder(here / "out.bin").path.exists()
    assert vcmpipe("decode", "--input", "out.bin", "--out", "pictures").code == 0
    assert {path.stem for path in (here / "pictures").iterdir()} == {"ash", "bay", "dew"}


def test_headers_are_read_before_anything_is_coded(here: Path, pictures: Path, vcmpipe) -> None:
    for name in ("cay", "dew"):
        (pictures / f"{name}.png").write_bytes(b"no picture")
    vcmpipe("encode", "in", *CODE).refused(2, "in/cay.png is not a picture", "(and 1 more picture that cannot be read)")
    assert [path.name for path in here.iterdir()] == ["in"]


def test_nothing_that_can_be_coded(here: Path, pictures: Path, vcmpipe) -> None:
    for name in NAMES:
        (pictures / f"{name}.png").write_bytes(b"no picture")
    vcmpipe("encode", "in", *CODE, "--on-error", "skip").refused(1, "nothing could be coded", "ash.png")
    assert [path.name for path in here.iterdir()] == ["in"]


def test_a_video_that_breaks_off(here: Path, vcmpipe) -> None:
    assert vcmpipe("encode", "demo", "--out", "whole.bin", "--no-check").code == 0
    assert vcmpipe("decode", "--input", "whole.bin", "--out", "film.y4m").code == 0
    film = here / "film.y4m"
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 2 // 3])
    words = ["film.y4m", "--out", "out.bin", "--segment", "0.5", "--no-check", "--jobs", 1]
    done = vcmpipe("encode", *words)
    assert done.code == 1 and "film.y4m" in done.err and "are kept" in done.err and not (here / "out.bin").exists()
    done = vcmpipe("encode", *words, "--on-error", "skip")
    assert done.code == 3 and "was left out" in done.err
    (left_out,) = json.loads((here / "out.json").read_text())["left_out"]
    assert left_out["frames"] is None and left_out["index"] == 19


@pytest.mark.parametrize("words", [["--verify", "--strict"], ["--target", "bytes=900"]])
def test_skip_is_nothing_for_promises_about_all(pictures: Path, vcmpipe, words: list[str]) -> None:
    vcmpipe("encode", "in", *CODE[2:], *words, "--on-error", "skip").refused(2, "--on-error skip with")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")
def test_interrupted_it_says_what_is_kept(here: Path, pictures: Path, make_picture, start, vcmpipe, results) -> None:
    for name in ("elm", "fir", "gum"):
        (pictures / f"{name}.png").write_bytes(make_picture(640, 480, 9))
    words = ["encode", "in", *CODE, "--jobs", "1", "--preset", "slow", "--realise", "uniform"]
    running = start(*words)
    deadline = time.monotonic() + 120
    while len(list(here.glob(".vcmpipe-*.journal/picture-*"))) < 2:
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    *_, kept, last = err.splitlines()
    assert last == "vcmpipe: interrupted" and "kept: the same command continues from there" in kept
    assert [path.name for path in here.iterdir() if not path.name.endswith(".journal")] == ["in"]
    assert vcmpipe(*words).code == 0
    first = results()
    assert vcmpipe(*words).code == 0
    assert results() == first


def test_a_full_disk(here: Path, pictures: Path, small_disk, vcmpipe) -> None:
    disk = small_disk(24 << 10)
    words = ["encode", "in", "--predictor", "constant:20", "--empty", "10"]
    done = vcmpipe(*words, "--out", disk / "out.bin")
    done.refused(1, "the disk is full", "kept: the same command continues from there")
    assert "--on-error" not in done.err
    assert not (disk / "out.bin").exists() and not (disk / "out.json").exists()


@pytest.mark.skipif(os.name != "posix", reason="locks are those of POSIX")
def test_two_at_once(here: Path, pictures: Path, vcmpipe, damaged) -> None:
    from vcmpipe.process import only_writer

    damaged()
    assert vcmpipe("encode", "in", *CODE).code == 1
    kept = sorted(path.name for path in WorkFolder(here / "out.bin").path.iterdir())
    with only_writer(here / "out.bin"):
        vcmpipe("encode", "in", *CODE, "--fresh").refused(2, "is being written by another vcmpipe")
    assert sorted(path.name for path in WorkFolder(here / "out.bin").path.iterdir()) == kept
