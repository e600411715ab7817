"""Known answers: what is paired has no spread, averages are as the rule says, what is missing has a reason."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from bench_made import POINTS, make_observations, make_outcomes

from vcmpipe.bench.observations import NO_OBJECTS, Kept
from vcmpipe.bench.statistics import Figures, rows_of, summarise
from vcmpipe.evaluation import REASONS, Curves, Estimate, bd_rates, rate_at, saved_at

PLAIN = [("plain", "QP 22", 20_000.0, 99), ("plain", "QP 32", 10_000.0, 95), ("plain", "QP 42", 5_000.0, 70)]
HALF = [("jrd", label, size / 2, kept) for _, label, size, kept in PLAIN]


def figures(points: list, **options: object) -> Figures:
    return summarise(make_observations(make_outcomes(points)), ("plain", "plain-scaled"), resamples=300, **options)  # type: ignore[arg-type]


def test_what_saves_half_in_every_picture_does_so_in_every_draw() -> None:
    found = figures(PLAIN + HALF)
    jrd = next(method for method in found.methods if method.method == "jrd")
    for key in ("0.9", "0.95", "0.98", "0.99"):
        estimate = jrd.against["plain"].saved[key]
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((50.0, 50.0, 50.0)), key
    for quality in ("retention", "ap", "ap50", "ap_source", "ap50_source"):
        estimate = jrd.against["plain"].bd_rate[quality]
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((-50.0, -50.0, -50.0)), quality
    # Unpaired, the sizes' own spread would be in it.
    size = next(point for point in found.points if point.method == "jrd").bytes_per_picture
    assert size.low is not None and size.high is not None and size.high - size.low > 500


def test_figures_are_those_of_the_points() -> None:
    found = figures(POINTS)
    curves = {
        name: Curves.of(*zip(*((p.rate.value, p.retention) for p in found.points if p.method == name), strict=True))
        for name in ("plain", "jrd", "frame")
    }
    for method in found.methods:
        own = curves[method.method]
        pairs = [(each, rate_at(own, float(key))) for key, each in method.rate_at.items()]
        for anchor, comparison in method.against.items():
            pairs += [(each, saved_at(curves[anchor], own, float(key))) for key, each in comparison.saved.items()]
            pairs.append((comparison.bd_rate["retention"], bd_rates(curves[anchor], own)))
        for figure, (values, codes) in pairs:
            assert figure.reason == REASONS[codes[0]]
            assert np.isnan(values[0]) if figure.value is None else figure.value == pytest.approx(values[0])
    assert {method.method: list(method.against) for method in found.methods} == {
        "jrd": ["plain"], "frame": ["plain"], "plain": [],
    }  # fmt: skip


def test_a_seed_gives_the_same_figures_and_none_gives_none() -> None:
    assert figures(POINTS, seed=3) == figures(POINTS, seed=3)
    assert figures(POINTS, seed=3) != figures(POINTS, seed=4)
    observed = make_observations(make_outcomes())
    without = summarise(observed, ("plain",), resamples=0)
    for point in without.points:
        assert point.retention is not None
        assert (point.bytes_per_picture.low, point.qualities["ap"].high) == (None, None)


def test_the_interval_of_a_retention_has_its_points_inside() -> None:
    for point in figures(POINTS).points:
        for estimate in (point.bytes_per_picture, *point.qualities.values()):
            assert estimate.low is not None and estimate.high is not None and estimate.value is not None
            assert estimate.low <= estimate.value <= estimate.high
            assert estimate.undefined == {}


def test_what_cannot_be_said_in_every_draw_has_its_share() -> None:
    # 99 of 100 at best, and 0.99 is requested: a draw without the picture that loses one, or with it twice.
    method = next(method for method in figures(PLAIN).methods if method.method == "plain")
    estimate = method.rate_at["0.99"]
    assert estimate.value is not None and estimate.high is None and estimate.low is not None
    assert 0.1 < estimate.undefined["not_reached"] < 0.5
    single = figures([*PLAIN, ("jrd", "a", 5_000.0, 90)]).methods
    jrd = next(method for method in single if method.method == "jrd")
    assert jrd.against["plain"].bd_rate["ap"] == Estimate(reason="single_point", undefined={"single_point": 1.0})


def test_a_point_is_compared_at_what_it_keeps_itself() -> None:
    found = figures([*PLAIN, ("jrd", "a", 5_000.0, 95), ("jrd", "b", 5_000.0, 100)])
    first, best = (point for point in found.points if point.method == "jrd")
    assert first.saved["plain"]["retention"].value == pytest.approx(50.0)
    assert best.saved["plain"]["retention"].reason == "anchor_not_reached"
    assert "plain" not in next(point for point in found.points if point.method == "plain").saved


def test_averaging_rules() -> None:
    """Three pictures: two small ones of cats, a large one of a cat and a dog, and one without objects."""
    outcomes = make_outcomes([("plain", "a", 1_000.0, 4)], objects=4, pictures=4)
    observed = dataclasses.replace(
        make_observations(outcomes),
        bits=np.array([[800, 1600, 8000, 400]]),
        sizes=np.array([[10, 10], [10, 10], [100, 10], [20, 10]]),
        classes=["cat", "dog", NO_OBJECTS],
        members=np.array([[1, 0, 0], [2, 0, 0], [1, 1, 0], [0, 0, 1]]),
        objects=Kept(np.array([1, 2, 2, 0]), np.array([[1, 2, 2, 0]])),
    )
    expected = {
        "pictures": (100 + 200 + 1000 + 50) / 4,
        "bpp": (8 + 16 + 8 + 2) / 4,
        "classes": ((100 + 200 + 1000) / 3 + 1000 + 50) / 3,
    }
    for rule, value in expected.items():
        rows = rows_of(observed, rule, 200, 0)  # type: ignore[arg-type]
        assert rows.rates[0, 0] == pytest.approx(value), rule
        # In a draw, too: compare with the definition, one draw at a time.
        for weights, rate in zip(rows.weights, rows.rates[:, 0], strict=True):
            if rule == "classes":
                sizes = observed.bits[0] / 8
                means = [
                    np.average(sizes[own], weights=weights[own])
                    for own in (observed.members > 0).T
                    if weights[own].sum()
                ]
                assert rate == pytest.approx(np.mean(means))
    classes = {each.name: each for each in summarise(observed, ("plain",), resamples=50).classes}
    assert [(c.name, c.pictures, c.objects) for c in classes.values()] == [
        ("cat", 3, 4), ("dog", 1, 1), (NO_OBJECTS, 1, 0),
    ]  # fmt: skip
    assert classes["cat"].rate_at["plain"].value == pytest.approx(1300 / 3)
    assert classes["dog"].rate_at["plain"].value == pytest.approx(1000.0)
    assert classes[NO_OBJECTS].rate_at["plain"].reason == "no_points"


def test_bits_are_split_over_the_pictures_whose_bits_can_be_told_apart() -> None:
    points = {(point.method, point.label): point for point in figures(POINTS).points}
    split = points["jrd", "margin +0"].split
    assert (split.pictures, split.objects, split.background) == (10, pytest.approx(3_750), pytest.approx(937.5))
    assert points["plain", "QP 22"].split.pictures == 0
    assert points["plain", "QP 22"].split.objects is None


def test_a_second_detector_has_curves_of_its_own() -> None:
    observed = make_observations(make_outcomes(POINTS, second=True))
    (second,) = observed.further
    halved = dataclasses.replace(observed, further=[Kept(second.total, second.kept // 2)])
    found = summarise(halved, ("plain",), resamples=100)
    point = next(point for point in found.points if point.method == "jrd")
    assert point.qualities["second_retention"].value < 0.6 < point.qualities["retention"].value
    jrd = next(method for method in found.methods if method.method == "jrd")
    assert jrd.against["plain"].bd_rate["second_retention"].value is not None


def test_without_objects_there_are_bits_and_reasons() -> None:
    observed = make_observations(make_outcomes([("plain", "a", 1_000.0, 0), ("jrd", "a", 500.0, 0)], objects=0))
    found = summarise(observed, ("plain",), resamples=50)
    for point in found.points:
        assert point.bytes_per_picture.value is not None
        assert {estimate.reason for estimate in point.qualities.values()} == {"no_objects"}
        assert all(estimate.undefined == {"no_objects": 1.0} for estimate in point.qualities.values())
    assert {m.rate_at["0.95"].reason for m in found.methods} == {"no_points"}
    assert [each.name for each in found.classes] == [NO_OBJECTS]
