"""Thresholds of one detector as another's: moved, stretched, spread."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.aware_model import split_normal
from vcmpipe.thresholds.transfer import Transfer, median

SPREAD = np.array([np.log(6.0), 0.0, np.log(4.0), 0.0])


def bells(*places: float) -> np.ndarray:
    return split_normal(np.array(places), SPREAD)


def points(*qps: int) -> np.ndarray:
    return Thresholds.from_qps(qps).mass


@pytest.mark.parametrize(
    ("transfer", "qps", "expected"),
    [
        (Transfer(), (0, 30, 63), (0, 30, 63)),
        (Transfer(offset=-5), (3, 30, 63), (0, 25, 58)),
        (Transfer(offset=5), (0, 30, 60), (5, 35, 63)),
        (Transfer(scale=0.5, offset=10), (0, 30, 60), (10, 25, 40)),
        (Transfer(scale=0.0, offset=33), (0, 30, 63), (33, 33, 33)),
        (Transfer(scale=2.0, offset=-30), (10, 30, 60), (0, 30, 63)),
    ],
)
def test_single_thresholds_go_where_the_line_says(transfer: Transfer, qps: tuple, expected: tuple) -> None:
    moved = Thresholds(transfer.mass(points(*qps)), np.ones(len(qps), bool))
    assert moved.argmax().tolist() == list(expected)
    assert moved.mass.max(axis=1) == pytest.approx(1.0)


def test_nothing_moved_is_nothing_changed() -> None:
    mass = bells(12.0, 40.3)
    assert np.array_equal(Transfer().mass(mass), mass)
    assert Transfer(offset=1e-12).mass(mass) == pytest.approx(mass)
    assert Transfer(offset=2).mass(np.zeros((0, 64))).shape == (0, 64)


@pytest.mark.parametrize("transfer", [Transfer(0.8, 6.0, 1.0), Transfer(1.0, -4.5, 2.0), Transfer(0.0, 35.0, 0.5)])
def test_location_and_spread_are_moved_apart(transfer: Transfer) -> None:
    mass = bells(25.0, 33.0, 40.0)
    moved = transfer.mass(mass)
    assert moved.sum(axis=1) == pytest.approx(1.0) and (moved >= 0).all()
    assert median(moved) == pytest.approx(transfer.location(median(mass)), abs=0.3)

    def reach(mass: np.ndarray) -> np.ndarray:
        below = np.hstack([np.zeros((len(mass), 1)), np.cumsum(mass, axis=1)])
        edges = np.arange(65) - 0.5
        return np.array([np.interp(0.7, row, edges) - np.interp(0.3, row, edges) for row in below])

    assert reach(moved) == pytest.approx(transfer.spread * reach(mass), rel=0.12)


@pytest.mark.parametrize(("mass", "expected"), [(points(0, 30, 63), [0, 30, 63]), (np.full((1, 64), 1 / 64), [31.5])])
def test_the_median_is_read_off_between_qps(mass: np.ndarray, expected: list) -> None:
    assert median(mass) == pytest.approx(expected)


def test_qps_of_the_detector_lie_where_the_base_has_the_same_mass_below() -> None:
    transfer, mass = Transfer(0.9, 5.0, 1.3), bells(28.0, 38.0)
    at = transfer.qps(np.array([35.5]), median(mass)[:, None])
    below = [
        np.interp(x, np.arange(65) - 0.5, np.r_[0.0, np.cumsum(row)]) for x, row in zip(at[:, 0], mass, strict=True)
    ]
    assert transfer.mass(mass)[:, :36].sum(axis=1) == pytest.approx(below)
    assert Transfer(0.5, 10.0).qps([20, 30]).tolist() == [20, 40]
    assert Transfer(0.0, 30.0).qps(34, 40.0) == 44.0
    with pytest.raises(InputError, match="constant"):
        Transfer(0.0, 30.0).qps(34)


@pytest.mark.parametrize("values", [(-0.1, 0, 1), (1, float("nan"), 1), (1, 0, 0), (float("inf"), 0, 1)])
def test_a_transfer_that_is_none(values: tuple) -> None:
    with pytest.raises(InputError, match="a transfer needs"):
        Transfer(*values)
