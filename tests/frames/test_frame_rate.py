from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.frames import schedule

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)


def _rounded(rate: Fraction, count: int, tick: Fraction) -> list[Fraction]:
    return [round(index / rate / tick) * tick for index in range(count)]


@pytest.mark.parametrize("rate", [25, 30, 60, NTSC, FILM, Fraction(25, 2), Fraction(15000, 1001), 1, Fraction(1, 3600)])
@pytest.mark.parametrize("form", ["exact", "float", "mpeg", "matroska"])
def test_a_constant_rate_is_found_exactly(rate: Fraction | int, form: str) -> None:
    rate, count = Fraction(rate), 100
    exact = [7 + index / rate for index in range(count)]
    times = {
        "exact": exact,
        "float": [float(time) for time in exact],
        "mpeg": _rounded(rate, count, Fraction(1, 90_000)),
        "matroska": _rounded(rate, count, Fraction(1, 1000)),
    }[form]
    found = schedule(count, times)
    assert (found.rate, found.constant) == (rate, True)
    assert found.times == tuple(index / rate for index in range(count))
    assert found.end == count / rate


@pytest.mark.parametrize("stamps", [[0.0, 1001 / 30000], [0.0, 0.0333667, 0.0667333]])
def test_a_few_frames_are_enough(stamps: list[float]) -> None:
    assert schedule(len(stamps), stamps).rate == NTSC


def test_varying_times_stay_and_have_a_mean_rate() -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(1, 2), Fraction(3, 5), Fraction(1)]
    found = schedule(5, [2 + time for time in times])
    assert found.times == tuple(times)
    assert (found.rate, found.constant, found.end) == (4, False, Fraction(5, 4))


@pytest.mark.parametrize(
    "times",
    [
        None,
        [],
        [0.0],
        [0.0, None, 0.2],
        [0.0, 0.2, 0.1],
        [0.0, 0.1, 0.1],
        [0.0, 1e300, 1.7e308],
        [0.0, 5e-324, 1e-323],
        [0.0, 1.0, float("inf")],
        [0.0, 1.0, float("nan")],
        [0.0, 0.1],
    ],
)
def test_times_of_no_video_are_left_aside(times: list[float | None] | None) -> None:
    assert schedule(3, times).rate == 25
    found = schedule(3, times, Fraction(50))
    assert (found.rate, found.constant, found.times) == (50, True, (0, Fraction(1, 50), Fraction(1, 25)))


@pytest.mark.parametrize("rate", [Fraction(0), Fraction(-5), Fraction(10**9), Fraction(1, 10**9)])
def test_absurd_rates_are_left_aside(rate: Fraction) -> None:
    assert schedule(2, None, rate).rate == 25


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_whatever_the_times_a_header_can_hold_the_rate(steps: list[float]) -> None:
    times = [sum(steps[:index]) for index in range(len(steps) + 1)]
    found = schedule(len(times), times)
    assert 0 < found.rate.numerator < 2**31 and found.rate.denominator < 2**31
    assert len(found.times) == len(times) and found.times[0] == 0
    assert all(abs(float(time) - shown) <= 2e-3 for time, shown in zip(times, found.times, strict=True))
