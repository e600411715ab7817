from __future__ import annotations

import math

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import Estimate, draw, estimate
from vcmpipe.evaluation.curves import REASONS

NOT_REACHED = REASONS.index("not_reached")
NO_OVERLAP = REASONS.index("no_overlap")


def test_draws_are_of_that_many_pictures_and_follow_the_seed() -> None:
    weights = draw(17, 50, seed=3)
    assert weights.shape == (51, 17)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 17).all()
    assert (weights == draw(17, 50, seed=3)).all()
    assert (weights != draw(17, 50, seed=4)).any()
    assert draw(17, 0, seed=3).shape == (1, 17)
    assert draw(0, 10, seed=3).shape == (11, 0)


def test_a_group_is_drawn_with_all_of_its_units() -> None:
    sequences = ["b", "a", "b", "b", "c"]
    weights = draw(5, 200, seed=3, groups=sequences)
    by_sequence = draw(3, 200, seed=3)
    assert (weights == by_sequence[:, [1, 0, 1, 1, 2]]).all()
    assert (weights[0] == 1).all() and len(np.unique(weights.sum(axis=1))) > 1
    # Groups of one are units: the same draws.
    assert (draw(4, 50, seed=3, groups=[7, 8, 9, 10]) == draw(4, 50, seed=3)).all()
    with pytest.raises(InputError, match="do not go with 4 units"):
        draw(4, 50, seed=3, groups=sequences)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """A known population, 40 pictures drawn from it again and again: how often is its retention inside?"""
    rng = np.random.default_rng(7)
    rounds, pictures, resamples = 400, 40, 400
    objects = rng.integers(0, 9, size=(rounds, pictures))
    # Pictures differ: a hard one loses most of its objects, so objects of one picture are not independent.
    chance = rng.choice([0.4, 0.8, 1.0], p=[0.2, 0.4, 0.4], size=(rounds, pictures))
    kept = rng.binomial(objects, chance)
    truth = 0.2 * 0.4 + 0.4 * 0.8 + 0.4
    inside = 0
    for row in range(rounds):
        weights = draw(pictures, resamples, seed=row)
        found = estimate((weights @ kept[row]) / (weights @ objects[row]))
        assert found.low is not None and found.high is not None and found.value is not None
        assert found.low <= found.value <= found.high
        inside += found.low <= truth <= found.high
    # 0.95 within three standard errors, and the little that percentile intervals of 40 pictures are known to miss.
    assert 0.90 <= inside / rounds <= 0.98


def test_known_interval() -> None:
    # The first row is the figure, the others are 1 .. 1000 in disorder.
    values = np.concatenate([[500.0], np.random.default_rng(0).permutation(np.arange(1.0, 1001.0))])
    assert estimate(values) == Estimate(500.0, None, 25.0, 975.0, {})


def rows(figures: list[float], reasons: dict[int, str]) -> tuple[np.ndarray, np.ndarray]:
    codes = np.zeros(len(figures), dtype=np.int8)
    for place, reason in reasons.items():
        codes[place] = REASONS.index(reason)
    return np.where(codes == 0, figures, math.nan), codes


@pytest.mark.parametrize(
    ("figures", "reasons", "expected"),
    [
        # Nothing to vary: the interval is the figure.
        ([7.0] * 101, {}, Estimate(7.0, None, 7.0, 7.0, {})),
        # No resamples: no interval.
        ([7.0], {}, Estimate(7.0)),
        # Half may be missing, with their share said ...
        ([7.0] * 11, dict.fromkeys(range(1, 6), "no_overlap"), Estimate(7.0, None, 7.0, 7.0, {"no_overlap": 0.5})),
        # ... but not more.
        ([7.0] * 11, dict.fromkeys(range(1, 7), "no_overlap"), Estimate(7.0, undefined={"no_overlap": 0.6})),
        # The figure is missing, yet most resamples have it.
        ([0.0] + [7.0] * 10, {0: "single_point"}, Estimate(None, "single_point", 7.0, 7.0, {})),
        (
            [0.0] * 11,
            {0: "single_point"} | dict.fromkeys(range(1, 11), "no_points"),
            Estimate(None, "single_point", undefined={"no_points": 1.0}),
        ),
    ],
)
def test_degenerate_cases(figures: list[float], reasons: dict[int, str], expected: Estimate) -> None:
    assert estimate(*rows(figures, reasons)) == expected


def test_not_reached_is_more_than_anything_that_was() -> None:
    figures = [50.0, *map(float, range(1, 101))]
    few = estimate(*rows(figures, dict.fromkeys((99, 100), "not_reached")), ends={"not_reached": math.inf})
    assert (few.low, few.high) == (3.0, 98.0)
    many = estimate(*rows(figures, dict.fromkeys(range(91, 101), "not_reached")), ends={"not_reached": math.inf})
    assert (many.low, many.high, many.undefined) == (3.0, None, {"not_reached": 0.1})
    saved = estimate(*rows(figures, dict.fromkeys(range(91, 101), "not_reached")), ends={"not_reached": -math.inf})
    assert (saved.low, saved.high) == (None, 88.0)


def test_nan_without_a_code_has_the_reason_given() -> None:
    found = estimate(np.array([math.nan, 1.0, math.nan, 1.0]), nan="no_points")
    assert (found.value, found.reason, found.undefined) == (None, "no_points", {"no_points": pytest.approx(1 / 3)})


def test_strata_keep_their_number_of_units() -> None:
    strata = ["a", "a", "b", "c", "a", "d"]
    rows = draw(6, 400, 0, strata=strata)
    assert rows.shape == (401, 6) and (rows[0] == 1).all()
    of_a, alone = np.array([0, 1, 4]), np.array([2, 3, 5])
    assert (rows[:, of_a].sum(axis=1) == 3).all()
    # Strata of one unit are drawn among each other.
    assert (rows[:, alone].sum(axis=1) == 3).all() and rows[1:, alone].max() == 3
    assert rows[1:].mean(axis=0) == pytest.approx(np.ones(6), abs=0.15)
    assert (draw(6, 400, 0, strata=strata) == rows).all()
    assert (draw(1, 5, 0, strata=["a"]) == 1).all()
    with pytest.raises(InputError, match="strata"):
        draw(3, 5, 0, strata=["a"])
