from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from vcmpipe.coding.search.claims import Claims, View
from vcmpipe.errors import InputError, VcmError
from vcmpipe.evaluation import MatchRule
from vcmpipe.frames import Frame

RULE = MatchRule()
BLANK = Frame(3, np.zeros((64, 64, 3), np.uint8), "in/blank.png")


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


def view(reference: sv.Detections, margin: float = 0.0) -> View:
    return View.of(Fixed(reference), reference, RULE, margin)


@pytest.mark.parametrize(
    ("found", "kept", "score"),
    [
        ([(0, 0, 0.9)], True, 0.9),
        ([(4, 0, 0.25)], True, 0.25),  # IoU 0.667
        ([(0, 0, 0.2)], True, 0.2),
        ([(0, 0, 0.19)], False, 0.19),
        ([(0, 1, 0.9)], False, 0.0),  # another class
        ([(12, 0, 0.9)], False, 0.0),  # IoU 0.25
        ([], False, 0.0),
    ],
)
def test_one_object(found: list, kept: bool, score: float) -> None:
    look = view(boxes((0, 0, 0.8))).judge(boxes(*found))
    assert look.kept.tolist() == [kept] and look.score == pytest.approx([score], abs=1e-6)


def test_one_find_serves_one_object() -> None:
    twins = view(boxes((0, 0, 0.8), (4, 0, 0.7)))
    look = twins.judge(boxes((2, 0, 0.9)))
    assert look.kept.sum() == 1
    # The one that went empty-handed is not called found, however well its neighbour's box would do.
    assert (look.score[~look.kept] < twins.required[~look.kept]).all()


@pytest.mark.parametrize(
    ("source", "margin", "required"),
    [(0.9, 0.1, 0.3), (0.9, 0.0, 0.2), (0.3, 0.1, 0.25), (0.32, 0.5, 0.26), (0.2, 0.3, 0.2)],
)
def test_a_confidence_margin_asks_for_half_of_the_reserve_at_most(
    source: float, margin: float, required: float
) -> None:
    one = view(boxes((0, 0, source)), margin)
    assert one.required == pytest.approx([required])
    assert one.judge(boxes((0, 0, required + 0.001))).kept.all()
    assert not one.judge(boxes((0, 0, required - 0.001))).kept.any()


def test_without_margin_it_is_retention() -> None:
    from vcmpipe.evaluation import picture_retention

    rng = np.random.default_rng(2)
    for _ in range(50):
        reference = boxes(*((rng.uniform(0, 60), int(rng.integers(2)), rng.uniform(0.3, 1)) for _ in range(5)))
        found = boxes(*((rng.uniform(0, 60), int(rng.integers(2)), rng.uniform(0.1, 1)) for _ in range(6)))
        look = view(reference).judge(found)
        assert look.kept.sum() == picture_retention(reference, found, RULE).kept


def test_every_detector_judges_its_own_objects() -> None:
    first, second = boxes((0, 0, 0.8)), boxes((30, 1, 0.6), (0, 0, 0.5))
    claims = Claims([View.of(Fixed(first), first, RULE), View.of(Fixed(boxes((30, 1, 0.9))), second, RULE)])
    assert len(claims) == 3 and claims.boxes_xyxy[:, 0].tolist() == [0, 30, 0]
    assert claims.look(BLANK).kept.tolist() == [True, True, False]
    assert len(Claims([view(boxes())]).look(BLANK).kept) == 0


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (RuntimeError("out of luck"), VcmError, r"in/blank\.png: detector bad failed on this picture \(out of luck\)"),
        (InputError("no such model"), InputError, r"in/blank\.png: .*no such model"),
    ],
)
def test_a_detector_that_fails_names_the_picture(error: Exception, kind: type[Exception], said: str) -> None:
    reference = boxes((0, 0, 0.8))
    with pytest.raises(kind, match=said) as caught:
        View.of(Fixed(error, "bad"), reference, RULE).look(BLANK)
    assert type(caught.value) is kind and "\n" not in str(caught.value)
