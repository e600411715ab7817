"""What the training of one model differs in from that of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from vcmpipe.errors import InputError
from vcmpipe.thresholds.weights import fill

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.config import TrainOptions


@dataclass(frozen=True)
class Plan:
    """A run's settings with all defaults filled in; two runs with equal plans give equal weights (on a CPU).

    Attributes:
        data: The data set, as it was named.
        objects: Digest of its samples, splits and labels.
        init: ``pretrained``, ``random``, or the digest of a weight file (several: with commas).
        freeze: Whether only what the paper trains is trained.
        epochs: At most so many.
        batch: Items in a batch, of each device.
        lr: Learning rate at the start.
        patience: Epochs without a better validation before it stops; 0: never.
        precision: Lightning's name for it.
    """

    model: str
    data: str
    objects: str
    init: str
    freeze: bool
    epochs: int
    batch: int
    lr: float
    weight_decay: float
    patience: int
    seed: int
    precision: str


@dataclass(frozen=True)
class Defaults:
    """A model's defaults of the options that all have: see ``Plan``."""

    init: str
    epochs: int
    batch: int
    lr: float
    weight_decay: float
    patience: int = 0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One model's part in training.

    Attributes:
        monitors: Validation figures, less is better: the first decides which weights are the best, and training stops
            when none of them gets better.
        load: Fills a network from a state dict; a source's name goes into errors.
        loss: Loss, and what else is logged, by name, of a network on a batch. The last part of a batch has a row for
            each item.
        optimiser: Lightning's description of optimiser and schedule, from a plan and the parameters that are trained.
        clip: The norm that gradients are cut to; None: they are not.
    """

    monitors: tuple[str, ...] = ("val_loss",)
    load: Callable[[Any, dict[str, Tensor], str], None] = fill
    loss: Callable[[Any, Any, Any], tuple[Tensor, dict[str, Tensor]]]
    optimiser: Callable[[Any, Iterable[nn.Parameter]], dict[str, Any]]
    clip: float | None = None


@dataclass(frozen=True)
class Material:
    """What a run learns from.

    Attributes:
        noun: What it counts, in the plural.
        split: The rows of a split (train, val, test).
        items: The data set of some rows, whose items take a ``Draw`` each; True where they are trained on.
        card: What the card states of it.
        baseline: A guess that does not look, and its validation error; asked only where there are validation rows.
    """

    noun: str
    split: Callable[[str], pd.DataFrame]
    items: Callable[[pd.DataFrame, bool], Dataset[Any]]
    card: Mapping[str, Any]
    baseline: Callable[[], tuple[str, float]] | None = None


@dataclass(frozen=True)
class Work:
    """All that a run is made of.

    Attributes:
        network: Makes the network with the weights that it starts from.
        card: What the card states of this model, besides what it states of all.
        prepare: Makes what the material needs and keeps in the run's folder, before the first batch.
    """

    plan: Plan
    recipe: Recipe
    material: Material
    network: Callable[[], nn.Module]
    card: Mapping[str, Any]
    prepare: Callable[[], None] = lambda: None


def settings(
    options: TrainOptions, defaults: Defaults, *, objects: str, init: str, whole: str | None = None
) -> dict[str, Any]:
    """The fields of every plan, from options and a model's defaults.

    ``objects`` and ``init`` as in ``Plan``; ``whole`` is why nothing can be frozen, None where something can.

    Raises:
        InputError: ``--freeze yes`` where nothing can be frozen.
    """
    if whole and options.freeze == "yes":
        raise InputError(f"--freeze yes: {whole}")
    return {
        "model": options.model,
        "data": options.data,
        "objects": objects,
        "init": init,
        "freeze": not whole and (init != "random" if options.freeze == "auto" else options.freeze == "yes"),
        "epochs": options.epochs or defaults.epochs,
        "batch": options.batch or defaults.batch,
        "lr": defaults.lr if options.lr is None else options.lr,
        "weight_decay": defaults.weight_decay if options.weight_decay is None else options.weight_decay,
        "patience": defaults.patience if options.patience is None else options.patience,
        "seed": options.seed,
        "precision": options.precision,
    }
