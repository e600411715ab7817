"""Detection as a task: what has to be kept of a segment, when it counts as found, what is lost, what is published."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError, VcmError
from vcmpipe.evaluation import MatchRule, coco_accuracy, pseudo_truth, retention
from vcmpipe.frames import Frame
from vcmpipe.tasks import Constraint, Constraints, DetectionTask, Reference, Task, load_task

BLANK = Frame(3, np.zeros((64, 64, 3), np.uint8), "in/blank.png")
TASK = DetectionTask()


def boxes(*items: tuple[float, int, float]) -> sv.Detections:
    """(left, class, score), each 20 wide and high."""
    xyxy = np.array([[x, 10, x + 20, 30] for x, _, _ in items], np.float32).reshape(-1, 4)
    scores = np.array([score for *_, score in items], np.float32)
    return sv.Detections(xyxy, confidence=scores, class_id=np.array([c for _, c, _ in items], int))


class Fixed:
    """Finds the same in every picture, or fails."""

    def __init__(self, answer: sv.Detections | Exception, name: str = "fixed") -> None:
        self.answer, self.name, self.classes, self.digest = answer, name, {0: "a", 1: "b"}, "0" * 64

    def detect(self, frames):
        if isinstance(self.answer, Exception):
            raise self.answer
        return [self.answer for _ in frames]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


@pytest.mark.parametrize(
    ("found", "kept", "score", "partner"),
    [
        ([(0, 0, 0.9)], True, 0.9, 0),
        ([(30, 0, 0.9), (4, 0, 0.25)], True, 0.25, 1),  # IoU 0.667
        ([(0, 0, 0.2)], True, 0.2, 0),
        ([(0, 0, 0.19)], False, 0.19, -1),
        ([(0, 1, 0.9)], False, 0.0, -1),  # another class
        ([(12, 0, 0.9)], False, 0.0, -1),  # IoU 0.25
        ([], False, 0.0, -1),
    ],
)
def test_one_object(found: list, kept: bool, score: float, partner: int) -> None:
    result = TASK.compare(TASK.reference([boxes((0, 0, 0.8))]), [boxes(*found)])
    assert result.kept.tolist() == [kept] and result.score == pytest.approx([score], abs=1e-6)
    assert result.partner.tolist() == [partner] and (result.overlap > 0).tolist() == [kept]
    assert result.lost == (0 if kept else 1)


def test_what_has_to_be_kept_is_chosen_by_score_and_class() -> None:
    segment = [boxes((0, 0, 0.9), (30, 1, 0.29), (40, 1, 0.3)), boxes(), boxes((5, 1, 0.2), (8, 0, 0.5))]
    reference = TASK.reference(segment)
    assert [len(each) for each in reference.detections] == [2, 0, 1] and len(reference) == 3
    assert reference.position.tolist() == [0, 2, 1] and reference.boxes_xyxy[:, 0].tolist() == [0, 40, 8]
    assert [each.tolist() for each in reference.by_frame(np.arange(3))] == [[0, 1], [], [2]]
    assert TASK.footprint(reference).tolist() == reference.boxes_xyxy.tolist()
    assert DetectionTask(classes=frozenset({1})).reference(segment).position.tolist() == [2]
    assert len(DetectionTask(classes=frozenset()).reference(segment)) == 0
    assert Reference.of(segment).position.tolist() == [0, 1, 2, 0, 1]


def test_one_find_serves_one_object() -> None:
    result = TASK.compare(TASK.reference([boxes((0, 0, 0.8), (4, 0, 0.7))]), [boxes((2, 0, 0.9))])
    assert result.kept.sum() == 1 and result.lost == 1
    assert result.score == pytest.approx([0.9, 0.9])  # at its place, though it is another's


@pytest.mark.parametrize(
    ("source", "margin", "required"),
    [(0.9, 0.1, 0.3), (0.9, 0.0, 0.2), (0.3, 0.1, 0.25), (0.32, 0.5, 0.26), (0.2, 0.3, 0.2)],
)
def test_a_margin_asks_for_half_of_the_reserve_at_most(source: float, margin: float, required: float) -> None:
    task = DetectionTask(MatchRule(reference_score=0.2))
    reference = task.reference([boxes((0, 0, source))], margin=margin)
    assert reference.required == pytest.approx([required])
    assert task.compare(reference, [boxes((0, 0, required + 0.001))]).kept.all()
    weak = task.compare(reference, [boxes((0, 0, required - 0.001))])
    assert not weak.kept.any() and weak.partner.tolist() == [-1] and weak.overlap.tolist() == [0]


things = st.lists(st.tuples(st.floats(0, 60), st.integers(0, 1), st.floats(0.1, 1)), max_size=6)


@given(st.lists(st.tuples(things, things), min_size=1, max_size=3))
def test_the_loss_adds_up_over_frames_and_is_what_retention_misses(frames: list) -> None:
    source, found = ([boxes(*frame[side]) for frame in frames] for side in (0, 1))
    result = TASK.compare(TASK.reference(source), found)
    alone = [TASK.compare(TASK.reference([s]), [f]) for s, f in zip(source, found, strict=True)]
    assert result.lost == sum(each.lost for each in alone)
    assert result.kept.tolist() == [kept for each in alone for kept in each.kept]
    kept = retention(zip(source, found, strict=True))
    assert result.lost == kept.total - kept.kept


def test_frames_without_their_detections_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        TASK.compare(TASK.reference([boxes((0, 0, 0.8)), boxes()]), [boxes()])


def test_accuracy_is_that_of_coco() -> None:
    source = {"a.png": boxes((0, 0, 0.8), (30, 1, 0.6)), "b.png": boxes((4, 1, 0.9))}
    found = {"a.png": boxes((0, 0, 0.8), (34, 1, 0.6)), "b.png": boxes()}
    truth = pseudo_truth(source, {0: "a", 1: "b"})
    published = coco_accuracy(truth, found, {0: "a", 1: "b"})
    assert TASK.accuracy(truth, found, {0: "a", 1: "b"}) == {"AP": published.ap, "AP50": published.ap50}
    assert 0 < published.ap50 < 1


def test_every_detector_answers_for_its_own_objects() -> None:
    first, second = boxes((0, 0, 0.8)), boxes((30, 1, 0.6), (0, 0, 0.5))
    constraints = Constraints(
        [
            Constraint.of(Fixed(first), TASK, [first, boxes()]),
            Constraint.of(Fixed(boxes((30, 1, 0.9))), TASK, [second, second], margin=0.1),
        ]
    )
    assert len(constraints) == 5 and constraints.footprint[:, 0].tolist() == [0, 30, 0, 30, 0]
    assert constraints.footprint_in(1)[:, 0].tolist() == [30, 0]
    assert constraints.required == pytest.approx([0.2, 0.3, 0.3, 0.3, 0.3])
    result = constraints.judge([BLANK, BLANK]).comparison
    assert result.kept.tolist() == [True, True, False, True, False] and result.lost == 2


def test_a_further_detector_that_saw_nothing_is_not_asked() -> None:
    first = Constraint.of(Fixed(boxes((0, 0, 0.8))), TASK, [boxes((0, 0, 0.8)), boxes()])
    idle = Constraint.of(Fixed(RuntimeError("asked")), TASK, [boxes(), boxes()])
    judgement = Constraints([first, idle]).judge([BLANK, BLANK])
    assert judgement.comparison.kept.tolist() == [True] and judgement.loss == pytest.approx(0.5 * 0.64)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (RuntimeError("out of luck"), VcmError, r"in/blank\.png: detector bad failed on this picture \(out of luck\)"),
        (InputError("no such model"), InputError, r"in/blank\.png: .*no such model"),
    ],
)
def test_a_detector_that_fails_names_the_picture(error: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as caught:
        Constraint.of(Fixed(error, "bad"), TASK, [boxes((0, 0, 0.8))]).judge([BLANK])
    assert type(caught.value) is kind and "\n" not in str(caught.value)


def test_tasks_are_found_by_name() -> None:
    rule = MatchRule(iou=0.7)
    task = load_task("detection", rule=rule, classes=frozenset({1}))
    assert task == DetectionTask(rule, frozenset({1})) and isinstance(task, Task)
    assert len({task.digest, load_task("detection", rule=rule).digest, TASK.digest}) == 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("detecton", r"--task: unknown task 'detecton'; known are detection, tracking; did you mean 'detection'\?"),
        ("detection:people", r"task detection:people: it takes no argument"),
    ],
)
def test_a_wrong_name_is_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_task(spec, rule=MatchRule())
