"""Loss curves learned from made-up detections whose losses follow a known rule."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.training.loss_curves import (
    CurveOptions,
    cross_validate_curves,
    deciles,
    fit_curves,
    mean_curves,
    predicted,
    squared_error,
)
from vcmpipe.training.loss_data import LossData

QUICK = CurveOptions(members=3, units=16, steps=250)
QPS = np.arange(18, 55, 3)
SCALES = np.array([1.0, 0.5])


def synthetic(count: int = 480, seed: int = 0) -> LossData:
    """Detections that are lost around a QP that a feature tells, six steps earlier at half the size."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 6))
    place = 38 + 6 * rows[:, 0] - 3 * rows[:, 1]
    at = place[:, None, None] + 6 * np.log2(SCALES)[None, :, None]
    lost = 1 / (1 + np.exp((at - QPS[None, None, :]) / 2))
    known = np.stack([np.zeros(count), rng.choice([0.0, 0.6], count, p=[0.8, 0.2])], axis=1)
    lost = known[:, :, None] + (1 - known[:, :, None]) * lost
    lost = np.clip(lost + rng.normal(0, 0.05, lost.shape), 0, 1)
    lost[: count // 3, :, ::2] = np.nan  # some were coded at fewer QPs
    picture = np.array([f"p{i // 6:03d}" for i in range(count)])
    return LossData(rows, rng.uniform(0.1, 1, count), lost, known, picture, SCALES, QPS)


def test_a_known_rule_is_found_on_pictures_that_were_not_learned_from() -> None:
    data = synthetic()
    expected = cross_validate_curves(data, QUICK, folds=3)
    assert squared_error(expected, data) < 0.15 * squared_error(mean_curves(data), data)
    pairs = np.array(deciles(expected, data))
    assert len(pairs) == 10 and (np.diff(pairs[:, 0]) > 0).all()
    assert np.abs(pairs[:, 1] - pairs[:, 0]).max() < 0.05


def test_nothing_is_learned_from_noise() -> None:
    data = synthetic()
    shuffled = LossData(**{**vars(data), "features": data.features[::-1]})
    expected = cross_validate_curves(shuffled, QUICK, folds=3)
    assert squared_error(expected, shuffled) > 0.8 * squared_error(mean_curves(shuffled), shuffled)


def test_the_same_data_give_the_same_curves() -> None:
    data = synthetic(120)
    one, two = fit_curves(data, QUICK), fit_curves(data, QUICK)
    assert all(np.array_equal(a, b) for a, b in zip(vars(one).values(), vars(two).values(), strict=True))
    assert predicted(one, data).shape == data.lost.shape
    other = fit_curves(data, CurveOptions(members=3, units=16, steps=250, seed=1))
    assert not np.array_equal(one.first, other.first)


def test_too_few_pictures() -> None:
    with pytest.raises(InputError, match="3 folds need at least 3 pictures"):
        fit_curves(synthetic(12), QUICK)
