"""Figures of each sequence by itself, and the mean of what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bench.observations import Observations
from vcmpipe.bench.result import Average, MethodResult
from vcmpipe.bench.sequence_result import SequencePoint, SequenceResult
from vcmpipe.bench.statistics import Floats, Rows, curves_of, rows_of, track_counts, weighted
from vcmpipe.config import BenchOptions
from vcmpipe.evaluation import Curves, Estimate, bd_rates, estimate

# By method, anchor and quality a BD-rate in every draw.
_Drawn = dict[tuple[str, str, str], Floats]


def sequence_results(
    observed: Observations,
    methods: Sequence[MethodResult],
    anchors: Sequence[str],
    resamples: int = BenchOptions.resamples,
    seed: int = BenchOptions.seed,
) -> tuple[list[SequenceResult], list[MethodResult]]:
    """Every sequence, and the methods with the mean of their BD-rates in each.

    Intervals are those of the draws of all figures; a sequence of one segment has none. AP, which is dear to count in
    every draw of every sequence, has none either.
    """
    if not observed.sequences:
        return [], list(methods)
    anchors = [anchor for anchor in anchors if anchor in observed.methods]
    rows = rows_of(replace(observed, tables={}), "pictures", resamples, seed)
    results, drawn, weights = [], [], []
    for number, name in enumerate(observed.sequences):
        own = observed.sequence == number
        drawing = rows.weights if own.sum() > 1 else rows.weights[:1]
        result, rates = _of_sequence(observed, drawing * own, own, name, anchors)
        results.append(result)
        drawn.append(rates)
        # A sequence of one segment comes and goes with it; of others each is there in every draw.
        weights.append(rows.weights[:, own.argmax()] if own.sum() == 1 else np.ones(len(rows.weights)))
    several = [result.segments > 1 for result in results]
    return results, [_with_means(method, drawn, np.array(weights), several) for method in methods]


def _of_sequence(
    observed: Observations, weights: Floats, own: NDArray[np.bool_], name: str, anchors: Sequence[str]
) -> tuple[SequenceResult, _Drawn]:
    """One sequence under weights that are 0 elsewhere, with its BD-rates in every draw."""
    rule: Average = "pictures"
    drawn = weighted(replace(observed, tables={}), weights, rule)
    alone = weighted(observed, weights[:1], rule)
    once = {quality for quality in alone.qualities if quality not in drawn.qualities}

    def rows(quality: str) -> Rows:
        return alone if quality in once else drawn

    rates: _Drawn = {}
    found: dict[str, dict[str, dict[str, Estimate]]] = {}
    for method in observed.methods:
        for anchor in anchors:
            for quality in alone.qualities if method != anchor else ():
                pair: list[Curves] = [curves_of(observed, rows(quality), each, quality) for each in (anchor, method)]
                values, codes = bd_rates(*pair)
                found.setdefault(method, {}).setdefault(anchor, {})[quality] = estimate(values, codes)
                rates[method, anchor, quality] = np.where(codes == 0, values, np.nan)
    first = int(np.flatnonzero(own)[0])
    lengths = observed.lengths[own]
    points = [
        SequencePoint(
            bytes=int(observed.bits[place, own].sum()) // 8,
            kbps=float(drawn.rates[0, place]),
            psnr_y=float(np.average(observed.psnr_y[place, own], weights=lengths)),
            kept=int(observed.objects.kept[place, own].sum()),
            qualities={quality: estimate(rows(quality).qualities[quality][:, place]) for quality in alone.qualities},
            tracks=track_counts(observed, place, own),
        )
        for place in range(len(observed.points))
    ]
    result = SequenceResult(
        name=name,
        width=int(observed.sizes[first, 0]),
        height=int(observed.sizes[first, 1]),
        segments=int(own.sum()),
        frames=int(lengths.sum()),
        rate=float(observed.rate[first]),
        objects=int(observed.objects.total[own].sum()),
        points=points,
        bd_rate=found,
    )
    return result, rates


def _with_means(
    method: MethodResult, drawn: Sequence[_Drawn], weights: Floats, several: Sequence[bool]
) -> MethodResult:
    against = {
        anchor: replace(
            comparison,
            mean_bd_rate={
                quality: _mean([rates[method.method, anchor, quality] for rates in drawn], weights, several)
                for quality in comparison.bd_rate
            },
        )
        for anchor, comparison in method.against.items()
    }
    return replace(method, against=against)


def _mean(values: Sequence[Floats], weights: Floats, several: Sequence[bool]) -> Estimate:
    """The mean over the sequences that have the figure, under (S, 1 + R) weights of all of them.

    ``several`` says of which segments are drawn.

    A draw in which one of these has no figure takes no part.
    """
    there = [number for number, each in enumerate(values) if np.isfinite(each[0])]
    if not there:
        return Estimate(reason="no_overlap")
    if any(len(values[number]) == 1 and several[number] for number in there):
        # What was not counted in the draws has no interval.
        return estimate(np.mean([values[number][:1] for number in there], axis=0))
    even = np.array([np.broadcast_to(values[number], weights.shape[1:]) for number in there])
    own = weights[there]
    with np.errstate(invalid="ignore"):
        return estimate((even * own).sum(axis=0) / own.sum(axis=0), nan="no_overlap")
