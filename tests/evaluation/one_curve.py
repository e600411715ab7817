"""The figures of single curves, out of the arithmetic for many."""

from __future__ import annotations

import math
from collections.abc import Iterable

from vcmpipe.evaluation import Curves, Estimate, estimate, rate_at, saved_at

Points = Iterable[tuple[float, float | None]]


def curve(points: Points) -> Curves:
    pairs = [(bits, math.nan if quality is None else quality) for bits, quality in points]
    return Curves.of([[bits for bits, _ in pairs]], [[quality for _, quality in pairs]])


def envelope(points: Points) -> list[tuple[float, float]]:
    found = curve(points)
    return list(zip(found.rate[0, : found.count[0]].tolist(), found.quality[0, : found.count[0]].tolist(), strict=True))


def bits_at(points: Points, quality: float) -> Estimate:
    return estimate(*rate_at(curve(points), quality))


def bits_saved(anchor: Points, test: Points, quality: float) -> Estimate:
    return estimate(*saved_at(curve(anchor), curve(test), quality))
