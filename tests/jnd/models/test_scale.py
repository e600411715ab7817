"""Labels of other codecs as VVC QPs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.jnd.models.scale import H264_TO_VVC, JPEG_TO_VVC, RANGES, jpeg_step, to_vvc_qp


def test_vvc_qps_stay_and_identity_takes_h264_qps_as_they_are() -> None:
    for scale, values in (("vvc-qp", [0, 31.5, 63]), ("h264-qp", [0, 27.25, 51])):
        assert to_vvc_qp(values, scale, "identity").tolist() == values
    assert to_vvc_qp([12.0, 63.0], "vvc-qp", "affine").tolist() == [12, 63]
    assert to_vvc_qp([[20, 30]], "h264-qp").shape == (1, 2)


def test_the_fit_is_the_line_that_its_constants_say() -> None:
    expected = H264_TO_VVC.offset + 30 * H264_TO_VVC.slope
    assert to_vvc_qp(30, "h264-qp") == pytest.approx(expected)
    # 25 quantises twice as coarsely as 50.
    expected = JPEG_TO_VVC.offset + 6 * JPEG_TO_VVC.slope
    assert to_vvc_qp(25, "jpeg-qf") == pytest.approx(expected)


def test_a_quality_factor_is_the_logarithm_of_its_step() -> None:
    # libjpeg's factor of its tables in percent: 5000 / QF below 50, 200 - 2 QF from there on.
    for factor, percent in ((5, 1000), (10, 500), (49, 5000 / 49), (50, 100), (75, 50), (95, 10), (98, 4)):
        assert jpeg_step(factor) == pytest.approx(6 * math.log2(percent / 100))
    assert jpeg_step(100) == jpeg_step(98) and jpeg_step(0) == jpeg_step(1)


@given(st.sampled_from(["h264-qp", "jpeg-qf"]), st.lists(st.floats(0, 1), min_size=2, max_size=20))
def test_the_coarser_the_label_the_coarser_the_qp(scale: str, shares: list[float]) -> None:
    low, high = RANGES[scale]
    values = np.sort(low + np.array(shares) * (high - low))
    qps = to_vvc_qp(values, scale)
    steps = np.diff(qps) * (1 if scale == "h264-qp" else -1)
    assert (steps >= 0).all() and qps.dtype == np.float64
    assert qps.min() >= 0 and qps.max() <= 63


@pytest.mark.parametrize(
    ("values", "scale", "how", "message"),
    [
        ([52], "h264-qp", "affine", "52 is outside the scale h264-qp, 0..51"),
        ([3, -1], "h264-qp", "identity", "-1 is outside"),
        ([101], "jpeg-qf", "affine", "101 is outside the scale jpeg-qf, 0..100"),
        ([64], "vvc-qp", "affine", "64 is outside the scale vvc-qp, 0..63"),
        ([math.nan], "h264-qp", "affine", "nan is outside"),
        ([math.inf], "jpeg-qf", "affine", "inf is outside"),
        ([50], "jpeg-qf", "identity", "a JPEG quality factor is not a QP"),
        ([50], "none", "affine", "'none' cannot become VVC QPs"),
        ([50], "h264-qp", "psnr", "there is no conversion 'psnr'"),
    ],
)
def test_what_is_no_label_of_the_scale_is_refused(values: list[float], scale: str, how: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_vvc_qp(values, scale, how)  # type: ignore[arg-type]
