"""Options of the commands around threshold predictors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import Options, option
from vcmpipe.config.cache import CacheSizeOptions
from vcmpipe.config.coding import ThresholdOptions, WholeCodingOptions
from vcmpipe.config.detections import DetectionOptions
from vcmpipe.config.outputs import FOLDER
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PredictOptions(WholeCodingOptions, ThresholdOptions, DetectionOptions):
    """Say how much distortion each object bears, without coding a stream."""

    input: str | tuple[str, ...] = option(
        bare=True,
        several=True,
        metavar="INPUT",
        help="folders of pictures, pictures, quoted patterns such as 'a/*.jpg', or one video",
    )
    recursive: bool = option(False, help="take the pictures of sub-folders, too")
    out: str | None = option(None, help="a JSON file to write the thresholds to", writes=(".json",))
    weights: str | None = option(
        None, help="the weights of --predictor: dt_jrd or laser:lat with --weights W is dt_jrd:W or laser:lat:W"
    )
    margin: int | None = option(
        None, low=-63, high=63, help="QP steps added to every threshold; default: the predictor's own"
    )
    limit: int | None = option(None, low=1, help="look only at the first N pictures")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights is not None and self.predictor == "auto":
            raise InputError("--weights is of a predictor: name it, as in --predictor laser:lat")


@dataclass(frozen=True, kw_only=True)
class ObjectsOptions(Options):
    """The labelled objects."""

    data: str = option(
        bare=True,
        help="a built store, a folder of samples, or ow-jrd:DIR (the crops and label files of the OW-JRD data set)",
    )
    images: str | None = option(None, help="the folder of source pictures, if it has moved")
    rule: str | None = option(None, help="the rule that makes labels from strings; default: the data set's")
    exclude: str | None = option(None, help="a text file with a picture's name a line: those are not looked at")
    pattern: str | None = option(
        None, help="names of coded versions below the data set's folder, with {name} and {qp}; default: its own"
    )
    limit: int | None = option(None, low=1, help="take at most N objects of each split")
    seed: int = option(0, help="what randomness starts from")


@dataclass(frozen=True, kw_only=True)
class EvaluatePredictorOptions(ObjectsOptions, CacheSizeOptions):
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
    risk: float = option(
        ThresholdOptions.risk,
        low=0,
        below=1,
        help="quantile decision: the chance of losing an object that is accepted (0 up to 1)",
    )
    psnr: bool = option(
        False, help="JNDs of pictures: also say how many dB a prediction is off, by coding each picture at both"
    )
    cache: str | None = option(
        None, help="psnr: the folder that keeps what was coded and measured; default: the user's cache folder"
    )
    rounds: int = option(1000, low=2, help="draws of the bootstrap")
    out: str | None = option(
        None, help="a folder for the figures, a row per object or picture, and plots", writes=(FOLDER,)
    )
    device: str = option("auto", help="where networks run: auto, cpu, cuda, cuda:N")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.weights is None) == (self.predictor is None):
            raise InputError("give --weights FILE or --predictor NAME, one of them")
