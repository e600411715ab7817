"""The spectral residual: what stands out, always the same."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.jnd.models.saliency import saliency


def stripes(height: int = 240, width: int = 320) -> np.ndarray:
    """A regular pattern with a patch of noise at (60..90, 200..240)."""
    y, x = np.mgrid[0:height, 0:width]
    grey = 128 + 40 * np.sin(x / 5.0) + 40 * np.sin(y / 7.0)
    grey[60:90, 200:240] = np.random.default_rng(0).uniform(0, 255, (30, 40))
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def test_what_breaks_the_pattern_stands_out() -> None:
    found = saliency(stripes(), (64, 85))
    assert found.shape == (64, 85) and found.dtype == np.float32
    assert (found.min(), found.max()) == (0.0, 1.0)
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 60 <= row * 240 / 64 <= 90 and 200 <= column * 320 / 85 <= 240
    inside = found[17:23, 54:63].mean()
    assert inside > 5 * np.median(found)


@pytest.mark.parametrize("size", [(64, 120), (16, 16), (1, 1)])
def test_of_any_size_and_always_the_same(size: tuple[int, int], make_frame) -> None:
    rgb = make_frame(161, 99).rgb
    first = saliency(rgb, size)
    assert first.shape == size and np.isfinite(first).all() and first.min() >= 0 and first.max() <= 1
    assert (first == saliency(rgb.copy(), size)).all()


@pytest.mark.parametrize("value", [0, 77, 255])
def test_one_colour_stands_out_nowhere(value: int) -> None:
    found = saliency(np.full((40, 60, 3), value, np.uint8), (64, 96))
    assert found.shape == (64, 96) and not found.any()


def test_rounding_does_not_decide(make_frame) -> None:
    """A pattern whose spectrum is empty but for a few lines: the rest is noise of the arithmetic, and left out."""
    x = np.arange(64)[None].repeat(64, axis=0)
    grey = (128 + 100 * np.sign(np.sin(2 * np.pi * x / 16 + 0.1))).astype(np.uint8)
    rgb = np.repeat(grey[..., None], 3, axis=2)
    found = saliency(rgb, (64, 64))
    assert np.abs(found - saliency(np.roll(rgb, 16, axis=1), (64, 64))).max() < 1e-3
