"""Counting what margins keep, around the one that is looked for."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.measurement.margins import Count, Trial, count_around


def curve(kept_at, objects: int = 100, pictures: int = 2):
    """Counts of pictures of which a margin keeps a share; and the margins that were asked for."""
    asked: list[int] = []

    def at(margin: int) -> list[Trial]:
        asked.append(margin)
        return [Trial(8000 - 80 * margin, round(kept_at(margin) * objects), objects)] * pictures

    return at, asked


@pytest.mark.parametrize(
    ("start", "passes", "margins"),
    [
        (-9, -8, (-12, -9, -6, -3)),  # between -9 and -6
        (-6, -8, (-12, -9, -6, -3)),
        (0, -8, (-12, -9, -6, -3, 0)),
        (-18, -8, (-18, -15, -12, -9, -6)),
        (0, -60, (-24, -21, -18, -15, -12, -9, -6, -3, 0)),  # given up
        (-60, -45, (-42, -39)),  # the end of the span
    ],
)
def test_margins_are_counted_around_the_share(start: int, passes: int, margins: tuple[int, ...]) -> None:
    at, asked = curve(lambda margin: 0.96 - 0.01 * max(margin - passes, 0) - 0.02 * (margin > passes))
    count = count_around(at, start)
    assert set(margins) <= set(count.margins) or count.margins == margins
    assert len(asked) == len(set(asked)) == len(count.margins) <= 9
    if -42 < passes < 24:
        assert any(share >= 0.95 for share in count.share) and any(share < 0.95 for share in count.share)


def test_what_is_read_off() -> None:
    at, _ = curve(lambda margin: 0.95 - 0.01 * margin)
    count = Count.of({margin: at(margin) for margin in (3, -3, 0)})
    assert count.margins == (-3, 0, 3) and count.share.tolist() == [0.98, 0.95, 0.92]
    assert count.margin_for(0.935) == pytest.approx(1.5) and np.isnan(count.margin_for(0.5))
    assert count.bytes_for(0.95) == pytest.approx(1000) and np.isnan(count.bytes_for(0.99))
    assert count.points() == ((-3, 0.98), (0, 0.95), (3, 0.92))
    assert count.share_at(-1.5) == pytest.approx(0.965)
    low, high = count.interval_at(0)
    assert low == high == 0.95  # pictures that are all alike


@pytest.mark.parametrize(
    ("kept", "points"),
    [
        ([90, 95, 80], ((-3, 0.925), (3, 0.8))),  # made monotone; of equal ones the safer
        ([100, 100, 90], ((-3, 1.0), (3, 0.9))),
        ([100, 100, 100], ((-3, 1.0),)),
    ],
)
def test_a_curve_falls(kept: list[int], points: tuple) -> None:
    count = Count((-3, 0, 3), np.full((1, 3), 800), np.array([kept]), np.array([100]))
    assert count.points() == points
    calibration = count.calibration("m", "d", {"scale": "1"})
    assert (calibration is None) == (len(points) < 2)
