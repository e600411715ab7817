"""Importance-based bit allocation (MFIBA): bits by what a cell's distortion is worth, in closed form.

A cell of importance w that is given R bits is distorted by D(R) = w a R^b, b < 0. The sum of all w a R^b + slope R is
least where w a b R^(b-1) = -slope in every cell: R* = (-slope / (w a b))^(1 / (b - 1)), snapped to the QP whose bits
come nearest. a and b are those of each cell: lines through the logarithms of the rate model's bits and of the
distortion of its coefficients.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.qpmap.expected_loss import QPS, Floats
from vcmpipe.qpmap.rate import bin_octaves, coefficient_counts

FIT_QPS = (22, 52)
"""The QPs that a cell's curve is fitted to."""
DEAD_ZONE = 0.6
"""Coefficients below this share of a quantiser's step are lost whole."""
_FLAT_BITS = 1e-3
_STEEPEST, _FLATTEST = -8.0, -0.05


def relative_distortion(luma: NDArray[Any], ctu: int, *, bit_depth: int | None = None) -> Floats:
    """The share of each CTU's energy, DC left out, that a QP takes away: (rows, cols, 64), never falling.

    A coefficient of magnitude c is lost below the dead zone of a step of 2^((QP - 4) / 6), and off by a twelfth of the
    step's square above it (Gish and Pierce, Asymptotically Efficient Quantizing, 1968): see ``coefficient_counts`` for
    the arguments. A flat CTU has nothing to lose: 0.
    """
    counts = coefficient_counts(luma, ctu, bit_depth=bit_depth)
    energy = 4.0 ** bin_octaves()
    # The lowest bin is for all that is smaller, exact zeros among it.
    energy[0] = 0.0
    step = 2.0 ** ((np.arange(QPS) - 4) / 6)
    lost = np.where(np.sqrt(energy)[:, None] < DEAD_ZONE * step[None, :], np.inf, step[None, :] ** 2 / 12)
    lost = np.minimum(lost, energy[:, None])
    whole = (counts @ energy)[:, :, None]
    share = np.divide(counts @ lost, whole, out=np.zeros((*counts.shape[:2], QPS)), where=whole > 0)
    result: Floats = np.maximum.accumulate(np.minimum(share, 1.0), axis=2)
    return result


def fit_power_law(bits: Floats, distortion: Floats) -> tuple[Floats, Floats]:
    """Fit D = a R^b to each cell, by least squares of logarithms over ``FIT_QPS``.

    Args:
        bits: (C, 64).
        distortion: (C, 64).

    Returns:
        (C,) a, 0 where a cell has hardly any bits or nothing to lose; and (C,) b, held in -8..-0.05.
    """
    low, high = FIT_QPS
    rate, lost = bits[:, low : high + 1], distortion[:, low : high + 1]
    usable = (rate > _FLAT_BITS) & (lost > 1e-9)
    count = usable.sum(axis=1)
    x, y = np.log(np.where(usable, rate, 1.0)), np.log(np.where(usable, lost, 1.0))
    safe = np.maximum(count, 1)
    mean_x, mean_y = x.sum(axis=1) / safe, y.sum(axis=1) / safe
    off_x = np.where(usable, x - mean_x[:, None], 0.0)
    spread = (off_x**2).sum(axis=1)
    slope = np.divide((off_x * y).sum(axis=1), spread, out=np.full(len(bits), -1.0), where=spread > 1e-9)
    b = np.clip(slope, _STEEPEST, _FLATTEST)
    a = np.where(count >= 2, np.exp(mean_y - b * mean_x), 0.0)
    return a, b


def best_bits(importance: ArrayLike, a: ArrayLike, b: ArrayLike, slope: float) -> Floats:
    """R* = (-slope / (w a b))^(1 / (b - 1)), the bits that make w a R^b + slope R least; 0 where w a is 0.

    Args:
        importance: w, 0 or more.
        a: 0 or more.
        b: Below 0.
        slope: Distortion per bit, above 0.

    Raises:
        InputError: A value is out of its range.
    """
    w, scale, power = (np.asarray(each, np.float64) for each in (importance, a, b))
    if not slope > 0 or (w < 0).any() or (scale < 0).any() or (power >= 0).any():
        raise InputError("bits by importance need a slope above 0, importance and a of 0 or more, and b below 0")
    worth = w * scale
    with np.errstate(divide="ignore", over="ignore"):
        best = (slope / np.where(worth > 0, -worth * power, 1.0)) ** (1.0 / (power - 1.0))
    result: Floats = np.where(worth > 0, best, 0.0)
    return result


def by_importance(
    bits: Floats, distortion: Floats, importance: ArrayLike, slope: float, qp_range: tuple[int, int]
) -> NDArray[np.int64]:
    """The QP of each of C cells, by its importance.

    Args:
        bits: (C, 64), never rising.
        distortion: (C, 64), in units of what ``importance`` multiplies.
        importance: (C,), 0 or more; a cell of 0 gets the largest QP.
        slope: Importance that a bit must buy, above 0.
        qp_range: Least and largest QP.

    Raises:
        InputError: See ``best_bits``.
    """
    low, high = qp_range
    wanted = best_bits(importance, *fit_power_law(bits, distortion), slope)
    # Bits and their ratios: near a QP means near in the logarithm.
    offered = np.log(np.maximum(bits[:, low : high + 1], _FLAT_BITS))
    off = np.abs(offered - np.log(np.maximum(wanted, _FLAT_BITS))[:, None])
    return np.asarray(high - off[:, ::-1].argmin(axis=1), np.int64)
