"""The search for labels: few QPs, the right ones, and an end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.measurement import search_qps

ALL = tuple(range(64))


class Picture:
    """Strings of objects, 64 characters each, and the QPs that were coded to read them."""

    def __init__(self, *strings: str) -> None:
        self.found = np.array([[mark == "1" for mark in string] for string in strings], dtype=bool)
        self.coded: set[int] = set()

    def look(self, qps: Sequence[int]) -> np.ndarray:
        self.coded |= set(qps)
        return self.found[:, list(qps)]


def until(qp: int) -> str:
    return "1" * (qp + 1) + "0" * (63 - qp)


@pytest.mark.parametrize("boundary", [-1, 0, 1, 9, 23, 24, 31, 32, 33, 46, 47, 48, 56, 57, 58, 62, 63])
def test_a_monotone_string_is_read_exactly(boundary: int) -> None:
    picture = Picture(until(boundary))
    asked = search_qps(1, ALL, picture.look)
    assert asked.tolist() == sorted(picture.coded)
    found = picture.found[0, asked]
    if boundary >= 0:
        assert asked[found].max() == boundary
        assert boundary == 63 or boundary + 1 in asked
    else:
        assert not found.any() and 0 in asked
    assert len(asked) <= 16


def test_low_qps_are_coded_only_for_objects_that_need_them() -> None:
    assert search_qps(1, ALL, Picture(until(40)).look).min() == 36
    assert search_qps(2, ALL, Picture(until(40), until(5)).look).min() < 10


def test_objects_share_what_is_coded() -> None:
    alone = search_qps(1, ALL, Picture(until(44)).look)
    together = search_qps(9, ALL, Picture(*[until(44)] * 9).look)
    assert alone.tolist() == together.tolist()


def test_an_object_that_turns_up_again_just_beyond_is_followed() -> None:
    string = until(43)[:45] + "1" + "0" * 18  # lost at 44, found at 45
    asked = search_qps(1, ALL, Picture(string).look)
    assert {43, 44, 45, 46, 47} <= set(asked.tolist())


def test_nothing_is_coded_where_there_is_nothing() -> None:
    assert search_qps(0, ALL, Picture().look).size == 0


strings = st.lists(st.text("01", min_size=64, max_size=64), min_size=1, max_size=4)


@given(strings, st.lists(st.integers(0, 63), min_size=1, max_size=64, unique=True).map(sorted))
def test_it_ends_and_closes_every_bracket(objects: list[str], qps: list[int]) -> None:
    picture = Picture(*objects)
    asked = search_qps(len(objects), qps, picture.look).tolist()
    assert asked == sorted(picture.coded) and set(asked) <= set(qps)
    for row in picture.found:
        hits = [qp for qp in asked if row[qp]]
        if hits:
            above = [qp for qp in qps if qp > hits[-1]]
            assert not above or above[0] in asked  # the last one found and the first one lost are neighbours
        else:
            assert qps[0] in asked
