from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.bitstream import Rect
from vcmpipe.errors import InputError
from vcmpipe.frames import Yuv, crop_yuv, pad_yuv, yuv_bytes


def _numbered(width: int, height: int) -> Yuv:
    y = np.arange(width * height, dtype=np.uint16).reshape(height, width) % 1024
    u = np.arange(width * height // 4, dtype=np.uint16).reshape(height // 2, width // 2)
    return Yuv(y, u, u + np.uint16(300))


def test_crop_takes_the_same_place_of_every_plane() -> None:
    yuv = _numbered(24, 16)
    part = crop_yuv(yuv, Rect(8, 4, 10, 6))
    assert (part.width, part.height) == (10, 6)
    assert np.array_equal(part.y, yuv.y[4:10, 8:18])
    assert np.array_equal(part.u, yuv.u[2:5, 4:9]) and np.array_equal(part.v, yuv.v[2:5, 4:9])


@pytest.mark.parametrize(
    "rect", [(1, 0, 8, 8), (0, 0, 7, 8), (0, 0, 26, 8), (18, 0, 8, 8), (-2, 0, 8, 8), (0, 0, 0, 8)]
)
def test_crops_that_do_not_fit_are_refused(rect: tuple[int, int, int, int]) -> None:
    with pytest.raises(InputError, match="rectangle"):
        crop_yuv(_numbered(24, 16), Rect(*rect))


@pytest.mark.parametrize(
    ("size", "multiple", "padded"), [((18, 10), 8, (24, 16)), ((24, 16), 8, (24, 16)), ((2, 2), 4, (4, 4))]
)
def test_pad_repeats_the_border(size: tuple[int, int], multiple: int, padded: tuple[int, int]) -> None:
    yuv = _numbered(*size)
    wide = pad_yuv(yuv, multiple)
    assert (wide.width, wide.height) == padded
    for small, large in zip(yuv.planes, wide.planes, strict=True):
        h, w = small.shape
        assert np.array_equal(large[:h, :w], small)
        assert (large[:h, w:] == small[:, -1:]).all() and (large[h:] == large[h - 1]).all()


def test_bytes_are_planar_little_endian() -> None:
    yuv = _numbered(4, 2)
    assert yuv_bytes(yuv) == b"".join(int(n).to_bytes(2, "little") for p in yuv.planes for n in p.ravel())
    assert len(yuv_bytes(crop_yuv(_numbered(24, 16), Rect(2, 2, 8, 4)))) == 8 * 4 * 3


@pytest.mark.parametrize(
    ("y", "u", "dtype"),
    [((3, 4), (1, 2), "u2"), ((4, 4), (2, 1), "u2"), ((4, 4), (2, 2), "u1"), ((0, 0), (0, 0), "u2")],
)
def test_planes_that_do_not_fit_together_are_refused(y: tuple[int, int], u: tuple[int, int], dtype: str) -> None:
    with pytest.raises(InputError):
        Yuv(np.zeros(y, dtype), np.zeros(u, dtype), np.zeros(u, dtype))


def test_odd_multiples_are_refused() -> None:
    with pytest.raises(InputError, match="even multiple"):
        pad_yuv(_numbered(4, 4), 7)
