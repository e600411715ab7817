from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_curve import bits_at, bits_saved, envelope
from scipy.interpolate import PchipInterpolator

from vcmpipe.evaluation import bd_rate
from vcmpipe.evaluation.curves import REASONS, Curves, bd_rates, rate_at, saved_at

value = st.one_of(st.floats(0, 10), st.sampled_from([0.0, 1.0, 0.5, 0.5 + 1e-12, math.nan, math.inf]))
# Rows of one number of points each, ties, dents and gaps among them.
stacks = st.integers(0, 6).flatmap(
    lambda width: st.lists(st.lists(st.tuples(value, value), min_size=width, max_size=width), min_size=1, max_size=4)
)


def as_curves(rows: list) -> Curves:
    return Curves.of([[b for b, _ in row] for row in rows], [[q for _, q in row] for row in rows])


@settings(deadline=None)
@given(stacks, stacks, st.floats(0, 10))
def test_a_row_of_many_is_what_it_is_alone(anchors: list, tests: list, quality: float) -> None:
    rows = min(len(anchors), len(tests))
    anchors, tests = anchors[:rows], tests[:rows]
    anchor, test = as_curves(anchors), as_curves(tests)
    for (values, codes), alone in [
        (rate_at(test, quality), lambda i: bits_at(tests[i], quality)),
        (saved_at(anchor, test, quality), lambda i: bits_saved(anchors[i], tests[i], quality)),
        (bd_rates(anchor, test), lambda i: bd_rate(anchors[i], tests[i])),
    ]:
        for i in range(rows):
            outcome = alone(i)
            assert REASONS[codes[i]] == outcome.reason
            assert math.isnan(values[i]) if outcome.value is None else values[i] == pytest.approx(outcome.value)
    assert test.count.tolist() == [len(envelope(row)) for row in tests]


rising = st.lists(st.tuples(st.floats(0.05, 2.0), st.floats(0.01, 0.3)), min_size=2, max_size=7).map(
    lambda steps: np.cumsum(np.array(steps), axis=0)
)


@settings(deadline=None)
@given(rising, rising)
def test_interpolates_as_scipy_s_pchip_does(anchor: np.ndarray, test: np.ndarray) -> None:
    low, high = max(anchor[0, 1], test[0, 1]), min(anchor[-1, 1], test[-1, 1])
    if high - low < 1e-3:
        return
    means = [
        float(PchipInterpolator(side[:, 1], side[:, 0]).integrate(low, high)) / (high - low) for side in (anchor, test)
    ]
    outcome = bd_rate(*([(math.exp(x), q) for x, q in side] for side in (anchor, test)))
    assert outcome.value == pytest.approx(100 * math.expm1(means[1] - means[0]), rel=1e-9, abs=1e-7)


CURVE = [(100.0, 0.5), (200.0, 0.7), (400.0, 0.9), (800.0, 1.0)]


@pytest.mark.parametrize(
    ("name", "anchor", "test", "value", "reason"),
    [
        ("tied", CURVE, [(80.0, 0.5), (80.0, 0.5), (160.0, 0.7), (160.0, 0.7), (320.0, 0.9), (640.0, 1.0)], -20, None),
        ("dented", CURVE, [(80.0, 0.5), (99.0, .4), (160.0, 0.7), (320.0, 0.9), (330.0, 0.8), (640.0, 1.0)], -20, None),
        ("falling", CURVE, [(100.0, 0.9), (200.0, 0.7), (400.0, 0.6)], None, "single_point"),
        ("one point", CURVE, [(100.0, 0.9)], None, "single_point"),
        ("below", CURVE, [(10.0, 0.1), (20.0, 0.3)], None, "no_overlap"),
        ("touching", CURVE, [(10.0, 0.1), (20.0, 0.5)], None, "no_overlap"),
        ("empty", CURVE, [], None, "no_points"),
    ],
)  # fmt: skip
def test_odd_curves_give_a_value_or_a_reason(
    name: str, anchor: list, test: list, value: float | None, reason: str | None
) -> None:
    outcome = bd_rate(anchor, test)
    assert (outcome.value, outcome.reason) == (value if value is None else pytest.approx(value), reason), name


def test_crossing_curves_have_a_value_in_between() -> None:
    # Half the bits at the bottom, twice the bits at the top: between the two everywhere.
    crossing = [(50.0, 0.5), (150.0, 0.7), (500.0, 0.9), (1600.0, 1.0)]
    outcome = bd_rate(CURVE, crossing)
    assert outcome.value is not None and -50 < outcome.value < 100
    back = bd_rate(crossing, CURVE)
    assert back.value is not None
    assert (1 + outcome.value / 100) * (1 + back.value / 100) == pytest.approx(1.0)


def test_what_the_anchor_does_not_reach_is_told_apart() -> None:
    assert bits_saved(CURVE[:2], CURVE, 0.95).reason == "anchor_not_reached"
    assert bits_saved(CURVE, CURVE[:1], 0.95).reason == "not_reached"
    assert bits_saved(CURVE[:2], CURVE[:1], 0.95).reason == "neither_reached"
    assert bits_saved([], CURVE, 0.95).reason == "no_points"


def test_points_that_nearly_tie_do_not_bend_a_curve() -> None:
    values = [0.5, 0.7, 0.7 + 1e-12, 0.9, 1.0]
    near = Curves.of([[100.0, 200.0, 390.0, 400.0, 800.0]], [values])
    assert near.count[0] == 5 and near.separate().count[0] == 4
    kept = near.separate().quality[0, :4]
    assert all(b > a for a, b in pairwise(kept))
    assert bd_rates(as_curves([CURVE]), near)[0][0] == pytest.approx(0.0)
