"""Label rules against tables and against plain readings of their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.measurement import DEFAULT_RULE, RULES, Recognition, best_step, fill, label

FULL = np.arange(64)


def string(text: str) -> np.ndarray:
    """``"1*41 0*23"``: found 41 times, then lost 23 times; (1, Q) bool."""
    runs = [run.split("*") for run in text.split()]
    return np.array([[mark == "1" for mark, times in runs for _ in range(int(times))]])


TABLE = [
    # string, last, first-loss, tolerance
    ("0*64", 0, 0, 0),  # lost everywhere
    ("1*64", 63, 63, 63),
    ("1*41 0*23", 40, 40, 40),  # one hop
    ("1*1 0*63", 0, 0, 0),
    ("1*63 0*1", 62, 62, 62),
    ("0*1 1*63", 63, 0, 63),  # one hop upwards: still the last find
    ("0*63 1*1", 63, 0, 63),  # one hop, so that the window's losses (7) do not count
    # two hops: windows count. The window 56..63 ends at a find with 5 losses: it fits; with 6 it does not.
    ("1*58 0*5 1*1", 63, 57, 63),
    ("1*57 0*6 1*1", 63, 56, 56),
    # a lucky find far out is no label: its window holds 7 losses
    ("1*30 0*20 1*1 0*13", 50, 29, 29),
    # two finds far out: the upper one's window holds 6 losses
    ("1*30 0*20 1*2 0*12", 51, 29, 29),
    # three finds: 5 losses in the window, tolerated
    ("1*30 0*20 1*3 0*11", 52, 29, 52),
    # the last window is that from QP 0: finds below QP 7 can only count as part of it
    ("1*2 0*1 1*3 0*1 1*1 0*56", 7, 1, 7),  # s = 0, 2 losses
    ("0*5 1*3 0*56", 7, 0, 7),  # s = 0 with exactly 5 losses
    ("0*6 1*2 0*56", 7, 0, 0),  # s = 0 with 6 losses: nothing fits
    ("1*3 0*1 1*3 0*57", 6, 2, 0),  # ends at QP 6, below the first window's end: nothing fits
    ("0*20 1*1 0*43", 20, 0, 0),  # a single find: nothing fits, yet it was seen
]


@pytest.mark.parametrize(("text", "last", "first_loss", "tolerance"), TABLE)
def test_the_rules_read_strings_as_written(text: str, last: int, first_loss: int, tolerance: int) -> None:
    found = string(text)
    assert found.shape == (1, 64)
    for rule, expected in (("last", last), ("first-loss", first_loss), ("tolerance", tolerance)):
        labels, recognisable = label(found, FULL, rule)
        assert (labels.tolist(), recognisable.tolist()) == ([expected], [found.any()]), rule
    assert labels.dtype == np.int64 and recognisable.dtype == np.bool_


def published_tolerance(p: list[int]) -> int:
    """The three steps as the paper states them, 0 recognisable, one object, no arrays."""
    if sum(abs(p[i] - p[i + 1]) for i in range(63)) <= 1:
        return max((i for i in range(64) if p[i] == 0), default=0)
    for s in range(56, -1, -1):
        if p[s + 7] == 0 and sum(p[s : s + 8]) <= 5:
            return s + 7
    return 0


# Runs rather than independent marks: independent ones nearly always have many hops.
STRINGS = st.lists(st.tuples(st.booleans(), st.integers(1, 20)), min_size=1).map(
    lambda runs: ([mark for mark, times in runs for _ in range(times)] + [False] * 64)[:64]
) | st.lists(st.booleans(), min_size=64, max_size=64)


@given(st.lists(STRINGS, max_size=8))
def test_every_rule_agrees_with_a_plain_reading(rows: list[list[bool]]) -> None:
    found = np.array(rows, dtype=bool).reshape(-1, 64)
    seen = [any(row) for row in rows]
    expected = {
        "last": [max((i for i in range(64) if row[i]), default=0) for row in rows],
        "first-loss": [max(next((i for i in range(64) if not row[i]), 64) - 1, 0) for row in rows],
        "tolerance": [published_tolerance([int(not mark) for mark in row]) for row in rows],
    }
    for rule, values in expected.items():
        labels, recognisable = label(found, FULL, rule)
        assert (labels.tolist(), recognisable.tolist()) == (values, seen), rule
    steps = best_step(Recognition(FULL, found.T))
    labels, recognisable = label(found, FULL, "best-step")
    assert np.array_equal(labels, np.where(steps.recognisable, steps.argmax(), 0))
    assert np.array_equal(recognisable, steps.recognisable)


@given(st.integers(0, 64))
def test_on_a_string_with_one_step_all_rules_agree(kept: int) -> None:
    found = np.array([[True] * kept + [False] * (64 - kept)])
    assert {tuple(label(found, FULL, rule)[0].tolist()) for rule in RULES} == {(max(kept - 1, 0),)}


def test_other_ladders_have_labels_among_their_qps() -> None:
    qps = np.array([22, 27, 32, 37])
    found = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=bool)
    assert label(found, qps, "last")[0].tolist() == [37, 32, 0, 37]
    assert label(found, qps, "first-loss")[0].tolist() == [27, 0, 0, 37]
    labels, recognisable = label(found, qps, "best-step")
    assert labels.tolist() == [27, 0, 0, 37]
    assert recognisable.tolist() == [True, False, False, True]
    with pytest.raises(InputError, match=r"QPs 0 to 63.*last, first-loss, best-step"):
        label(found, qps, "tolerance")


@pytest.mark.parametrize(
    ("shape", "qps", "rule", "message"),
    [
        ((2, 3), [1, 2], "last", r"shape \(2, 3\) do not go with 2 QPs"),
        ((2,), [1, 2], "last", "do not go"),
        ((2, 2), [2, 1], "last", "must ascend"),
        ((2, 2), [1, 1], "last", "must ascend"),
        ((2, 0), [], "last", "at least one"),
        ((2, 2), [1, 2], "best", "no label rule 'best': choose from last, first-loss, tolerance, best-step"),
    ],
)
def test_what_cannot_be_labelled_is_refused(shape: tuple[int, ...], qps: list[int], rule: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        label(np.zeros(shape, dtype=bool), np.array(qps), rule)


def test_no_objects_have_no_labels() -> None:
    for rule in RULES:
        labels, recognisable = label(np.zeros((0, 64), dtype=bool), FULL, rule)
        assert labels.shape == recognisable.shape == (0,)
    assert DEFAULT_RULE in RULES


def test_qps_that_were_not_coded_take_the_nearest_answer() -> None:
    found = np.array([[True, False, True]])
    # 4 lies between 2 and 6: the lower one answers.
    assert fill(found, [2, 6, 7], range(9))[0].tolist() == [True] * 5 + [False] * 2 + [True] * 2
    assert fill(np.zeros((0, 0), dtype=bool), [], range(5)).shape == (0, 5)
    with pytest.raises(InputError, match="coded at no QP"):
        fill(np.zeros((1, 0), dtype=bool), [], range(5))


@given(st.data())
def test_filling_keeps_what_was_coded_and_looks_no_further_than_the_nearest(data: st.DataObject) -> None:
    coded = sorted(data.draw(st.sets(st.integers(0, 63), min_size=1)))
    row = data.draw(st.lists(st.booleans(), min_size=len(coded), max_size=len(coded)))
    filled = fill(np.array([row]), coded, FULL)[0]
    for qp in range(64):
        nearest = min(range(len(coded)), key=lambda i: (abs(coded[i] - qp), coded[i]))
        assert filled[qp] == row[nearest]
