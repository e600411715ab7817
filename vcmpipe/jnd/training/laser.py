"""How LASeR-JND is trained (IEEE TCSVT 2024): an autoencoder of pictures, autoencoders of each JND, then the heads."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vcmpipe.config import TrainOptions
from vcmpipe.errors import InputError
from vcmpipe.jnd.models import laser
from vcmpipe.jnd.models.blocks import channels_last
from vcmpipe.jnd.models.keras_weights import fits, is_keras, load_weights
from vcmpipe.jnd.training.coded import Coded, find_coded, make_all
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
from vcmpipe.thresholds.weights import read_card, read_state
from vcmpipe.training.engine import carry_out
from vcmpipe.training.optimisers import adam
from vcmpipe.training.recipe import Defaults, Recipe, Work, settings
from vcmpipe.training.report import TrainReport
from vcmpipe.training.start import resolve

AUTOENCODER = "autoencoder"
"""The variant that a card of an autoencoder names: it serves all of them."""
# Parts of the loss of e2e_*, as published.
_PICTURE, _QP = 0.01, 0.99
_DEFAULTS = Defaults(init="random", epochs=300, batch=8, lr=1e-5, weight_decay=0.0)


def pictures_loss(plan: JndPlan, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean squared error of what an autoencoder gives, in grey levels, and its root."""
    pictures, targets = batch
    loss = functional.mse_loss(network(pictures).float(), targets)
    return loss, {"rmse": loss.detach().sqrt()}


def head_loss(plan: JndPlan, network: laser.Laser, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Mean absolute error of the QPs; ``e2e_*`` with a hundredth of the picture's mean squared error beside it."""
    if not network.end_to_end:
        pictures, labels = batch
        return level_loss(plan, network(pictures), labels)
    pictures, targets, labels = batch
    answers, given = network.with_picture(pictures)
    loss, figures = level_loss(plan, answers, labels)
    squared = functional.mse_loss(given.float(), targets)
    return _PICTURE * squared + _QP * loss, figures | {"rmse": squared.detach().sqrt()}


def _itself(pictures: PictureSet, row: Row) -> tuple[Tensor, ...]:
    picture = laser.prepare(pictures.read(row["path"]))
    return picture, picture


def _beside_coded(pictures: PictureSet, coded: Coded, level: int, row: Row) -> tuple[Tensor, ...]:
    version = laser.prepare(coded.read(row["path"], row[level]))
    return laser.prepare(pictures.read(row["path"])), version


def _labelled(pictures: PictureSet, row: Row) -> tuple[Tensor, ...]:
    return laser.prepare(pictures.read(row["path"])), label_tensor(row, pictures.levels)


def _all_at_once(pictures: PictureSet, coded: Coded, level: int, row: Row) -> tuple[Tensor, ...]:
    return *_beside_coded(pictures, coded, level, row), label_tensor(row, pictures.levels)


def train_laser(options: TrainOptions, *, progress: Progress, warn: Warn, say: Warn) -> TrainReport:
    """Train a stage of LASeR-JND; see ``train``.

    Raises:
        InputError: Variant, stage, weights or data do not fit each other.
    """
    stage = options.stage or "head"
    variant = _variant(options, stage)
    learned = _levels(options, stage, variant)
    init, files = resolve(_init(options, stage, variant), "laser", several=True)
    check_start(files, stage, variant, learned)
    pictures = open_pictures(options, learned, warn)
    # An autoencoder of pictures may learn from any; which JND they have is nothing to it.
    level = learned[0] if learned else 0
    how, coded = "", None
    if stage == "jnd" or (stage == "head" and variant.startswith("e2e_")):
        kept = Path(options.cache) if options.cache else Path(options.out) / "coded"
        coded, how = find_coded(pictures, Path(options.data), level, options.coded, kept)
    head_alone = stage == "head" and not variant.startswith("e2e_")
    whole = None if head_alone else f"{variant} is trained whole in the stage {stage}"
    plan = JndPlan(
        **settings(options, _DEFAULTS, objects=pictures.digest, init=init, whole=whole),
        variant=variant,
        stage=stage,
        levels=list(learned),
        scale=pictures.samples.scale,
        coded=how,
    )
    make = partial(_itself, pictures) if stage == "autoencoder" else partial(_labelled, pictures)
    if coded is not None:
        make = partial(_beside_coded if stage == "jnd" else _all_at_once, pictures, coded, level)
    loss = head_loss if stage == "head" else pictures_loss
    recipe = Recipe(loss=loss, optimiser=adam)

    def prepare() -> None:
        if coded is not None:
            make_all(pictures, level, coded, say)

    material = jnd_material(pictures, make, judged=stage == "head")
    work = Work(plan, recipe, material, lambda: make_network(plan, files, pictures), card(plan), prepare)
    return carry_out(options, work, progress=progress, warn=warn, say=say)


def make_network(plan: JndPlan, files: list[Path], pictures: PictureSet) -> nn.Module:
    """The network of a stage with the weights that were requested.

    Raises:
        InputError: They are of another network; nothing else is taken instead.
    """
    torch.manual_seed(plan.seed)
    if plan.stage != "head":
        autoencoder = laser.Autoencoder()
        for file in files:
            load_weights(autoencoder, file)
        return channels_last(autoencoder)
    network = laser.build(plan.variant)
    if len(files) == 1 and holds_head(files[0], plan.variant):
        load_weights(network, files[0])
    else:
        for number, file in enumerate(files):
            autoencoder = laser.Autoencoder()
            load_weights(autoencoder, file)
            network.adopt(number, autoencoder)
        begin_at_medians(network.output_layers(), pictures)
    if plan.freeze:
        network.freeze()
    return channels_last(network)


def check_start(files: list[Path], stage: str, variant: str, levels: tuple[int, ...]) -> None:
    """Refuse weights of another stage or level than the one before, and too few or too many of them.

    Raises:
        InputError: They are; the message names those that are needed.
    """
    if not files or (stage == "head" and len(files) == 1 and holds_head(files[0], variant)):
        return
    wanted = len(levels) if stage == "head" else 1
    if len(files) != wanted:
        each = "an autoencoder of each JND, with commas" if wanted > 1 else "one"
        raise InputError(f"--init names {len(files)} files of weights, and {variant} starts from {each}: name {wanted}")
    # Whoever trains everything at once may start anywhere.
    stages = ("autoencoder", "jnd") if stage != "head" or variant.startswith("e2e_") else ("jnd",)
    for number, file in enumerate(files):
        known = read_card(file, laser.MODEL)
        if not known:
            continue  # of somebody else: what it was trained on only he knows
        if known.get("stage") not in stages:
            what = f"the stage {known.get('stage')}" + (f" of {known['variant']}" if known.get("variant") else "")
            raise InputError(f"{file} holds {what}: {stage} starts from the stage {' or '.join(stages)}")
        due = levels[number] if levels else None
        if stage == "head" and known["stage"] == "jnd" and known.get("level") != due:
            raise InputError(
                f"{file} was trained on JND{known.get('level')}: number {number + 1} should be of JND{due}"
            )


def holds_head(file: Path, variant: str) -> bool:
    """Whether a file holds a whole network rather than an autoencoder."""
    if is_keras(file):
        with torch.device("meta"):
            return not fits(laser.Autoencoder(), file)
    known = read_card(file, laser.MODEL)
    if known:
        if known.get("stage") == "head" and known.get("variant") != variant:
            raise InputError(f"{file} holds the variant {known.get('variant')}, not {variant}")
        return known.get("stage") == "head"
    return any(key.startswith("head.") for key in read_state(file))


def _variant(options: TrainOptions, stage: str) -> str:
    if options.variant is not None:
        laser.levels(options.variant)
    elif stage == "head":
        raise InputError(f"--variant must be given for the stage head: {', '.join(laser.VARIANTS)}")
    return AUTOENCODER if stage != "head" or options.variant is None else options.variant


def _levels(options: TrainOptions, stage: str, variant: str) -> tuple[int, ...]:
    if stage == "autoencoder":
        if options.level is not None:
            raise InputError("--level is for the stages jnd and head: an autoencoder of pictures knows no JND")
        return ()
    return levels_of(options, variant, laser.levels(variant) if stage == "head" else 1)


def _init(options: TrainOptions, stage: str, variant: str) -> str:
    if options.init is not None:
        return options.init
    if stage == "autoencoder":
        return "random"
    if stage == "jnd":
        needs = "the folder of a run of the stage autoencoder"
    else:
        each = "one for each JND, with commas" if laser.levels(variant) > 1 else "its folder"
        needs = f"the runs of the stage jnd ({each})"
    raise InputError(f"--init must be given for the stage {stage}: {needs}, or random")
