"""XPSNR and VMAF by FFmpeg."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame, psnr_y, rgb_to_yuv
from vcmpipe.measurement.visual_quality import xpsnr


def noisy(frame: Frame, sd: float) -> Frame:
    noise = np.random.default_rng(0).normal(0, sd, frame.rgb.shape)
    return replace(frame, rgb=np.clip(frame.rgb + noise, 0, 255).astype(np.uint8))


def test_more_noise_is_worse_and_equal_is_best(make_frame: Callable[..., Frame]) -> None:
    frame = make_frame(97, 64)
    versions = [frame, noisy(frame, 2), noisy(frame, 8), noisy(frame, 25)]
    by_xpsnr = [xpsnr(frame, version) for version in versions]
    assert by_xpsnr[0] == 100 and (np.diff(by_xpsnr) < -5).all()
    # Planes are compared as they are: the same as of the RGB picture that they come from.
    planes = [rgb_to_yuv(each.rgb, ColourSpec()) for each in (frame, versions[2])]
    assert xpsnr(*planes) == by_xpsnr[2]


def test_xpsnr_counts_errors_for_less_where_they_are_hidden() -> None:
    """The same error costs less in a busy half than in a flat one; PSNR sees no difference."""
    generator = np.random.default_rng(0)
    picture = np.full((128, 256), 500, np.uint16)
    picture[:, 128:] += generator.integers(-200, 200, (128, 128)).astype(np.uint16)
    chroma = np.full((64, 128), 512, np.uint16)
    from vcmpipe.frames import Yuv

    def spoiled(columns: slice) -> Yuv:
        luma = picture.copy()
        luma[:, columns] += generator.integers(0, 2, (128, 128)).astype(np.uint16) * 8
        return Yuv(luma, chroma, chroma)

    source, flat, busy = Yuv(picture, chroma, chroma), spoiled(slice(0, 128)), spoiled(slice(128, 256))
    assert abs(psnr_y(source, flat) - psnr_y(source, busy)) < 0.3
    assert xpsnr(source, busy) > xpsnr(source, flat) + 3


def test_pictures_that_cannot_be_compared_are_said(make_frame: Callable[..., Frame]) -> None:
    with pytest.raises(InputError, match="64x32 and 32x64 cannot be compared"):
        xpsnr(make_frame(64, 32), make_frame(32, 64))
