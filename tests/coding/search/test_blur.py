from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.coding.search.blur import blur_outside


@pytest.mark.parametrize("sigma", [1.0, 3.0, 8.0])
def test_boxes_stay_and_the_rest_is_smoothed(sigma: float) -> None:
    rng = np.random.default_rng(1)
    rgb = rng.integers(0, 256, (120, 200, 3), np.uint8)
    box = np.array([[60.0, 40.0, 100.0, 70.0]])
    out = blur_outside(rgb, box, sigma)
    assert out.shape == rgb.shape and out.dtype == np.uint8
    # Not a grey level more than rounding inside the box.
    assert np.abs(out[40:70, 60:100].astype(int) - rgb[40:70, 60:100]).max() <= 1
    far = (slice(0, 120), slice(170, 200))
    assert out[far].std() < 0.5 * rgb[far].std()


def test_without_boxes_all_is_blurred_and_boxes_may_lie_over_the_edge() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (40, 40, 3), np.uint8)
    assert blur_outside(rgb, np.zeros((0, 4)), 4.0).std() < 0.3 * rgb.std()
    whole = blur_outside(rgb, np.array([[-20.0, -5.0, 70.0, 60.0]]), 2.0)
    assert (whole == rgb).all()
