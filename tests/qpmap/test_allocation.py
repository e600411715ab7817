from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.qpmap.allocation import by_cell, by_object, one_qp
from vcmpipe.qpmap.expected_loss import Stakes, lost_shares

Problem = tuple[np.ndarray, Stakes]
RANGE = (20, 50)


def problem(seed: int, objects: int, *, width: int = 192, height: int = 128, weight: float = 0.1) -> Problem:
    """Random objects, many of which overlap, on random texture."""
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, [width - 16, height - 16], (objects, 2))
    boxes = np.concatenate([low, low + rng.uniform(8, [width / 2, height / 2], (objects, 2))], axis=1)
    loss = lost_shares(rng.dirichlet(np.full(64, 0.3), objects)) if objects else np.zeros((0, 64))
    loss = loss * rng.uniform(0.01, 1, (objects, 1))
    made = Stakes.of(np.minimum(boxes, [width, height] * 2), loss, width, height, 32, weight=weight)
    bits = rng.uniform(0, 3000, (made.own.shape[1], 1)) * np.exp(-np.arange(64) / 7)
    return bits, made


def cost(bits: np.ndarray, made: Stakes, price: float, qps: np.ndarray, *, worst: bool) -> float:
    return float(bits[np.arange(len(bits)), qps].sum() + price * made.expected(qps, worst=worst))


seeds, prices = st.integers(0, 2**32 - 1), st.floats(0, 1e6)


@given(seeds, st.integers(0, 6), prices)
@settings(max_examples=60, deadline=None)
def test_none_is_worse_than_one_qp(seed: int, objects: int, price: float) -> None:
    bits, made = problem(seed, objects)
    plain = one_qp(bits, made, price, RANGE)
    for way, worst in ((by_cell, False), (by_object, True)):
        qps = way(bits, made, price, RANGE)
        assert qps.shape == (len(bits),) and qps.min() >= RANGE[0] and qps.max() <= RANGE[1]
        best, other = (cost(bits, made, price, each, worst=worst) for each in (qps, plain))
        assert best <= other * (1 + 1e-5) + 1e-6


@given(seeds, st.integers(1, 6), prices, prices)
@settings(max_examples=60, deadline=None)
def test_a_higher_price_never_loses_more(seed: int, objects: int, one: float, other: float) -> None:
    bits, made = problem(seed, objects)
    low, high = sorted((one, other))
    for way, worst in ((one_qp, False), (by_cell, False), (by_object, True)):
        cheap, dear = (made.expected(way(bits, made, price, RANGE), worst=worst) for price in (low, high))
        assert dear <= cheap + 1e-5 * made.loss[:, -1].sum()


@given(seeds, st.integers(1, 3), st.floats(1e2, 1e5))
@settings(max_examples=25, deadline=None)
def test_objects_are_allocated_as_trying_everything_would(seed: int, objects: int, price: float) -> None:
    bits, made = problem(seed, objects, width=96, height=64, weight=0.2)
    few = (30, 36)
    qps = by_object(bits, made, price, few)
    # For any largest QPs of the objects each cell is free below the least of those that it lies in.
    weight = np.where(made.context.sum(axis=1, keepdims=True) == 0, 0.0, made.weight)
    cells = bits + price * ((weight * made.context).T @ made.loss)
    best = np.inf
    for top in itertools.product(range(few[0], few[1] + 1), repeat=objects):
        limit = np.where(made.own > 0, np.array(top)[:, None], few[1]).min(axis=0)
        own = price * ((1 - weight[:, 0]) * made.loss[np.arange(objects), list(top)]).sum()
        best = min(best, own + sum(cells[c, few[0] : limit[c] + 1].min() for c in range(len(bits))))
    assert cost(bits, made, price, qps, worst=True) == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("way", [one_qp, by_cell, by_object])
@pytest.mark.parametrize(("objects", "price", "expected"), [(0, 1e4, 50), (3, 0.0, 50), (3, 1e12, 20)])
def test_the_ends(way: Callable[..., np.ndarray], objects: int, price: float, expected: int) -> None:
    bits, made = problem(1, objects)
    qps = way(bits, made, price, RANGE)
    assert (qps[made.own.sum(axis=0) > 0] == expected).all() if objects else (qps == expected).all()


def test_an_object_shares_its_qp_and_what_is_around_does_not() -> None:
    loss = lost_shares(np.eye(64)[[38, 38]]) * np.array([[1.0], [0.01]])
    made = Stakes.of([(32, 32, 96, 96), (128, 32, 160, 64)], loss, 192, 128, 32, weight=0.0)
    bits = np.full((24, 1), 500.0) * np.exp(-np.arange(64) / 7)
    qps = by_object(bits, made, 3e4, RANGE).reshape(4, 6)
    assert len(set(qps[1:3, 1:3].flat)) == 1 and qps[1, 1] < 38 and qps[1, 1] < qps[1, 4] < 50 and qps[0, 0] == 50


@pytest.mark.parametrize(
    ("cells", "price", "qp_range"),
    [(24, -1.0, RANGE), (24, float("nan"), RANGE), (24, 1.0, (40, 30)), (23, 1.0, RANGE)],
)
def test_bad_problems_are_refused(cells: int, price: float, qp_range: tuple[int, int]) -> None:
    bits, made = problem(0, 2)
    for way in (one_qp, by_cell, by_object):
        with pytest.raises(InputError):
            way(bits[:cells], made, price, qp_range)
