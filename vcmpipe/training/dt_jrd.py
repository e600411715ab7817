"""How DT-JRD is trained: crops, flipped or not, against Gaussian soft labels (arXiv 2411.09308).

The variants with context and a confidence map are trained in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn
from torch.utils.data import Dataset

from vcmpipe.thresholds import dt_jrd
from vcmpipe.thresholds.crops import confidence_map, resized, shown
from vcmpipe.training.loading import Draw
from vcmpipe.training.losses import gdsl_loss
from vcmpipe.training.object_run import ObjectPlan, ObjectRecipe
from vcmpipe.training.optimisers import sgd_cosine
from vcmpipe.training.recipe import Defaults

if TYPE_CHECKING:
    import pandas as pd

    from vcmpipe.training.objects import ObjectSet


class Crops(Dataset[tuple[Tensor, int]]):
    """Crops of objects with their labels, with what the plan adds to them.

    A confidence map shows all objects of the picture, also those without a label and those of no split.

    Raises:
        InputError: There are no scores to paint, or no pictures around the crops.
    """

    def __init__(self, plan: ObjectPlan, objects: ObjectSet, rows: pd.DataFrame, training: bool) -> None:
        self.plan, self.pictures, self.rows, self.training = plan, objects.pictures, rows, training
        self.detections = objects.detections() if plan.confidence else {}
        if (plan.context or plan.confidence) and len(rows):
            self.pictures.whole(rows.iloc[0])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, int]:
        return self.image(draw[0], self.mirrored(draw)), int(self.rows.iloc[draw[0]]["label"])

    def mirrored(self, draw: Draw) -> bool:
        """Whether left and right are exchanged: half of the objects in each epoch of training."""
        return self.training and bool(np.random.default_rng([self.plan.seed, draw[1], draw[0]]).random() < 0.5)

    def image(self, index: int, mirrored: bool = False) -> Tensor:
        """What the network is shown of a row: (3, size, size), or 4 channels with a confidence map."""
        row = self.rows.iloc[index]
        if not self.plan.context and not self.plan.confidence:
            crop = self.pictures.crop(row)
            return resized(crop[:, ::-1] if mirrored else crop, self.plan.size)
        rgb, box = self.pictures.whole(row)
        painted = None
        if self.plan.confidence:
            painted = confidence_map(*self.detections[row["path"]], rgb.shape[1], rgb.shape[0])
        return shown(rgb, box, self.plan.size, context=self.plan.context, confidence=painted, mirrored=mirrored)


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
    dt_jrd.load_start(network, state, source, head=head is not None and head.shape == own.shape)


RECIPE = ObjectRecipe(
    backbone=dt_jrd.BACKBONE,
    size=dt_jrd.SIZE,
    defaults=Defaults(init="pretrained", epochs=20, batch=32, lr=0.01, weight_decay=5e-5, patience=3),
    monitors=("val_error", "val_loss"),
    build=lambda plan: dt_jrd.build(plan.backbone, plan.size, confidence=plan.confidence),
    load_pretrained=dt_jrd.load_pretrained,
    load=_load,
    freeze=dt_jrd.freeze,
    items=Crops,
    loss=loss,
    optimiser=sgd_cosine,
)
