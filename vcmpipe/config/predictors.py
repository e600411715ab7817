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
    """Predict how much distortion each object tolerates, without coding a stream."""

    input: str | tuple[str, ...] = option(
        bare=True,
        several=True,
        metavar="INPUT",
        help="folders of pictures, pictures, quoted patterns such as 'a/*.jpg', or one video",
    )
    recursive: bool = option(False, help="include the pictures in sub-folders")
    out: str | None = option(None, help="a JSON file to write the thresholds to", writes=(".json",))
    weights: str | None = option(
        None, help="the weights of --predictor: dt_jrd or laser:lat with --weights W is dt_jrd:W or laser:lat:W"
    )
    margin: int | None = option(
        None, low=-63, high=63, help="QP steps added to every threshold; default: the predictor's own"
    )
    limit: int | None = option(None, low=1, help="use only the first N pictures")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights is not None and self.predictor == "auto":
            raise InputError("--weights needs the name of a predictor, as in --predictor laser:lat")


@dataclass(frozen=True, kw_only=True)
class ObjectsOptions(Options):
    """The labelled objects."""

    data: str = option(
        bare=True,
        help="a built store, a folder of samples, or ow-jrd:DIR (the crops and label files of the OW-JRD data set)",
    )
    images: str | None = option(None, help="the folder of source pictures, if it has moved")
    rule: str | None = option(None, help="the rule that derives labels from strings; default: the data set's")
    exclude: str | None = option(None, help="a text file that names pictures to leave out, one per line")
    pattern: str | None = option(
        None, help="names of coded versions below the data set's folder, with {name} and {qp}; default: its own"
    )
    limit: int | None = option(None, low=1, help="use at most N objects of each split")
    seed: int = option(0, help="seed of all randomness")


@dataclass(frozen=True, kw_only=True)
class EvaluatePredictorOptions(ObjectsOptions, CacheSizeOptions):
    """Measure the error of a predictor's thresholds beside that of a constant."""

    weights: str | None = option(None, help="weights that vcmpipe train wrote, with their card")
    detector: str | None = option(
        None, help="detector_aware: the detector for its second detection, as in encode; default: judged without it"
    )
    predictor: str | None = option(None, help="instead of weights: a predictor as in encode, such as constant:41")
    split: Literal["test", "val", "train", "all"] = option("test", help="the objects to judge on")
    decision: Literal["quantile", "argmax", "mean"] = option(
        "argmax", help="how a threshold is derived from its distribution"
    )
    risk: float = option(
        ThresholdOptions.risk,
        low=0,
        below=1,
        help="quantile decision: the probability of losing an object that is accepted (0 up to 1)",
    )
    psnr: bool = option(
        False, help="JNDs of pictures: also measure the error in dB, by coding each picture at prediction and label"
    )
    cache: str | None = option(
        None, help="psnr: the folder that stores what was coded and measured; default: the user's cache folder"
    )
    rounds: int = option(1000, low=2, help="draws of the bootstrap")
    out: str | None = option(
        None, help="a folder for the figures, a row per object or picture, and plots", writes=(FOLDER,)
    )
    device: str = option("auto", help="where networks run: auto, cpu, cuda, cuda:N")

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.weights is None) == (self.predictor is None):
            raise InputError("give either --weights FILE or --predictor NAME")
