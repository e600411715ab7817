"""``vcmpipe train dt_jrd`` and ``bc_jrd``: networks that learn the thresholds of objects."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn
from torch.utils.data import Dataset

from vcmpipe.config import TrainOptions
from vcmpipe.detection.postprocess import file_digest
from vcmpipe.errors import InputError
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.thresholds.weights import read_state
from vcmpipe.training.engine import WEIGHTS, carry_out
from vcmpipe.training.losses import SIGMA
from vcmpipe.training.objects import ObjectSet, open_objects
from vcmpipe.training.recipe import Plan, Recipe, Work, settings
from vcmpipe.training.report import TrainReport

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.training.losses import SIGMA
from vcmpipe.training.objects import Pictures


@dataclass(frozen=True)
class ObjectPlan(Plan):
    """Settings of a run on objects; see ``Plan``.

    Attributes:
        backbone: A timm network.
        size: Side of the crops in pixels.
        sigma: Spread of the soft labels in QP steps.
        versions: Coded versions of an object in an epoch.
    """

    backbone: str
    size: int
    sigma: float
    versions: int


@dataclass(frozen=True, kw_only=True)
class ObjectRecipe(Recipe):
    """The part of one of these models; see ``Recipe``.

    Attributes:
        backbone: Default of the option, and so is ``size``.
        size: Likewise.
        build: The network with random weights.
        load_pretrained: Fills it with timm's weights and says which.
        freeze: Leaves only what the paper trains to be trained.
        items: The data set of some rows; True where they are trained on.
    """

    backbone: str
    size: int
    build: Callable[[ObjectPlan], nn.Module]
    load_pretrained: Callable[[Any, str], str]
    freeze: Callable[[Any], None]
    items: Callable[[ObjectPlan, Pictures, pd.DataFrame, bool], Dataset[Any]]


@dataclass(frozen=True)
class ObjectMaterial:
    """Objects as ``Material``."""

    plan: ObjectPlan
    recipe: ObjectRecipe
    objects: ObjectSet
    noun: str = "objects"

    def count(self, split: str) -> int:
        """See ``Material``."""
        return len(self.objects.split(split))

    def items(self, split: str, training: bool) -> Dataset[Any]:
        """See ``Material``."""
        return self.recipe.items(self.plan, self.objects.pictures, self.objects.split(split), training)

    def baseline(self) -> tuple[str, float] | None:
        """See ``Material``."""
        from vcmpipe.evaluation.threshold_errors import median_constant

        train, val = self.objects.labels("train"), self.objects.labels("val")
        if not len(val):
            return None
        return "always the median", float(abs(val - median_constant(train)).mean())

    def describe(self) -> dict[str, Any]:
        """See ``Material``."""
        samples = self.objects.samples
        left_out = self.objects.left_out
        return {"name": samples.name, "rule": samples.rule, "left_out": left_out, "source": dict(samples.source)}


def train_objects(options: TrainOptions, *, progress: Progress, warn: Warn, say: Warn) -> TrainReport:
    """Train one of the networks that have an ``ObjectRecipe``; see ``train``."""
    recipe = cast(ObjectRecipe, importlib.import_module(f"vcmpipe.training.{options.model}").RECIPE)
    objects = open_objects(options)
    plan = make_plan(options, recipe, objects)
    source = objects.samples.source
    card = {
        "backbone": plan.backbone,
        "size": plan.size,
        "detector": source.get("detector"),
        "detector_digest": source.get("detector_digest"),
    }
    work = Work(plan, recipe, ObjectMaterial(plan, recipe, objects), lambda: make_network(options, plan, recipe), card)
    return carry_out(options, work, progress=progress, warn=warn, say=say)


def make_plan(options: TrainOptions, recipe: ObjectRecipe, objects: ObjectSet) -> ObjectPlan:
    """The options with the model's defaults filled in."""
    table = objects.samples.table[["sample", "split", "label"]]
    init = options.init or recipe.defaults.init
    if init not in ("pretrained", "random"):
        if not weight_file(init).is_file():
            raise InputError(
                f"--init {init} is not there: give pretrained, random, a file of weights, or a run's folder"
            )
        init = f"sha256:{file_digest(weight_file(init))}"
    digest = hashlib.sha256(table.to_csv(index=False).encode("utf-8", "surrogatepass")).hexdigest()
    freeze = init != "random" if options.freeze == "auto" else options.freeze == "yes"
    return ObjectPlan(
        **settings(options, recipe.defaults, objects=digest, init=init, freeze=freeze),
        backbone=options.backbone or recipe.backbone,
        size=options.size or recipe.size,
        sigma=SIGMA if options.sigma is None else options.sigma,
        versions=options.versions,
    )


def weight_file(init: str) -> Path:
    """The file that ``--init`` names, itself or by the folder of its run."""
    return Path(init) / WEIGHTS if Path(init).is_dir() else Path(init)


def make_network(options: TrainOptions, plan: ObjectPlan, recipe: ObjectRecipe) -> nn.Module:
    """The network with the weights that were requested.

    Raises:
        VcmError: They cannot be had; nothing else is taken instead.
    """
    torch.manual_seed(plan.seed)
    network = recipe.build(plan)
    if plan.init == "pretrained":
        recipe.load_pretrained(network, plan.backbone)
    elif plan.init != "random":
        assert options.init is not None
        recipe.load(network, read_state(weight_file(options.init)), options.init)
    if plan.freeze:
        recipe.freeze(network)
    return network
