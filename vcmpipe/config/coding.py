"""Options of all commands that code pictures: the coding, the thresholds, the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import MAX_JOBS, Options, option
from vcmpipe.config.limits import MAX_SIDE
from vcmpipe.config.viewer import ViewerOptions


@dataclass(frozen=True, kw_only=True)
class WholeCodingOptions(Options):
    """How pictures are coded."""

    encoder: str = option(
        "vvenc",
        help="encoder: vvenc, kvazaar and x265 (HEVC), svtav1 (AV1), uvg266, vtm, one described in encoder_bin, or a "
        "plugin's name",
    )
    preset: Literal["faster", "fast", "medium", "slow", "slower"] = option("faster", help="the encoder's speed preset")
    matrix: Literal["bt709", "bt601"] = option("bt709", help="RGB-to-YUV matrix")
    range: Literal["limited", "full"] = option("limited", help="sample range")
    siting: Literal["left", "centre", "topleft"] = option("left", help="chroma sample position")
    jobs: int = option(0, low=0, high=MAX_JOBS, help="pictures processed in parallel; 0: one per core")


@dataclass(frozen=True, kw_only=True)
class CodingOptions(WholeCodingOptions):
    """How regions are coded."""

    ctu: Literal[32, 64, 128] = option(32, help="CTU size of region-coded pictures and of QP maps, in luma samples")
    form: Literal["slices", "subpictures"] = option(
        "slices", help="what regions become in the stream: slices (smaller) or sub-pictures (each can be extracted)"
    )


@dataclass(frozen=True, kw_only=True)
class ThresholdOptions(Options):
    """Objects, and how much distortion each one tolerates."""

    detector: str | None = option(
        None,
        help="an .onnx file, yolox-nano or fastestdet (from dataset fetch), ultralytics weights by name or path, "
        "torchvision:NAME, demo, auto, or, where no "
        "detector has to run on what was coded, detections of another model: detections:FILE (COCO results, YOLO "
        "labels, CSV, MOT text); default: the variable VCMPIPE_DETECTOR, else auto",
    )
    device: str = option("auto", help="where torch detectors run: auto, cpu, cuda, cuda:N")
    predictor: str = option(
        "auto",
        help="constant[:QP], measured[:FIRST:LAST[:STEP]], dt_jrd:WEIGHTS, bc_jrd:WEIGHTS, laser:VARIANT:WEIGHTS, "
        "mtjnd:VARIANT:WEIGHTS, CARD.json (what calibrate wrote), a plugin's name, or auto (a shipped one that fits)",
    )
    decision: Literal["quantile", "argmax", "mean"] = option(
        "quantile", help="how a threshold is derived from its distribution"
    )
    risk: float = option(
        0.1,
        low=0,
        below=1,
        help="quantile decision: the probability of losing an object that is accepted (0 up to 1), as predicted; the "
        "margin compensates for what the prediction misses in a coded picture",
    )
    satisfy: float | None = option(
        None,
        above=0,
        high=1,
        help="use thresholds at which this share of a panel of detectors, 0.5 to 1, still finds each object, if the "
        "predictor knows a panel; default: the thresholds of the detector alone",
    )
    task: str = option(
        "auto",
        help="what has to be kept: detection (every object), tracking[:TRACKER] (every object that is tracked "
        "through at least 5 frames of a segment), a plugin's name, or auto (tracking where frames refer to each "
        "other)",
    )
    score: float = option(0.3, low=0, high=1, help="detections below this confidence are not objects to be kept (0..1)")


@dataclass(frozen=True, kw_only=True)
class MapOptions(ThresholdOptions):
    """How detections become a QP map."""

    min_score: float = option(
        0.2, low=0, high=1, help="a detection in the coded picture needs this confidence to count as found (0..1)"
    )
    iou: float = option(0.5, above=0, high=1, help="and at least this IoU with the object's box in the source")
    track_share: float = option(
        0.95, low=0, high=1, help="video: a track is kept if it is found again in this share of its frames (0..1)"
    )
    track_gap: int = option(
        8, low=0, metavar="FRAMES", help="and if it is missed in no more than this many of its frames in a row"
    )
    background: str = option("+8", help="QP outside objects: a QP, +DELTA over the objects' median, or keep")
    empty: int | None = option(None, low=0, high=63, help="QP of a picture without objects; default: the background's")
    dilate: int = option(8, low=0, high=MAX_SIDE, help="margin around every box, in coded luma samples")
    smooth: int | None = option(
        None, low=1, high=63, help="largest QP step between neighbouring CTUs; default: no limit"
    )
    realise: Literal["auto", "uniform", "regions", "native"] = option(
        "auto", help="how the map gets into the stream; auto: whichever of the encoder's ways takes the fewest bits"
    )


@dataclass(frozen=True, kw_only=True)
class PipelineOptions(CodingOptions, MapOptions, ViewerOptions):
    """What every command needs that takes a picture from the detector to the stream."""
