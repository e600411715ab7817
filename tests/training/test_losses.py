"""Soft labels and their loss, against the paper's formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vcmpipe.errors import InputError
from vcmpipe.training.losses import gdsl_loss, soft_labels


def loss_floor(label: int) -> float:
    """The least that the loss can be for a label: the entropy of its soft label."""
    mass = soft_labels(torch.tensor([label]))[0].double()
    return float(-(mass * mass.clamp_min(1e-300).log()).sum())


def by_formula(label: int, sigma: float) -> np.ndarray:
    k = np.arange(64)
    g = np.exp(-((k - label) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    return g / g.sum()


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("label", [0, 1, 31, 62, 63])
def test_soft_labels(label: int, sigma: float) -> None:
    (mass,) = soft_labels(torch.tensor([label]), sigma).numpy()
    assert mass == pytest.approx(by_formula(label, sigma), abs=1e-6)
    assert mass.sum() == pytest.approx(1, abs=1e-6) and mass.argmax() == label


def test_a_tiny_spread_is_one_hot() -> None:
    mass = soft_labels(torch.tensor([5]), 1e-3)
    assert mass[0, 5] == 1 and mass.sum() == 1


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan")])
def test_a_spread_that_is_none(sigma: float) -> None:
    with pytest.raises(InputError, match="above 0"):
        soft_labels(torch.tensor([3]), sigma)


def test_loss_is_the_mean_cross_entropy_over_the_batch() -> None:
    logits = torch.randn(5, 64, generator=torch.Generator().manual_seed(2))
    labels = [0, 12, 40, 63, 33]
    log = logits.double().numpy()
    log = log - np.log(np.exp(log).sum(axis=1, keepdims=True))
    expected = -np.mean([(by_formula(u, 3.0) * log[b]).sum() for b, u in enumerate(labels)])
    assert float(gdsl_loss(logits, torch.tensor(labels), 3.0)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("label", [20, 31, 40, 43])
def test_the_floor_of_the_loss_inside_is_2_518_nats(label: int) -> None:
    assert loss_floor(label) == pytest.approx(2.518, abs=5e-4)
    # The closed form of a Gaussian's entropy.
    assert loss_floor(label) == pytest.approx(math.log(3 * math.sqrt(2 * math.pi * math.e)), abs=1e-3)
    perfect = soft_labels(torch.tensor([label])).clamp_min(1e-30).log()
    assert float(gdsl_loss(perfect, torch.tensor([label]))) == pytest.approx(loss_floor(label), abs=1e-4)
    worse = gdsl_loss(
        perfect + torch.randn(1, 64, generator=torch.Generator().manual_seed(label)), torch.tensor([label])
    )
    assert float(worse) > loss_floor(label)


def test_the_floor_is_lower_at_the_ends() -> None:
    assert loss_floor(0) < loss_floor(3) < loss_floor(20)
    assert loss_floor(0) == pytest.approx(loss_floor(63), abs=1e-6)
