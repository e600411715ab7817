"""Satisfied-user ratios: by hand, by properties, and by how often intervals hold."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.evaluation.satisfaction import jnd_at, jnd_interval, mean_curve

ANSWERS = [20, 24, 24, 30]


def satisfied(answers: list[int], values: Iterable[float], scale: str) -> list[float]:
    """The share of subjects satisfied at each value."""
    return [each.value for each in mean_curve([answers], list(values), scale, rounds=2)]


@pytest.mark.parametrize(
    ("scale", "values", "shares"),
    [
        # A subject whose answer is 20 sees the difference at 20, and does not at 19.
        ("h264-qp", [19, 20, 23, 24, 29, 30], [1, 0.75, 0.75, 0.25, 0.25, 0]),
        ("vvc-qp", [19, 20, 23, 24, 29, 30], [1, 0.75, 0.75, 0.25, 0.25, 0]),
        ("jpeg-qf", [31, 30, 25, 24, 21, 20], [1, 0.75, 0.75, 0.25, 0.25, 0]),
    ],
)
def test_a_subject_is_satisfied_on_the_finer_side_of_his_answer(
    scale: str, values: list[int], shares: list[float]
) -> None:
    assert satisfied(ANSWERS, values, scale) == shares


def test_the_jnd_at_three_of_four_is_the_label_of_videoset() -> None:
    # numpy's percentile: 25 % of the way along the sorted answers.
    assert jnd_at(ANSWERS, 0.75, "h264-qp") == np.percentile(ANSWERS, 25) == 23
    # The same subjects on a scale that runs the other way.
    assert jnd_at([100 - answer for answer in ANSWERS], 0.75, "jpeg-qf") == 100 - 23


@given(
    st.lists(st.integers(0, 51), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
    st.sampled_from(["h264-qp", "jpeg-qf"]),
)
def test_at_the_jnd_of_a_ratio_about_that_share_is_satisfied(answers: list[int], ratio: float, scale: str) -> None:
    at = jnd_at(answers, ratio, scale)
    finer = -1 if scale == "h264-qp" else 1
    # Just on the finer side at least that share is, but for the one answer that the quantile lies beside.
    assert satisfied(answers, [at + finer], scale)[0] >= ratio - 1 / len(answers)
    shares = -finer * np.array(satisfied(answers, range(101), scale))
    assert (np.diff(shares) <= 0).all()
    # More subjects are satisfied by what is finer.
    assert finer * (jnd_at(answers, min(ratio + 0.1, 0.995), scale) - at) >= 0


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(1)
    truth = 30 + 5 * -0.6744898  # the 25th percentile of a normal distribution
    held = 0
    for i in range(120):
        groups = [generator.normal(30, 5, 40) for _ in range(3)]
        mean, doubt = jnd_interval(groups, 0.75, "h264-qp", rounds=300, seed=i)
        assert mean.value is not None and mean.low is not None and mean.high is not None
        held += mean.low <= truth <= mean.high
        # A mean over three is surer than one of them, by the square root of three.
        assert (mean.high - mean.low) / 2 == pytest.approx(doubt / math.sqrt(3), rel=0.35)
    assert held >= 0.88 * 120


def test_the_curve_is_the_mean_of_those_of_its_pictures() -> None:
    groups = [ANSWERS, [40, 41]]
    curve = mean_curve(groups, [23, 24, 40], "h264-qp", rounds=200)
    assert [point.value for point in curve] == [0.875, 0.625, 0.25]
    assert all(point.low <= point.value <= point.high for point in curve)  # type: ignore[operator]
    # Both subjects of the second picture are satisfied at 24 in every draw.
    assert curve[1].low >= 0.5  # type: ignore[operator]
    assert mean_curve(groups, [23, 24, 40], "h264-qp", rounds=200) == curve


@pytest.mark.parametrize(
    ("answers", "ratio", "message"),
    [
        ([], 0.75, "there are none"),
        ([20, math.nan], 0.75, "is not a number"),
        ([20], 0.0, "more than 0 and less than 1"),
        ([20], 1.0, "more than 0 and less than 1"),
        ([20], math.nan, "more than 0 and less than 1"),
    ],
)
def test_what_cannot_be_answered_is_said(answers: list[float], ratio: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        jnd_at(answers, ratio, "h264-qp")
    with pytest.raises(InputError, match=message):
        jnd_interval([answers], ratio, "h264-qp")


def test_no_pictures_are_no_curve() -> None:
    for ask in (lambda: jnd_interval([], 0.75, "h264-qp"), lambda: mean_curve([], [1], "h264-qp")):
        with pytest.raises(InputError, match="needs pictures with answers"):
            ask()
