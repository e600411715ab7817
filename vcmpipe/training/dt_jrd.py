"""How DT-JRD is trained: crops, flipped or not, against Gaussian soft labels (arXiv 2411.09308)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn
from torch.utils.data import Dataset

from vcmpipe.thresholds import dt_jrd
from vcmpipe.thresholds.crops import resized
from vcmpipe.training.loading import Draw
from vcmpipe.training.losses import gdsl_loss
from vcmpipe.training.object_run import ObjectPlan, ObjectRecipe
from vcmpipe.training.optimisers import sgd_cosine
from vcmpipe.training.recipe import Defaults

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.training.objects import Pictures


class Crops(Dataset[tuple[Tensor, int]]):
    """Crops of objects with their labels."""

    def __init__(self, plan: ObjectPlan, pictures: Pictures, rows: pd.DataFrame, training: bool) -> None:
        self.plan, self.pictures, self.rows, self.training = plan, pictures, rows, training

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        index, epoch = draw
        row = self.rows.iloc[index]
        crop = self.pictures.crop(row)
        if self.training and np.random.default_rng([self.plan.seed, epoch, index]).random() < 0.5:
            crop = crop[:, ::-1]
        return resized(crop, self.plan.size), int(row["label"])


def loss(plan: ObjectPlan, network: nn.Module, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """GDSL loss, and the mean absolute error of the most probable QP."""
    images, labels = batch
    logits = network(images)
    error = (logits.detach().argmax(dim=1) - labels).abs().float().mean()
    return gdsl_loss(logits, labels, plan.sigma), {"error": error}


def _load(network: nn.Module, state: dict[str, Tensor], source: str) -> None:
    # A backbone without a head of 64 classes is a start, too.
    head = state.get("head.weight")
    own = network.get_parameter("head.weight")
    dt_jrd.load(network, state, source, head=head is not None and head.shape == own.shape)


RECIPE = ObjectRecipe(
    backbone=dt_jrd.BACKBONE,
    size=dt_jrd.SIZE,
    defaults=Defaults(init="pretrained", epochs=20, batch=32, lr=0.01, weight_decay=5e-5, patience=3),
    monitors=("val_error", "val_loss"),
    build=lambda plan: dt_jrd.build(plan.backbone, plan.size),
    load_pretrained=dt_jrd.load_pretrained,
    load=_load,
    freeze=dt_jrd.freeze,
    items=Crops,
    loss=loss,
    optimiser=sgd_cosine,
)
