"""``vcmpipe train dt_jrd`` and ``bc_jrd``: networks that learn the thresholds of objects."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.utils.data import Dataset

from vcmpipe.config import TrainOptions
from vcmpipe.evaluation.threshold_errors import median_constant
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.thresholds.weights import read_state
from vcmpipe.training.engine import carry_out
from vcmpipe.training.losses import SIGMA
from vcmpipe.training.objects import BOX, ObjectSet, open_objects
from vcmpipe.training.recipe import Defaults, Material, Plan, Recipe, Work, settings
from vcmpipe.training.report import TrainReport
from vcmpipe.training.start import resolve

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ObjectPlan(Plan):
    """Settings of a run on objects; see ``Plan``.

    Attributes:
        backbone: A timm network.
        size: Side of the crops in pixels.
        sigma: Spread of the soft labels in QP steps.
        versions: Coded versions of an object in an epoch.
        context: What a crop shows around the box on each side, as a share of its size.
        confidence: Whether a crop has a map of the detections' scores as a fourth channel.
    """

    backbone: str
    size: int
    sigma: float
    versions: int
    context: float = 0.0
    confidence: bool = False


@dataclass(frozen=True, kw_only=True)
class ObjectRecipe(Recipe):
    """The part of one of these models; see ``Recipe``.

    Attributes:
        defaults: Of the options.
        backbone: Default of the option, and so is ``size``.
        size: Likewise.
        build: The network with random weights.
        load_pretrained: Fills it with timm's weights and returns their name.
        freeze: Leaves only what the paper trains to be trained.
        items: The data set of some rows; True where they are trained on.
    """

    defaults: Defaults
    backbone: str
    size: int
    build: Callable[[ObjectPlan], nn.Module]
    load_pretrained: Callable[[Any, str], str]
    freeze: Callable[[Any], None]
    items: Callable[[ObjectPlan, ObjectSet, pd.DataFrame, bool], Dataset[Any]]


def train_objects(options: TrainOptions, *, progress: Progress, warn: Warn, say: Warn) -> TrainReport:
    """Train one of the networks that have an ``ObjectRecipe``; see ``train``."""
    recipe = cast(ObjectRecipe, importlib.import_module(f"vcmpipe.training.{options.model}").RECIPE)
    objects = open_objects(options)
    samples = objects.samples
    init, files = resolve(options.init or recipe.defaults.init, options.model, pretrained=True)
    table = samples.table[["sample", "split", "label"]].to_csv(index=False)
    if options.confidence:  # what is around an object is learned from, too
        table += objects.seen[["sample", *BOX, "score"]].to_csv(index=False)
    digest = hashlib.sha256(table.encode("utf-8", "surrogatepass")).hexdigest()
    plan = ObjectPlan(
        **settings(options, recipe.defaults, objects=digest, init=init),
        backbone=options.backbone or recipe.backbone,
        size=options.size or recipe.size,
        sigma=SIGMA if options.sigma is None else options.sigma,
        versions=options.versions,
        context=options.context,
        confidence=options.confidence,
    )
    material = Material(
        "objects",
        objects.split,
        partial(recipe.items, plan, objects),
        {
            "name": samples.name,
            "rule": samples.rule,
            "left_out": objects.left_out,
            "source": dict(samples.source),
        },
        partial(_median_error, objects),
    )
    card = {
        "backbone": plan.backbone,
        "size": plan.size,
        "detector": samples.source.get("detector"),
        "detector_digest": samples.source.get("detector_digest"),
    }
    if plan.context or plan.confidence:
        card |= {"context": plan.context, "confidence": plan.confidence}
        recipe.items(plan, objects, objects.split("train"), True)  # what is lacking is said before anything is begun
    work = Work(plan, recipe, material, lambda: _make_network(files, plan, recipe), card)
    return carry_out(options, work, progress=progress, warn=warn, say=say)


def _median_error(objects: ObjectSet) -> tuple[str, float]:
    constant = median_constant(objects.labels("train"))
    return "always the median", float(abs(objects.labels("val") - constant).mean())


def _make_network(files: list[Path], plan: ObjectPlan, recipe: ObjectRecipe) -> nn.Module:
    """The network with the weights that were requested.

    Raises:
        VcmError: They cannot be had; nothing else is taken instead.
    """
    torch.manual_seed(plan.seed)
    network = recipe.build(plan)
    if plan.init == "pretrained":
        recipe.load_pretrained(network, plan.backbone)
    for file in files:
        recipe.load(network, read_state(file), str(file))
    if plan.freeze:
        recipe.freeze(network)
    return network
