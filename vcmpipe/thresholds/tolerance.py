"""The error tolerance of OW-JRD: one threshold out of 64 decisions that contradict each other.

It stands here, below both who need it: BC-JRD, which predicts the decisions, and the label rules, which read them off
what a detector found.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT

# Of WINDOW decisions that end at a find, at most TOLERANCE may be losses.
WINDOW = 8
TOLERANCE = 5


def error_tolerance(found: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The threshold of each string of decisions (OW-JRD, TMM 2023).

    A string that changes at most once has the last QP at which the object is recognised. Otherwise windows are tried
    from the highest QP down: the first that ends with a find and holds at most ``TOLERANCE`` losses gives its last QP.

    Args:
        found: (N, 64) bool; whether each object is recognised at QP 0..63.

    Returns:
        (N,) int64 QPs, 0..63; 0 where no window fits or nothing is recognised.

    Raises:
        InputError: The strings have another length.
    """
    found = np.asarray(found, dtype=np.bool_)
    if found.ndim != 2 or found.shape[1] != QP_COUNT:
        raise InputError(f"the error tolerance reads {QP_COUNT} decisions per object, not the shape {found.shape}")
    hops = (found[:, 1:] != found[:, :-1]).sum(axis=1)
    losses = sliding_window_view(~found, WINDOW, axis=1).sum(axis=2)  # (N, 57), by the window's first QP
    fits = found[:, WINDOW - 1 :] & (losses <= TOLERANCE)
    last = QP_COUNT - 1 - found[:, ::-1].argmax(axis=1)
    highest = QP_COUNT - 1 - fits[:, ::-1].argmax(axis=1)
    labels = np.where(hops <= 1, last, np.where(fits.any(axis=1), highest, 0))
    return np.where(found.any(axis=1), labels, 0).astype(np.int64)
