"""How BC-JRD is trained: pairs of a crop and a coded version of it, recognisable or not (IEEE TMM 2023)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from vcmpipe.thresholds import bc_jrd
from vcmpipe.thresholds.base import QP_COUNT
from vcmpipe.thresholds.crops import centred
from vcmpipe.training.loading import Draw
from vcmpipe.training.object_run import ObjectPlan, ObjectRecipe
from vcmpipe.training.optimisers import sgd_cosine
from vcmpipe.training.recipe import Defaults

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.training.objects import ObjectSet


class Pairs(Dataset[tuple[Tensor, Tensor, int]]):
    """Crops beside coded versions; label 0: recognisable there, 1: not.

    For training, each epoch draws other QPs for an object, none twice; for validation they are spread evenly.
    """

    def __init__(self, plan: ObjectPlan, objects: ObjectSet, rows: pd.DataFrame, training: bool) -> None:
        self.plan, self.pictures, self.rows, self.training = plan, objects.pictures, rows, training

    def __len__(self) -> int:
        return len(self.rows) * self.plan.versions

    def qp(self, draw: Draw) -> int:
        """The QP of a draw's version."""
        (place, nth), epoch = divmod(draw[0], self.plan.versions), draw[1]
        if self.training:
            return int(np.random.default_rng([self.plan.seed, epoch, place]).permutation(QP_COUNT)[nth])
        return int(np.linspace(0, QP_COUNT - 1, self.plan.versions + 2)[1:-1].round()[nth])

    def __getitem__(self, draw: Draw) -> tuple[Tensor, Tensor, int]:
        row = self.rows.iloc[draw[0] // self.plan.versions]
        qp = self.qp(draw)
        crop, version = self.pictures.crop(row), self.pictures.version(row, qp)
        return centred(crop, self.plan.size), centred(version, self.plan.size), int(qp > row["label"])


def loss(plan: ObjectPlan, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy, and the share of wrong decisions."""
    originals, versions, labels = batch
    logits = network(originals, versions)
    wrong = (logits.detach().argmax(dim=1) != labels).float().mean()
    return functional.cross_entropy(logits.float(), labels), {"wrong": wrong}


RECIPE = ObjectRecipe(
    backbone=bc_jrd.BACKBONE,
    size=bc_jrd.SIZE,
    defaults=Defaults(init="pretrained", epochs=60, batch=64, lr=0.01, weight_decay=1e-4, patience=3),
    monitors=("val_wrong", "val_loss"),
    build=lambda plan: bc_jrd.BcJrd(plan.backbone, plan.size),
    load_pretrained=bc_jrd.load_pretrained,
    load=bc_jrd.load,
    freeze=bc_jrd.BcJrd.freeze,
    items=Pairs,
    loss=loss,
    optimiser=sgd_cosine,
)
