"""The error tolerance, against the definition written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.thresholds.tolerance import error_tolerance


def by_definition(lost: list[int]) -> int:
    if sum(abs(a - b) for a, b in itertools.pairwise(lost)) <= 1:
        return max((i for i in range(64) if lost[i] == 0), default=0)
    for s in range(56, -1, -1):
        if lost[s + 7] == 0 and sum(lost[s : s + 8]) <= 5:
            return s + 7
    return 0


@given(st.lists(st.integers(0, 1), min_size=64, max_size=64))
def test_any_string(lost: list[int]) -> None:
    assert error_tolerance(np.array([lost]) == 0).tolist() == [by_definition(lost)]


@given(st.integers(0, 64), st.sets(st.integers(0, 63), max_size=6))
def test_a_step_with_flickers(length: int, flips: set[int]) -> None:
    lost = [int(i >= length) ^ int(i in flips) for i in range(64)]
    assert error_tolerance(np.array([lost]) == 0).tolist() == [by_definition(lost)]


def test_no_objects_and_wrong_lengths() -> None:
    assert error_tolerance(np.zeros((0, 64), bool)).shape == (0,)
    with pytest.raises(InputError, match="64 decisions"):
        error_tolerance(np.zeros((2, 32), bool))
