"""From a JND map to a QP per CTU, matched by quality: pure arithmetic on errors that others measured.

A CTU may have as much squared error as viewers do not notice in it: the mean of its squared JNDs. How much error a QP
makes depends on what is in the CTU, so that it is measured, at some QPs, and interpolated between them: over the QP the
logarithm of the error runs nearly straight (a quantiser's step doubles every 6 QPs, and its squared error with it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import ViewerOptions
from vcmpipe.errors import InputError

Floats = NDArray[np.float64]

LADDER = (22, 27, 32, 37, 42, 47)
"""QPs that errors are measured at in any case; others only where a CTU's QP lies beyond these."""
STEP = 5
FACTOR = ViewerOptions.jnd_factor
"""Error that a CTU may have, as a multiple of its mean squared JND.

1: as much as the picture at its critical perceptual level has, by the network. Where in a CTU coding puts its error
does not count; a factor below 1 leaves room for that, one above 1 goes for bits.
"""
FLOOR = ViewerOptions.jnd_floor
"""Grey levels that no JND counts as less than.

In flat areas the network answers with almost nothing, since it has nothing to change there: with that a sky would ask
for QP 0. What the eye bears at least was measured otherwise: 3 grey levels, on mid grey, are the smallest threshold in
Chou and Li, "A perceptually tuned subband image coder based on the measure of just-noticeable-distortion profile" (IEEE
TCSVT 1995).
"""
# Squared grey levels below which errors are rounding, and whose logarithm would pull lines about.
_LEAST = 1e-3


def squared_error(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Floats:
    """Per pixel the mean over R, G, B of the squared difference: (H, W, 3) twice -> (H, W), squared grey levels."""
    difference = first.astype(np.int32) - second.astype(np.int32)
    result: Floats = np.square(difference).mean(axis=2)
    return result


def ctu_means(values: NDArray[Any], coded: tuple[int, int], shape: tuple[int, int], ctu: int) -> Floats:
    """Means over the pixels of each CTU, for a picture that may be coded smaller than it is.

    Args:
        values: (H, W), in source pixels.
        coded: Width and height that the picture is coded at, without padding; neither above the source's.
        shape: Rows and columns of CTUs.
        ctu: Side of a CTU in coded samples.

    Returns:
        (rows, columns).

    Raises:
        InputError: The CTUs do not cover the coded picture, or reach beyond it by a whole one.
    """
    height, width = values.shape
    edges = []
    for length, own, count in ((height, coded[1], shape[0]), (width, coded[0], shape[1])):
        if not (count - 1) * ctu < own <= count * ctu or own > length:
            raise InputError(f"{count} CTUs of {ctu} do not fit {own} coded samples of {length} pixels")
        edges.append(np.floor(np.arange(count) * ctu * (length / own) + 0.5).astype(np.int64))
    rows, columns = edges
    sums = np.add.reduceat(np.add.reduceat(values.astype(np.float64), rows, axis=0), columns, axis=1)
    areas = np.outer(np.diff(rows, append=height), np.diff(columns, append=width))
    means: Floats = sums / areas
    return means


def largest_qps(qps: Sequence[int], errors: Floats, allowed: Floats) -> NDArray[np.int64]:
    """Per CTU the largest QP at which its error stays at or below what is allowed.

    Between two measured QPs the logarithm of the error is taken to run straight. An error that falls with a larger QP
    does so by chance: a QP counts only if no smaller one has more error than is allowed.

    Args:
        qps: (Q,) ascending, at least two.
        errors: (Q, ...) mean squared error of each CTU at each QP.
        allowed: (...) what each CTU may have.

    Returns:
        (...) QPs; the smallest of ``qps`` where even its error is above, the largest where its own is allowed.
    """
    level = np.log(np.maximum(np.maximum.accumulate(errors, axis=0), _LEAST))
    wanted = np.log(np.maximum(allowed, _LEAST))
    result = np.full(wanted.shape, qps[0], dtype=np.float64)
    for place in range(len(qps) - 1):
        low, high = level[place], level[place + 1]
        rise = np.where(high > low, high - low, 1.0)
        share = np.where(high <= wanted, 1.0, np.clip((wanted - low) / rise, 0.0, 1.0))
        reached = qps[place] + (qps[place + 1] - qps[place]) * share
        result = np.where(wanted >= low, reached, result)
    # What misses a whole QP by rounding has reached it.
    floors: NDArray[np.int64] = np.floor(result + 1e-9).astype(np.int64)
    return floors


def matched_qps(
    measure: Callable[[Sequence[int]], Floats], allowed: Floats, qp_range: tuple[int, int]
) -> NDArray[np.int64]:
    """The largest QP of each CTU whose error is allowed, measuring no more than that takes.

    Args:
        measure: Gives, for ascending QPs (Q,), the (Q, ...) mean squared error of each CTU.
        allowed: (...) what each CTU may have.
        qp_range: The encoder's lowest and highest QP.

    Returns:
        (...) QPs in the range; its lowest where even that has too much error.
    """
    low, high = qp_range
    qps = [qp for qp in LADDER if low <= qp <= high] or [low]
    errors = dict(zip(qps, measure(qps), strict=True))
    while (first := min(errors)) > low and (errors[first] > allowed).any():
        errors[max(first - STEP, low)] = measure([max(first - STEP, low)])[0]
    while (last := max(errors)) < high and (errors[last] <= allowed).any():
        errors[min(last + STEP, high)] = measure([min(last + STEP, high)])[0]
    known = sorted(errors)
    if len(known) == 1:  # the range is one QP
        return np.full(allowed.shape, known[0], dtype=np.int64)
    return largest_qps(known, np.stack([errors[qp] for qp in known]), allowed)
