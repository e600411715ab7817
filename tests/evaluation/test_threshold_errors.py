"""Errors of thresholds, with answers known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import Bootstrap
from vcmpipe.evaluation.threshold_errors import (
    calibrate,
    in_the_middle,
    median_constant,
    safe_constant,
    sizes,
    summarise,
)

PREDICTED = [40.0, 30.0, 50.0, 20.0]
LABELS = [38, 33, 50, 27]  # errors 2, -3, 0, -7
PICTURES = ["a", "a", "b", "c"]


def test_figures() -> None:
    found = summarise(PREDICTED, LABELS, 35, Bootstrap(PICTURES))
    assert found.objects == 4
    assert found.error.value == pytest.approx(3.0)
    assert found.bias.value == pytest.approx(-2.0)
    assert found.spread.value == pytest.approx(np.std([2, -3, 0, -7]))
    assert found.baseline.value == pytest.approx((3 + 2 + 15 + 8) / 4)
    assert found.ratio.value == pytest.approx(3.0 / 7.0)


def test_a_group_counts_only_its_own() -> None:
    found = summarise(PREDICTED, LABELS, 35, Bootstrap(PICTURES), of=[True, False, False, True])
    assert found.objects == 2
    assert found.error.value == pytest.approx(4.5)
    assert found.baseline.value == pytest.approx(5.5)


def test_an_empty_group_has_no_figures() -> None:
    found = summarise(PREDICTED, LABELS, 35, Bootstrap(PICTURES), of=[False] * 4)
    assert found.objects == 0 and found.error.value is None and found.ratio.low is None
    none = summarise([], [], 35, Bootstrap([]))
    assert none.objects == 0 and none.error.value is None


def test_intervals_are_over_pictures_not_objects() -> None:
    # 200 objects in two pictures: as objects the mean would be sure, as pictures it is not.
    labels, predicted = np.zeros(200), np.repeat([1.0, 5.0], 100)
    wide = summarise(predicted, labels, 3, Bootstrap(np.repeat(["a", "b"], 100))).error
    narrow = summarise(predicted, labels, 3, Bootstrap(np.arange(200))).error
    assert (wide.low, wide.high) == (1.0, 5.0) and wide.value == 3.0
    assert narrow.low is not None and narrow.high is not None
    assert 2.5 < narrow.low < 3 < narrow.high < 3.5


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for n in range(100):
        errors = rng.normal(0, 1, 60)
        found = summarise(errors, np.zeros(60), 0, Bootstrap(np.arange(60), 300, seed=n)).bias
        assert found.low is not None and found.high is not None
        hits += found.low <= 0 <= found.high
    assert 86 <= hits <= 100


def test_the_same_seed_gives_the_same_interval() -> None:
    errors = np.random.default_rng(0).normal(0, 3, 40)
    draws = [Bootstrap(range(40), 50, seed) for seed in (1, 1, 2)]
    first, second, other = (summarise(errors, np.zeros(40), 1, draw).error for draw in draws)
    assert first == second and first != other


@pytest.mark.parametrize(
    ("labels", "risk", "constant"),
    [
        (range(10), 0.0, 0),
        (range(10), 0.1, 1),
        (range(10), 0.5, 5),
        (range(10), 0.99, 9),
        ([7], 0.3, 7),
        ([], 0.1, 0),
        ([5, 5, 5, 9], 0.5, 5),
    ],
)
def test_the_constant_that_keeps_a_promise(labels: list[int], risk: float, constant: int) -> None:
    assert safe_constant(labels, risk) == constant
    assert np.mean(np.array([*labels, 63]) < constant) <= risk


@pytest.mark.parametrize(("labels", "constant"), [([3, 9, 4], 4), ([3, 4], 3), ([60], 60)])
def test_the_baseline_is_a_median(labels: list[int], constant: int) -> None:
    assert median_constant(labels) == constant
    with pytest.raises(InputError, match="none"):
        median_constant([])


def test_calibration() -> None:
    labels = np.arange(10)
    found = calibrate(labels + np.array([1, -1] * 5), labels, 0.1, [4] * 9 + [2], Bootstrap(range(10)))
    assert found.lost.value == 0.5 and found.mean_qp == 4.5
    assert found.constant == 4 and found.constant_lost.value == 0.4
    kept = calibrate(labels, labels, 0.0, labels, Bootstrap(range(10)))
    assert kept.lost.value == 0.0 and kept.lost.high == 0.0


def test_groups() -> None:
    assert in_the_middle([26, 27, 51, 52]).tolist() == [False, True, True, False]
    groups = sizes([1023, 1024, 9215, 9216])
    assert {name: group.tolist() for name, group in groups.items()} == {
        "small": [True, False, False, False],
        "medium": [False, True, True, False],
        "large": [False, False, False, True],
    }
    assert sizes([np.nan])["unknown"].tolist() == [True]


def test_shapes_that_do_not_go_together() -> None:
    with pytest.raises(InputError, match="do not go with"):
        summarise([1.0, 2.0], [1], 3, Bootstrap(["a"]))


def test_the_published_baseline_of_ow_jrd(shared_data) -> None:
    import json

    folder = shared_data / "reference" / "ow-jrd"
    labels = json.loads((folder / "JRD_info.json").read_text())
    names = {s: json.loads((folder / f"{s}_names.json").read_text())["names"] for s in ("train", "test")}
    train, test = (np.array([labels[name] for name in names[split]]) for split in ("train", "test"))
    assert median_constant(train) == 41
    bootstrap = Bootstrap([name.rpartition("_")[0] for name in names["test"]], 100)
    found = summarise(np.full(len(test), 41.0), test, 41, bootstrap)
    assert found.error.value == pytest.approx(7.499, abs=1e-3)
    middle = summarise(np.full(len(test), 41.0), test, 41, bootstrap, in_the_middle(test))
    assert middle.error.value == pytest.approx(5.321, abs=1e-3)
    assert found.ratio.value == 1.0
