"""A small bench, made by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from vcmpipe.bench import BenchResult, PointResult
from vcmpipe.bench.result import compare
from vcmpipe.config import BenchOptions

# (method, label, bytes per picture, kept of 100)
POINTS = [
    ("jrd", "margin -3", 9_000.0, 99),
    ("jrd", "margin +0", 5_000.0, 95),
    ("jrd", "margin +3", 2_500.0, 80),
    ("plain", "QP 22", 20_000.0, 99),
    ("plain", "QP 32", 10_000.0, 95),
    ("plain", "QP 42", 5_000.0, 70),
    ("frame", "margin -3", 8_000.0, 90),
    ("frame", "margin +3", 6_000.0, 85),
]


def make_point(method: str, label: str, size: float, kept: int, *, total: int = 100, truth: bool = True) -> PointResult:
    share = kept / total if total else 0.0
    ap = (0.4 * share, 0.6 * share) if truth else (None, None)
    return PointResult(method, label, size, size / 40_000, 40.0, kept, total, *ap, 0.9 * share, 0.95 * share)


def make_result(
    points: list[tuple[str, str, float, int]] | None = None, *, truth: bool = True, objects: int = 100, **changes: Any
) -> BenchResult:
    made = [make_point(*p, total=objects, truth=truth) for p in (POINTS if points is None else points)]
    result = BenchResult(
        pictures=12,
        objects=objects,
        truth="instances.json" if truth else None,
        source_ap=0.41 if truth else None,
        source_ap50=0.62 if truth else None,
        points=made,
        methods=compare(made),
        seconds=12.5,
        configuration=dataclasses.asdict(BenchOptions(images="frames", limit=12)),
        provenance={"versions": {"vcmpipe": "0.1.0"}, "commit": None, "predictor": "measured:18:58:2"},
    )
    return dataclasses.replace(result, **changes)


@pytest.fixture
def bench_result() -> Callable[..., BenchResult]:
    """A function that makes a bench of three methods, or of the points given."""
    return make_result
