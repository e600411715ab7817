"""The detector that is a file: what it gives, what it counts, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vcmpipe.detection import load_detector
from vcmpipe.detection.recorded import RecordedDetector, recorded_path
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame

HEAD = "picture,x1,y1,x2,y2,class_id,confidence,track\n"


def picture(source: str, index: int = 0) -> Frame:
    return Frame(index, np.zeros((40, 60, 3), np.uint8), source)


@pytest.fixture
def detector(tmp_path: Path) -> RecordedDetector:
    (tmp_path / "found.csv").write_text(
        HEAD
        + "a.png,1,2,30,20,2,0.4,\n"
        + "a.png,-5,2,70,20,0,0.9,7\n"
        + "a.png,1,2,30,20,1,0.01,\n"  # too weak
        + "a.png,70,2,80,20,1,0.8,\n"  # outside
        + "a.png,5,5,5,20,1,0.8,\n"  # no area
        + "a.png,1,2,60.005,20,1,0.4,\n"  # rounded, not clipped
        + "b/c.png,1,2,30,20,0,0.5,\n"
        + "d.png,1,2,30,20,0,0.5,\n"
    )
    return RecordedDetector.read(tmp_path / "found.csv")


def test_it_is_a_detector(detector: RecordedDetector) -> None:
    found, empty, other = detector.detect([picture("in/a.png"), picture("x.png"), picture("c.png")])
    assert found.confidence.tolist() == pytest.approx([0.9, 0.4, 0.4]) and found.class_id.tolist() == [0, 2, 1]
    assert found.xyxy.tolist() == [[0, 2, 60, 20], [1, 2, 30, 20], [1, 2, 60, 20]]
    assert found.data["track"].tolist() == [7, -1, -1] and found.xyxy.dtype == np.float32
    assert len(empty) == 0 and empty.confidence.shape == (0,) and len(other) == 1
    assert detector.classes[0] == "person" and len(detector.digest) == 64 and detector.name == "detections:found.csv"
    assert [note.partition("found.csv: ")[2] for note in detector.remarks()] == [
        "says nothing of 1 of 3 pictures, in which nothing was found, then",
        "1 more picture in it, such as d.png, not used",
        "1 detection reaches beyond its picture and was clipped to it",
        "2 detections without any area in their pictures were left out",
    ]


def test_the_least_score(tmp_path: Path, detector: RecordedDetector) -> None:
    found = load_detector(str(tmp_path / "found.csv"), again=False, min_score=0.5)
    assert len(found.detect([picture("a.png")])[0]) == 1


def test_none_of_the_pictures(detector: RecordedDetector) -> None:
    with pytest.raises(InputError, match=r"none of the pictures: they are called such as x\.png, and there a\.png"):
        detector.settle([("in/x.png", 0), ("in/y.png", 1)])
    detector.detect([picture("in/x.png")])
    with pytest.raises(InputError, match=r"none of the pictures: .* x\.png, and there a\.png"):
        detector.remarks()


def test_numbers_are_shown_as_the_file_counts(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("7,1,1,1,5,5,1\n")
    with pytest.raises(InputError, match=r"such as x\.png, and there number 7"):
        RecordedDetector.read(tmp_path / "t.txt").settle([("x.png", 0)])
    (tmp_path / "e.json").write_text("[]")
    with pytest.raises(InputError, match=r"e\.json holds no detections: name another file"):
        RecordedDetector.read(tmp_path / "e.json").settle([("x.png", 0)])


def test_one_name_for_two_pictures(detector: RecordedDetector) -> None:
    detector.detect([picture("x/a.png"), picture("x/a.png")])
    with pytest.raises(InputError, match=r"a\.png may be x/a\.png or y/a\.png: name pictures with their folders"):
        detector.detect([picture("y/a.png")])


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("found.json", "found.json"),
        ("FOUND.CSV", "FOUND.CSV"),
        ("detections:anything", "anything"),
        ("labels/", "labels"),
        ("./labels", "labels"),
        ("labels", None),  # may be a detector's name
        ("yolo11n.pt", None),
        ("demo", None),
        ("auto", None),
    ],
)
def test_what_names_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, path: str | None) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("labels", "demo", "auto"):
        Path(name).mkdir()
    assert recorded_path(spec) == (None if path is None else Path(path))


def test_it_cannot_look_again(tmp_path: Path, detector: RecordedDetector) -> None:
    with pytest.raises(InputError, match="detections in a file are for the source only"):
        load_detector(str(tmp_path / "found.csv"))
    with pytest.raises(InputError, match="--classes names the classes of detections in a file; torchvision:x knows"):
        load_detector("torchvision:x", classes="c.txt")
