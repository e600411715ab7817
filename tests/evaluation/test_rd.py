from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_curve import bits_at, bits_saved, envelope

from vcmpipe.evaluation import bd_rate

wild = st.one_of(
    st.floats(),  # NaN and infinities too
    st.floats(-1, 1e6),
    st.sampled_from([0.0, 1.0, 0.5, 0.5 + 1e-16, 0.5 + 1e-12, 1e-320, 1e308, -1e308, math.nan, math.inf]),
)
points = st.lists(st.tuples(wild, st.one_of(wild, st.none())), max_size=8)
CURVE = [(100.0, 0.5), (200.0, 0.7), (400.0, 0.9), (800.0, 1.0)]


@settings(deadline=None)
@given(points, points)
def test_bd_rate_is_a_finite_value_or_a_reason(anchor: list, test: list) -> None:
    outcome = bd_rate(anchor, test)
    assert (outcome.value is None) != (outcome.reason is None)
    assert outcome.value is None or math.isfinite(outcome.value)


@settings(deadline=None)
@given(points, points, wild)
def test_bits_are_a_finite_value_or_a_reason(anchor: list, test: list, quality: float) -> None:
    for outcome in (bits_at(anchor, quality), bits_saved(anchor, test, quality)):
        assert (outcome.value is None) != (outcome.reason is None)
        assert outcome.value is None or math.isfinite(outcome.value)


@settings(deadline=None)
@given(points)
def test_the_envelope_rises_and_nothing_lies_outside_it(curve: list) -> None:
    hull = envelope(curve)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(hull))
    for bits, quality in curve:
        if quality is not None and math.isfinite(bits) and bits > 0 and math.isfinite(quality):
            assert any(point[0] <= bits and point[1] >= quality for point in hull)


def test_the_envelope_drops_what_another_point_beats() -> None:
    dented = [(400, 0.9), (100, 0.5), (150, 0.4), (100, 0.45), (200, 0.7), (300, 0.7), (500, 0.9), (0, 1.0), (9, None)]
    assert envelope(dented) == [(100, 0.5), (200, 0.7), (400, 0.9)]


@pytest.mark.parametrize(
    ("quality", "value", "reason"),
    [
        (0.5, 100.0, None),
        (0.9, 400.0, None),
        (1.0, 800.0, None),
        (0.6, math.sqrt(100 * 200), None),  # half way in the logarithm
        (0.1, 100.0, None),  # the cheapest point is good enough
        (1.01, None, "not_reached"),
        (math.nan, None, "not_reached"),
    ],
)
def test_bits_at_a_quality(quality: float, value: float | None, reason: str | None) -> None:
    outcome = bits_at(reversed(CURVE), quality)
    assert (outcome.value, outcome.reason) == (pytest.approx(value), reason)


def test_bits_saved() -> None:
    half = [(bits / 2, quality) for bits, quality in CURVE]
    assert bits_saved(CURVE, half, 0.95).value == pytest.approx(50.0)
    assert bits_saved(half, CURVE, 0.95).value == pytest.approx(-100.0)
    assert bits_saved(CURVE, CURVE[:2], 0.95).reason == "not_reached"
    assert bits_saved([], CURVE, 0.95).reason == "no_points"


@pytest.mark.parametrize("factor", [0.5, 0.9, 1.0, 1.3, 4.0])
def test_a_constant_factor_in_bits_is_the_bd_rate(factor: float) -> None:
    scaled = [(bits * factor, quality) for bits, quality in CURVE]
    assert bd_rate(CURVE, scaled).value == pytest.approx(100 * (factor - 1), abs=1e-9)


@pytest.mark.parametrize(
    ("anchor", "test", "reason"),
    [
        ([], CURVE, "no_points"),
        (CURVE, [(math.nan, 0.5), (0.0, 0.7)], "no_points"),
        (CURVE, CURVE[:1], "single_point"),
        (CURVE, [(100.0, 0.5), (200.0, 0.5), (300.0, 0.4)], "single_point"),
        (CURVE, [(100.0, 0.1), (200.0, 0.5)], "no_overlap"),  # they only touch
        (CURVE, [(100.0, 0.1), (200.0, 0.2)], "no_overlap"),
        ([(1e-300, 0.0), (2e-300, 1.0)], [(1e300, 0.0), (2e300, 1.0)], "not_finite"),
    ],
)
def test_reasons(anchor: list, test: list, reason: str) -> None:
    outcome = bd_rate(anchor, test)
    assert (outcome.value, outcome.reason) == (None, reason)


def test_order_ties_and_dents_do_not_change_the_bd_rate() -> None:
    better = [(bits * 0.8, quality) for bits, quality in CURVE]
    messy = [better[3], better[0], (200.0, 0.7), (170.0, 0.6), better[2], better[1], better[1], (999.0, 1.0)]
    assert bd_rate(CURVE, messy).value == pytest.approx(bd_rate(CURVE, better).value)


clean = st.lists(st.tuples(st.floats(0.05, 2.0), st.floats(0.01, 0.3)), min_size=4, max_size=7).map(
    lambda steps: np.cumsum(np.array(steps), axis=0)
)


@settings(deadline=None)
@given(clean, clean)
def test_agrees_with_the_bjontegaard_package_on_clean_curves(anchor: np.ndarray, test: np.ndarray) -> None:
    bjontegaard = pytest.importorskip("bjontegaard")
    outcome = bd_rate(*([(math.exp(x), q) for x, q in curve] for curve in (anchor, test)))
    low, high = max(anchor[0, 1], test[0, 1]), min(anchor[-1, 1], test[-1, 1])
    if high - low < 1e-3:
        return
    theirs = bjontegaard.bd_rate(
        np.exp(anchor[:, 0]), anchor[:, 1], np.exp(test[:, 0]), test[:, 1],
        method="pchip", require_matching_points=False, min_overlap=0,
    )  # fmt: skip
    assert outcome.value == pytest.approx(theirs, rel=1e-6, abs=1e-6)
