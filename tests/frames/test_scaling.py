from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Yuv, fit_yuv, rgb_to_yuv, scale_rgb, scale_yuv, scaled_size, yuv_to_rgb


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


def _smooth(width: int, height: int) -> np.ndarray:
    """Colours that change over the whole picture; the same function of place at every size."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    waves = [0.5 + 0.4 * np.sin(3 * x + phase) * np.cos(2 * y - phase) for phase in (0, 1, 2)]
    return np.rint(255 * np.stack(waves, -1)).astype(np.uint8)


SITINGS = ["left", "centre", "topleft"]


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize("size", [(48, 32), (31, 17), (96, 80), (1, 1), (200, 3)])
def test_a_constant_picture_stays_so_at_the_ends_of_the_range(size: tuple[int, int], siting) -> None:
    planes = [np.full(shape, value, np.uint16) for shape, value in (((36, 64), 1023), ((18, 32), 0), ((18, 32), 513))]
    scaled = scale_yuv(Yuv(*planes), size, siting=siting)
    assert (scaled.width, scaled.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert [set(plane.flat) for plane in scaled.planes] == [{1023}, {0}, {513}]


def test_samples_stay_within_ten_bits() -> None:
    rng = np.random.default_rng(0)
    edges = Yuv(*(rng.choice([0, 1023], shape).astype(np.uint16) for shape in ((40, 60), (20, 30), (20, 30))))
    for size in ((90, 70), (30, 20)):
        assert max(plane.max() for plane in scale_yuv(edges, size).planes) <= 1023  # uint16 would wrap below 0, too


@pytest.mark.parametrize("siting", SITINGS)
@pytest.mark.parametrize(
    ("of", "size"), [((120, 90), (60, 46)), ((60, 46), (120, 90)), ((121, 91), (81, 61)), ((64, 48), (171, 95))]
)
def test_luma_and_chroma_stay_in_place(of: tuple[int, int], size: tuple[int, int], siting) -> None:
    spec = ColourSpec(siting=siting)
    scaled = scale_yuv(rgb_to_yuv(_smooth(*of), spec), size, of=of, siting=siting)
    ideal = rgb_to_yuv(_smooth(*size), spec)
    # Of 1023, with the rounding of RGB to 8 bits in it.
    for got, expected in zip(scaled.planes, ideal.planes, strict=True):
        rows, columns = got.shape[0] - 3, got.shape[1] - 3
        difference = (got.astype(int) - expected)[3:rows, 3:columns]
        assert np.abs(difference).mean() < 1
        assert abs(difference.mean()) < 0.3


@pytest.mark.parametrize("of", [(96, 64), (95, 63)])
def test_down_and_up_again_is_close(of: tuple[int, int]) -> None:
    rgb, spec = _smooth(*of), ColourSpec()
    yuv = rgb_to_yuv(rgb, spec)
    back = scale_yuv(scale_yuv(yuv, (51, 33), of=of), of, of=(51, 33))
    assert (back.width, back.height) == (yuv.width, yuv.height)
    assert np.abs(yuv_to_rgb(back, spec, of).astype(int) - rgb).max() <= 4
    assert scale_yuv(yuv, of, of=of) is yuv
    again = scale_yuv(scale_yuv(yuv, (51, 33), of=of), of, of=(51, 33))
    assert all(np.array_equal(*pair) for pair in zip(back.planes, again.planes, strict=True))


@pytest.mark.parametrize(("size", "of"), [((0, 4), None), ((8, 8), (17, 16)), ((8, 8), (16, 0))])
def test_yuv_sizes_that_are_refused(size: tuple[int, int], of: tuple[int, int] | None) -> None:
    with pytest.raises(InputError, match=r"0x4|17x16|16x0"):
        scale_yuv(rgb_to_yuv(_smooth(16, 16), ColourSpec()), size, of=of)


@pytest.mark.parametrize("range", ["limited", "full"])
@pytest.mark.parametrize(
    ("of", "size"), [((40, 20), (60, 60)), ((21, 41), (60, 60)), ((3, 400), (31, 17)), ((60, 60), (9, 9))]
)
def test_a_picture_is_fitted_into_the_middle_of_black(of: tuple[int, int], size: tuple[int, int], range) -> None:
    spec = ColourSpec(range=range)
    grey = rgb_to_yuv(np.full((of[1], of[0], 3), 128, np.uint8), spec)
    rgb = yuv_to_rgb(fit_yuv(grey, size, spec, of=of), spec, size)[..., 1].astype(int)
    lit = rgb > 64
    factor = min(size[0] / of[0], size[1] / of[1])
    rows, columns = lit.any(1).sum(), lit.any(0).sum()
    assert abs(columns - of[0] * factor) <= 2 and abs(rows - of[1] * factor) <= 2
    for share, side in ((lit.any(0), size[0]), (lit.any(1), size[1])):
        first, last = np.flatnonzero(share)[[0, -1]]
        assert abs(first - (side - 1 - last)) <= 2
    assert rgb[~lit].size == 0 or np.median(rgb[~lit]) == 0
