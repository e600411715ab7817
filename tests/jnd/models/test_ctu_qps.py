"""From JND maps to QPs per CTU: means over CTUs, interpolation, and as few measurements as that takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.jnd.ctu_qps import LADDER, ctu_means, largest_qps, matched_qps, squared_error

# Error of a quantiser whose step doubles every 6 QPs, for three CTUs of different texture.
TEXTURE = np.array([0.25, 1.0, 6.0])


def error(qp: int) -> np.ndarray:
    return TEXTURE * 4.0 ** ((qp - 22) / 6)


@given(st.lists(st.floats(1e-4, 1e5), min_size=3, max_size=3))
def test_the_largest_qp_whose_error_is_allowed_is_found(allowed: list[float]) -> None:
    limits = np.array(allowed)
    requested: list[int] = []

    def measure(qps: Sequence[int]) -> np.ndarray:
        requested.extend(qps)
        return np.stack([error(qp) for qp in qps])

    found = matched_qps(measure, limits, (0, 63))
    for i in range(3):
        fitting = [qp for qp in range(64) if error(qp)[i] <= limits[i] * (1 + 1e-6)]
        # Below a thousandth of a squared grey level nothing is told apart.
        if error(0)[i] > 1e-3:
            assert found[i] == max(fitting, default=0)
    assert len(requested) == len(set(requested)) and set(LADDER) <= set(requested)


def test_only_what_is_needed_is_measured() -> None:
    requested: list[int] = []

    def measure(qps: Sequence[int]) -> np.ndarray:
        requested.extend(qps)
        return np.stack([error(qp) for qp in qps])

    matched_qps(measure, error(30), (0, 63))
    assert requested == list(LADDER)


@pytest.mark.parametrize(("qp_range", "expected"), [((0, 51), [51] * 3), ((30, 30), [30] * 3), ((50, 60), [60] * 3)])
def test_the_encoders_range_holds(qp_range: tuple[int, int], expected: list[int]) -> None:
    def measure(qps: Sequence[int]) -> np.ndarray:
        assert all(qp_range[0] <= qp <= qp_range[1] for qp in qps)
        return np.stack([error(qp) for qp in qps])

    assert matched_qps(measure, np.full(3, 1e9), qp_range).tolist() == expected


def test_an_error_that_falls_with_the_qp_is_not_trusted() -> None:
    errors = np.array([[1.0], [9.0], [2.0], [16.0]])
    assert largest_qps([20, 25, 30, 35], errors, np.array([4.0])).item() < 25
    assert largest_qps([20, 25, 30, 35], errors, np.array([9.0])).item() == 30
    assert largest_qps([20, 25, 30, 35], errors, np.array([0.5])).item() == 20
    assert largest_qps([20, 25, 30, 35], np.zeros((4, 1)), np.array([0.0])).item() == 35


def test_means_over_ctus_of_a_picture_of_full_size() -> None:
    values = np.arange(70 * 100, dtype=np.float32).reshape(70, 100)
    means = ctu_means(values, (100, 70), (3, 4), 32)
    assert means[0, 0] == pytest.approx(values[:32, :32].mean(dtype=float))
    assert means[2, 3] == pytest.approx(values[64:, 96:].mean(dtype=float))


@given(
    st.integers(16, 200), st.integers(16, 200), st.floats(0.2, 1.0), st.sampled_from([32, 64, 128]), st.floats(0.0, 9.0)
)
def test_means_cover_every_pixel_once_at_any_scale(
    width: int, height: int, scale: float, ctu: int, value: float
) -> None:
    coded = max(16, round(width * scale)), max(16, round(height * scale))
    shape = -(-coded[1] // ctu), -(-coded[0] // ctu)
    assert ctu_means(np.full((height, width), value), coded, shape, ctu) == pytest.approx(np.full(shape, value))


@pytest.mark.parametrize(("coded", "shape"), [((64, 64), (2, 3)), ((64, 64), (1, 2)), ((128, 64), (2, 4))])
def test_grids_that_do_not_fit_are_refused(coded: tuple[int, int], shape: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="do not fit"):
        ctu_means(np.zeros((100, 100)), coded, shape, 32)


def test_squared_error_is_the_mean_over_colours() -> None:
    first, second = np.zeros((1, 2, 3), np.uint8), np.zeros((1, 2, 3), np.uint8)
    second[0, 1] = (3, 0, 255)
    assert squared_error(first, second).tolist() == [[0.0, pytest.approx((9 + 255**2) / 3)]]
