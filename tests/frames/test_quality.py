from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, psnr_y, rgb_to_yuv


def test_known_distances() -> None:
    flat = np.full((10, 20), 500, np.uint16)
    assert psnr_y(flat, flat) == 100.0
    assert psnr_y(flat, flat + np.uint16(1)) == pytest.approx(20 * np.log10(1023))
    assert psnr_y(flat + np.uint16(4), flat) == pytest.approx(20 * np.log10(1023 / 4))
    one = flat.copy()
    one[0, 0] = 510
    assert psnr_y(flat, one) == pytest.approx(10 * np.log10(1023**2 * 200 / 100))


def test_rgb_and_yuv_are_compared_alike() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (17, 21, 3), dtype=np.uint8) for _ in range(2))
    planes = [rgb_to_yuv(x, ColourSpec()).y[:17, :21] for x in (a, b)]
    assert psnr_y(a, b) == psnr_y(*planes)
    even = rgb_to_yuv(a[:16, :20], ColourSpec())
    assert psnr_y(even, even) == 100.0


def test_other_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="20x10 and 10x10"):
        psnr_y(np.zeros((10, 20), np.uint16), np.zeros((10, 10), np.uint16))
