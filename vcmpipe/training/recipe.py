"""What the training of one model differs in from that of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.utils.data import Dataset

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.training.objects import Pictures


@dataclass(frozen=True)
class Plan:
    """A run's settings with all defaults filled in; two runs with equal plans give equal weights (on a CPU).

    Attributes:
        model: The model's name.
        data: The data set, as it was named.
        objects: Digest of its samples, splits and labels.
        init: ``pretrained``, ``random``, or the digest of a weight file.
        backbone: A timm network.
        size: Side of the crops in pixels.
        freeze: Whether only what the paper trains is trained.
        sigma: Spread of the soft labels in QP steps.
        versions: Coded versions of an object in an epoch.
        epochs: At most so many.
        batch: Items in a batch, of each device.
        lr: Learning rate at the start.
        weight_decay: Of SGD.
        patience: Epochs without a better validation before it stops; 0: never.
        seed: Of all randomness.
        precision: Lightning's name for it.
    """

    model: str
    data: str
    objects: str
    init: str
    backbone: str
    size: int
    freeze: bool
    sigma: float
    versions: int
    epochs: int
    batch: int
    lr: float
    weight_decay: float
    patience: int
    seed: int
    precision: str


@dataclass(frozen=True)
class Recipe:
    """One model's part in training; the first monitor says which weights are the best, less is better.

    Attributes:
        backbone: Default of the option, and so on with ``size``, ``epochs``, ``batch``, ``weight_decay``.
        size: Likewise.
        epochs: Likewise.
        batch: Likewise.
        weight_decay: Likewise.
        monitors: Validation figures; training stops when none of them gets better.
        build: The network with random weights.
        load_pretrained: Fills it with timm's weights and says which.
        load: Fills it from a state dict; a source's name goes into errors.
        freeze: Leaves only what the paper trains to be trained.
        items: The data set of some rows; True where they are trained on.
        loss: Loss, and what else is logged, by name, of a network on a batch.
    """

    backbone: str
    size: int
    epochs: int
    batch: int
    weight_decay: float
    monitors: tuple[str, ...]
    build: Callable[[Plan], nn.Module]
    load_pretrained: Callable[[Any, str], str]
    load: Callable[[Any, dict[str, Tensor], str], None]
    freeze: Callable[[Any], None]
    items: Callable[[Plan, Pictures, pd.DataFrame, bool], Dataset[Any]]
    loss: Callable[[Plan, nn.Module, Any], tuple[Tensor, dict[str, Tensor]]]
