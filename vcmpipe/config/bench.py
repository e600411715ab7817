"""Options of ``bench``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import option
from vcmpipe.config.cache import CacheSizeOptions
from vcmpipe.config.coding import PipelineOptions
from vcmpipe.config.outputs import FOLDER
from vcmpipe.config.video import SequenceOptions, SourceOptions
from vcmpipe.errors import InputError
from vcmpipe.plugins import METHODS

MAX_RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class BenchOptions(PipelineOptions, SequenceOptions, SourceOptions, CacheSizeOptions):
    """Compare methods with plain VVC: what each keeps and what it costs."""

    images: str | None = option(
        None,
        bare=True,
        help="a folder of pictures, a video, a folder of videos, coco-bench (from dataset fetch), or demo for the "
        "built-in scenes; default: ./frames if it exists, else demo",
    )
    annotations: str | None = option(
        None,
        help="ground truth in COCO's instances format, or for the tracks of a video in MOTChallenge's (gt.txt, or a "
        "folder of NAME.txt or NAME/gt/gt.txt), or coco-bench; default: the detector's own detections in the source",
    )
    out: str = option("vcmpipe-bench", help="a folder for the report, tables and curves", writes=(FOLDER,))
    overwrite: bool = option(False, help="also replace the report of another configuration")
    second_detector: str | None = option(
        None, help="another detector (as in --detector): also report what it still finds of its own objects"
    )
    panel: str | None = option(
        None,
        metavar="DETECTORS",
        help="further detectors, comma-separated (as in --detector, or flip, shift, shrink, flip-shrink: the first "
        "one on transformed pictures): report what each still finds, and the share of all detectors that is satisfied",
    )
    predictor: str = option(
        "measured", help="thresholds of the methods frame and jrd (as in encode); for a video, measured becomes auto"
    )
    methods: str = option(
        ",".join(METHODS.built_in),
        help="methods to compare, comma-separated: these, where they apply to the input, or a plugin's name",
    )
    anchors: str | None = option(
        None,
        help="methods that the others are compared with, the most important first; default: plain,plain-scaled, for a "
        "video plain-whole,stock-whole",
    )
    average: Literal["pictures", "bpp", "classes"] = option(
        "pictures",
        help="how rates are averaged: pictures (bytes per picture, in video kbit/s), bpp (bits per pixel of each "
        "picture), or classes (as pictures, for each class of objects, then over the classes)",
    )
    qps: str = option("22:47:5", help="QPs of the methods plain*, stock* and roi: FIRST:LAST[:STEP] or A,B,C")
    margins: str = option(
        "-12:6:3",
        help="margins of the methods frame and jrd* (on human viewers' thresholds with --viewer human): "
        "FIRST:LAST[:STEP] or A,B,C",
    )
    scales: str = option("1,0.75,0.5", help="scales of the method plain-scaled")
    map_scales: str = option("1,0.75", help="scales of the methods frame, roi and jrd*")
    resamples: int = option(
        1000,
        low=0,
        high=MAX_RESAMPLES,
        help="draws of the pictures, or segments, for the 95 % intervals; 0: no intervals",
    )
    seed: int = option(0, low=0, help="seed of these draws")
    gallery: int = option(8, low=0, help="megabytes of pictures and clips in the report, lost objects first; 0: none")
    human_quality: bool = option(False, help="also measure the quality of each point for human viewers: XPSNR and VMAF")
    on_error: Literal["stop", "skip"] = option(
        "stop",
        help="if a picture or segment cannot be read, coded or detected in: stop the run (the cache keeps what is "
        "finished), or leave it out for every method and name it (exit code 3)",
    )
    fresh: bool = option(False, help="start over: use nothing that an earlier run has put into the cache")
    fail_under: float | None = option(
        None,
        low=0,
        high=1,
        metavar="RETENTION",
        help="exit with 1 if a method other than the anchors keeps a smaller share of the objects (0..1) at each of "
        "its points",
    )
    protocol: str | None = option(None, help="the published protocol that these options follow, named in the report")
    cluster: str | None = option(None, help="a Dask scheduler to work on, tcp://HOST:PORT, instead of this machine")
    cache: str | None = option(
        None, help="the folder that stores encodes and detections; default: the user's cache folder"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        known = METHODS.known()
        for option_name in ("methods", "anchors"):
            for name in (getattr(self, option_name) or "plain").split(","):
                if name not in known:
                    raise METHODS.unknown(name, option=f"--{option_name}")
        if self.structure not in ("auto", "intra") and self.viewer != "machine":
            raise InputError(
                f"--structure {self.structure} with --viewer {self.viewer}: what humans see is predicted for pictures "
                "coded one by one; leave one of the two out"
            )
