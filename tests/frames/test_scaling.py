from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import scale_rgb, scaled_size


@pytest.mark.parametrize(
    ("size", "factor", "expected"),
    [
        ((640, 480), 0.5, (320, 240)),
        ((640, 480), 1.0, (640, 480)),
        ((641, 427), 0.5, (321, 214)),
        ((100, 30), 0.25, (25, 16)),
        ((16, 16), 0.01, (16, 16)),
        ((640, 480), 0.65, (416, 312)),
        ((20, 30), 2, (40, 60)),
    ],
)
def test_scaled_size(size: tuple[int, int], factor: float, expected: tuple[int, int]) -> None:
    assert scaled_size(*size, factor) == expected


@pytest.mark.parametrize("factor", [0, -1, float("nan"), float("inf"), 4.5])
def test_scales_that_are_refused(factor: float) -> None:
    with pytest.raises(InputError, match="scale"):
        scaled_size(640, 480, factor)


def test_a_size_beyond_all_bounds_is_refused() -> None:
    with pytest.raises(InputError, match="16384"):
        scaled_size(10_000, 100, 2)


def test_scaling_down_antialiases() -> None:
    # Stripes finer than the smaller picture can show become their mean, not moire.
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 200
    small = scale_rgb(stripes, (31, 31)).astype(int)
    assert small.shape == (31, 31, 3)
    assert np.abs(small[:, 2:-2] - 100).max() <= 12


def test_there_and_back_keeps_a_smooth_picture() -> None:
    x, y = np.meshgrid(np.linspace(0, 255, 120), np.linspace(255, 0, 90))
    rgb = np.stack([x, y, (x + y) / 2], -1).astype(np.uint8)
    back = scale_rgb(scale_rgb(rgb, (60, 45)), (120, 90))
    assert np.abs(back.astype(int) - rgb)[4:-4, 4:-4].max() <= 3
    assert scale_rgb(rgb, (120, 90)) is rgb


def test_an_empty_size_is_refused() -> None:
    with pytest.raises(InputError, match="0x5"):
        scale_rgb(np.zeros((20, 20, 3), np.uint8), (0, 5))
