from __future__ import annotations

from fractions import Fraction

import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames.times import Clock, parse_rate, usable_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [("25", 25), ("30000/1001", Fraction(30000, 1001)), ("12.5", Fraction(25, 2)), (" 1000 ", 1000), ("1/10", 0.1)],
)
def test_rates(text: str, rate: Fraction | float) -> None:
    assert parse_rate(text) == Fraction(str(rate))


@pytest.mark.parametrize(
    "text", ["", "0", "-25", "1001", "25/0", "nan", "1e3", "25 fps", "1/2/3", "٢٥", "9" * 5000, "\n"]
)
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(InputError, match="frames per second") as caught:
        parse_rate(text)
    assert str(caught.value).isprintable()


def test_absurd_rates_are_unknown() -> None:
    assert [usable_rate(rate) for rate in (None, Fraction(0), Fraction(-1), Fraction(90000), Fraction(25))] == [
        *[None] * 4,
        25,
    ]


MILLI = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("stamps", "expected", "note"),
    [
        ([500, 540, 600], [0, 40, 100], None),
        ([0, None, 80, None], [0, 40, 80, 120], "2 frames without a time"),
        ([None, None, 1080], [0, 40, 80], "2 frames without a time"),
        ([0, 40, 40, 80], [0, 40, 41, 80], "1 frame with a time that goes back"),
        ([0, 40, 20, 30, 80], [0, 40, 41, 42, 80], "2 frames with a time"),
        ([5000, 5040, 0, 40], [0, 40, 80, 120], "begin anew 1 time"),
        ([0, 1 << 62, -(1 << 62)], [0, 1 << 62, (1 << 62) + 40], "begin anew"),
    ],
)
def test_times_go_forward(stamps: list[int | None], expected: list[int], note: str | None) -> None:
    clock = Clock(MILLI, Fraction(25))
    assert [clock.time(stamp) for stamp in stamps] == [each * MILLI for each in expected]
    assert (note in clock.notes[0]) if note else not clock.notes


@pytest.mark.parametrize("base", [None, Fraction(0)])
def test_without_a_time_base(base: Fraction | None) -> None:
    clock = Clock(base, None)
    assert [clock.time(stamp) for stamp in (7, 8)] == [0, Fraction(1, 25)]
