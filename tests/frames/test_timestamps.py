from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.frames.timestamps import TICKS, DecodeClock, ticks_per_second

CLOCKS = [
    ([Fraction(n, 25) for n in range(9)], 90_000),
    ([Fraction(n * 1001, 30_000) for n in range(9)], 90_000),
    ([Fraction(n, 12_800) for n in range(9)], 2_880_000),
    ([Fraction(1, 1_000_003), Fraction(1, 7)], 90_000),  # no clock ticks like this: rounded
    ([], 90_000),
]


@pytest.mark.parametrize(("times", "ticks"), CLOCKS)
def test_ticks_hold_the_times_of_common_clocks(times: list[Fraction], ticks: int) -> None:
    assert ticks_per_second(times) == ticks


HELD_BACK = [
    ([0, 1, 2, 3], [0, 1, 2, 3]),
    ([0, 4, 2, 1, 3], [-2, -1, 0, 1, 2]),  # frame 1 is the fourth to be decoded: two late
    ([4, 0, 1, 2, 3], [-1, 0, 1, 2, 3]),  # the first picture is shown last
    ([0], [0]),
]


@pytest.mark.parametrize(("shown", "decoded"), HELD_BACK)
def test_pictures_are_decoded_as_far_ahead_as_they_are_held_back(shown: list[int], decoded: list[int]) -> None:
    step = TICKS // 10
    assert DecodeClock().of([step * place for place in shown], step) == [step * place for place in decoded]


def test_a_later_segment_may_hold_more_back() -> None:
    clock, step = DecodeClock(), 3600
    first = clock.of([0, step], step)
    second = clock.of([step * place for place in (2, 6, 4, 3, 5)], step)
    assert first == [0, step]
    assert step < second[0] and all(later > earlier for earlier, later in pairwise(second))
    assert all(early <= due * step for early, due in zip(second, (2, 6, 4, 3, 5), strict=True))


@given(st.lists(st.permutations(range(8)), min_size=1, max_size=5), st.integers(1000, 5000))
def test_times_always_rise_and_never_come_late(segments: list[list[int]], step: int) -> None:
    clock, last = DecodeClock(), None
    for number, order in enumerate(segments):
        shown = [(8 * number + place) * step for place in order]
        decoded = clock.of(shown, step)
        assert all(early <= due for early, due in zip(decoded, shown, strict=True))
        for time in decoded:
            assert last is None or time > last
            last = time
