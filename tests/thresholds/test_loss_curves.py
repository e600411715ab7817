"""Loss curves of made-up weights: what holds of any, and what files say that are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.thresholds.loss_curves import LossCurves

FEATURES = 4


def curves(seed: int = 0, members: int = 3, units: int = 5) -> LossCurves:
    rng = np.random.default_rng(seed)
    shapes = {
        "first": (members, FEATURES + 2, units),
        "first_bias": (members, units),
        "second": (members, units, units),
        "second_bias": (members, units),
        "last": (members, units, 4),
        "last_bias": (members, 4),
    }
    straight = np.array([[0.0, 1.0], [0.0, 1.0]])
    parts = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    parts["last_bias"] += [4.2, 1.0, 3.0, -3.0]
    return LossCurves(np.zeros(FEATURES + 2), np.ones(FEATURES + 2), **parts, curve=straight)


@pytest.mark.parametrize("scale", [1.0, 0.75, 0.2])
def test_shares_rise_with_the_qp_from_what_the_scale_loses(scale: float) -> None:
    made, rows = curves(), np.random.default_rng(1).normal(size=(20, FEATURES))
    known = np.linspace(0, 1, 20)
    shares = made.shares(rows, scale, known)
    assert shares.shape == (20, 64) and shares.min() >= 0 and shares.max() <= 1
    assert (np.diff(shares, axis=1) >= 0).all()
    assert np.array_equal(made.shares(rows[3:5], scale, known[3:5]), shares[3:5])  # of each by itself
    assert np.array_equal(made.shares(rows, scale, known, [30, 40]), shares[:, [30, 40]])


def test_a_calibration_maps_what_is_expected() -> None:
    made, rows = curves(), np.zeros((1, FEATURES))
    halved = replace(made, curve=np.array([[0.0, 0.5, 1.0], [0.0, 0.25, 1.0]]))
    plain, mapped = made.shares(rows, 1.0, [0.0]), halved.shares(rows, 1.0, [0.0])
    assert mapped == pytest.approx(np.interp(plain, [0, 0.5, 1], [0, 0.25, 1]))


def test_tensors_come_back() -> None:
    made, rows = curves(), np.random.default_rng(1).normal(size=(5, FEATURES))
    read = LossCurves.from_tensors(made.tensors("losses"), "losses", FEATURES, "w")
    assert read.shares(rows, 0.5, np.zeros(5)) == pytest.approx(made.shares(rows, 0.5, np.zeros(5)), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("first", None, "losses.first is missing"),
        ("first", np.zeros((3, 2, 5), np.float32), "losses.first has the shape"),
        ("last", np.full((3, 5, 4), np.nan, np.float32), "losses.last has the shape .* or is not finite"),
        ("deviation", np.zeros(FEATURES + 2, np.float32), "deviation must be above 0"),
        ("curve", np.array([[0, 0.5, 0.5, 1], [0, 0.1, 0.2, 1]], np.float32), "curve rise within"),
        ("curve", np.array([[0, 1], [0, 1.5]], np.float32), "curve rise within"),
    ],
)
def test_files_that_are_none(name: str, value: np.ndarray | None, says: str) -> None:
    changed = {k: v for k, v in (curves().tensors("losses") | {f"losses.{name}": value}).items() if v is not None}
    with pytest.raises(InputError, match=says):
        LossCurves.from_tensors(changed, "losses", FEATURES, "w")


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5, float("nan")])
def test_a_scale_out_of_range(scale: float) -> None:
    with pytest.raises(InputError, match="a scale lies above 0"):
        curves().shares(np.zeros((1, FEATURES)), scale, [0.0])
