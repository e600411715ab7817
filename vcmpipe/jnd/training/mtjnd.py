"""How MTJND is trained (IEEE ICIP 2023): all levels at once, and where viewers look beside them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcmpipe.config import TrainOptions
from vcmpipe.errors import InputError
from vcmpipe.jnd.models import mtjnd
from vcmpipe.jnd.models.blocks import channels_last
from vcmpipe.jnd.models.keras_weights import load_weights
from vcmpipe.jnd.models.saliency import saliency
from vcmpipe.jnd.training.material import (
    JndPlan,
    Row,
    begin_at_medians,
    card,
    jnd_material,
    label_tensor,
    level_loss,
    levels_of,
)
from vcmpipe.jnd.training.pictures import PictureSet, open_pictures
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.thresholds.weights import read_card
from vcmpipe.training.engine import carry_out
from vcmpipe.training.optimisers import adam
from vcmpipe.training.recipe import Defaults, Recipe, Work, settings
from vcmpipe.training.report import TrainReport
from vcmpipe.training.start import resolve

_DEFAULTS = Defaults(init="pretrained", epochs=500, batch=8, lr=1e-5, weight_decay=0.0)


def loss(plan: JndPlan, network: mtjnd.Mtjnd, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean absolute error of the QPs; ``*_va`` with the binary cross-entropy of the attention map beside it."""
    if network.attention is None:
        pictures, labels = batch
        return level_loss(plan, network(pictures), labels)
    pictures, maps, labels = batch
    answers, logits = network.with_attention(pictures)
    qps, figures = level_loss(plan, answers, labels)
    entropy = functional.binary_cross_entropy_with_logits(logits.float(), maps)
    return qps + plan.attention_weight * entropy, figures | {"attention": entropy.detach()}


def _example(pictures: PictureSet, attention: bool, row: Row) -> tuple[Tensor, ...]:
    rgb = pictures.read(row["path"])
    maps = (torch.from_numpy(saliency(rgb, mtjnd.ATTENTION))[None],) if attention else ()
    return mtjnd.prepare(rgb), *maps, label_tensor(row, pictures.levels)


def train_mtjnd(options: TrainOptions, *, progress: Progress, warn: Warn, say: Warn) -> TrainReport:
    """Train a variant of MTJND; see ``train``.

    Raises:
        InputError: Variant, weights or data do not fit each other.
    """
    if options.variant is None:
        raise InputError(f"--variant must be given for mtjnd: {', '.join(mtjnd.VARIANTS)}")
    levels = levels_of(options, options.variant, mtjnd.levels(options.variant))
    init, files = resolve(options.init or _DEFAULTS.init, options.model, pretrained=True)
    for file in files:
        known = (read_card(file, mtjnd.MODEL) or {}).get("variant", options.variant)
        if known != options.variant:
            raise InputError(f"{file} holds the variant {known}, not {options.variant}")
    pictures = open_pictures(options, levels, warn)
    attention = options.variant.endswith("_va")
    plan = JndPlan(
        **settings(options, _DEFAULTS, objects=pictures.digest, init=init),
        variant=options.variant,
        stage="head",
        levels=list(levels),
        scale=pictures.samples.scale,
        attention_weight=options.attention_weight if attention else 0.0,
    )
    recipe = Recipe(loss=loss, optimiser=adam)
    material = jnd_material(pictures, partial(_example, pictures, attention), judged=True)
    work = Work(plan, recipe, material, lambda: make_network(plan, files, pictures), card(plan))
    return carry_out(options, work, progress=progress, warn=warn, say=say)


def make_network(plan: JndPlan, files: list[Path], pictures: PictureSet) -> nn.Module:
    """The network with the weights that were requested.

    Raises:
        VcmError: They cannot be had, or are of another network; nothing else is taken instead.
    """
    torch.manual_seed(plan.seed)
    network = mtjnd.build(plan.variant)
    if files:
        load_weights(network, files[0])
    else:
        if plan.init == "pretrained":
            mtjnd.load_pretrained(network)
        else:
            _begin_at_random(network)
        begin_at_medians(network.output_layers(), pictures)
    if plan.freeze:
        network.freeze()
    return channels_last(network)


def _begin_at_random(network: mtjnd.Mtjnd) -> None:
    """Random weights that let a signal through thirteen convolutions (He et al. 2015); Glorot's leave a hundredth."""
    for layer in network.backbone.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
