"""The scale of a quality: what is near the top is told apart, and nothing that is drawn lies outside."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from vcmpipe.bench.quality_axis import QualityAxis

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=9)


def drawn(axis: QualityAxis, bottom: float, top: float) -> Any:
    axes = Figure().add_subplot()
    axis.apply(axes, bottom, top)
    return axes


def place(axes: Any, value: float) -> float:
    """Where a value stands, in heights of the axes."""
    return float((axes.transData + axes.transAxes.inverted()).transform((0.5, value))[1])


@pytest.mark.parametrize("quality", ["retention", "second_retention", "track_retention", "ap_source", "hota_source"])
def test_losses_of_a_share_near_1_are_told_apart(quality: str) -> None:
    axis = QualityAxis.of(quality, [0.4, 0.9, 0.95, 0.98, 0.99, 1.0], 500)
    assert axis.note == ", log scale of what is lost"
    axes = drawn(axis, 0.4, 1.0)
    where = [place(axes, value) for value in (0.4, 0.9, 0.95, 0.98, 0.99, 1.0)]
    assert where == sorted(where) and where[0] > 0 and where[-1] < 1
    steps = [b - a for a, b in itertools.pairwise(where)]
    assert min(steps) > 0.07  # on a linear scale 0.98 and 0.99 are 0.016 apart
    assert 1.0 in axes.get_yticks() and {0.9, 0.95} <= set(axes.get_yticks())


@pytest.mark.parametrize(
    ("quality", "values", "note"),
    [
        ("ap", [0.1, 0.4, 0.41], ", from half of the best"),
        ("mota", [-0.3, -0.2], ""),
        ("vmaf", [20, 95], ""),
        ("xpsnr", [25, 50], ""),
        ("satisfied", [0.0, 0.6], ""),  # far from 1: nothing to be stretched
    ],
)
def test_other_scales_are_linear(quality: str, values: list[float], note: str) -> None:
    axis = QualityAxis.of(quality, values, 100)
    assert (axis.note, axis.lowest) == (note, max(values) / 2 if note else min(values))
    axes = drawn(axis, axis.lowest, max(values))
    assert axes.get_yscale() == "linear"
    assert axes.get_ylim()[0] < axis.lowest < max(values) < axes.get_ylim()[1]


@given(values=SHARES, objects=st.integers(0, 10_000))
def test_all_shares_are_within_the_axes_and_in_their_order(values: list[float], objects: int) -> None:
    axis = QualityAxis.of("retention", values, objects)
    axes = drawn(axis, min(values), max(values))
    where = [place(axes, value) for value in sorted(values)]
    assert where[0] > 0 and where[-1] < 1 and where == sorted(where)
    ticks = [place(axes, tick) for tick in axes.get_yticks() if axis.least is not None]
    assert all(b - a > 0.05 for a, b in itertools.pairwise(ticks))
    assert all(-0.001 <= tick <= 1.001 for tick in ticks)
