"""The surface of losses: what it expects, what it learns, and what an improvement is."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.coding.search.surface import FLOOR, SURFACE, Surface, improvement, mean_share

GRID = np.array([(octaves, qp) for octaves in (-1.0, 0.0, 1.0) for qp in range(14, 60, 5)], float)


def test_loss_rises_with_qp_and_with_what_scaling_loses() -> None:
    mean, deviation = Surface().expect(GRID, np.zeros(len(GRID)))
    by_size = mean.reshape(3, -1)
    assert (np.diff(by_size, axis=1) > 0).all() and (np.diff(by_size, axis=0) < 0).all()
    assert np.allclose(deviation, np.sqrt(SURFACE.shared + SURFACE.slow + SURFACE.luck))
    more, _ = Surface().expect(GRID, np.full(len(GRID), 0.3))
    assert (more > mean).all()


def test_a_trial_moves_its_neighbours_and_leaves_the_luck_of_each() -> None:
    surface = Surface()
    before, wide = surface.expect(GRID, np.zeros(len(GRID)))
    surface.observe((0.0, 34.0), 0.0, 0.9)
    after, narrow = surface.expect(GRID, np.zeros(len(GRID)))
    moved = after - before
    here = int(np.flatnonzero((GRID == (0.0, 34.0)).all(axis=1))[0])
    assert (moved > 0).all() and moved.argmax() == here
    assert (narrow < wide).all() and narrow.argmin() == here
    assert narrow.min() > np.sqrt(SURFACE.luck)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 1.0, 2.5])
def test_a_version_tried_often_is_expected_to_lose_what_it_lost(share: float) -> None:
    surface = Surface()
    for _ in range(200):
        surface.observe((0.5, 30.0), 0.1, share)
    mean, deviation = surface.expect(np.array([(0.5, 30.0)]), np.array([0.1]))
    assert np.exp(mean[0]) - FLOOR == pytest.approx(share, abs=0.02 + 0.02 * share)
    assert mean_share(mean, deviation)[0] >= 0


def test_the_improvement_is_that_of_many_draws() -> None:
    mean, deviation = np.array([-1.5, -0.5, -2.5]), np.array([0.3, 0.5, 0.1])
    cost, weight, best = np.array([1000.0, 500.0, 5000.0]), 8000.0, 3500.0
    drawn = np.exp(mean + deviation * np.random.default_rng(0).standard_normal((200_000, 3))) - FLOOR
    gains = np.maximum(best - (cost + weight * drawn), 0.0).mean(axis=0)
    assert np.allclose(improvement(cost, weight, mean, deviation, best), gains, rtol=0.05, atol=5.0)
    assert improvement(cost, weight, mean, deviation, best)[2] == 0.0
