from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.frames import ColourSpec, Planes
from vcmpipe.frames.rotation import rotated


def _scene(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([40 + x, 40 + y, 200 - x], -1).astype(np.uint8)


@pytest.mark.parametrize("siting", ["left", "centre", "topleft"])
@pytest.mark.parametrize("size", [(96, 64), (97, 64), (33, 65)])
@pytest.mark.parametrize("turns", [1, 2, 3, 4, -1])
def test_a_turn_is_that_of_the_picture(siting: str, size: tuple[int, int], turns: int) -> None:
    scene = _scene(*size)
    planes = Planes.of_rgb(scene, ColourSpec(siting=siting))  # type: ignore[arg-type]
    turned = rotated(planes, turns)
    assert np.array_equal(turned.y, np.rot90(planes.y, turns))
    assert turned.colour.siting == ("centre" if turns % 4 else siting)
    difference = turned.rgb().astype(int) - np.rot90(scene, turns)
    inside = difference[4:-4, 4:-4]
    # The colours are ramps: chroma that is half a sample off would be a bias.
    assert np.abs(inside).max() <= 2 and np.abs(inside.mean(axis=(0, 1))).max() < 0.3


def test_eight_bits_stay() -> None:
    planes = Planes(
        np.full((64, 96), 100, np.uint8), np.full((32, 48), 255, np.uint8), np.zeros((32, 48), np.uint8), ColourSpec()
    )
    turned = rotated(planes, 1)
    assert turned.depth == 8 and turned.y.shape == (96, 64)
    assert set(turned.u.ravel()) == {255} and set(turned.v.ravel()) == {0}
