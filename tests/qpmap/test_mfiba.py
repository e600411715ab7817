from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.qpmap import RateModel
from vcmpipe.qpmap.mfiba import best_bits, by_importance, fit_power_law, relative_distortion


def noise(height: int, width: int, sigma: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (512 + rng.normal(0, sigma, (height, width))).clip(0, 1023).astype(np.uint16)


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(-3, -0.1), st.floats(1e-4, 1.0))
def test_the_closed_form_is_the_minimum(w: float, a: float, b: float, slope: float) -> None:
    best = float(best_bits(w, a, b, slope))
    tried = best * np.geomspace(1e-2, 1e2, 4001)
    cost = w * a * tried**b + slope * tried
    assert tried[cost.argmin()] == pytest.approx(best, rel=0.01)
    assert w * a * best**b + slope * best <= cost.min() * (1 + 1e-9)


def test_what_is_worth_nothing_gets_no_bits() -> None:
    assert best_bits([0.0, 1.0, 1.0], [1.0, 0.0, 1.0], -1.0, 0.25).tolist() == [0.0, 0.0, 2.0]


@pytest.mark.parametrize(("w", "a", "b", "slope"), [(1, 1, -1, 0), (-1, 1, -1, 1), (1, -1, -1, 1), (1, 1, 0.5, 1)])
def test_bad_values_are_refused(w: float, a: float, b: float, slope: float) -> None:
    with pytest.raises(InputError):
        best_bits(w, a, b, slope)


def test_a_power_law_is_found_again() -> None:
    bits = np.stack([1000 * np.exp(-np.arange(64) / 8), 50 * np.exp(-np.arange(64) / 5), np.zeros(64)])
    distortion = np.stack([3 * bits[0] ** -0.7, 0.5 * bits[1] ** -1.5, np.ones(64)])
    a, b = fit_power_law(bits, distortion)
    assert a == pytest.approx([3, 0.5, 0]) and b[:2] == pytest.approx([-0.7, -1.5])


def test_distortion_is_a_share_that_rises_with_the_qp() -> None:
    plane = np.concatenate([np.full((64, 64), 300, np.uint16), noise(64, 64, 20), noise(64, 64, 160)], axis=1)
    share = relative_distortion(plane, 64)[0]
    assert share.shape == (3, 64) and share.min() >= 0 and share.max() <= 1
    assert (np.diff(share, axis=1) >= 0).all() and (share[0] == 0).all()
    # What is faint is gone first.
    assert share[1, 30] > share[2, 30] and share[1:, 63] == pytest.approx(1.0, abs=0.05) and share[1:, 4].max() < 0.02


def test_importance_moves_bits() -> None:
    plane = noise(128, 192, 60)
    bits = RateModel.from_texture(plane, 64).bits.reshape(6, 64)
    distortion = relative_distortion(plane, 64).reshape(6, 64)
    qps = by_importance(bits, distortion, [0.0, 0.01, 0.1, 0.1, 1.0, 10.0], 1e-5, (18, 54))
    assert qps[0] == 54 and (np.diff(qps[1:3]) < 0).all() and abs(qps[2] - qps[3]) <= 1 and qps[3] > qps[4] > qps[5]
    finer = by_importance(bits, distortion, [0.0, 0.01, 0.1, 0.1, 1.0, 10.0], 1e-6, (18, 54))
    assert (finer <= qps).all() and (finer[1:4] < qps[1:4]).all()


def test_snapped_qps_are_as_good_as_trying_every_qp() -> None:
    plane = noise(128, 192, 60)
    bits = RateModel.from_texture(plane, 64).bits.reshape(6, 64)
    a, b = 2.0, -0.8
    distortion = a * bits**b
    w, slope = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0]), 1e-3
    qps = by_importance(bits, distortion, w, slope, (18, 54))
    cost = w[:, None] * distortion + slope * bits
    best = 18 + cost[:, 18:55].argmin(axis=1)
    assert np.abs(best - qps).max() <= 1
