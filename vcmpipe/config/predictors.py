"""Options of the commands around threshold predictors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import argument, check_names, option
from vcmpipe.config.coding import ThresholdOptions, WholeCodingOptions
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PredictOptions(WholeCodingOptions, ThresholdOptions):
    """Say how much distortion each object bears, without coding a stream."""

    input: str = option(help="a folder of pictures, one picture, a video file or a .y4m")
    out: str | None = option(None, help="a JSON file to write the thresholds to")
    weights: str | None = option(
        None, help="the weights of --predictor: dt_jrd or laser:lat with --weights W is dt_jrd:W or laser:lat:W"
    )
    margin: int | None = option(None, help="QP steps added to every threshold; default: the predictor's own")
    limit: int | None = option(None, help="look only at the first N pictures")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        WholeCodingOptions.__post_init__(self)
        ThresholdOptions.__post_init__(self)
        check_names(self, "input", "out", "weights")
        if self.weights is not None and self.predictor == "auto":
            raise InputError("--weights is of a predictor: name it, as in --predictor laser:lat")
        if self.margin is not None and not -63 <= self.margin <= 63:
            raise InputError(f"--margin {self.margin}: give -63 to 63 QP steps")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more pictures")


@dataclass(frozen=True, kw_only=True)
class ObjectsOptions:
    """Which labelled objects are learned from or looked at."""

    data: str = option(
        help="a built store, a folder of samples, or ow-jrd:DIR (the crops and label files of the OW-JRD data set)"
    )
    images: str | None = option(None, help="the folder of source pictures, if it has moved")
    rule: str | None = option(None, help="the rule that makes labels from strings; default: the data set's")
    exclude: str | None = option(None, help="a text file with a picture's name a line: those are not looked at")
    pattern: str | None = option(
        None, help="names of coded versions below the data set's folder, with {name} and {qp}; default: its own"
    )
    limit: int | None = option(None, help="take at most N objects of each split")
    seed: int = option(0, help="what randomness starts from")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "data", "images", "exclude", "pattern")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more objects")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ObjectsOptions):
    """Train a threshold predictor; the same command goes on where a run was interrupted."""

    model: str = argument(help="dt_jrd, bc_jrd or detector_aware")
    out: str = option(help="the folder of the run: checkpoints, logs, and the weights with their card")
    detector: str | None = option(
        None, help="detector_aware: the detector that the store was made with; default: VCMPIPE_DETECTOR, else auto"
    )
    init: str = option(
        "pretrained", help="weights to start from: pretrained (timm's, downloaded), random, or a file of weights"
    )
    backbone: str | None = option(
        None, help="a timm network; default: vit_large_patch32_384 (dt_jrd), efficientnetv2_s (bc_jrd)"
    )
    size: int | None = option(None, help="side of the crops in pixels; default: 384 (dt_jrd), 640 (bc_jrd)")
    freeze: Literal["auto", "yes", "no"] = option(
        "auto", help="train only what the paper trains; auto: yes, unless the weights start at random"
    )
    sigma: float | None = option(
        None, help="spread of the soft labels in QP steps; default: 3 (dt_jrd), 1 (detector_aware)"
    )
    versions: int = option(8, help="bc_jrd: coded versions of each object in an epoch, drawn anew every time (64: all)")
    epochs: int | None = option(None, help="epochs; default: 20 (dt_jrd), 60 (bc_jrd)")
    batch: int | None = option(None, help="objects or pairs in a batch; default: 32 (dt_jrd), 64 (bc_jrd)")
    lr: float = option(0.01, help="learning rate; it falls along a cosine to 1 percent of it")
    weight_decay: float | None = option(None, help="default: 5e-5 (dt_jrd), 1e-4 (bc_jrd)")
    patience: int = option(3, help="stop after so many epochs without a better validation; 0: never")
    checkpoint_every: int = option(200, help="batches between checkpoints; there is one after each epoch, too")
    workers: int = option(0, help="processes that read and cut pictures; 0: the training process does it itself")
    device: str = option("auto", help="where training runs: auto, cpu, cuda")
    devices: str = option("1", help="how many devices, or auto for all that are there")
    strategy: str = option("auto", help="how several devices share the work: a Lightning strategy, such as ddp")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = option("32-true", help="precision of the arithmetic")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names(self, "out", "init")
        for name in ("epochs", "batch", "size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name} {value}: give 1 or more")
        if self.sigma is not None and not self.sigma > 0:
            raise InputError(f"--sigma {self.sigma}: give more than 0 QP steps")
        if not self.lr > 0:
            raise InputError(f"--lr {self.lr}: give more than 0")
        if not 1 <= self.versions <= 64:
            raise InputError(f"--versions {self.versions}: give 1 to 64")
        if self.patience < 0 or self.workers < 0 or self.checkpoint_every < 1:
            raise InputError("--patience and --workers are 0 or more, --checkpoint-every is 1 or more")
        if self.devices != "auto" and not (self.devices.isdecimal() and int(self.devices) > 0):
            raise InputError(f"--devices {self.devices}: give a number, or auto")


@dataclass(frozen=True, kw_only=True)
class EvaluatePredictorOptions(ObjectsOptions):
    """Say how far a predictor's thresholds are off, next to a constant."""

    weights: str | None = option(None, help="weights that vcmpipe train wrote, with their card")
    detector: str | None = option(
        None, help="detector_aware: the detector that looks once more, as in encode; default: judged without that look"
    )
    predictor: str | None = option(None, help="instead of weights: a predictor as in encode, such as constant:41")
    split: Literal["test", "val", "train", "all"] = option("test", help="the objects to look at")
    decision: Literal["quantile", "argmax", "mean"] = option(
        "argmax", help="how a threshold is read off its distribution"
    )
    risk: float = option(0.1, help="quantile decision: the chance of losing an object that is accepted (0 up to 1)")
    rounds: int = option(1000, help="draws of the bootstrap")
    out: str | None = option(None, help="a folder for the figures, a row per object, and two plots")
    device: str = option("auto", help="where networks run: auto, cpu, cuda, cuda:N")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names(self, "weights", "predictor", "detector", "out")
        if (self.weights is None) == (self.predictor is None):
            raise InputError("give --weights FILE or --predictor NAME, one of them")
        if not 0.0 <= self.risk < 1.0:
            raise InputError(f"--risk {self.risk}: give 0 or more, and less than 1")
        if self.rounds < 2:
            raise InputError(f"--rounds {self.rounds}: give 2 or more")
