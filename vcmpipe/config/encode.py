"""Options of ``encode``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import Options, option, parse_scales
from vcmpipe.config.coding import PipelineOptions
from vcmpipe.config.video import SequenceOptions, SourceOptions
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(Options):
    """The verified search, with --verify."""

    verify: bool = option(
        False, help="search for the cheapest version of every picture in which the detector finds every object again"
    )
    max_trials: int = option(12, low=1, high=1000, help="encodes tried per picture at most")
    scales: str = option("1,0.9,0.8,0.7,0.6,0.5,0.4,0.32", help="scales to try; 1 is always tried")
    verify_with: str | None = option(
        None, metavar="DETECTORS", help="further detectors, comma-separated, that must keep what they see, too"
    )
    qp_margin: int = option(
        0, low=0, high=32, help="QP steps below a version that kept everything, where everything has to be kept again"
    )
    score_margin: float = option(
        0.0, low=0, high=1, help="by how much a confidence has to exceed --min-score (up to half of what there is)"
    )
    background_blur: float = option(
        0.0, low=0, high=100, help="low-pass what lies outside the objects, standard deviation in pixels; 0: off"
    )
    strict: bool = option(False, help="fail, and write nothing, where an object cannot be kept")

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_scales(self.scales, "--scales")
        if not self.verify:
            for name in VerifyOptions.__annotations__:
                if getattr(self, name) != getattr(VerifyOptions, name):
                    raise InputError(f"--{name.replace('_', '-')} needs --verify")


@dataclass(frozen=True, kw_only=True)
class EncodeOptions(PipelineOptions, SequenceOptions, SourceOptions, VerifyOptions):
    """Code pictures or video into one VVC (or HEVC) stream, a QP per object."""

    input: str = option(
        bare=True, help="a folder, a picture, a video, its address, - for y4m on standard input, or demo"
    )
    out: str = option(
        help="the stream: raw (.bin, .266, ...), .mp4 or .mkv, or - for standard output; NAME.json beside it"
    )
    qp: int | None = option(
        None, low=0, high=63, help="code everything at this one QP, whatever is in it; needs no detector (none)"
    )
    margin: int | None = option(
        None,
        low=-63,
        high=63,
        help="QP steps added to every threshold; negative is safer; default: the predictor's own (measured: -8), or 0 "
        "with --viewer human",
    )
    scale: str = option("1", help="code a smaller picture: a factor in (0, 1], or detector (the size it resizes to)")
    keep_classes: str | None = option(
        None, help="only objects of these classes have to be kept: names, comma-separated"
    )
    check: bool = option(True, help="do not rerun the detector on what was coded, nor report which objects are kept")
    map_out: str | None = option(None, help="a folder for the QP maps: CSV, PNG preview and encoder ROI files")
    audio: Literal["drop", "copy"] = option("drop", help="what becomes of a video's sound; copy: into .mp4 or .mkv")
    cache: str | None = option(None, help="a folder that keeps every encode by content, so that a second run is quick")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.verify and self.scale != "1":
            raise InputError(f"--scale {self.scale} with --verify: the search chooses the scale; --scales bounds it")
        if self.verify and self.viewer != "machine":
            raise InputError(
                f"--viewer {self.viewer} with --verify: the search chooses scales and QPs by what the detector "
                "finds, and knows nothing of human viewers; leave one of the two out"
            )
        if self.verify and not self.check:
            raise InputError("--no-check with --verify: looking is what verifies")
        # What would choose QPs, were there not one for everything.
        for name in ("verify", "human", "predictor", "margin"):
            if self.qp is not None and getattr(self, name) != getattr(EncodeOptions, name):
                raise InputError(f"--qp {self.qp} with --{name}: one QP is coded as it is; leave one of the two out")
        if self.out == "-" and (self.json or self.audio == "copy"):
            raise InputError("--out - writes the stream to standard output: leave --json and --audio out")
        if self.detector == "none" and self.qp is None:
            raise InputError("--detector none finds nothing to keep: say what to code everything at, by --qp")
        if self.structure not in ("auto", "intra"):
            if self.verify:
                raise InputError(
                    f"--structure {self.structure} with --verify: the search codes frames one by one; leave it out"
                )
            if self.viewer != "machine":
                raise InputError(
                    f"--structure {self.structure} with --viewer {self.viewer}: what humans see is predicted for "
                    "pictures coded one by one; leave one of the two out"
                )
