"""Options of ``encode``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import flag_of, option
from vcmpipe.config.cache import CacheSizeOptions
from vcmpipe.config.coding import PipelineOptions
from vcmpipe.config.detections import WRITES, DetectionOptions
from vcmpipe.config.outputs import FILE, FOLDER
from vcmpipe.config.quality import QualityOptions
from vcmpipe.config.search import SearchOptions
from vcmpipe.config.video import LiveOptions, SequenceOptions, SourceOptions
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class EncodeOptions(
    QualityOptions,
    PipelineOptions,
    DetectionOptions,
    SequenceOptions,
    SourceOptions,
    LiveOptions,
    SearchOptions,
    CacheSizeOptions,
):
    """Code pictures or video into one VVC, HEVC or AV1 stream, a QP per object."""

    input: str | tuple[str, ...] = option(
        bare=True,
        several=True,
        metavar="INPUT",
        help="folders, pictures, videos, quoted patterns such as 'a/*.jpg', or one of: an address, - (y4m on standard "
        "input), demo",
    )
    out: str = option(
        help="the stream: raw (.bin, .266, ...), .mp4 or .mkv, or - for standard output; NAME.json goes beside it; "
        "FOLDER/: one stream per input, FOLDER/NAME.bin",
        writes=(FILE, FOLDER),
    )
    recursive: bool = option(False, help="include the pictures and videos in sub-folders")
    qp: int | None = option(
        None, low=0, high=63, help="code everything at this one QP, whatever its content; needs no detector (none)"
    )
    margin: int | None = option(
        None,
        low=-63,
        high=63,
        help="QP steps added to every threshold; negative is safer; default: the predictor's own, at which 0.95 of the "
        "objects in still pictures are expected to be kept, or 0 with --viewer human",
    )
    scale: str = option(
        "auto",
        help="code at a smaller size: a factor in (0, 1], detector (the size it resizes to), or auto (still "
        "pictures: the scale that the predictor was calibrated with; else 1)",
    )
    keep_classes: str | None = option(
        None, help="only objects of these classes have to be kept: names, comma-separated"
    )
    check: bool = option(True, help="do not run the detector on what was coded, nor report which objects are kept")
    fail_under: float | None = option(
        None,
        low=0,
        high=1,
        metavar="RETENTION",
        help="exit with 1 if a smaller share of the objects is kept (0..1); the stream is written all the same",
    )
    dry_run: bool = option(
        False,
        help="say what would be coded and how, and estimate time and bytes by coding a little of it; write nothing",
    )
    map_out: str | None = option(
        None, help="a folder for the QP maps: CSV, PNG preview and encoder ROI files", writes=(FOLDER,)
    )
    found_out: str | None = option(
        None,
        metavar="FILE",
        help="write what the detector finds in the decoded frames, in the formats of --detections-out",
        writes=WRITES,
    )
    audio: Literal["drop", "copy"] = option("drop", help="what to do with a video's sound; copy: into .mp4 or .mkv")
    cluster: str | None = option(None, help="a Dask scheduler to work on, tcp://HOST:PORT, instead of this machine")
    on_error: Literal["stop", "skip"] = option(
        "stop",
        help="if a picture or segment cannot be read or coded: stop the run and keep what is finished, or leave it "
        "out and name it (exit code 3)",
    )
    fresh: bool = option(False, help="start over: do not resume an interrupted run")
    cache: str | None = option(None, help="a folder that stores every encode by content, so that a second run is quick")

    def __post_init__(self) -> None:
        super().__post_init__()
        way = "--verify" if self.verify else "--loop closed" if self.closed else "--objective accuracy"
        if self.closed or self.weighed:
            if self.scale not in ("auto", "1"):
                raise InputError(f"--scale {self.scale} with {way}: the scale is chosen there; --scales bounds it")
            if self.viewer != "machine":
                raise InputError(
                    f"--viewer {self.viewer} with {way}: scales and QPs are chosen by what the detector finds, which "
                    "says nothing about human viewers; leave one of the two out"
                )
        if not self.check and (self.closed or self.target is not None):
            way = "--target" if not self.closed else way
            raise InputError(f"--no-check with {way}, which checks what was coded: leave one of the two out")
        if self.fail_under is not None and not self.check:
            raise InputError("--fail-under with --no-check: nothing is counted then; leave one of the two out")
        if self.fail_under is not None and self.qp is not None and self.detector in (None, "none"):
            raise InputError("--fail-under with --qp: name the detector that finds the objects, with --detector")
        if self.found_out is not None and not self.check:
            raise InputError("--found-out with --no-check: nothing is detected then; leave one of the two out")
        # What would choose QPs, were there not one for everything.
        for name in ("verify", "loop", "objective", "target", "human", "predictor", "margin"):
            if self.qp is not None and getattr(self, name) != getattr(EncodeOptions, name):
                raise InputError(
                    f"--qp {self.qp} with {flag_of(name)}: the QP is already given; leave one of the two out"
                )
        if self.target is not None and self.margin is not None and not (self.closed or self.weighed):
            raise InputError("--margin with --target, which finds its own margin: leave one of the two out")
        if self.on_error == "skip" and (self.strict or self.target is not None):
            way = "--strict" if self.strict else "--target"
            raise InputError(f"--on-error skip with {way}, which applies to the whole input: leave one of the two out")
        for name in ("target", "cache"):
            if self.cluster is not None and getattr(self, name) is not None:
                raise InputError(
                    f"--cluster with {flag_of(name)}, which works on this machine: leave one of the two out"
                )
        if self.cache_size is not None and self.cache is None:
            raise InputError(f"--cache-size {self.cache_size} needs a cache: name its folder with --cache")
        if self.out == "-" and not self.dry_run and (self.json or self.audio == "copy"):
            raise InputError("--out - writes the stream to standard output: leave --json and --audio out")
        if self.detector == "none" and self.qp is None:
            raise InputError("--detector none finds nothing to keep: say at which QP to code everything, with --qp")
        if self.structure not in ("auto", "intra"):
            if self.weighed and not self.closed:
                raise InputError(
                    f"--structure {self.structure} with {way}: frames are coded one by one; add --loop closed, or "
                    "leave it out"
                )
            if self.viewer != "machine":
                raise InputError(
                    f"--structure {self.structure} with --viewer {self.viewer}: what humans see is predicted for "
                    "pictures coded one by one; leave one of the two out"
                )
