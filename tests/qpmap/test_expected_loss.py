from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.qpmap.expected_loss import (
    LEAD,
    STEPS_PER_HALVING,
    Stakes,
    coverage,
    grown,
    lost_shares,
    with_known,
)


def at(*qps: int) -> np.ndarray:
    """Thresholds that are certain."""
    return np.eye(64)[list(qps)]


def test_a_hard_threshold_is_a_step() -> None:
    lost = lost_shares(at(30), soft=False)
    assert lost[0, :31].max() == 0.0 and lost[0, 31:].min() == 1.0
    assert lost_shares(0.5 * at(30) + 0.5 * at(40), soft=False)[0, 35] == 0.5


def test_a_soft_one_is_half_lost_at_its_lead() -> None:
    lost = lost_shares(at(30))[0]
    assert np.interp(30 + LEAD, np.arange(64), lost) == pytest.approx(0.5, abs=0.01)
    assert lost[10] < 0.01 and lost[50] > 0.99


@pytest.mark.parametrize("scale", [1.0, 0.8, 0.5])
def test_a_smaller_picture_loses_earlier(scale: float) -> None:
    whole, smaller = lost_shares(at(40))[0], lost_shares(at(40), scale=scale)[0]
    shift = STEPS_PER_HALVING * -np.log2(scale)
    later = np.interp(30 + shift, np.arange(64), whole)
    assert np.interp(30.0, np.arange(64), smaller) == pytest.approx(later, abs=0.01)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1.0), st.booleans())
def test_shares_never_fall(seed: int, scale: float, soft: bool) -> None:
    mass = np.random.default_rng(seed).dirichlet(np.full(64, 0.2), 3)
    lost = with_known(lost_shares(mass, scale=scale, soft=soft), [0.0, 0.3, 1.0])
    assert (np.diff(lost, axis=1) >= -1e-12).all() and lost.min() >= 0.0 and lost.max() <= 1.0 + 1e-12
    assert lost[1].min() >= 0.3 and (lost[2] == 1.0).all()


@pytest.mark.parametrize(("mass", "scale"), [(np.ones((1, 3)), 1.0), (at(3), 0.0), (at(3), 1.5), (at(3), float("nan"))])
def test_bad_masses_are_refused(mass: np.ndarray, scale: float) -> None:
    with pytest.raises(InputError):
        lost_shares(mass, scale=scale)


def test_coverage_counts_samples() -> None:
    got = coverage([(16, 0, 80, 32), (0, 0, 0, 0)], (2, 3), 32)
    assert got[0].tolist() == [[512.0, 1024.0, 512.0], [0, 0, 0]] and got[1].sum() == 0.0


@pytest.mark.parametrize(
    ("box", "by", "expected"),
    [
        ((10, 10, 20, 20), 5, (5, 5, 25, 25)),
        ((0, 0, 64, 64), 8, (0, 0, 64, 64)),
        ((64, 64, 70, 70), 0, (63, 63, 64, 64)),  # outside: a sample is left
        ((10, 10, 20, 20), (2, 4), (8, 6, 22, 24)),
    ],
)
def test_boxes_grow_within_the_picture(box: tuple, by: object, expected: tuple) -> None:
    more = [by] if isinstance(by, tuple) else by
    assert grown([box], more, 64, 64).tolist() == [list(expected)]


def stakes(*boxes: tuple[int, int, int, int], weight: float = 0.2) -> Stakes:
    loss = np.stack([np.linspace(0, 1 + i, 64) for i in range(len(boxes))]) if boxes else np.zeros((0, 64))
    return Stakes.of(boxes or np.zeros((0, 4)), loss, 128, 64, 32, weight=weight)


@given(st.integers(0, 63))
def test_one_qp_means_the_same_either_way(qp: int) -> None:
    made = stakes((0, 0, 40, 40), (30, 10, 128, 64), (0, 0, 128, 64))
    flat = np.full(8, qp)
    assert made.expected(flat) == pytest.approx(made.loss[:, qp].sum())
    assert made.expected(flat, worst=True) == pytest.approx(made.loss[:, qp].sum())


def test_context_and_worst_cells_count() -> None:
    made = stakes((0, 0, 32, 32))
    inner = np.array([20, 60, 60, 60, 60, 60, 60, 60])
    assert made.expected(inner) == pytest.approx(0.8 * made.loss[0, 20] + 0.2 * made.loss[0, 60])
    wide = stakes((0, 0, 64, 32), weight=0.0)
    assert wide.expected(inner) == pytest.approx((wide.loss[0, 20] + wide.loss[0, 60]) / 2)
    assert wide.expected(inner, worst=True) == pytest.approx(wide.loss[0, 60])


def test_an_object_that_fills_the_picture_has_no_context() -> None:
    made = stakes((0, 0, 128, 64))
    assert made.context.sum() == 0 and made.shares.sum() == pytest.approx(1.0)


def test_merging_cells_changes_nothing_that_is_expected() -> None:
    made = stakes((0, 0, 40, 40), (30, 10, 100, 64))
    label = np.array([0, 0, 1, 1, 0, 0, 1, 2])
    qps = np.array([25, 40, 50])
    for worst in (False, True):
        assert made.merged(label).expected(qps, worst=worst) == pytest.approx(made.expected(qps[label], worst=worst))


def test_no_objects_lose_nothing() -> None:
    assert stakes().expected(np.full(8, 63)) == 0.0 and stakes().shares.shape == (0, 8)


@pytest.mark.parametrize(
    ("boxes", "count", "more"),
    [
        ([(0, 0, 8, 8)], 2, {}),
        ([(0, 0, float("nan"), 8)], 1, {}),
        ([(0, 0, 8, 8)], 1, {"weight": 1.5}),
        ([(0, 0, 8, 8)], 1, {"dilate": -1}),
    ],
)
def test_bad_stakes_are_refused(boxes: list, count: int, more: dict) -> None:
    with pytest.raises(InputError):
        Stakes.of(boxes, np.zeros((count, 64)), 64, 64, 32, **more)
