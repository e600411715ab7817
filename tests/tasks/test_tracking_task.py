"""Tracking as a task: which tracks count, when one is kept, what is lost, and what trackers make of detections."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from vcmpipe.errors import InputError, VcmError
from vcmpipe.evaluation import MatchRule
from vcmpipe.evaluation.tracking import count_tracks, track_accuracy
from vcmpipe.tasks import Task, TrackingTask, TrackRule, load_task, load_tracker

TASK = TrackingTask()
Seen = tuple[float, int, float]


def frame(*objects: Seen) -> sv.Detections:
    """(left, class, score), each 40 wide and high."""
    xyxy = np.array([[x, 10, x + 40, 50] for x, _, _ in objects], np.float32).reshape(-1, 4)
    scores = np.array([score for *_, score in objects], np.float32)
    return sv.Detections(xyxy, confidence=scores, class_id=np.array([c for _, c, _ in objects], int))


def moving(count: int, *, start: float = 0.0, step: float = 2.0, score: float = 0.8, kind: int = 0) -> list[Seen]:
    """An object that moves to the right, frame after frame."""
    return [(start + step * place, kind, score) for place in range(count)]


def frames(*objects: list[Seen | None]) -> list[sv.Detections]:
    """Objects of equal length as frames; None: not seen there."""
    return [frame(*(each for each in row if each is not None)) for row in zip(*objects, strict=True)]


def test_tracks_that_are_seen_in_five_frames_count() -> None:
    short = [*moving(4, start=300), *[None] * 16]
    weak = moving(20, start=500, score=0.25)
    reference = TASK.reference(frames(moving(20), short, weak))
    assert len(reference) == 20
    assert len(set(reference.tracks.tolist())) == 1
    assert [own.tracker_id.tolist() for own in reference.detections] == [[reference.tracks[0]]] * 20


def test_of_a_segment_of_fewer_frames_all_of_them_are_enough() -> None:
    assert len(TASK.reference(frames(moving(3)))) == 3
    assert len(TASK.reference([frame((0, 0, 0.9))])) == 1
    assert len(TASK.reference([frame()] * 7)) == 0


def test_classes_that_do_not_count_make_no_tracks() -> None:
    both = frames(moving(10), moving(10, start=300, kind=1))
    assert {own.class_id.item() for own in TrackingTask(classes=frozenset({1})).reference(both).detections} == {1}


@pytest.mark.parametrize(
    ("missing", "share", "gap", "kept"),
    [
        ([], 0.95, 8, True),
        ([3], 0.95, 8, True),
        ([3, 9, 15], 0.95, 8, True),
        ([3, 9, 15, 22], 0.95, 8, False),
        ([3, 4, 5], 0.95, 2, False),
        ([3, 4, 6], 0.95, 2, True),
        ([], 1.0, 0, True),
        ([59], 1.0, 0, False),
        ([], 1.0, 8, True),
    ],
)
def test_a_track_is_kept_by_share_and_gap(missing: list[int], share: float, gap: int, kept: bool) -> None:
    source = frames(moving(60))
    version = [frame() if place in missing else own for place, own in enumerate(source)]
    task = TrackingTask(limits=TrackRule(share, gap))
    reference = task.reference(source)
    found = task.compare(reference, version)
    assert found.kept.sum() == 60 - len(missing)
    assert found.promised.tolist() == [kept] * 60
    (outcome,) = task.outcomes(reference, found, version)
    assert (outcome.frames, outcome.found, outcome.kept) == (60, 60 - len(missing), kept)


def test_an_object_that_becomes_another_track_has_lost_its_identity() -> None:
    class Halves:
        name = "halves"

        def follow(self, detections, score):
            return [
                np.full(len(own), int(score < 0.3 and place >= 10), np.int64) for place, own in enumerate(detections)
            ]

    source = frames(moving(20))
    task = TrackingTask(tracker=Halves())
    reference = task.reference(source)
    found = task.compare(reference, source)
    assert found.kept.all()
    assert not found.promised.any()


@pytest.mark.parametrize("answer", [[], [np.zeros(1, np.int64)] * 19, [np.zeros(2, np.int64)] * 20])
def test_a_tracker_that_answers_in_another_form_is_named(answer: list[np.ndarray]) -> None:
    class Odd:
        name = "odd"

        def follow(self, detections, score):
            return answer

    with pytest.raises(VcmError, match="tracker odd must give a track for each detection"):
        TrackingTask(tracker=Odd()).reference(frames(moving(20)))


def test_numbers_of_tracks_may_be_large() -> None:
    class Far:
        name = "far"

        def follow(self, detections, score):
            return [np.full(len(own), 2**60, np.int64) for own in detections]

    source = frames(moving(20))
    task = TrackingTask(tracker=Far())
    assert task.compare(task.reference(source), source).promised.all()


def test_what_is_found_weaker_than_in_the_source_is_still_followed() -> None:
    reference = TASK.reference(frames(moving(20, score=0.5)))
    assert TASK.compare(reference, frames(moving(20, score=0.22))).promised.all()
    assert not TASK.compare(reference, frames(moving(20, score=0.15))).promised.any()


def test_tracks_are_lost_for_certain_as_soon_as_too_many_frames_miss_them() -> None:
    source = frames(moving(40), moving(40, start=300))
    reference = TASK.reference(source)
    # The first of the two is not found in frames 0, 2 and 4: three of its 40.
    version = [own[1:] if place in (0, 2, 4) else own for place, own in enumerate(source)]
    assert [TASK.lost_for_certain(reference, version[:count]) for count in (1, 4, 5, 40)] == [0, 0, 1, 1]
    assert TASK.lost_for_certain(reference, source) == 0


def test_loss_counts_instances_and_new_tracks() -> None:
    source = frames(moving(20))
    assert TASK.loss(source, source) == 0.0
    nothing = TASK.loss(source, [frame()] * 20)
    assert nothing == pytest.approx(20 * 0.8**2, rel=1e-5)
    false = frames(moving(20), moving(20, start=400, score=0.6))
    assert TASK.loss(source, false) == pytest.approx(0.5 * 20 * 0.6**2, rel=1e-5)
    # What was there, if weak, is no false track; and four frames are none.
    known = frames(moving(20), moving(20, start=400, score=0.1))
    assert TASK.loss(known, false) == 0.0
    assert TASK.loss(source, frames(moving(20), [*moving(4, start=400), *[None] * 16])) == 0.0


def test_two_classes_in_one_place_are_two_tracks() -> None:
    reference = TASK.reference(frames(moving(10), moving(10, kind=1)))
    assert len(set(reference.tracks.tolist())) == 2


def test_the_registry_makes_it() -> None:
    task = load_task("tracking", rule=MatchRule(reference_score=0.5), classes=frozenset({1}))
    assert isinstance(task, Task)
    assert isinstance(task, TrackingTask)
    assert (task.rule.reference_score, task.classes, task.tracker.name) == (0.5, frozenset({1}), "bytetrack")
    assert task.digest != TrackingTask(limits=TrackRule(gap=1)).digest
    with pytest.raises(InputError, match=r"unknown tracker 'bytetrak'.*did you mean 'bytetrack'"):
        load_task("tracking:bytetrak", rule=MatchRule())
    with pytest.raises(InputError, match="takes no argument"):
        load_tracker("bytetrack:3")


def tracked(*objects: list[Seen | None], ids: list[list[int]] | None = None) -> list[sv.Detections]:
    found = frames(*objects)
    for place, own in enumerate(found):
        own.tracker_id = np.array(ids[place] if ids else range(len(own)), int)
    return found


def test_figures_of_tracks() -> None:
    truth = tracked(moving(10), moving(10, start=300))
    same = track_accuracy([count_tracks(truth, truth)])
    assert (same.hota, same.idf1, same.mota, same.switches) == (1.0, 1.0, 1.0, 0)
    # Half way the two exchange their numbers.
    swapped = tracked(moving(10), moving(10, start=300), ids=[[0, 1]] * 5 + [[1, 0]] * 5)
    other = track_accuracy([count_tracks(truth, swapped)])
    assert other.idf1 == pytest.approx(0.5)
    assert other.mota == pytest.approx(0.9)
    assert other.switches == 2
    half = track_accuracy([count_tracks(truth, tracked(moving(10)))])
    assert half.mota == pytest.approx(0.5)
    both = track_accuracy([count_tracks(truth, truth), count_tracks(truth, tracked(moving(10)))])
    assert both.mota == pytest.approx(0.75)


def test_figures_know_classes_and_what_is_to_be_ignored() -> None:
    truth = tracked(moving(10))
    assert track_accuracy([count_tracks(truth, tracked(moving(10, kind=1)))]).mota == pytest.approx(-1.0)
    more = tracked(moving(10), moving(10, start=300))
    assert track_accuracy([count_tracks(truth, more)]).mota == pytest.approx(0.0)
    assert track_accuracy([count_tracks(truth, more, frames(moving(10, start=300)))]).mota == pytest.approx(1.0)
    nothing = track_accuracy([count_tracks([frame()] * 3, [frame()] * 3)])
    assert (nothing.hota, nothing.idf1, nothing.mota) == (None, None, None)
    with pytest.raises(InputError, match="2 frames"):
        count_tracks(truth, truth[:2])
