from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import supervision as sv
from hypothesis import given, settings
from hypothesis import strategies as st

from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.errors import InputError
from vcmpipe.evaluation import MatchRule, match, retention

Box = tuple[float, float, float, float]


def found(*objects: tuple[Box, float, int]) -> sv.Detections:
    if not objects:
        return sv.Detections.empty()
    return sv.Detections(
        xyxy=np.array([box for box, _, _ in objects], dtype=np.float32),
        confidence=np.array([score for _, score, _ in objects], dtype=np.float32),
        class_id=np.array([number for _, _, number in objects]),
    )


A: Box = (0, 0, 100, 100)
HALF: Box = (0, 0, 100, 50)  # IoU with A exactly 0.5
LESS: Box = (0, 0, 100, 49)
FAR: Box = (200, 200, 300, 300)


@pytest.mark.parametrize(
    ("reference", "coded", "kept", "total"),
    [
        ([(A, 0.9, 1)], [(A, 0.9, 1)], 1, 1),
        ([(A, 0.9, 1)], [(HALF, 0.9, 1)], 1, 1),  # limits are inclusive
        ([(A, 0.9, 1)], [(LESS, 0.9, 1)], 0, 1),
        ([(A, 0.9, 1)], [(A, 0.9, 2)], 0, 1),  # another class
        ([(A, 0.9, 1)], [(A, 0.2, 1)], 1, 1),
        ([(A, 0.9, 1)], [(A, 0.19, 1)], 0, 1),
        ([(A, 0.3, 1)], [(A, 0.9, 1)], 1, 1),
        ([(A, 0.29, 1)], [(A, 0.9, 1)], 0, 0),  # nothing had to be kept
        ([(A, 0.9, 1), (A, 0.8, 1)], [(A, 0.9, 1)], 1, 2),  # one-to-one
        ([(A, 0.9, 1)], [(A, 0.9, 1), (A, 0.8, 1)], 1, 1),
        ([(A, 0.9, 1), (FAR, 0.9, 1)], [(FAR, 0.5, 1), (A, 0.5, 1)], 2, 2),
        ([(A, 0.9, 1)], [], 0, 1),
        ([], [(A, 0.9, 1)], 0, 0),
        ([], [], 0, 0),
    ],
)
def test_retention_of_a_picture(reference: list, coded: list, kept: int, total: int) -> None:
    assert retention([(found(*reference), found(*coded))]) == (kept, total)


def test_no_object_is_lost_to_a_greedy_neighbour() -> None:
    # The found box lies best on the first object, which has another partner; the second has none but this.
    first, second = (0, 0, 100, 100), (0, 0, 100, 160)
    shared, spare = (0, 0, 100, 104), (0, 0, 100, 60)
    overlap = pairwise_iou([first, second], [shared, spare])
    assert overlap[0, 0] == overlap.max() and overlap[1, 1] < 0.5 <= overlap[0, 1] and overlap[1, 0] >= 0.5
    matches = match(found((first, 0.9, 0), (second, 0.9, 0)), found((shared, 0.9, 0), (spare, 0.9, 0)))
    assert matches.found.tolist() == [1, 0]
    assert matches.iou == pytest.approx([0.6, 0.65])


corner = st.integers(0, 6)
box = st.tuples(corner, corner, st.integers(4, 8), st.integers(4, 8)).map(
    lambda b: (float(b[0]), float(b[1]), float(b[0] + b[2]), float(b[1] + b[3]))
)
objects = st.lists(st.tuples(box, st.sampled_from([0.1, 0.25, 0.9]), st.integers(0, 1)), max_size=4)


@settings(deadline=None)
@given(objects, objects)
def test_no_other_pairing_keeps_more_or_overlaps_better(left: list, right: list) -> None:
    reference, coded = found(*left), found(*right)
    matches = match(reference, coded)
    partners = matches.found[matches.kept]
    assert len(set(partners.tolist())) == len(partners)

    best = (0, 0.0)
    slots = list(range(len(right))) + [-1] * len(left)
    for pairing in set(permutations(slots, len(left))):
        total, overlap = 0, 0.0
        for row, column in enumerate(pairing):
            if column < 0:
                continue
            iou = float(pairwise_iou([left[row][0]], [right[column][0]])[0, 0])
            if iou >= 0.5 and left[row][2] == right[column][2] and right[column][1] >= 0.2:
                total, overlap = total + 1, overlap + iou
        best = max(best, (total, round(overlap, 9)))
    assert (int(matches.kept.sum()), round(float(matches.iou.sum()), 9)) == pytest.approx(best)


def test_retention_adds_up_over_pictures() -> None:
    one = (found((A, 0.9, 1), (FAR, 0.9, 1)), found((A, 0.9, 1)))
    other = (found((A, 0.9, 1)), found((A, 0.9, 1)))
    total = retention([one, other, (found(), found())])
    assert total == (2, 3) and total.value == pytest.approx(2 / 3)
    assert retention([]).value is None


def test_the_rule_is_obeyed() -> None:
    strict = MatchRule(reference_score=0.95, found_score=0.5, iou=0.9)
    reference = found((A, 0.96, 1), (FAR, 0.9, 1))
    assert retention([(reference, found((A, 0.4, 1)))], strict) == (0, 1)
    assert retention([(reference, found(((0, 0, 100, 89), 0.9, 1)))], strict) == (0, 1)
    assert retention([(reference, found(((0, 0, 100, 91), 0.5, 1)))], strict) == (1, 1)


@pytest.mark.parametrize(
    "wrong", [{"iou": 0.0}, {"iou": 1.1}, {"found_score": -0.1}, {"reference_score": float("nan")}]
)
def test_wrong_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        MatchRule(**wrong)
