"""Detections as files in the commands: what goes out comes in, and what nobody can look at is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.cli import main
from vcmpipe.commands.encode import encode, encode_frames
from vcmpipe.config import DecodeOptions, EncodeOptions, PredictOptions
from vcmpipe.datasets.drawn_video import write_drawn_video
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.detection import load_detector
from vcmpipe.errors import InputError
from vcmpipe.frames import write_png
from vcmpipe.sidecar import Sidecar

OUT = ["found.json", "found.coco.json", "found.csv", "found.parquet", "found.txt", "labels/"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes and a grey picture, and what the demo's detector finds in them in every format."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "in").mkdir()
    for n in range(2):
        write_png(folder / "in" / f"scene{n}.png", render_scene(910_000 + n).rgb)
    write_png(folder / "in" / "nothing.png", np.full((64, 96, 3), 120, np.uint8))
    words = ["--detector", "demo", "--predictor", "constant:34"]
    for name in OUT:
        more = ["--detections-out", str(folder / name), "--found-out", str(folder / f"again-{name}")]
        assert main(["encode", str(folder / "in"), "-o", str(folder / "own.bin"), *words, *more]) == 0
    return folder


def run(*words: object) -> int:
    return main([str(word) for word in words])


@pytest.mark.parametrize("name", OUT)
def test_the_same_stream(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    # MOT's text has no classes.
    more = []
    if name == "found.txt":
        (tmp_path / "one.txt").write_text("thing\n")
        more = ["--classes", tmp_path / "one.txt"]
    out = tmp_path / "a.bin"
    assert run("encode", drawn / "in", "-o", out, "--detector", drawn / name, "--predictor", "constant:34", *more) == 0
    assert out.read_bytes() == (drawn / "own.bin").read_bytes()
    shown = capsys.readouterr()
    assert "whether they are kept was not checked" in shown.out
    assert "has detections in the source only: the coded pictures are not checked" in shown.err
    sidecar, own = Sidecar.read(out.with_suffix(".json")), Sidecar.read(drawn / "own.json")
    assert (sidecar.kept, sidecar.lost, sidecar.configuration["check"]) == (None, None, False)
    assert sidecar.provenance["detector"]["name"].startswith("detections:")
    assert len(sidecar.provenance["detector"]["digest"]) == 64
    boxes = [[thing.bbox_xyxy for thing in frame.objects] for frame in sidecar.frames]
    assert boxes == [[thing.bbox_xyxy for thing in frame.objects] for frame in own.frames] and sum(map(len, boxes)) > 2


def test_a_sidecar_and_a_prediction(drawn: Path, tmp_path: Path) -> None:
    words = ["--detector", "demo", "--predictor", "constant:34"]
    assert run("predict", drawn / "in", "-o", tmp_path / "p.json", "--detections-out", tmp_path / "p.csv", *words) == 0
    assert (tmp_path / "p.csv").read_text() == (drawn / "found.csv").read_text()
    for name in (tmp_path / "p.json", drawn / "own.json"):
        encode(EncodeOptions(input=drawn / "in", out=tmp_path / "a.bin", detector=str(name), predictor="constant:34"))
        assert (tmp_path / "a.bin").read_bytes() == (drawn / "own.bin").read_bytes()
    assert run("predict", drawn / "in", "--detector", tmp_path / "p.json", "--predictor", "constant") == 0


def test_what_is_found_in_decoded_pictures(drawn: Path, tmp_path: Path) -> None:
    words = ["decode", drawn / "own.bin", "-o", tmp_path / "out", "--overlay", "--found-out", tmp_path / "d.csv"]
    assert run(*words, "--detector", "demo") == 0
    assert (tmp_path / "d.csv").read_text() == (drawn / "again-found.csv").read_text()
    assert (tmp_path / "d.csv").read_text() != (drawn / "found.csv").read_text()
    assert sorted(path.name for path in (drawn / "again-labels").iterdir()) == [
        *("classes.txt", "nothing.txt", "scene0.txt", "scene1.txt")
    ]
    # Without a sidecar by the names that are written.
    alone = tmp_path / "alone.bin"
    alone.write_bytes((drawn / "own.bin").read_bytes())
    assert run("decode", alone, "-o", tmp_path / "x", "--found-out", tmp_path / "x.csv", "--detector", "demo") == 0
    assert "picture_000001.png," in (tmp_path / "x.csv").read_text() and (tmp_path / "x/picture_000001.png").is_file()


def test_video_with_tracks(tmp_path: Path) -> None:
    video = write_drawn_video(tmp_path / "clip.y4m")
    words = ["--predictor", "constant:34", "--limit", "12", "--segment", "0.2"]
    more = ["--detections-out", tmp_path / "t.txt", "--found-out", tmp_path / "d.json"]
    assert run("encode", video, "-o", tmp_path / "a.bin", "--detector", "demo", *words, *more) == 0
    lines = [line.split(",") for line in (tmp_path / "t.txt").read_text().splitlines()]
    segments = len(Sidecar.read(tmp_path / "a.json").segments)
    assert segments > 1 and {int(line[0]) for line in lines} <= set(range(1, 13))
    tracks = {(int(line[0]), int(line[1])) for line in lines if line[1] != "-1"}
    assert len(tracks) == sum(line[1] != "-1" for line in lines) and tracks
    assert {each["image_id"] for each in json.loads((tmp_path / "d.json").read_text())} <= set(range(12))
    (tmp_path / "one.txt").write_text("thing\n")
    again = ["--detector", tmp_path / "t.txt", "--classes", tmp_path / "one.txt"]
    assert run("encode", video, "-o", tmp_path / "b.bin", *again, *words) == 0
    assert (tmp_path / "a.bin").read_bytes() == (tmp_path / "b.bin").read_bytes()


def test_frames_in_memory(drawn: Path) -> None:
    from vcmpipe.frames import Frame, read_picture

    source = [Frame(n, read_picture(path), str(path)) for n, path in enumerate(sorted((drawn / "in").iterdir()))]
    recorded = load_detector(str(drawn / "found.csv"), again=False)
    data, sidecar = encode_frames(source, detector=recorded, predictor="constant:34")
    assert data == (drawn / "own.bin").read_bytes() and sidecar.kept is None
    assert encode_frames(source, detector=str(drawn / "found.csv"), predictor="constant:34").data == data
    with pytest.raises(InputError, match="--verify needs a detector that runs"):
        encode_frames(source, detector=recorded, verify=True)
    with pytest.raises(InputError, match=r"has detections of none of the pictures: .* frame_000000"):
        encode_frames([source[0].rgb], detector=recorded, predictor="constant:34")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--verify"], "--verify needs a detector that runs, and detections:found.csv has detections in the source"),
        (["--loop", "closed"], "--loop closed needs"),
        (["--target", "bytes=4000"], "--target needs"),
        (["--objective", "accuracy"], "--objective accuracy needs"),
        (["--fail-under", "0.9"], "--fail-under needs"),
        (["--found-out", "x.csv"], "--found-out needs"),
        (["--predictor", "measured:30:40:5"], "--predictor measured:30:40:5 needs"),
        (["--scale", "detector"], "--scale detector needs"),
    ],
)
def test_what_needs_a_second_look(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words, says
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("encode", drawn / "in", "-o", "a.bin", "--detector", drawn / "found.csv", *words) == 2
    shown = capsys.readouterr()
    assert says in shown.err and shown.err.count("\n") == 1 and "nothing is checked" in shown.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["bench", "--images", "IN", "-o", "r", "--cache", "c"],
        ["calibrate", "--images", "IN", "-o", "card.json"],
        ["dataset", "build", "--images", "IN", "-o", "store"],
        ["predict", "IN", "--predictor", "measured"],
        ["decode", "STREAM", "-o", "d", "--found-out", "x.csv"],
        ["encode", "IN", "-o", "a.bin", "--detector", "demo", "--verify", "--verify-with", "FOUND"],
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_commands_that_look_again(
    drawn: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"IN": str(drawn / "in"), "STREAM": str(drawn / "own.bin"), "FOUND": str(drawn / "found.csv")}
    monkeypatch.setenv("VCMPIPE_DETECTOR", places["FOUND"])
    assert run(*(places.get(word, word) for word in words)) == 2
    shown = capsys.readouterr().err
    assert "detections in a file are for the source only" in shown and "encode in the open loop" in shown


def test_a_file_of_other_pictures(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text(
        json.dumps([{"image_id": 139, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.9}])
    )
    words = ["encode", drawn / "in", "-o", tmp_path / "a.bin", "--detector", tmp_path / "other.json"]
    assert run(*words) == 2
    assert "they are called such as nothing.png, and there number 139" in capsys.readouterr().err
    video = write_drawn_video(tmp_path / "clip.y4m")
    (tmp_path / "other.csv").write_text("picture,x1,y1,x2,y2,class_id\nclap.y4m#0,1,2,3,4,0\n")
    capsys.readouterr()
    assert run("encode", video, "-o", tmp_path / "a.bin", "--limit", "3", "--detector", tmp_path / "other.csv") == 2
    assert "they are called such as clip.y4m#0, and there clap.y4m#0" in capsys.readouterr().err
    assert not (tmp_path / "a.bin").exists()


def test_classes_of_other_detectors(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["encode", drawn / "in", "-o", tmp_path / "a.bin"], ["predict", drawn / "in"]):
        assert run(*command, "--detector", "demo", "--classes", tmp_path / "c.txt") == 2
        assert "detections in a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--detections-out", "a.bin.csv", "--found-out", "a.bin.csv"], "is the place of --detections-out"),
        (["--detections-out", "a.json"], "is the place of the sidecar"),
        (["--detections-out", "in/"], "--detections-out in/ is the input"),
        (["--detections-out", "old.json"], "--detections-out old.json is the sidecar of old.bin"),
        (["--detections-out", "texts"], "texts holds notes.txt, which would count as labels"),
        (["--detections-out", "a.jsonl"], "would be a folder, though its name ends in .jsonl"),
        (["--found-out", "a.csv", "--no-check"], "--found-out with --no-check"),
    ],
)
def test_places(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words, says
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in").symlink_to(drawn / "in")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("mine")
    (tmp_path / "old.json").write_text((drawn / "own.json").read_text().replace("own.bin", "old.bin"))
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run("encode", "in", "-o", "a.bin", "--detector", "demo", "--predictor", "constant", *words) == 2
    assert says in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_its_own_detections_are_not_replaced(drawn: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.csv"
    found.write_text((drawn / "found.csv").read_text())
    with pytest.raises(InputError, match="is the place of --detector"):
        encode(
            EncodeOptions(input=drawn / "in", out=tmp_path / "a.bin", detector=str(found), detections_out=str(found))
        )
    with pytest.raises(InputError, match="--detector demo: say where to write what it finds, with --found-out"):
        DecodeOptions(input="a.bin", out="b", detector="demo")
    with pytest.raises(InputError, match="would be a folder"):
        PredictOptions(input="in", detections_out="x.xml")


def test_a_run_that_was_stopped_writes_what_it_found(
    drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier run finished is not looked at again, and is in the files all the same."""
    from vcmpipe.commands import encode_run

    wanted = {"detections_out": str(tmp_path / "s.csv"), "found_out": str(tmp_path / "d.csv")}
    options = EncodeOptions(
        input=drawn / "in", out=tmp_path / "a.bin", detector="demo", predictor="constant:34", jobs=1, **wanted
    )
    coded: list[str] = []
    finish = encode_run.EncodeRun.finish

    def until_the_third(run, segment, found, start):
        coded.append(segment.source)
        if len(coded) == 3:
            raise KeyboardInterrupt
        return finish(run, segment, found, start)

    monkeypatch.setattr(encode_run.EncodeRun, "finish", until_the_third)
    with pytest.raises(KeyboardInterrupt):
        encode(options)
    assert not (tmp_path / "s.csv").exists()
    encode(options)
    assert len(coded) == 4
    for name, own in (("s.csv", "found.csv"), ("d.csv", "again-found.csv")):
        assert (tmp_path / name).read_text() == (drawn / own).read_text()
