"""Options of ``encode``."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from vcmpipe.config.base import check_names, option, parse_scales
from vcmpipe.config.coding import PipelineOptions
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """The verified search."""

    verify: bool = option(
        False, help="search for the cheapest version of every picture in which the detector finds every object again"
    )
    max_trials: int = option(12, help="with --verify: encodes tried per picture at most")
    scales: str = option("1,0.9,0.8,0.7,0.6,0.5,0.4,0.32", help="with --verify: scales to try; 1 is always tried")
    verify_with: str | None = option(
        None,
        metavar="DETECTORS",
        help="with --verify: further detectors, comma-separated, that must keep what they see, too",
    )
    qp_margin: int = option(
        0, help="with --verify: QP steps below a version that kept everything, where everything has to be kept again"
    )
    score_margin: float = option(
        0.0, help="with --verify: by how much a confidence has to exceed --min-score (up to half of what there is)"
    )
    background_blur: float = option(
        0.0, help="with --verify: low-pass what lies outside the objects, standard deviation in pixels; 0: off"
    )
    strict: bool = option(False, help="with --verify: fail, and write nothing, where an object cannot be kept")

    def __post_init__(self) -> None:
        parse_scales(self.scales, "--scales")
        if not 1 <= self.max_trials <= 1000:
            raise InputError(f"--max-trials {self.max_trials}: give 1 to 1000")
        if not 0 <= self.qp_margin <= 32:
            raise InputError(f"--qp-margin {self.qp_margin}: give 0 to 32 steps")
        if not 0.0 <= self.score_margin <= 1.0:
            raise InputError(f"--score-margin {self.score_margin} is outside 0..1")
        if not 0.0 <= self.background_blur <= 100.0:
            raise InputError(f"--background-blur {self.background_blur}: give 0 (off) to 100 pixels")
        if not self.verify:
            for field_ in dataclasses.fields(VerifyOptions):
                if getattr(self, field_.name) != field_.default:
                    raise InputError(f"--{field_.name.replace('_', '-')} needs --verify")


@dataclass(frozen=True, kw_only=True)
class EncodeOptions(PipelineOptions, VerifyOptions):
    """Detect, predict thresholds, build QP maps and code pictures into one VVC (or HEVC) stream."""

    input: str = option(bare=True, help="a folder of pictures, one picture, a video file or a .y4m")
    out: str = option(help="the bitstream to write; the sidecar goes beside it as NAME.json")
    margin: int | None = option(
        None,
        help="QP steps added to every threshold; negative is safer; default: the predictor's own (measured: -8), or 0 "
        "with --viewer human",
    )
    scale: str = option("1", help="code a smaller picture: a factor in (0, 1], or detector (the size it resizes to)")
    keep_classes: str | None = option(
        None, help="only objects of these classes have to be kept: names, comma-separated"
    )
    check: bool = option(True, help="do not rerun the detector on what was coded, nor report which objects are kept")
    map_out: str | None = option(None, help="a folder for the QP maps: CSV, PNG preview and encoder ROI files")
    limit: int | None = option(None, help="code only the first N pictures")
    cache: str | None = option(None, help="a folder that keeps every encode by content, so that a second run is quick")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        super().__post_init__()
        VerifyOptions.__post_init__(self)
        check_names(self, "input", "out", "map_out", "cache", "keep_classes", "verify_with")
        if self.verify and self.scale != "1":
            raise InputError(f"--scale {self.scale} with --verify: the search chooses the scale; --scales bounds it")
        if self.verify and self.viewer != "machine":
            raise InputError(
                f"--viewer {self.viewer} with --verify: the search chooses scales and QPs by what the detector "
                "finds, and knows nothing of human viewers; leave one of the two out"
            )
        if self.verify and not self.check:
            raise InputError("--no-check with --verify: looking is what verifies")
        if self.margin is not None and not -63 <= self.margin <= 63:
            raise InputError(f"--margin {self.margin}: give -63 to 63 QP steps")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more pictures")
