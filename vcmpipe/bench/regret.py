"""Regret: what keeping every object of a picture costs over the cheapest version that does, whoever found that.

A version keeps a picture whole where it loses none of its objects. Where no version of a run does, or there is no
object, a picture has no regret. The cheapest version is chosen by looking at all of them, at every point of every
method: what a method that codes each picture once cannot know, and a search could have found.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bench.observations import Observations
from vcmpipe.bench.result import TARGET, Regret
from vcmpipe.evaluation import estimate


def cheapest_whole(observed: Observations) -> NDArray[np.int64]:
    """(N,) the point whose version is the cheapest that keeps each picture whole; -1 where none does, or no object."""
    whole = whole_pictures(observed)
    if not len(whole):
        return np.full(len(observed.names), -1)
    return np.where(whole.any(axis=0), np.where(whole, observed.bits, np.inf).argmin(axis=0), -1)


def whole_pictures(observed: Observations) -> NDArray[np.bool_]:
    """(P, N) whether each version of a picture with objects keeps all of them."""
    total = observed.objects.total
    whole: NDArray[np.bool_] = (observed.objects.kept == total) & (total > 0)
    return whole


def regrets(observed: Observations, weights: NDArray[np.float64]) -> list[Regret]:
    """The regret of every point that keeps nearly every picture whole, in the order of the points.

    These are the points that keep whole ``TARGET`` of the pictures that any version keeps whole: what is meant to keep
    everything does, but for a picture in which another version was luckier. Such a picture takes no part.

    Args:
        observed: What was measured.
        weights: (1 + R, N) how often each picture counts, once in the first row.
    """
    places, whole = cheapest_whole(observed), whole_pictures(observed)
    possible = places >= 0
    least = np.where(possible, observed.bits[places, np.arange(len(places))], 0) if len(whole) else places
    methods = np.array([point.method for point in observed.points])
    found = []
    for number, point in enumerate(observed.points):
        own = whole[number]
        if not own.any() or own.sum() < TARGET * possible.sum():
            continue
        bits = observed.bits[number]
        others = np.where(whole & (methods != point.method)[:, None], observed.bits, np.inf).min(axis=0)
        with np.errstate(invalid="ignore"):
            total = 100 * ((weights[:, own] @ bits[own]) / (weights[:, own] @ least[own]) - 1)
        ratios = np.where(own, bits / np.maximum(least, 1), 0.0)
        worst = int(ratios.argmax())
        found.append(
            Regret(
                method=point.method,
                label=point.label,
                pictures=int(own.sum()),
                missed=int((possible & ~own).sum()),
                cheaper=int((own & (others < bits)).sum()),
                total=estimate(total),
                worst=float(100 * (ratios[worst] - 1)),
                worst_picture=observed.names[worst],
                worst_method=observed.points[places[worst]].method,
                worst_label=observed.points[places[worst]].label,
            )
        )
    return found


def least_regrets(found: Sequence[Regret]) -> list[Regret]:
    """Of every method the point of least regret in total."""
    best: dict[str, Regret] = {}
    for each in found:
        known = best.get(each.method)
        if known is None or (each.total.value or 0.0) < (known.total.value or 0.0):
            best[each.method] = each
    return list(best.values())
