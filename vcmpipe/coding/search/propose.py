"""Which versions of a picture are worth a thought: whole at every QP, and maps that weigh each object's risk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream import RegionLayout
from vcmpipe.coding.search.canvas import Batch, Candidate, Canvas, Ints
from vcmpipe.coding.search.posterior import Floats, Posterior
from vcmpipe.coding.search.search import RatedCandidate

Maps = Literal["regions", "native", "none"]

# QPs that are thought of. Below the first the bits of anything are too many, and what is lost there is lost by chance:
# another version is likelier to keep it than more bits. Above the last nothing is kept.
_QPS = np.arange(18, 60)
# Exchange rates at which an object's bits, as a share of all objects' bits at QP 32, are weighed against the logarithm
# of its chance: from most careful to boldest.
_RATES = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
# How far the QP of what surrounds an object lies above its own, and the background's above the largest of the objects.
_STEPS_AROUND = (0, 4, 9, 16, 63)
_STEPS_BEHIND = (10, 18, 63)
# Maps for which regions are planned in one call: planning is what thinking costs.
_PLANS = 10


@dataclass(frozen=True, eq=False)
class Appraised:
    """A batch with the chance of each version to keep everything."""

    canvas: Canvas
    batch: Batch
    chance: Floats


def propose(
    canvases: Sequence[Canvas],
    posterior: Posterior,
    tried: Sequence[Candidate],
    failed: Sequence[Candidate],
    wanted: NDArray[np.bool_],
    best: float | None,
    *,
    maps: Maps,
) -> list[RatedCandidate[Candidate]]:
    """Versions at all scales that no other is expected to beat, both in bits and in chance.

    Args:
        canvases: The picture at each scale.
        posterior: What is known of the objects.
        tried: Versions that were coded.
        failed: Versions that could not be coded.
        wanted: (N,) the objects that count; none, where nothing keeps any of them.
        best: Bits of the best verified version, or None: what cannot be cheaper is left out.
        maps: How the encoder takes maps.
    """
    found: list[Appraised] = []
    rough: list[Appraised] = []
    for canvas in canvases:
        low, high = canvas.qp_range
        qps = _QPS[(low <= _QPS) & (high >= _QPS)]
        found.append(_appraised(canvas, posterior, wanted, canvas.uniform(qps)))
        if maps == "none" or not wanted.any():
            continue  # where no object counts, the cheapest whole picture does
        own = [candidate for candidate in tried if candidate.scale == canvas.scale]
        for layout, drawn in _maps(canvas, posterior, own, wanted, qps).items():
            if layout is not None:
                found.append(_appraised(canvas, posterior, wanted, canvas.batch(drawn, layout)))
            # As if the encoder took the map itself: what regions are planned for, where it does not.
            (found if maps == "native" else rough).append(
                _appraised(canvas, posterior, wanted, canvas.batch(drawn, None))
            )
    if rough:
        found += _planned(rough, posterior, wanted, best)
    return _front(found, {candidate.identity for candidate in (*tried, *failed)}, best)


def _appraised(canvas: Canvas, posterior: Posterior, wanted: NDArray[np.bool_], batch: Batch) -> Appraised:
    chance = posterior.log_chance(canvas.octaves, batch.own.T, batch.ring.T, batch.samples.T)[wanted].sum(axis=0)
    return Appraised(canvas, batch, np.exp(chance))


def _maps(
    canvas: Canvas, posterior: Posterior, tried: Sequence[Candidate], wanted: NDArray[np.bool_], qps: Ints
) -> dict[RegionLayout | None, Ints]:
    """Maps, (M, CTUs), by the regions of the tried version that they come from, or None."""
    top = canvas.qp_range[1]
    core, ring = canvas.core.astype(np.float64), canvas.ring.astype(np.float64)
    core_bits, ring_bits = core @ canvas.ctu_bits, ring @ canvas.ctu_bits
    whole = max(float(core_bits[:, 32].sum()), 1.0)
    levels = np.broadcast_to(qps, (len(core), len(qps))).astype(np.float64)
    chances, costs = [], []
    for steps in _STEPS_AROUND:
        rings = np.minimum(qps + steps, top)
        around = levels + canvas.ring_share[:, None] * (rings - qps) + canvas.far_share[:, None] * (top - qps)
        chances.append(posterior.log_chance(canvas.octaves, levels, around))
        costs.append((core_bits[:, qps] + ring_bits[:, rings] - ring_bits[:, [top]]) / whole)
    chance, cost = np.concatenate(chances, axis=1), np.concatenate(costs, axis=1)
    found: dict[RegionLayout | None, list[Ints]] = {}
    for candidate in (None, *(one for one in tried if one.layout is not None)):
        table = chance if candidate is None else _sticky(canvas, posterior, candidate, chance, qps)
        for rate in _RATES:
            best = (table - rate * cost).argmax(axis=1)
            # What does not count is background.
            inner = np.where(wanted, qps[best % len(qps)], top)
            steps = np.array(_STEPS_AROUND)[best // len(qps)]
            for behind in _STEPS_BEHIND:
                background = min(int(inner[wanted].max()) + behind, top)
                drawn = canvas.map_of(inner, np.minimum(inner + steps, top), background)
                found.setdefault(candidate.layout if candidate else None, []).append(drawn)
    return {layout: np.unique(np.stack(drawn), axis=0) for layout, drawn in found.items()}


def _sticky(canvas: Canvas, posterior: Posterior, candidate: Candidate, chance: Floats, qps: Ints) -> Floats:
    """The chances, but that an object at the QPs of a tried version shows what it showed there."""
    batch = canvas.of_candidate(candidate)
    again = posterior.log_chance(canvas.octaves, batch.own.T, batch.ring.T, batch.samples.T)[:, 0]
    requested = candidate.map.qp.ravel().astype(np.int64)
    table = chance.copy()
    for i, core in enumerate(canvas.core):
        own = int(requested[core].min())
        at = int(np.searchsorted(qps, own))
        if at < len(qps) and qps[at] == own:
            outside = requested[canvas.ring[i]]
            steps = int(outside.min()) - own if len(outside) else 0
            table[i, int(np.abs(np.array(_STEPS_AROUND) - steps).argmin()) * len(qps) + at] = again[i]
    return table


def _planned(
    rough: list[Appraised], posterior: Posterior, wanted: NDArray[np.bool_], best: float | None
) -> list[Appraised]:
    """Regions for the most promising maps."""
    bits = np.concatenate([each.batch.bits for each in rough])
    chance = np.concatenate([each.chance for each in rough])
    owner = np.concatenate([np.full(len(each.chance), n) for n, each in enumerate(rough)])
    place = np.concatenate([np.arange(len(each.chance)) for each in rough])
    ceiling = best if best is not None else 2.0 * float(bits.max())
    promise = chance * np.maximum(ceiling - bits, 0.0)
    found = []
    for at in np.argsort(-promise, kind="stable")[:_PLANS]:
        if promise[at] > 0:
            canvas, values = rough[owner[at]].canvas, rough[owner[at]].batch.maps[place[at]]
            layout = canvas.planned(values)
            if len(layout.regions()) > 1:
                found.append(_appraised(canvas, posterior, wanted, canvas.batch(values[None], layout)))
    return found


def _front(found: list[Appraised], tried: set[object], best: float | None) -> list[RatedCandidate[Candidate]]:
    """The versions that no other beats in bits and chance, cheapest first."""
    bits = np.concatenate([each.batch.bits for each in found])
    chance = np.concatenate([each.chance for each in found])
    owner = np.concatenate([np.full(len(each.chance), n) for n, each in enumerate(found)])
    place = np.concatenate([np.arange(len(each.chance)) for each in found])
    front: list[RatedCandidate[Candidate]] = []
    highest = 0.0
    for at in np.lexsort((-chance, bits)):
        if not np.isfinite(bits[at]) or (best is not None and bits[at] >= best):
            break
        if chance[at] > highest:
            candidate = found[owner[at]].canvas.candidate(found[owner[at]].batch, int(place[at]))
            if candidate.identity not in tried:
                highest = float(chance[at])
                front.append(RatedCandidate(candidate, float(bits[at]), highest))
    return front
