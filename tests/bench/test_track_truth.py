"""Ground truth of tracks: whose a file is, which frame a line is about, and what of a detector it can judge."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.bench.track_truth import TrackTruth, frame_number, is_track_truth, load_track_truth
from vcmpipe.errors import InputError
from vcmpipe.evaluation.tracking import track_accuracy
from vcmpipe.tasks.tracking import TrackingTask

FRAMES = 8
PERSON, CAR, DOG = 0, 1, 2
CLASSES = {PERSON: "person", CAR: "car", DOG: "dog"}
SEGMENTS = [("a.mp4", [f"a.mp4#{number}" for number in range(5)]), ("a.mp4", [f"a.mp4#{n}" for n in range(5, FRAMES)])]


def lines(track: int, kind: int, y: int, *, counts: int = 1) -> list[str]:
    """An object that moves by 4 pixels a frame at a height."""
    return [f"{number + 1},{track},{11 + 4 * number},{y + 1},30,30,{counts},{kind},1" for number in range(FRAMES)]


def found(*objects: tuple[int, int]) -> list[list[sv.Detections]]:
    """By segment and frame objects of (class, height), as ``lines`` has them."""
    frames = []
    for number in range(FRAMES):
        boxes = [[10 + 4 * number, y, 40 + 4 * number, y + 30] for _, y in objects]
        kinds = np.array([kind for kind, _ in objects], np.int64)
        frames.append(sv.Detections(np.array(boxes, np.float32), confidence=np.full(len(kinds), 0.9), class_id=kinds))
    return [frames[:5], frames[5:]]


def truth(tmp_path: Path, *objects: list[str]) -> TrackTruth:
    path = tmp_path / "a.txt"
    path.write_text("\n".join(line for each in objects for line in each))
    return load_track_truth(path, ["a.mp4"], CLASSES)


@pytest.mark.parametrize(
    ("annotated", "seen", "mota"),
    [
        # Tracks go on from segment to segment, and classes are told apart by their names.
        ([lines(1, 1, 0), lines(2, 3, 50)], [(PERSON, 0), (CAR, 50)], 1.0),
        ([lines(1, 1, 0), lines(2, 3, 50)], [(CAR, 0), (CAR, 50)], 0.0),
        ([lines(1, 1, 0), lines(2, 3, 50)], [(CAR, 50)], 0.5),
        # What is found of classes that nobody annotated cannot be judged.
        ([lines(1, 1, 0)], [(PERSON, 0), (DOG, 50)], 1.0),
        # Of an unknown class boxes alone count.
        ([lines(1, -1, 0)], [(DOG, 0)], 1.0),
        ([lines(1, 6, 0)], [(DOG, 0), (CAR, 50)], 0.0),
        # What does not count may be found or not.
        ([lines(1, 1, 0), lines(2, 8, 50, counts=0)], [(PERSON, 0), (PERSON, 50)], 1.0),
        ([lines(1, 1, 0), lines(2, 8, 50, counts=0)], [(PERSON, 0)], 1.0),
        ([lines(1, 1, 0)], [(PERSON, 0), (PERSON, 50)], 0.0),
    ],
)
def test_what_a_detector_is_judged_by(
    tmp_path: Path, annotated: list[list[str]], seen: list[tuple[int, int]], mota: float
) -> None:
    (counts,) = truth(tmp_path, *annotated).count(TrackingTask(), SEGMENTS, [found(*seen)])
    figures = track_accuracy(counts)
    assert figures.mota == pytest.approx(mota)
    if mota == 1.0:
        assert figures.hota == pytest.approx(1.0) and figures.idf1 == pytest.approx(1.0)


def test_a_sequence_without_annotations_takes_no_part(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "a.txt").write_text("\n".join(lines(1, 1, 0)))
    known = load_track_truth(tmp_path, ["a.mp4", "b.mp4"], CLASSES, notes.append)
    assert "it has nothing for b.mp4" in notes[0]
    segments = [*SEGMENTS, ("b.mp4", ["b.mp4#0"])]
    other = [sv.Detections(np.zeros((1, 4), np.float32), confidence=np.ones(1), class_id=np.zeros(1, np.int64))]
    (counts,) = known.count(TrackingTask(), segments, [[*found((PERSON, 0)), other]])
    assert len(counts) == 2 and track_accuracy(counts).mota == pytest.approx(1.0)


@pytest.mark.parametrize("place", ["a.txt", "a/gt/gt.txt", "a.mp4.txt", "gt.txt", "gt/gt.txt"])
def test_where_files_lie(tmp_path: Path, place: str) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines(1, 1, 0)))
    assert is_track_truth(tmp_path) and is_track_truth(file) and not is_track_truth(tmp_path / "instances.json")
    assert list(load_track_truth(tmp_path, ["a.mp4"], CLASSES).files) == ["a.mp4"]
    if Path(place).stem == "gt":
        with pytest.raises(InputError, match=r"there is neither b\.txt nor b/gt/gt\.txt in it"):
            load_track_truth(tmp_path, ["b.mp4", "c.mp4"], CLASSES)


def test_what_cannot_be_anybodys_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gt.txt"
    path.write_text("\n".join(lines(1, 1, 0)))
    with pytest.raises(InputError, match=r"gt\.txt: one file is there for one sequence: name a folder with a\.txt"):
        load_track_truth(path, ["a.mp4", "b.mp4"], CLASSES)
    with pytest.raises(InputError, match="annotations of tracks are for sequences"):
        load_track_truth(path, [], CLASSES)
    with pytest.raises(InputError, match="cannot be read"):
        load_track_truth(tmp_path / "none.txt", ["a.mp4"], CLASSES)


@pytest.mark.parametrize(
    ("name", "number"), [("clip.mp4#0", 1), ("clip.mp4#41", 42), ("000001.jpg", 1), ("img00042.png", 42), ("7", 7)]
)
def test_numbers_of_frames(name: str, number: int) -> None:
    assert frame_number(name) == number


def test_a_picture_without_a_number_is_refused() -> None:
    with pytest.raises(InputError, match=r"first\.png: which frame of the annotations it is"):
        frame_number("first.png")
