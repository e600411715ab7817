"""Pictures with JNDs as something to learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from vcmpipe.config import TrainOptions
from vcmpipe.datasets.scales import RANGES
from vcmpipe.errors import InputError
from vcmpipe.jnd.models.blocks import ordered
from vcmpipe.jnd.training.pictures import PictureSet
from vcmpipe.training.loading import Draw
from vcmpipe.training.recipe import Material, Plan

Row = dict[Any, Any]


@dataclass(frozen=True)
class JndPlan(Plan):
    """Settings of a run on pictures; see ``Plan``.

    Attributes:
        variant: The model's variant; ``autoencoder`` where an autoencoder is trained.
        stage: See ``TrainOptions``.
        levels: The JNDs that are learned.
        scale: What labels count.
        coded: Where coded versions come from; empty where none are used.
        attention_weight: Weight of the loss of the attention map.
    """

    variant: str
    stage: str
    levels: list[int]
    scale: str
    coded: str = ""
    attention_weight: float = 0.0


class Examples(Dataset[tuple[Tensor, ...]]):
    """What a network is shown of pictures: one example by row, the tensors that a loss takes.

    They are the same in training and validation.
    """

    def __init__(self, make: Callable[[Row], tuple[Tensor, ...]], rows: pd.DataFrame, training: bool) -> None:
        self.rows: list[Row] = rows.to_dict("records")
        self.make = make

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, ...]:
        return self.make(self.rows[draw[0]])


def jnd_material(pictures: PictureSet, make: Callable[[Row], tuple[Tensor, ...]], *, judged: bool) -> Material:
    """Pictures to learn from; ``judged``: QPs are learned, so that the median of each level is the baseline."""
    samples = pictures.samples
    card = {"name": samples.name, "scale": samples.scale, "source": dict(samples.source)}
    baseline = partial(_median_error, pictures) if judged else None
    return Material("pictures", pictures.split, partial(Examples, make), card, baseline)


def _median_error(pictures: PictureSet) -> tuple[str, float]:
    return "always the median", float(np.abs(pictures.labels("val") - medians(pictures)).mean())


def medians(pictures: PictureSet) -> NDArray[np.float64]:
    """(levels,) of the training labels."""
    values: NDArray[np.float64] = np.median(pictures.labels("train"), axis=0)
    return values


def levels_of(options: TrainOptions, variant: str, count: int) -> tuple[int, ...]:
    """The JNDs that a variant with so many answers learns.

    Raises:
        InputError: ``--level`` is given where all three are learned.
    """
    if count == 1:
        return (options.level or 1,)
    if options.level is not None:
        raise InputError(f"--level is for variants that answer with one JND: {variant} learns all three")
    return (1, 2, 3)


def label_tensor(row: Row, levels: tuple[int, ...] | list[int]) -> Tensor:
    """(levels,) float32 of a row."""
    return torch.tensor([row[level] for level in levels], dtype=torch.float32)


def begin_at_medians(layers: list[nn.Linear], pictures: PictureSet) -> None:
    """Have each level's answers start at the median of its training labels.

    From 0, where Keras starts, thousands of steps at the papers' learning rate go by before they reach QPs at all.
    """
    for layer, value in zip(layers, medians(pictures), strict=True):
        nn.init.constant_(layer.bias, float(value))


def level_loss(plan: JndPlan, answers: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """The mean absolute error of each level, added up, and what a user of the answers would see.

    Args:
        plan: The run's settings.
        answers: (B, levels), not in order: see ``Laser.forward``.
        labels: (B, levels).
    """
    loss = (answers.float() - labels).abs().mean(dim=0).sum()
    shown = ordered(answers.detach().float(), falling=plan.scale == "jpeg-qf").clamp(*RANGES[plan.scale])
    errors = (shown - labels).abs().mean(dim=0)
    figures = {"error": errors.mean()}
    if len(plan.levels) > 1:
        figures |= {f"error_{level}": error for level, error in zip(plan.levels, errors, strict=True)}
    return loss, figures


def card(plan: JndPlan) -> dict[str, Any]:
    """What a card states of these models.

    Returns:
        Variant, stage, the scale and range of the answers, and how to name the predictor.
    """
    whole = plan.stage == "head"
    span = list(RANGES[plan.scale]) if plan.scale in RANGES else None
    return {
        "predictor": f"{plan.model}:{plan.variant}:weights.safetensors" if whole else None,
        "variant": plan.variant,
        "stage": plan.stage,
        "scale": plan.scale,
        "range": span,
        "levels": len(plan.levels),
    } | ({"level": plan.levels[0]} if len(plan.levels) == 1 else {})
