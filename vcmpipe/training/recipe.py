"""What the training of one model differs in from that of another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from vcmpipe.config import TrainOptions


@dataclass(frozen=True)
class Plan:
    """A run's settings with all defaults filled in; two runs with equal plans give equal weights (on a CPU).

    Attributes:
        model: The model's name.
        data: The data set, as it was named.
        objects: Digest of its samples, splits and labels.
        init: ``pretrained``, ``random``, or the digest of a weight file (several: with commas).
        freeze: Whether only what the paper trains is trained.
        epochs: At most so many.
        batch: Items in a batch, of each device.
        lr: Learning rate at the start.
        weight_decay: Of the optimiser.
        patience: Epochs without a better validation before it stops; 0: never.
        seed: Of all randomness.
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
        defaults: Of its options.
        monitors: Validation figures, less is better: the first says which weights are the best, and training stops when
            none of them gets better.
        load: Fills a network from a state dict; a source's name goes into errors.
        loss: Loss, and what else is logged, by name, of a network on a batch. The last part of a batch has a row for
            each item.
        optimiser: Lightning's description of optimiser and schedule, from a plan and the parameters that are trained.
        clip: The norm that gradients are cut to; None: they are not.
    """

    defaults: Defaults
    monitors: tuple[str, ...]
    load: Callable[[Any, dict[str, Tensor], str], None]
    loss: Callable[[Any, Any, Any], tuple[Tensor, dict[str, Tensor]]]
    optimiser: Callable[[Any, Iterable[nn.Parameter]], dict[str, Any]]
    clip: float | None = None


class Material(Protocol):
    """What a run learns from."""

    @property
    def noun(self) -> str:
        """What it counts, in the plural."""
        ...

    def count(self, split: str) -> int:
        """How many are in a split (train, val, test)."""
        ...

    def items(self, split: str, training: bool) -> Dataset[Any]:
        """A split's items, which take a ``Draw`` each; True where they are trained on."""
        ...

    def baseline(self) -> tuple[str, float] | None:
        """What guesses without looking, in words, and its validation error; None without validation."""
        ...

    def describe(self) -> dict[str, Any]:
        """For the card."""
        ...


@dataclass(frozen=True)
class Work:
    """All that a run is made of.

    Attributes:
        plan: Its settings.
        recipe: The model's part.
        material: What it learns from.
        network: Makes the network with the weights that it starts from.
        card: What the card says of this model, besides what it says of all.
        prepare: Makes what the material needs and keeps in the run's folder, before the first batch.
    """

    plan: Plan
    recipe: Recipe
    material: Material
    network: Callable[[], nn.Module]
    card: Mapping[str, Any]
    prepare: Callable[[], None] = lambda: None


def settings(options: TrainOptions, defaults: Defaults, *, objects: str, init: str, freeze: bool) -> dict[str, Any]:
    """The fields of every plan, from options and a model's defaults.

    Args:
        options: What was requested.
        defaults: Of the model.
        objects: See ``Plan``.
        init: See ``Plan``.
        freeze: See ``Plan``.
    """
    return {
        "model": options.model,
        "data": options.data,
        "objects": objects,
        "init": init,
        "freeze": freeze,
        "epochs": options.epochs or defaults.epochs,
        "batch": options.batch or defaults.batch,
        "lr": defaults.lr if options.lr is None else options.lr,
        "weight_decay": defaults.weight_decay if options.weight_decay is None else options.weight_decay,
        "patience": defaults.patience if options.patience is None else options.patience,
        "seed": options.seed,
        "precision": options.precision,
    }
