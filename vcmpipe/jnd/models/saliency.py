"""Where a picture draws the eye: the spectral residual of its grey levels, a target that anybody can compute again.

After Hou and Zhang, "Saliency Detection: A Spectral Residual Approach" (CVPR 2007): what a small version's amplitude
spectrum has beyond its own local mean, taken back to the picture, squared and smoothed. No weights, no randomness.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_MEAN = 3  # side of the box that the log amplitude is compared with
_SIGMA = 2.5  # of the last smoothing, in samples of the small version: that of the authors' script
_NOISE = 1e-9
"""Amplitudes below this part of the largest are rounding errors: their phase means nothing."""


def saliency(rgb: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """The map of a picture.

    Args:
        rgb: (H, W, 3) uint8.
        size: Height and width of the small version and the map; the paper has 64 rows.

    Returns:
        (height, width) float32 in 0..1, from the least salient point to the most; all 0 for a picture of one colour.
    """
    height, width = size
    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (width, height), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(grey.astype(np.float64))
    amplitude = np.abs(spectrum)
    floor = _NOISE * amplitude.max()
    real = amplitude > floor
    log = np.log(np.maximum(amplitude, floor if floor > 0 else 1.0))
    residual = log - cv2.blur(log, (_MEAN, _MEAN), borderType=cv2.BORDER_REPLICATE)
    phase = np.where(real, spectrum / np.where(real, amplitude, 1.0), 0.0)
    energy = np.abs(np.fft.ifft2(np.exp(residual) * phase)) ** 2
    smooth = cv2.GaussianBlur(energy, (0, 0), _SIGMA, borderType=cv2.BORDER_REPLICATE)
    low, high = smooth.min(), smooth.max()
    if high - low <= _NOISE * high:
        return np.zeros((height, width), np.float32)
    result: NDArray[np.float32] = ((smooth - low) / (high - low)).astype(np.float32)
    return result
