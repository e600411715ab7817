"""Labels from few encodes: each object's boundary is bracketed, then closed in on.

A picture coded once serves all of its objects, so the QPs of one round are the union of what each object asks for.
Constants were chosen by replaying full sweeps of photos (``benchmarks/dataset_search.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

# The first QPs, where most boundaries lie. QPs far below, which cost most, are coded only for objects lost here.
_GRID = (36, 44, 52)
# QPs by which the search goes down for an object that is lost everywhere so far.
_DOWN = 8
# QPs beyond the first one lost that are coded: strings of found and lost are not monotone.
_BEYOND = 1


def search_qps(
    objects: int, qps: Sequence[int], found: Callable[[Sequence[int]], NDArray[np.bool_]]
) -> NDArray[np.int64]:
    """Ask for few QPs of a picture, so many that every object's label is settled.

    Per object the highest QP of a coarse grid at which it is found and the next one, at which it is not, are closed in
    on by halves until they are neighbours; then the QP beyond is requested, too, and where the object turns up there,
    the search goes on from there.

    Args:
        objects: How many objects there are.
        qps: The QPs that may be requested, ascending.
        found: Codes the picture at some QPs and gives which objects are found there, (objects, QPs) bool. It is called
            again for QPs that it was called for before.

    Returns:
        The QPs that were requested, ascending; none where there are no objects.
    """
    if objects == 0:
        return np.zeros(0, dtype=np.int64)
    ladder = np.array(qps, dtype=np.int64)
    requested = {int(np.abs(ladder - qp).argmin()) for qp in _GRID}
    while True:
        places = sorted(requested)
        seen = found([int(ladder[place]) for place in places])
        wanted = {place for row in seen for place in _next(places, row, len(ladder))} - requested
        if not wanted:
            return ladder[places]
        requested |= wanted


def _next(places: Sequence[int], row: NDArray[np.bool_], count: int) -> set[int]:
    """What one object asks for next: places in the ladder, of ``count``, that may have been requested already."""
    hits = np.flatnonzero(row)
    if not hits.size:
        return {max(0, places[0] - _DOWN)}
    last = int(hits[-1])
    inside, outside = places[last], places[last + 1] if last + 1 < len(places) else count
    if outside - inside > 1:
        return {(inside + outside) // 2}
    return set(range(outside, min(count, outside + _BEYOND + 1)))
