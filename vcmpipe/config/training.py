"""Options of ``train``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import option
from vcmpipe.config.outputs import FOLDER
from vcmpipe.config.predictors import ObjectsOptions
from vcmpipe.errors import InputError

# Options that only some models know; the others refuse them.
_ONLY: dict[str, tuple[str, ...]] = {
    "backbone": ("dt_jrd", "bc_jrd"),
    "size": ("dt_jrd", "bc_jrd"),
    "context": ("dt_jrd",),
    "confidence": ("dt_jrd",),
    "variant": ("laser", "mtjnd"),
    "level": ("laser", "mtjnd"),
    "stage": ("laser",),
    "cache": ("laser",),
    "losses": ("detector_aware",),
}
_MODELS = ("dt_jrd", "bc_jrd", "detector_aware", "laser", "mtjnd", "resjnd")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ObjectsOptions):
    """Train a threshold predictor; after an interruption, the same command resumes."""

    model: str = option(
        positional=True,
        help="dt_jrd, bc_jrd or detector_aware (for detectors); laser, mtjnd or resjnd (for human viewers)",
    )
    out: str = option(
        help="the folder of the run: checkpoints, logs, and the weights with their card", writes=(FOLDER,)
    )
    variant: str | None = option(
        None, help="laser: lat, rec, e2e_lat, e2e_rec, mj_lat or mj_rec; mtjnd: mt_3ljnd, mt_1ljnd_va or mt_3ljnd_va"
    )
    stage: Literal["autoencoder", "jnd", "head"] | None = option(
        None,
        help="laser: autoencoder (a picture to itself), jnd (to itself as coded at a JND) or head (to its QPs); "
        "default: head",
    )
    level: int | None = option(
        None,
        low=1,
        high=3,
        help="laser, mtjnd: the JND, 1 to 3, of stage jnd and of variants that answer with one; default: 1",
    )
    coded: Literal["auto", "folders", "encode"] = option(
        "auto",
        help="laser: where pictures coded at their JND come from: folders (the data set's, such as jnd1train), encode "
        "(made here), or auto (the data set's, if it has them)",
    )
    cache: str | None = option(None, help="laser: a folder that stores what was coded; default: coded in that of --out")
    attention_weight: float = option(
        1.0, low=0, help="mtjnd: weight of the attention map's loss relative to the error in QPs"
    )
    detector: str | None = option(
        None, help="detector_aware: the detector that the store was made with; default: VCMPIPE_DETECTOR, else auto"
    )
    losses: str | None = option(
        None,
        help="detector_aware: a loss table (dataset export losses) of the same pictures, to learn also expected losses "
        "by QP and scale; default: only thresholds",
    )
    init: str | None = option(
        None,
        help="what to start from: pretrained (downloaded; default of dt_jrd, bc_jrd and mtjnd), random (default of "
        "resjnd and laser's autoencoder), weights, or a run's folder; laser mj_*: three of them with commas",
    )
    backbone: str | None = option(
        None, help="a timm network; default: vit_large_patch32_384 (dt_jrd), efficientnetv2_s (bc_jrd)"
    )
    size: int | None = option(None, low=1, help="side of the crops in pixels; default: 384 (dt_jrd), 640 (bc_jrd)")
    context: float = option(
        0.0,
        low=0,
        high=10,
        help="dt_jrd: how far a crop extends beyond the box on each side, as a share of its width or height",
    )
    confidence: bool = option(
        False, help="dt_jrd: a fourth channel with the scores of the picture's detections, painted in their boxes"
    )
    freeze: Literal["auto", "yes", "no"] = option(
        "auto", help="train only what the paper trains; auto: yes, unless the weights start at random"
    )
    sigma: float | None = option(
        None, above=0, help="spread of the soft labels in QP steps; default: 3 (dt_jrd), 1 (detector_aware)"
    )
    versions: int = option(
        8, low=1, high=64, help="bc_jrd: coded versions of each object in an epoch, drawn at random (64: all)"
    )
    epochs: int | None = option(
        None, low=1, help="epochs; default: 20 (dt_jrd), 60 (bc_jrd), 300 (laser), 500 (mtjnd), 200 (resjnd)"
    )
    batch: int | None = option(
        None,
        low=1,
        help="objects, pictures or pairs in a batch; default: 32 (dt_jrd, resjnd), 64 (bc_jrd), 8 (laser, mtjnd)",
    )
    lr: float | None = option(
        None,
        above=0,
        help="learning rate at the start; default: 0.01 (dt_jrd, bc_jrd), 1e-5 (laser, mtjnd), 0.1 (resjnd)",
    )
    weight_decay: float | None = option(
        None, low=0, help="default: 5e-5 (dt_jrd), 1e-4 (bc_jrd, resjnd), 0 (laser, mtjnd)"
    )
    patience: int | None = option(
        None,
        low=0,
        help="stop after N epochs without a better validation, 0: never; default: 3 (dt_jrd, bc_jrd), 0 (others)",
    )
    checkpoint_every: int = option(200, low=1, help="batches between checkpoints; there is one after each epoch, too")
    fresh: bool = option(False, help="start over: do not resume an earlier run in --out")
    logger: Literal["tensorboard", "wandb", "mlflow", "csv"] = option(
        "tensorboard",
        help="where the figures of each step go in addition to the run's CSV file: tensorboard, wandb or mlflow (which "
        "must be installed), or csv: nowhere else",
    )
    workers: int = option(
        0, low=0, help="processes that read and crop pictures; 0: the training process does it itself"
    )
    device: str = option("auto", help="where training runs: auto, cpu, cuda")
    devices: str = option("1", help="how many devices, or auto for all")
    strategy: str = option("auto", help="how several devices share the work: a Lightning strategy, such as ddp")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = option("32-true", help="arithmetic precision")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model in _MODELS:
            self.refuse_foreign(self.model, _ONLY)
        if self.devices != "auto" and not (self.devices.isdecimal() and int(self.devices) > 0):
            raise InputError(f"--devices {self.devices}: give a number, or auto")
