"""Objects cut out of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vcmpipe.errors import InputError
from vcmpipe.thresholds.crops import DEVIATION, MEAN, centred, cut, resized, tight_box


@pytest.mark.parametrize(
    ("box", "pixels"),
    [
        ((10, 5, 20, 15), (10, 5, 20, 15)),
        ((10.2, 5.9, 19.1, 14.0), (10, 5, 20, 14)),
        ((-4, -9, 400, 300), (0, 0, 64, 48)),
        ((7, 7, 8, 8), (7, 7, 8, 8)),  # one pixel
        ((7.5, 7.5, 7.5, 7.5), (7, 7, 8, 8)),  # no area: the pixel it lies in
        ((7, 7, 7, 7), (7, 7, 8, 8)),
        ((64, 48, 64, 48), (63, 47, 64, 48)),
        ((100, 100, 120, 130), (63, 47, 64, 48)),  # outside: the nearest pixel
        ((-20, 3, -10, 9), (0, 3, 1, 9)),
    ],
)
def test_boxes_become_pixels(box: tuple[float, ...], pixels: tuple[int, ...]) -> None:
    assert tight_box(box, 64, 48) == pixels
    assert cut(np.zeros((48, 64, 3), np.uint8), box).shape == (pixels[3] - pixels[1], pixels[2] - pixels[0], 3)


@pytest.mark.parametrize(
    ("box", "says"), [((0, 0, float("nan"), 4), "finite"), ((9, 0, 3, 4), "inside out"), ((0, 9, 3, 4), "inside out")]
)
def test_boxes_that_are_none(box: tuple[float, ...], says: str) -> None:
    with pytest.raises(InputError, match=says):
        tight_box(box, 64, 48)


def back(image: torch.Tensor) -> np.ndarray:
    """Undo the normalisation: 0..255."""
    return (image * torch.tensor(DEVIATION)[:, None, None] + torch.tensor(MEAN)[:, None, None]).numpy() * 255


def test_a_crop_is_stretched_to_a_square() -> None:
    crop = np.zeros((2, 4, 3), np.uint8)
    crop[:, 2:] = (250, 100, 50)
    image = back(resized(crop, 8))
    assert image.shape == (3, 8, 8)
    assert image[:, :, 0] == pytest.approx(0, abs=1e-3)
    assert pytest.approx(np.tile([250, 100, 50], (8, 1)), abs=1e-3) == image[:, :, -1].T


def test_a_single_pixel_fills_the_square() -> None:
    assert back(resized(np.full((1, 1, 3), 77, np.uint8), 6)) == pytest.approx(77, abs=1e-3)


@pytest.mark.parametrize("rows", [1, 5, 8, 9, 30])
@pytest.mark.parametrize("columns", [1, 8, 11])
def test_the_middle_is_kept_as_torchvision_keeps_it(rows: int, columns: int) -> None:
    from torchvision.transforms import CenterCrop

    crop = np.random.default_rng(rows * columns).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    expected = CenterCrop(8)(torch.from_numpy(crop.transpose(2, 0, 1).copy())).numpy()
    assert back(centred(crop, 8)) == pytest.approx(expected, abs=1e-3)
