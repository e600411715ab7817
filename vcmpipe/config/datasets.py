"""Options of ``dataset``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import MAX_JOBS, Options, option, parse_range, parse_scales, parse_shares
from vcmpipe.config.cache import CacheSizeOptions
from vcmpipe.config.coding import MapOptions, WholeCodingOptions
from vcmpipe.config.limits import MAX_SIDE, MIN_SIDE
from vcmpipe.config.outputs import FOLDER, check_output
from vcmpipe.config.video import SequenceOptions
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DatasetBuildOptions(WholeCodingOptions):
    """Code every picture, or every segment of video, at every QP, and record what is detected in each version."""

    images: str = option(
        bare=True,
        help="a folder of pictures; with --structure a folder of videos, or one; sub-folders are searched, too",
    )
    out: str = option(help="the store to create or to continue", writes=(FOLDER,))
    detector: str | None = option(
        None, help="the detector whose losses are measured (as in encode); default: VCMPIPE_DETECTOR, else auto"
    )
    device: str = option("auto", help="where torch detectors run: auto, cpu, cuda, cuda:N")
    qps: str = option("0:63", help="QPs to code at: FIRST:LAST[:STEP], both ends included, or A,B,C")
    scales: str = option("1", help="scales to code at, such as 1,0.7,0.5; 1, the source's size, is always among them")
    judges: str | None = option(
        None,
        metavar="DETECTORS",
        help="further detectors to run on every version, comma-separated: as in --detector, or flip, shift, "
        "shrink or flip-shrink, a view of the first one",
    )
    search: bool = option(False, help="code only the QPs that determine each object's label, about a quarter of them")
    score: float = option(
        MapOptions.score, low=0, high=1, help="detections in the source below this confidence are not objects"
    )
    min_score: float = option(
        MapOptions.min_score, low=0, high=1, help="least confidence of an object that is found again"
    )
    iou: float = option(MapOptions.iou, above=0, high=1, help="least IoU with the object's box in the source")
    structure: Literal["intra", "random-access", "low-delay"] = option(
        "intra",
        help="intra: pictures, each coded by itself, with a label per object; random-access or low-delay: video, coded "
        "in segments whose frames refer to each other, with a label per track",
    )
    segment: float = option(SequenceOptions.segment, above=0, metavar="SECONDS", help="video: longest segment")
    scene_cuts: bool = option(True, help="video: do not begin a segment at every scene change")
    track_share: float = option(
        MapOptions.track_share,
        low=0,
        high=1,
        help="video: a track is kept if it is found again in this share of its frames",
    )
    track_gap: int = option(
        MapOptions.track_gap,
        low=0,
        metavar="FRAMES",
        help="video: and if it is missed in no more than this many of its frames in a row",
    )
    limit: int | None = option(None, low=1, help="take only the first N pictures or segments")
    cluster: str | None = option(None, help="a Dask scheduler to work on, tcp://HOST:PORT, instead of this machine")
    on_error: Literal["stop", "skip"] = option(
        "skip",
        help="if a picture or segment cannot be read or coded: leave it out and name it (exit code 3; the next run "
        "tries it again), or stop the run and keep what is finished",
    )
    fresh: bool = option(False, help="start over: code everything again, replacing what the store has")
    estimate: bool = option(False, help="estimate the time and space that a build would take, and build nothing")

    def __post_init__(self) -> None:
        super().__post_init__()
        parse_range(self.qps, low=0, high=63, what="--qps")
        if parse_scales(self.scales, "--scales")[0] != 1.0:
            raise InputError(f"--scales {self.scales}: add 1, the source's size: the other scales lie below it")
        video = ("random-access", "low-delay")
        only = dict.fromkeys(("segment", "scene_cuts", "track_share", "track_gap"), video)
        self.refuse_foreign(self.structure, only | {"cluster": ("intra",)})

    @property
    def further(self) -> tuple[str, ...]:
        """The names of the further detectors."""
        return tuple(name for name in (self.judges or "").split(",") if name)


@dataclass(frozen=True, kw_only=True)
class DatasetVerifyOptions(Options):
    """Check a store: digests, completeness, and that every version decodes."""

    store: str = option(positional=True, help="the store")
    images: str | None = option(None, help="the folder of source pictures or videos, if it has moved")
    decode: Literal["all", "some", "none"] = option(
        "all", help="versions to decode: all, four of each picture or segment, or none"
    )
    jobs: int = option(0, low=0, high=MAX_JOBS, help="pictures or videos worked on side by side; 0: one per core")


@dataclass(frozen=True, kw_only=True)
class DatasetFetchOptions(Options):
    """Fetch a published data set or detector, and compare its files with their description."""

    data_set: str = option(
        positional=True,
        help="by the name of its description: coco-bench (pictures, their boxes and the detectors of the documents), "
        "yolox-nano, fastestdet (a detector alone) or sample-videos",
    )
    out: str | None = option(
        None,
        help="the folder to put the files in; those that are there are not fetched again; default: a folder of the "
        "data set's name below VCMPIPE_DATA, else the user's data folder, where options find it by name",
        writes=(FOLDER,),
    )


@dataclass(frozen=True, kw_only=True)
class DatasetImportOptions(Options):
    """Read a published data set into one table of samples."""

    data_set: Literal["ow-jrd", "videoset", "mcl-jci", "cpl-set", "jrd-images", "jnd-levels"] = option(
        positional=True,
        help="ow-jrd, videoset, mcl-jci, cpl-set, jrd-images (pictures with their coded versions) or jnd-levels "
        "(pictures with JND-Levels.txt or a manifest)",
    )
    source: str = option(positional=True, help="its folder, or its one file")
    out: str = option(help="the folder of samples to make", writes=(FOLDER,))
    originals: str | None = option(
        None, help="names of pictures or crops below the folder, with {name}; default: the data set's own"
    )
    pattern: str | None = option(
        None, help="names of coded versions below the folder, with {name} and {qp}; default: the data set's own"
    )
    labels: str | None = option(None, help="jrd-images: a JSON file of labels; default: JRD_info.json, if it is there")
    qps: str = option("0:63", help="jrd-images: QPs of the coded versions: FIRST:LAST[:STEP] or A,B,C")
    scale: Literal["h264-qp", "jpeg-qf", "vvc-qp"] | None = option(
        None, help="jnd-levels: what its labels count: h264-qp, jpeg-qf or vvc-qp; default: h264-qp"
    )
    write_manifest: str | None = option(
        None, help="jnd-levels: a CSV file to write what was read to, by name: as manifest.csv it goes before positions"
    )
    seed: int = option(0, help="of the split, where the data set has none of its own")

    def __post_init__(self) -> None:
        super().__post_init__()
        pairs = ("ow-jrd", "jrd-images")
        only = {"originals": pairs, "pattern": pairs, "labels": pairs[1:]}
        levels = ("jnd-levels",)
        self.refuse_foreign(self.data_set, only | {"scale": levels, "write_manifest": levels})
        parse_range(self.qps, low=0, high=63, what="--qps")


@dataclass(frozen=True, kw_only=True)
class DatasetExportOptions(Options):
    """Write a store in a layout that others read."""

    layout: Literal["ow-jrd", "labels", "losses"] = option(
        positional=True,
        help="ow-jrd (JSON files and crops at every QP), labels (boxes and strings in one .parquet file) or losses "
        "(what each detection loses at every scale and QP, in one, too)",
    )
    store: str = option(
        positional=True, help="the store; for labels and without crops, also a folder of samples or a label table"
    )
    out: str = option(help="the folder to make; for labels and losses, a file ending in .parquet")
    rule: str | None = option(
        None,
        help="label rule: last, first-loss, tolerance or best-step; default: tolerance, where all 64 QPs are there",
    )
    crops: bool = option(True, help="ow-jrd: do not write the crops of the source pictures and of every coded version")
    objects_only: str | None = option(
        None,
        metavar="JUDGES",
        help="losses: judges, with commas, of whom only the objects are written, as a panel needs them; default: all "
        "of everyone's weak detections and false alarms as well",
    )
    images: str | None = option(None, help="ow-jrd: the folder of source pictures, if it has moved")
    originals: str | None = option(
        None, help="ow-jrd: names of the crops, with {name}; default: data/original/{name}/{name}.png"
    )
    pattern: str | None = option(
        None, help="ow-jrd: names of coded crops, with {name} and {qp}; default: data/distorted/{name}/{name}_{qp}.png"
    )
    seed: int | None = option(None, help="ow-jrd: split the pictures anew by this seed; default: the store's own split")
    jobs: int = option(0, low=0, high=MAX_JOBS, help="pictures worked on side by side; 0: one per core")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_output("--out", self.out, (FOLDER,) if self.layout == "ow-jrd" else (".parquet",))
        self.refuse_foreign(self.layout, {"rule": ("ow-jrd", "labels")})


@dataclass(frozen=True, kw_only=True)
class DatasetStatsOptions(Options):
    """Say what is in a data set, and what a constant guess would reach."""

    store: str = option(positional=True, help="a store, a folder of samples, or a label table (.parquet)")
    rule: str | None = option(
        None, help="label rule: last, first-loss, tolerance or best-step; default: the labels as they are"
    )
    ratios: str | None = option(
        None,
        help="shares of satisfied human viewers at which JNDs are given, from their own answers; default: "
        "0.9,0.75,0.5, where there are answers",
    )
    out: str | None = option(
        None,
        help="a folder for the drawings: labels.png, rate.png where there are streams, satisfaction.png where there "
        "are answers of human viewers",
        writes=(FOLDER,),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ratios is not None:
            parse_shares(self.ratios, "--ratios")


@dataclass(frozen=True, kw_only=True)
class DatasetConvertOptions(CacheSizeOptions):
    """Turn labels that count H.264 QPs or JPEG quality factors into VVC QPs."""

    samples: str = option(positional=True, help="a folder of samples, or a label table (.parquet)")
    out: str = option(help="the folder of samples to make", writes=(FOLDER,))
    to: Literal["vvc-qp"] = option("vvc-qp", help="the scale to convert to: vvc-qp")
    how: Literal["identity", "affine", "psnr", "xpsnr"] = option(
        "xpsnr",
        help="identity (the same number; H.264 only), affine (a line fitted to photos), or psnr or xpsnr: the largest "
        "VVC QP whose quality reaches that of the other codec's picture at the label, by real encodes of each picture",
    )
    images: str | None = option(None, help="psnr, xpsnr: the folder of pictures, if it has moved")
    encoder: str = option(WholeCodingOptions.encoder, help="psnr, xpsnr: the VVC encoder")
    preset: Literal["faster", "fast", "medium", "slow", "slower"] = option(
        WholeCodingOptions.preset, help="psnr, xpsnr: the encoder's speed preset"
    )
    cache: str | None = option(
        None, help="psnr, xpsnr: the folder that keeps what was coded and measured; default: the user's cache folder"
    )
    jobs: int = option(0, low=0, high=MAX_JOBS, help="pictures worked on side by side; 0: one per core")


@dataclass(frozen=True, kw_only=True)
class DatasetCropOptions(Options):
    """Cut pairs of pictures into patches to train resjnd on."""

    source: str = option(
        positional=True,
        help="a folder of samples with pairs (dataset import cpl-set), or one with the folders data and label",
    )
    out: str = option(help="the folder to make: CPL-Set's layout, which dataset import cpl-set reads", writes=(FOLDER,))
    size: int = option(64, low=MIN_SIDE, high=MAX_SIDE, help="side of the patches in pixels")
    stride: int | None = option(
        None, low=1, high=MAX_SIDE, help="pixels from one patch to the next; default: --size, so that none overlap"
    )
    seed: int = option(0, help="of the split, where the source has none of its own")
