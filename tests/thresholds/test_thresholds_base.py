from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vcmpipe.errors import InputError
from vcmpipe.thresholds import QP_COUNT, Thresholds

QPS = np.arange(QP_COUNT)

masses = arrays(np.float64, st.tuples(st.integers(1, 4), st.just(QP_COUNT)), elements=st.floats(0, 1)).map(
    lambda raw: (raw + 1e-6) / (raw + 1e-6).sum(axis=1, keepdims=True)
)


def believe(*pairs: tuple[int, float]) -> Thresholds:
    mass = np.zeros((1, QP_COUNT))
    for qp, probability in pairs:
        mass[0, qp] += probability
    return Thresholds(mass, np.ones(1, dtype=bool))


@settings(deadline=None)
@given(masses, st.floats(0, 0.999))
def test_the_quantile_is_the_largest_qp_whose_risk_is_accepted(mass: np.ndarray, risk: float) -> None:
    thresholds = Thresholds(mass, np.ones(len(mass), dtype=bool))
    for row, qp in zip(mass, thresholds.quantile(risk), strict=True):
        assert row[:qp].sum() <= risk + 1e-8
        if qp < QP_COUNT - 1:
            assert row[: qp + 1].sum() > risk


@settings(deadline=None)
@given(masses, st.floats(0, 0.998), st.floats(0, 0.001))
def test_more_risk_never_means_a_smaller_qp(mass: np.ndarray, risk: float, more: float) -> None:
    thresholds = Thresholds(mass, np.ones(len(mass), dtype=bool))
    assert (thresholds.quantile(risk + more) >= thresholds.quantile(risk)).all()


@pytest.mark.parametrize(
    ("pairs", "risk", "quantile", "argmax", "mean"),
    [
        ([(30, 1.0)], 0.0, 30, 30, 30.0),
        ([(0, 1.0)], 0.1, 0, 0, 0.0),
        ([(63, 1.0)], 0.1, 63, 63, 63.0),
        ([(20, 0.1), (40, 0.9)], 0.1, 40, 40, 38.0),  # a risk of exactly 0.1 is accepted
        ([(20, 0.11), (40, 0.89)], 0.1, 20, 40, 37.8),
        ([(20, 0.5), (40, 0.5)], 0.0, 20, 20, 30.0),
        ([(20, 0.5), (40, 0.5)], 0.5, 40, 20, 30.0),
    ],
)
def test_decisions(pairs: list[tuple[int, float]], risk: float, quantile: int, argmax: int, mean: float) -> None:
    thresholds = believe(*pairs)
    assert thresholds.quantile(risk).tolist() == [quantile]
    assert thresholds.argmax().tolist() == [argmax]
    assert thresholds.mean() == pytest.approx([mean])


@settings(deadline=None)
@given(st.lists(st.integers(0, 63), max_size=8))
def test_a_single_answer_comes_back_whatever_the_decision(qps: list[int]) -> None:
    thresholds = Thresholds.from_qps(qps)
    assert len(thresholds) == len(qps)
    for decision in ("quantile", "argmax", "mean"):
        assert thresholds.decide(decision, risk=0.1).tolist() == qps


@pytest.mark.parametrize(
    ("margin", "lo", "hi", "expected"),
    [
        (0, 0, 63, [10, 35, 60]),
        (-8, 0, 63, [2, 27, 52]),
        (5, 0, 63, [15, 40, 63]),
        (0, 22, 51, [22, 35, 51]),
        (20, 0, 51, [30, 51, 51]),  # the margin comes before the clipping
    ],
)
def test_margin_then_clipping(margin: int, lo: int, hi: int, expected: list[int]) -> None:
    decided = Thresholds.from_qps([10, 35, 60]).decide("quantile", 0.1, margin, lo, hi)
    assert decided.tolist() == expected


def test_the_mean_is_rounded_to_the_nearest_qp() -> None:
    assert believe((30, 0.5), (31, 0.5)).decide("mean").tolist() == [31]
    assert believe((30, 0.51), (31, 0.49)).decide("mean").tolist() == [30]


def test_objects_that_no_qp_keeps_cost_nothing_unless_asked() -> None:
    thresholds = Thresholds.from_qps([0, 40], recognisable=[False, True])
    assert thresholds.decide(margin=-4, hi=51).tolist() == [51, 36]
    assert thresholds.decide(margin=-4, hi=51, unrecognisable=47).tolist() == [47, 36]
    assert thresholds.decide(lo=20, hi=51, unrecognisable=0).tolist() == [20, 40]


def test_concatenate_keeps_order_and_flags() -> None:
    joined = Thresholds.concatenate(
        [Thresholds.from_qps([1, 2], [True, False]), Thresholds.empty(), Thresholds.from_qps([3])]
    )
    assert joined.argmax().tolist() == [1, 2, 3]
    assert joined.recognisable.tolist() == [True, False, True]
    assert len(Thresholds.concatenate([])) == 0
    assert Thresholds.empty().decide().shape == (0,)


@pytest.mark.parametrize(
    ("mass", "recognisable", "says"),
    [
        (np.ones((2, 63)) / 63, np.ones(2), "(objects, 64), not (2, 63)"),
        (np.ones(64) / 64, np.ones(1), "(objects, 64), not (64,)"),
        (np.ones((2, 64)) / 64, np.ones(3), "(2,) of the objects, not (3,)"),
        (np.ones((1, 64)) / 32, np.ones(1), "object 0 sum to 2"),
        (np.full((1, 64), np.nan), np.ones(1), "finite"),
        (np.eye(1, 64) * 2 - np.eye(1, 64, 1), np.ones(1), "not negative"),
    ],
)
def test_wrong_masses_are_refused(mass: np.ndarray, recognisable: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        Thresholds(mass, recognisable)


@pytest.mark.parametrize("qps", [[-1], [64], [30.5], [float("nan")], ["a"]])
def test_wrong_qps_are_refused(qps: list[object]) -> None:
    with pytest.raises(InputError, match=r"0\.\.63"):
        Thresholds.from_qps(qps)


@pytest.mark.parametrize("risk", [-0.1, 1.0, 2.0, float("nan")])
def test_wrong_risks_are_refused(risk: float) -> None:
    with pytest.raises(InputError, match="risk"):
        Thresholds.from_qps([3]).quantile(risk)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"lo": 40, "hi": 30}, "40..30"), ({"hi": 64}, "0..64"), ({"lo": -1}, "-1..63"), ({"decision": "median"}, "mean")],
)
def test_wrong_ranges_and_decisions_are_refused(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=re.escape(says)):
        Thresholds.from_qps([3]).decide(**arguments)  # type: ignore[arg-type]
