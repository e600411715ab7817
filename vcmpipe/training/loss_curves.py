"""Training and cross-validation of the loss curves of ``detector_aware`` (``thresholds.loss_curves``).

Each member of the ensemble learns from all but one fold of the pictures, so that what all of them say of pictures that
they have not seen is at hand for the calibration: expected shares are mapped to the shares that were found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds.loss_curves import CLIP, OUTPUTS, PLACE_UNIT, SLOPE_RANGE, LossCurves
from vcmpipe.training.detector_aware import fold_of
from vcmpipe.training.loss_data import LossData

Floats = NDArray[np.float64]
_BINS = 20


@dataclass(frozen=True)
class CurveOptions:
    """How to train.

    Attributes:
        members: Networks; each leaves out one fold of as many.
        units: Of each hidden layer.
        steps: Of the descent; None: 30 passes over the detections, but 150 to 1,000 steps.
        batch: Detections at one scale in a step.
        lr: Largest learning rate, on a one-cycle schedule.
        weight_decay: Of AdamW.
        dropout: After the first hidden layer; half of it after the second.
        power: Of a detection's weight in the squared error: 1 as it counts in the loss, 0 all alike.
        seed: Of folds, weights, and batches.
    """

    members: int = 5
    units: int = 48
    steps: int | None = None
    batch: int = 512
    lr: float = 6e-3
    weight_decay: float = 1e-2
    dropout: float = 0.3
    power: float = 0.5
    seed: int = 0


def fit_curves(data: LossData, options: CurveOptions | None = None) -> LossCurves:
    """Learn loss curves of N detections; InputError where there are fewer pictures than members."""
    return fit_judged(data, options)[0]


def fit_judged(data: LossData, options: CurveOptions | None = None) -> tuple[LossCurves, float]:
    """The same, with the squared error of the members on the pictures that each has not seen: to choose options by."""
    options = options or CurveOptions()
    inputs = _inputs(data)
    flat = inputs.reshape(-1, inputs.shape[2])
    mean, deviation = flat.mean(axis=0), flat.std(axis=0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    z = np.clip((inputs - mean) / deviation, -CLIP, CLIP)
    turn = fold_of(data.picture, options.members, options.seed)
    with _one_thread():
        members = [_member(z[turn != k], data[turn != k], options, options.seed + k) for k in range(options.members)]
    stacked = {name: np.stack([member[name] for member in members]) for name in members[0]}
    straight = np.array([[0.0, 1.0], [0.0, 1.0]])
    unseen = np.empty_like(data.lost)
    for k in range(options.members):
        alone = LossCurves(mean, deviation, **{name: own[k : k + 1] for name, own in stacked.items()}, curve=straight)
        unseen[turn == k] = predicted(alone, data[turn == k])
    made = LossCurves(mean, deviation, **stacked, curve=_calibration(unseen, data))
    return made, squared_error(unseen, data)


def predicted(curves: LossCurves, data: LossData) -> Floats:
    """(N, S, Q) the shares that curves expect where the data has shares."""
    parts = [
        curves.shares(data.features, float(scale), data.known[:, place], data.qps)
        for place, scale in enumerate(data.scales)
    ]
    return np.stack(parts, axis=1)


def cross_validate_curves(data: LossData, options: CurveOptions | None = None, *, folds: int = 5) -> Floats:
    """(N, S, Q) the shares expected of every detection by curves that saw no detection of its picture."""
    options = options or CurveOptions()
    turn = fold_of(data.picture, folds, options.seed)
    out = np.empty_like(data.lost)
    for k in range(folds):
        out[turn == k] = predicted(fit_curves(data[turn != k], options), data[turn == k])
    return out


def squared_error(expected: Floats, data: LossData) -> float:
    """The mean squared error of (N, S, Q) expected shares, detections counting by their weights."""
    there = ~np.isnan(data.lost)
    weight = data.weight[:, None, None] * there
    return float((weight * np.where(there, expected - np.nan_to_num(data.lost), 0.0) ** 2).sum() / weight.sum())


def mean_curves(data: LossData) -> Floats:
    """(N, S, Q) the mean share of all detections at each scale and QP: what knows nothing of any of them."""
    weight = data.weight[:, None, None] * ~np.isnan(data.lost)
    total = weight.sum(axis=0)
    mean = np.divide((weight * np.nan_to_num(data.lost)).sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
    return np.broadcast_to(mean, data.lost.shape)


def deciles(expected: Floats, data: LossData, count: int = 10) -> list[tuple[float, float]]:
    """Mean share expected and mean share found, in bins of equally much weight, from the least share expected.

    Args:
        expected: (N, S, Q).
        data: What was found; detections count by their weights.
        count: Of the bins; empty ones are left out.
    """
    there = ~np.isnan(data.lost)
    weight = np.broadcast_to(data.weight[:, None, None], data.lost.shape)[there]
    x, y = expected[there], data.lost[there]
    order = np.argsort(x, kind="stable")
    x, y, weight = x[order], y[order], weight[order]
    part = np.minimum((np.cumsum(weight) - weight / 2) / weight.sum() * count, count - 1e-9).astype(np.int64)
    total = np.bincount(part, weights=weight)
    filled = total > 0
    means = [np.bincount(part, weights=weight * each)[filled] / total[filled] for each in (x, y)]
    return list(zip(*(each.tolist() for each in means), strict=True))


def _calibration(expected: Floats, data: LossData) -> Floats:
    """(2, K) shares expected and found, rising from (0, 0) to (1, 1)."""
    from scipy.optimize import isotonic_regression

    x, y = np.array(deciles(expected, data, _BINS)).T
    y = np.clip(isotonic_regression(y).x, 0.0, 1.0)
    keep = np.concatenate([[True], np.diff(x) > 1e-4]) & (x > 1e-4) & (x < 1 - 1e-4)
    return np.array([np.concatenate([[0.0], x[keep], [1.0]]), np.concatenate([[0.0], y[keep], [1.0]])])


def _inputs(data: LossData) -> Floats:
    """(N, S, F + 2) features, log2 of the scale, and the known share."""
    count, scales = len(data), len(data.scales)
    features = np.broadcast_to(data.features[:, None, :], (count, scales, data.features.shape[1]))
    scale = np.broadcast_to(np.log2(data.scales)[None, :, None], (count, scales, 1))
    return np.concatenate([features, scale, data.known[:, :, None]], axis=2)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch to one thread: these networks are so small that threads only wait for one another."""
    try:
        import torch
    except ImportError as error:  # what is trained here runs without it
        raise InputError("training loss curves needs torch: install it") from error
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _member(z: Floats, data: LossData, options: CurveOptions, seed: int) -> dict[str, Floats]:
    """The weights of one network."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    count, units = z.shape[2], options.units

    def tensor(values: Any) -> torch.Tensor:
        return torch.as_tensor(np.ascontiguousarray(values), dtype=torch.float32)

    def weights(rows: int, columns: int, deviation: float) -> torch.Tensor:
        return (torch.randn(rows, columns, generator=generator) * deviation).requires_grad_()

    # Before anything is learned: half is lost at QP 42, over 4 steps, and what is known to be lost is lost.
    begin = torch.tensor([42.0 / PLACE_UNIT, float(np.log(4.0)), 3.0, -3.0])
    layers = {
        "first": weights(count, units, count**-0.5),
        "first_bias": torch.zeros(units, requires_grad=True),
        "second": weights(units, units, units**-0.5),
        "second_bias": torch.zeros(units, requires_grad=True),
        "last": weights(units, OUTPUTS, 0.01),
        "last_bias": begin.clone().requires_grad_(),
    }
    rows = tensor(z.reshape(-1, count))
    lost = data.lost.reshape(len(rows), -1)
    there, target = tensor(~np.isnan(lost)), tensor(np.nan_to_num(lost))
    known, qps = tensor(data.known.reshape(-1)), tensor(data.qps)
    share = data.weight**options.power
    weight = tensor(np.repeat(share / share.mean(), len(data.scales)))
    optimiser = torch.optim.AdamW(list(layers.values()), lr=options.lr, weight_decay=options.weight_decay)
    steps = options.steps or min(max(30 * -(-len(rows) // options.batch), 150), 1000)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.lr, total_steps=steps)

    def dropped(hidden: torch.Tensor, share: float) -> torch.Tensor:
        kept = torch.rand(hidden.shape, generator=generator) >= share
        return hidden * kept / (1.0 - share)

    for _ in range(steps):
        batch = torch.randint(len(rows), (min(options.batch, len(rows)),), generator=generator)
        one = torch.nn.functional.silu(rows[batch] @ layers["first"] + layers["first_bias"])
        two = dropped(one, options.dropout) @ layers["second"] + layers["second_bias"]
        out = dropped(torch.nn.functional.silu(two), options.dropout / 2) @ layers["last"] + layers["last_bias"]
        place, slope = PLACE_UNIT * out[:, :1], torch.exp(out[:, 1:2].clamp(*SLOPE_RANGE))
        lean, more = torch.sigmoid(out[:, 2:3]), torch.sigmoid(out[:, 3:4])
        floor = known[batch, None] * lean + (1.0 - known[batch, None]) * more
        curve = floor + (1.0 - floor) * torch.sigmoid((qps - place) / slope)
        squared = weight[batch, None] * there[batch] * (curve - target[batch]) ** 2
        optimiser.zero_grad()
        (squared.sum() / there[batch].sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return {name: value.detach().numpy().astype(np.float64) for name, value in layers.items()}
