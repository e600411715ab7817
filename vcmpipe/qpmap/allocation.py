"""QPs of cells (CTUs, or regions) that cost the fewest bits + price x expected loss.

Three ways, from plain to clever: one QP for all; each cell for itself, where an object is the mean of its samples; and
objects as wholes, where one is as good as its worst cell. Each is the exact minimum of its own model, so that the
expected loss never rises with the price, and neither of the latter two is ever worse than one QP.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.qpmap.expected_loss import QPS, Floats, Stakes
from vcmpipe.qpmap.qp_map import check_qp

Qps = NDArray[np.int64]

# Costs are whole numbers to the flow: the largest of them, and more than any cut of the others may cost.
_LARGEST = 50_000_000
_NEVER = 2_000_000_000


def one_qp(bits: Floats, stakes: Stakes, price: float, qp_range: tuple[int, int]) -> Qps:
    """The best QP for all cells; of equals the largest.

    Args:
        bits: (C, 64) of each cell at each QP; never rising.
        stakes: What objects lose in these cells.
        price: Bits per unit of loss, 0 or more.
        qp_range: Least and largest QP.

    Returns:
        (C,) QPs.

    Raises:
        InputError: The cells are not those of the stakes, the price is negative or not finite, or the range is none.
    """
    low, high = _checked(bits, stakes, price, qp_range)
    cost = bits.sum(axis=0) + price * stakes.loss.sum(axis=0)
    return np.full(len(bits), high - int(cost[low : high + 1][::-1].argmin()), np.int64)


def by_cell(bits: Floats, stakes: Stakes, price: float, qp_range: tuple[int, int]) -> Qps:
    """Each cell at its own best QP, an object losing the mean of its samples: arguments as of ``one_qp``."""
    low, high = _checked(bits, stakes, price, qp_range)
    cost = bits + price * (stakes.shares.T @ stakes.loss)
    return np.asarray(high - cost[:, low : high + 1][:, ::-1].argmin(axis=1), np.int64)


def by_object(bits: Floats, stakes: Stakes, price: float, qp_range: tuple[int, int]) -> Qps:
    """Objects as wholes, each as good as its worst cell: arguments as of ``one_qp``.

    An object that overlaps others is chosen together with them. With a largest QP t of each object the best QPs of the
    cells are at hand, and the best t are a minimum cut: levels of objects and of cells, a cell's never above those of
    the objects that it lies in (Ishikawa, Exact Optimization for Markov Random Fields with Convex Priors, PAMI 2003,
    section 3, for several levels; Picard, Maximal Closure of a Graph, Management Science 1976).
    """
    low, high = _checked(bits, stakes, price, qp_range)
    alone = stakes.context.sum(axis=1, keepdims=True) == 0
    weight = np.where(alone, 0.0, stakes.weight)
    around = bits + price * ((weight * stakes.context).T @ stakes.loss)
    whole = price * ((1.0 - weight) * stakes.loss)[:, low : high + 1]
    costs = around[:, low : high + 1]
    # Cells in the same objects share a largest QP; below it each is at its best.
    inside = stakes.own > 0
    sets, member = np.unique(inside.T, axis=0, return_inverse=True)
    member = member.reshape(-1)
    least = np.minimum.accumulate(costs, axis=1)
    groups = np.zeros((len(sets), costs.shape[1]))
    np.add.at(groups, member, least)
    limit = np.full(len(bits), high - low)
    if len(whole) and price > 0:
        top = _cut(whole, groups, sets)
        free = np.where(sets, top[None, :], high - low).min(axis=1)
        limit = free[member]
    allowed = np.where(np.arange(costs.shape[1])[None, :] <= limit[:, None], costs, np.inf)
    return np.asarray(high - allowed[:, ::-1].argmin(axis=1), np.int64)


def _cut(whole: Floats, groups: Floats, sets: NDArray[np.bool_]) -> Qps:
    """The level of each of N objects (N, K), K levels, with groups of cells (G, K) that lie in sets (G, N) of them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    bound = sets.any(axis=1)
    groups, sets = groups[bound], sets[bound]
    objects, levels = whole.shape
    nodes = (objects + len(groups)) * (levels - 1)
    if not nodes or levels < 2:
        return np.full(objects, levels - 1, np.int64)
    # Node (v, k): v's level is k + 1 or more; that costs objects something and spares groups something.
    rise, gain = np.diff(whole, axis=1), -np.diff(groups, axis=1)
    unit = max(float(np.maximum(rise, 0).sum()), float(np.maximum(gain, 0).sum()), 1e-9) / _LARGEST
    place = np.arange(nodes).reshape(-1, levels - 1)
    source, sink = nodes, nodes + 1
    higher = place[:, 1:].ravel(), place[:, :-1].ravel()
    cell, owner = np.nonzero(sets)
    within = place[objects + cell].ravel(), place[owner].ravel()
    spared, paid = np.rint(np.maximum(gain, 0) / unit).ravel(), np.rint(np.maximum(rise, 0) / unit).ravel()
    first = place[:objects].ravel()
    second = place[objects:].ravel()
    begin = np.concatenate([higher[0], within[0], np.full(len(second), source), first])
    end = np.concatenate([higher[1], within[1], second, np.full(len(first), sink)])
    never = np.full(len(higher[0]) + len(within[0]), _NEVER)
    room = np.concatenate([never, spared, paid]).astype(np.int32)
    graph = coo_array((room, (begin, end)), shape=(nodes + 2, nodes + 2)).tocsr()
    rest = graph - maximum_flow(graph, source, sink).flow
    rest.data = np.maximum(rest.data, 0)
    rest.eliminate_zeros()
    reached = np.zeros(nodes + 2, np.bool_)
    reached[breadth_first_order(rest, source, return_predecessors=False)] = True
    return np.asarray(reached[place[:objects]].sum(axis=1), np.int64)


def _checked(bits: Floats, stakes: Stakes, price: float, qp_range: tuple[int, int]) -> tuple[int, int]:
    if bits.ndim != 2 or bits.shape[1] != QPS or bits.shape[0] != stakes.own.shape[1]:
        raise InputError(f"bits of the shape {bits.shape} are not those of {stakes.own.shape[1]} cells at {QPS} QPs")
    if not np.isfinite(price) or price < 0:
        raise InputError(f"a unit of loss is worth 0 bits or more, not {price}")
    low, high = check_qp(qp_range[0]), check_qp(qp_range[1])
    if low > high:
        raise InputError(f"QPs {low}..{high} are no range")
    return low, high
