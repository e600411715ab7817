"""From observations to figures: averaging, intervals, comparisons. One draw of the pictures serves every figure.

Where sequences are compared their segments are drawn, each sequence's by themselves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bench.observations import NO_OBJECTS, Observations
from vcmpipe.bench.regret import regrets
from vcmpipe.bench.result import (
    QUALITIES,
    RETENTIONS,
    SAVED_OVER,
    TARGET,
    Average,
    ClassResult,
    Comparison,
    MethodResult,
    PointResult,
    Regret,
    Split,
    key_of,
)
from vcmpipe.bench.sequence_result import TrackCounts
from vcmpipe.bench.tracks import accuracy_of
from vcmpipe.config import BenchOptions
from vcmpipe.evaluation import Curves, Estimate, Reason, bd_rates, draw, estimate, rate_at, saved_at

Floats = NDArray[np.float64]

# A rate that was not reached is above all that were; what it would save lies below all that was saved. Where it is the
# anchor that does not get there, the saving lies above.
_RATE_ENDS: Mapping[Reason, float] = {"not_reached": math.inf}
_SAVED_ENDS: Mapping[Reason, float] = {"not_reached": -math.inf, "anchor_not_reached": math.inf}
# By table of ``Observations`` the names of its AP and AP50, as far as they are reported.
_FOLLOWED = ("hota", "idf1", "mota")
_ACCURACIES = {"truth": ("ap", "ap50"), "source": ("ap_source", "ap50_source"), "second": ("second_ap_source",)}


@dataclass(frozen=True)
class Rows:
    """Figures of every point in every draw; the first row is the set of pictures itself.

    Attributes:
        weights: (1 + R, N) how often each picture or segment counts.
        rates: (1 + R, P) by the averaging rule.
        sizes: (1 + R, P) mean bytes per picture or frame.
        qualities: By name (1 + R, P), or (1, P) where it is not counted in draws; NaN where there was nothing to keep.
        panel: Retention under each detector of the panel, (1 + R, P); empty where the detector is alone.
    """

    weights: Floats
    rates: Floats
    sizes: Floats
    qualities: Mapping[str, Floats]
    panel: Sequence[Floats] = ()


class Figures(NamedTuple):
    """All figures of a bench that have intervals."""

    points: Sequence[PointResult]
    methods: Sequence[MethodResult]
    classes: Sequence[ClassResult]
    regrets: Sequence[Regret]


def summarise(
    observed: Observations,
    anchors: Sequence[str],
    average: Average = BenchOptions.average,
    resamples: int = BenchOptions.resamples,
    seed: int = BenchOptions.seed,
) -> Figures:
    """Every figure with its interval, from so many draws of the pictures; 0 for no intervals.

    Anchors that took no part are passed over.
    """
    rows = rows_of(observed, average, resamples, seed)
    anchors = [anchor for anchor in anchors if anchor in observed.methods]
    return Figures(
        point_results(observed, rows, anchors),
        method_results(observed, rows, anchors),
        class_results(observed, rows, anchors),
        regrets(observed, rows.weights),
    )


def rows_of(observed: Observations, average: Average, resamples: int, seed: int) -> Rows:
    """Draw the pictures, or the segments of each sequence, and compute every point's figures in every draw."""
    strata = observed.sequence if observed.sequences else None
    return weighted(observed, draw(len(observed.names), resamples, seed, strata=strata), average)


def weighted(observed: Observations, weights: Floats, average: Average) -> Rows:
    """Every point's rate and qualities under (1 + R, N) weights of the pictures or segments."""
    lengths = observed.lengths
    panel = [_share(weights, each.kept, each.total) for each in (observed.objects, *observed.further)]
    qualities = {"retention": panel[0]}
    if observed.second:
        qualities["second_retention"] = panel[1]
    if observed.satisfied is not None:
        qualities["satisfied"] = _share(weights, observed.satisfied.share, observed.satisfied.frames)
    for truth, names in _ACCURACIES.items():
        if truth in observed.tables:
            frames = observed.frames[observed.annotated] if truth == "truth" else observed.frames
            both = [table.values(weights[:, frames]) for table in observed.tables[truth]]
            for i, name in enumerate(names):
                qualities[name] = np.array([value[i] for value in both]).reshape(-1, len(weights)).T
    qualities |= _of_tracks(observed, weights)
    for name, values in observed.human.items():
        qualities[name] = weights @ (values * lengths).T / (weights @ lengths)[:, None]
    return Rows(
        weights,
        _rates(observed, weights, average),
        weights @ (observed.bits / 8).T / (weights @ lengths)[:, None],
        {name: qualities[name] for name in QUALITIES if name in qualities},
        panel if observed.further else [],
    )


def _of_tracks(observed: Observations, weights: Floats) -> dict[str, Floats]:
    """Track retention in every draw; HOTA, IDF1 and MOTA, which are dear to count, of what the first row weighs."""
    found: dict[str, Floats] = {}
    there = sorted(set(observed.sequence[weights[0] > 0].tolist()))
    counted = [("", "", observed.track_truth)] if observed.track_truth else []
    for name, tracks in observed.tracks.items():
        second = "second_" if name == "second" else ""
        found[f"{second}track_retention"] = _share(weights, tracks.kept, tracks.total)
        counted.append((second, "_source", tracks.counted))
    for start, end, points in counted:
        figures = accuracy_of(points, there)
        for name in _FOLLOWED:
            values = [getattr(each, name) for each in figures]
            found[f"{start}{name}{end}"] = np.array([values], np.float64)
    return found


def _share(weights: Floats, kept: NDArray[np.int64] | Floats, total: NDArray[np.int64]) -> Floats:
    with np.errstate(invalid="ignore"):
        share: Floats = (weights @ kept.T) / (weights @ total)[:, None]
    return share


def _rates(observed: Observations, weights: Floats, average: Average) -> Floats:
    """(1 + R, P) rates: every picture counts once, or every class does.

    ``pictures``: mean bytes per picture; of sequences kbit/s, all bits over all seconds. ``bpp``: mean of the
    pictures', or frames', bits per source pixel. ``classes``: bytes per picture, or kbit/s, of the pictures or
    segments of each class (of which they hold objects), averaged over the classes.
    """
    sizes, length = rated(observed)
    if average == "bpp":
        # Bits of a segment per pixel of one of its frames, over frames.
        sizes, length = observed.bits / observed.sizes.prod(axis=1), observed.lengths.astype(np.float64)
    if average != "classes":
        rates: Floats = weights @ sizes.T / (weights @ length)[:, None]
        return rates
    member = (observed.members > 0).astype(np.float64)
    counts = weights @ (member * length[:, None])  # (1 + R, C)
    share = np.divide(1.0, counts, out=np.zeros_like(counts), where=counts > 0)
    # What a picture weighs: a share of each of its classes, each class weighing the same.
    own = weights * (share @ member.T) / (counts > 0).sum(axis=1)[:, None]
    rates = own @ sizes.T
    return rates


def rated(observed: Observations) -> tuple[Floats, Floats]:
    """(P, N) sizes and (N,) lengths whose quotient is a rate: bytes and pictures, or kilobits and seconds."""
    if observed.sequences:
        return observed.bits / 1000, observed.lengths / observed.rate
    return observed.bits / 8, np.ones(len(observed.names))


def point_results(observed: Observations, rows: Rows, anchors: Sequence[str]) -> list[PointResult]:
    """Every operating point with its intervals."""
    results = []
    kept = [quality for quality in SAVED_OVER if quality in rows.qualities]
    curves = {(anchor, quality): curves_of(observed, rows, anchor, quality) for anchor in anchors for quality in kept}
    pixels, lengths = int(observed.pixels.sum()), observed.lengths
    for place, point in enumerate(observed.points):
        saved: dict[str, dict[str, Estimate]] = {}
        for (anchor, quality), curve in curves.items():
            if anchor != point.method:
                wanted = rows.qualities[quality][:, place]
                own = Curves.of(rows.rates[: len(wanted), [place]], wanted[:, None])
                saved.setdefault(anchor, {})[quality] = estimate(*saved_at(curve, own, wanted), ends=_SAVED_ENDS)
        results.append(
            PointResult(
                method=point.method,
                label=point.label,
                rate=estimate(rows.rates[:, place]),
                bytes_per_picture=estimate(rows.sizes[:, place]),
                bpp=int(observed.bits[place].sum()) / pixels,
                psnr_y=float(np.average(observed.psnr_y[place], weights=lengths)),
                kept=int(observed.objects.kept[place].sum()),
                total=int(observed.objects.total.sum()),
                qualities={name: estimate(values[:, place]) for name, values in rows.qualities.items()},
                saved=saved,
                split=_split(observed.split[place], lengths),
                trials=float(observed.trials[place].mean()) if observed.trials[place].any() else None,
                panel=[estimate(shares[:, place]) for shares in rows.panel],
                tracks=track_counts(observed, place, np.ones(len(observed.names), np.bool_)),
            )
        )
    return results


def track_counts(observed: Observations, place: int, chosen: NDArray[np.bool_]) -> list[TrackCounts]:
    """Tracks at a point, of the (N,) chosen segments, under the detector and the second one."""
    sequences = sorted(set(observed.sequence[chosen].tolist()))
    return [tracks.of_point(place, chosen, sequences) for tracks in observed.tracks.values()]


def _split(bits: NDArray[np.int64], lengths: NDArray[np.int64]) -> Split:
    known = bits[:, 0] >= 0
    if not known.any():
        return Split(0, None, None, None)
    objects, background, headers = (float(part) for part in bits[known].sum(axis=0) / lengths[known].sum() / 8)
    return Split(int(known.sum()), objects, background, headers)


def method_results(observed: Observations, rows: Rows, anchors: Sequence[str]) -> list[MethodResult]:
    """Every method at the retentions of interest and against every anchor."""
    methods = observed.methods
    curves = {
        (method, quality): curves_of(observed, rows, method, quality)
        for method in methods
        for quality in rows.qualities
    }
    results = []
    for method in methods:
        against = {}
        for anchor in anchors:
            if anchor == method:
                continue
            pair = curves[anchor, "retention"], curves[method, "retention"]
            saved = {key_of(r): estimate(*saved_at(*pair, r), ends=_SAVED_ENDS) for r in RETENTIONS}
            rates = {
                quality: estimate(*bd_rates(curves[anchor, quality], curves[method, quality]))
                for quality in rows.qualities
            }
            against[anchor] = Comparison(saved, rates, saved_tracks=_saved_tracks(curves, anchor, method))
        own = curves[method, "retention"]
        at = {key_of(r): estimate(*rate_at(own, r), ends=_RATE_ENDS) for r in RETENTIONS}
        results.append(MethodResult(method, at, against))
    return results


def _saved_tracks(curves: Mapping[tuple[str, str], Curves], anchor: str, method: str) -> dict[str, Estimate]:
    """By track retention the bits that a method saves; nothing where tracks do not count."""
    if (method, "track_retention") not in curves:
        return {}
    pair = curves[anchor, "track_retention"], curves[method, "track_retention"]
    return {key_of(r): estimate(*saved_at(*pair, r), ends=_SAVED_ENDS) for r in RETENTIONS}


def class_results(observed: Observations, rows: Rows, anchors: Sequence[str]) -> list[ClassResult]:
    """Every class by itself: its pictures, with all objects in them, compared at TARGET."""
    methods = observed.methods
    size, length = rated(observed)
    results = []
    for column, name in enumerate(observed.classes):
        member = observed.members[:, column] > 0
        weights = rows.weights[:, member]
        with np.errstate(invalid="ignore"):
            sizes = weights @ size[:, member].T / (weights @ length[member])[:, None]
        share = _share(weights, observed.objects.kept[:, member], observed.objects.total[member])
        curves = {}
        for method in methods:
            places = _places(observed, method)
            curves[method] = Curves.of(sizes[:, places], share[:, places])
        saved = {
            method: estimate(*saved_at(curves[anchor], curves[method], TARGET), ends=_SAVED_ENDS)
            for anchor in anchors[:1]
            for method in methods
            if method != anchor
        }
        results.append(
            ClassResult(
                name,
                int(member.sum()),
                0 if name == NO_OBJECTS else int(observed.members[:, column].sum()),
                {method: estimate(*rate_at(curves[method], TARGET), ends=_RATE_ENDS) for method in methods},
                saved,
            )
        )
    return sorted(results, key=lambda result: (result.name == NO_OBJECTS, -result.pictures, -result.objects))


def _places(observed: Observations, method: str) -> list[int]:
    return [place for place, point in enumerate(observed.points) if point.method == method]


def curves_of(observed: Observations, rows: Rows, method: str, quality: str) -> Curves:
    """A method's points in every draw."""
    places = _places(observed, method)
    values = rows.qualities[quality][:, places]
    return Curves.of(rows.rates[: len(values), places], values)
