"""How ResJND is trained: from a pristine patch to the same patch at its critical perceptual level (CPL-Set)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from vcmpipe.config import TrainOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.jnd.models import resjnd
from vcmpipe.jnd.models.blocks import channels_last
from vcmpipe.jnd.models.keras_weights import load_weights
from vcmpipe.jnd.pairs import PairSet, read_pairs
from vcmpipe.jnd.training.material import Examples, Row
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.thresholds.weights import read_card
from vcmpipe.training.engine import carry_out
from vcmpipe.training.objects import named_in
from vcmpipe.training.optimisers import sgd_steps
from vcmpipe.training.recipe import Defaults, Material, Plan, Recipe, Work, settings
from vcmpipe.training.report import TrainReport
from vcmpipe.training.start import resolve

_DEFAULTS = Defaults(init="random", epochs=200, batch=32, lr=0.1, weight_decay=1e-4)
# Gradients of a summed error are large: as published, their norm is cut to this.
CLIP = 0.4


def loss(plan: Plan, network: resjnd.ResJnd, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """The squared error, summed over the batch, and the mean absolute one in grey levels."""
    pristine, critical = batch
    given = network(pristine).float()
    error = (given.detach() - critical).abs().mean() * 255.0
    return (given - critical).square().sum(), {"error": error}


def _tensor(file: Path) -> Tensor:
    picture = torch.from_numpy(np.ascontiguousarray(read_picture(file).transpose(2, 0, 1)))
    return picture.float() / 255.0


def _example(pairs: PairSet, row: Row) -> tuple[Tensor, ...]:
    return _tensor(pairs.root / row["path"]), _tensor(pairs.root / row["critical"])


def _unchanged_error(pairs: PairSet) -> tuple[str, float]:
    """The error of a network that changes nothing."""
    examples = (_example(pairs, row) for row in pairs.split("val").to_dict("records"))
    errors = [(first - second).abs().mean() * 255.0 for first, second in examples]
    return "nothing changed", float(torch.stack(errors).mean())


def train_resjnd(options: TrainOptions, *, progress: Progress, warn: Warn, say: Warn) -> TrainReport:
    """Train ResJND on the pairs of a folder of samples; see ``train``.

    Raises:
        InputError: There are no pairs, patches are not of one size, or weights are of another network.
    """
    init, files = resolve(options.init or _DEFAULTS.init, options.model)
    for file in files:
        read_card(file, resjnd.MODEL)
    pairs = _chosen(read_pairs(Path(options.data), Path(options.images) if options.images else None), options)
    size = one_size(pairs)
    digest = hashlib.sha256(pairs.table.to_csv(index=False).encode("utf-8", "surrogatepass")).hexdigest()
    plan = Plan(**settings(options, _DEFAULTS, objects=digest, init=init, whole="resjnd is trained whole"))
    recipe = Recipe(loss=loss, optimiser=sgd_steps, clip=CLIP)
    about = {"name": pairs.samples.name, "source": dict(pairs.samples.source)}
    examples = partial(Examples, partial(_example, pairs))
    material = Material("pairs", pairs.split, examples, about, partial(_unchanged_error, pairs))
    work = Work(plan, recipe, material, lambda: make_network(plan, files), {"patch": list(size)})
    return carry_out(options, work, progress=progress, warn=warn, say=say)


def make_network(plan: Plan, files: Sequence[Path]) -> nn.Module:
    """The network with the weights that were requested.

    Raises:
        InputError: They are of another network; nothing else is taken instead.
    """
    torch.manual_seed(plan.seed)
    network = resjnd.ResJnd()
    for file in files:
        load_weights(network, file)
    return channels_last(network)


def one_size(pairs: PairSet) -> tuple[int, int]:
    """(height, width) of all patches.

    Raises:
        InputError: They differ, so that no batch can be made of them.
    """
    sizes = pairs.table[["height", "width"]].drop_duplicates()
    if len(sizes) > 1:
        first, second = (f"{row.width}x{row.height}" for row in sizes.head(2).itertuples())
        raise InputError(
            f"{pairs.samples.name} has pictures of {first} and of {second}, and a batch needs one size: make patches "
            "with vcmpipe dataset crop"
        )
    row = sizes.iloc[0]
    return int(row["height"]), int(row["width"])


def _chosen(pairs: PairSet, options: TrainOptions) -> PairSet:
    table: pd.DataFrame = pairs.table
    if options.exclude:
        table = table[~named_in(table["picture"], Path(options.exclude))]
    if table.empty:
        raise InputError(f"{options.data} holds no pairs to learn from")
    if options.limit is not None:
        table = table.groupby("split", group_keys=False, sort=False).head(options.limit)
    return PairSet(pairs.samples, table.reset_index(drop=True), pairs.root)
