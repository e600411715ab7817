"""From the scales that human JNDs count on, H.264 QPs and JPEG quality factors, to VVC QPs; no encoder is needed.

``identity`` takes the number as it is, which only serves as a baseline. ``affine`` is a line, fitted once to quality
matches of photos through real encodes (``benchmarks/scale_conversion.py``). A match of the picture at hand is better
than either: ``vcmpipe.jnd.quality_match``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.datasets.scales import RANGES
from vcmpipe.errors import InputError

How = Literal["identity", "affine"]


@dataclass(frozen=True)
class Affine:
    """A line: ``offset + slope * x``."""

    offset: float
    slope: float

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The line at each value."""
        result: NDArray[np.float64] = self.offset + self.slope * values
        return result


# Least squares through XPSNR matches of 8 COCO photos at three quarters of their size, VVenC faster, by
# benchmarks/scale_conversion.py at H.264 QPs 18..46 and factors 10..95; how far they are off:
# docs/studies/scale-conversion.md. x is the H.264 QP.
H264_TO_VVC = Affine(1.43, 0.9364)
# x is the quality factor as a QP: see ``jpeg_step``.
JPEG_TO_VVC = Affine(31.70, 0.6379)


def jpeg_step(factors: ArrayLike) -> NDArray[np.float64]:
    """JPEG quality factors as steps of quantisation on a scale like a QP's: 6 more for a step twice as wide.

    libjpeg multiplies its tables by 50 / QF below 50 and by 2 - QF / 50 from there on; this is 6 times the binary
    logarithm of that, 0 at QF 50. Nothing is finer than a table of ones, so that factors above 98 count as 98, and 0
    counts as 1.

    Args:
        factors: Quality factors, 0..100.
    """
    values = np.clip(np.asarray(factors, dtype=np.float64), 1.0, 98.0)
    step: NDArray[np.float64] = 6.0 * np.log2(np.where(values < 50, 50.0 / values, 2.0 - values / 50.0))
    return step


def to_vvc_qp(values: ArrayLike, scale: str, how: How = "affine") -> NDArray[np.float64]:
    """Labels or predictions as VVC QPs.

    Args:
        values: On ``scale``, of any shape; whole or not.
        scale: ``vvc-qp`` (nothing changes), ``h264-qp`` or ``jpeg-qf``.
        how: ``identity`` or ``affine``; see the module.

    Returns:
        float64 of the same shape, clipped to 0..63.

    Raises:
        InputError: There is no such scale or way, a value is outside the scale or no number, or a quality factor is to
            pass for a QP.
    """
    if scale not in RANGES:
        raise InputError(f"labels that count {scale!r} cannot become VVC QPs: the scales are {', '.join(RANGES)}")
    if how not in get_args(How):
        raise InputError(f"there is no conversion {how!r}: choose from {', '.join(get_args(How))}")
    given = np.asarray(values, dtype=np.float64)
    low, high = RANGES[scale]
    outside = ~((given >= low) & (given <= high))  # NaN is, too
    if outside.any():
        raise InputError(f"{given[outside].flat[0]:g} is outside the scale {scale}, {low}..{high}")
    if scale == "vvc-qp":
        return given.copy()
    if how == "affine":
        return np.clip(H264_TO_VVC(given) if scale == "h264-qp" else JPEG_TO_VVC(jpeg_step(given)), *RANGES["vvc-qp"])
    if scale == "jpeg-qf":
        raise InputError(
            "a JPEG quality factor is not a QP, and lower is coarser: convert it by affine, not by identity"
        )
    return given.copy()
