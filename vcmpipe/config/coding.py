"""Options of all commands that code pictures: the coding, the thresholds, the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.audience import AudienceOptions
from vcmpipe.config.base import MAX_JOBS, MAX_SIDE, option
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class WholeCodingOptions:
    """How whole pictures are coded; shared by every command that codes."""

    encoder: str = option(
        "vvenc", help="encoder: vvenc, kvazaar (HEVC), uvg266, vtm, one described in encoder_bin, or a plugin's name"
    )
    preset: Literal["faster", "fast", "medium", "slow", "slower"] = option("faster", help="the encoder's speed preset")
    matrix: Literal["bt709", "bt601"] = option("bt709", help="RGB-to-YUV matrix")
    range: Literal["limited", "full"] = option("limited", help="sample range")
    siting: Literal["left", "centre", "topleft"] = option("left", help="chroma sample position")
    jobs: int = option(0, help="pictures worked on side by side; 0: one per core")

    def __post_init__(self) -> None:
        if not 0 <= self.jobs <= MAX_JOBS:
            raise InputError(f"--jobs {self.jobs}: give 0 (one per core) to {MAX_JOBS}")


@dataclass(frozen=True, kw_only=True)
class CodingOptions(WholeCodingOptions):
    """How pictures are coded where their parts may have QPs of their own."""

    ctu: Literal[32, 64, 128] = option(32, help="CTU size of region-coded pictures and of QP maps, in luma samples")
    form: Literal["slices", "subpictures"] = option(
        "slices", help="how regions stand in the stream: slices (smaller) or sub-pictures (each can be extracted)"
    )


@dataclass(frozen=True, kw_only=True)
class ThresholdOptions:
    """Whose objects are looked at, and what says how much each one bears."""

    detector: str | None = option(
        None,
        help="an .onnx file, ultralytics weights by name or path, torchvision:NAME, demo, or auto; "
        "default: the variable VCMPIPE_DETECTOR, else auto",
    )
    device: str = option("auto", help="where torch detectors run: auto, cpu, cuda, cuda:N")
    predictor: str = option(
        "auto",
        help="constant[:QP], measured[:FIRST:LAST[:STEP]], dt_jrd:WEIGHTS, bc_jrd:WEIGHTS, laser:VARIANT:WEIGHTS, "
        "mtjnd:VARIANT:WEIGHTS, a plugin's name, or auto (a shipped one that fits)",
    )
    decision: Literal["quantile", "argmax", "mean"] = option(
        "quantile", help="how a threshold is read off its distribution"
    )
    risk: float = option(0.1, help="quantile decision: the chance of losing an object that is accepted (0 up to 1)")
    task: str = option("detection", help="what has to be kept: detection (every object), or a plugin's name")
    score: float = option(0.3, help="detections below this confidence are not objects to be kept (0..1)")

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise InputError(f"--score {self.score} is outside 0..1")
        if not 0.0 <= self.risk < 1.0:
            raise InputError(f"--risk {self.risk}: give 0 or more, and less than 1")


@dataclass(frozen=True, kw_only=True)
class MapOptions(ThresholdOptions):
    """How detections become a QP map."""

    min_score: float = option(
        0.2, help="a detection in the coded picture needs this confidence to count as found (0..1)"
    )
    iou: float = option(0.5, help="and this overlap (IoU) with the object's box in the source (above 0, up to 1)")
    background: str = option("+8", help="QP outside objects: a QP, +DELTA over the objects' median, or keep")
    empty: int | None = option(None, help="QP of a picture without objects; default: the background's")
    dilate: int = option(8, help="margin around every box, in coded luma samples")
    smooth: int | None = option(None, help="largest QP step between neighbouring CTUs; default: no limit")
    realise: Literal["auto", "uniform", "regions", "native"] = option(
        "auto", help="how the map reaches the bits; auto: whichever of the encoder's ways measures cheapest"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.min_score <= 1.0:
            raise InputError(f"--min-score {self.min_score} is outside 0..1")
        if not 0.0 < self.iou <= 1.0:
            raise InputError(f"--iou {self.iou}: give more than 0 and at most 1")
        if self.empty is not None and not 0 <= self.empty <= 63:
            raise InputError(f"--empty {self.empty} is no QP: give 0..63")
        if not 0 <= self.dilate <= MAX_SIDE:
            raise InputError(f"--dilate {self.dilate}: give 0 to {MAX_SIDE} samples")
        if self.smooth is not None and not 1 <= self.smooth <= 63:
            raise InputError(f"--smooth {self.smooth}: give a step of 1 to 63")


@dataclass(frozen=True, kw_only=True)
class PipelineOptions(CodingOptions, MapOptions, AudienceOptions):
    """What every command needs that takes a picture from the detector to the bits."""

    def __post_init__(self) -> None:
        CodingOptions.__post_init__(self)
        MapOptions.__post_init__(self)
        AudienceOptions.__post_init__(self)
