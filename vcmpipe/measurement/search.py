"""Labels from few encodes: each object's boundary is bracketed, then looked at closely.

A picture coded once serves all of its objects, so the QPs of one round are the union of what each object asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

# The first look: every eighth QP, where most boundaries lie (the 5th percentile of published labels is 21). Lower QPs,
# which cost most, are coded only for objects that are lost in all of these.
_STEP = 8
_FIRST = 21
# QPs on either side of a boundary that are coded, because strings of found and lost are not monotone.
_WINDOW = 2


def search_qps(
    objects: int, qps: Sequence[int], found: Callable[[Sequence[int]], NDArray[np.bool_]]
) -> NDArray[np.int64]:
    """Ask for few QPs of a picture, so many that every object's label is settled.

    Args:
        objects: How many objects there are.
        qps: The QPs that may be asked for, ascending.
        found: Codes the picture at some QPs and says which objects are found there, (objects, QPs) bool. It is asked
            again about QPs that it was asked about before.

    Returns:
        The QPs that were asked for, ascending; none where there are no objects.
    """
    if objects == 0:
        return np.zeros(0, dtype=np.int64)
    asked = {qp for qp in qps if qp >= _FIRST and (qp - _FIRST) % _STEP == 0} or {qps[-1]}
    while True:
        ladder = sorted(asked)
        seen = found(ladder)
        wanted = {qp for row in seen for qp in _next(ladder, row, qps)} - asked
        if not wanted:
            return np.array(ladder, dtype=np.int64)
        asked |= wanted


def _next(ladder: Sequence[int], row: NDArray[np.bool_], qps: Sequence[int]) -> set[int]:
    """What one object asks for next."""
    hits = np.flatnonzero(row)
    if not hits.size:
        below = [qp for qp in qps if qp < ladder[0]]
        # Down in steps of the first look, to the lowest QP.
        return {below[max(0, len(below) - _STEP)]} if below else set()
    last = int(hits[-1])
    above = ladder[last + 1] if last + 1 < len(ladder) else qps[-1] + 1
    between = [qp for qp in qps if ladder[last] < qp < above]
    if between:
        return {between[len(between) // 2]}
    place = qps.index(ladder[last])
    return set(qps[max(0, place - _WINDOW) : place + _WINDOW + 2])
