"""Options of ``dataset``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vcmpipe.config.base import MAX_JOBS, MAX_SIDE, MIN_SIDE, argument, check_names, option, parse_range, parse_shares
from vcmpipe.config.coding import WholeCodingOptions
from vcmpipe.errors import InputError


@dataclass(frozen=True, kw_only=True)
class DatasetBuildOptions(WholeCodingOptions):
    """Code every picture at every QP, look at each version, and keep what was seen: a JRD data set."""

    images: str = option(help="a folder of pictures; sub-folders are searched, too")
    out: str = option(help="the store to make or to go on with")
    detector: str | None = option(
        None, help="the detector whose losses are measured (as in encode); default: VCMPIPE_DETECTOR, else auto"
    )
    device: str = option("auto", help="where torch detectors run: auto, cpu, cuda, cuda:N")
    qps: str = option("0:63", help="QPs to code at: FIRST:LAST[:STEP], both ends included, or A,B,C")
    search: bool = option(False, help="code only the QPs that settle each object's label, about a quarter of them")
    score: float = option(0.3, help="detections on the source below this confidence are no objects (0..1)")
    min_score: float = option(0.2, help="least confidence at which an object counts as recognised (0..1)")
    iou: float = option(0.5, help="least overlap of boxes at which an object counts as recognised (above 0 to 1)")
    limit: int | None = option(None, help="take only the first N pictures")
    cluster: str | None = option(None, help="a Dask scheduler to work on, tcp://HOST:PORT, instead of this machine")
    estimate: bool = option(False, help="say what it would take in time and space, and build nothing")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_names(self, "images", "out", "cluster")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more pictures")
        parse_range(self.qps, low=0, high=63, what="--qps")


@dataclass(frozen=True, kw_only=True)
class DatasetVerifyOptions:
    """Check a store: digests, completeness, and that every version decodes to what its record says."""

    store: str = argument(help="the store")
    images: str | None = option(None, help="the folder of source pictures, if it has moved")
    decode: Literal["all", "some", "none"] = option(
        "all", help="versions to decode: all, four of each picture, or none"
    )
    jobs: int = option(0, help="pictures worked on side by side; 0: one per core")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "store", "images")


@dataclass(frozen=True, kw_only=True)
class DatasetImportOptions:
    """Read a published data set into one table of samples, with its split, and say what is missing."""

    data_set: Literal["ow-jrd", "videoset", "mcl-jci", "cpl-set", "jrd-images", "jnd-levels"] = argument(
        help="ow-jrd, videoset, mcl-jci, cpl-set, jrd-images (pictures with their coded versions) or jnd-levels "
        "(pictures with JND-Levels.txt or a manifest)"
    )
    source: str = argument(help="its folder, or its one file")
    out: str = option(help="the folder of samples to make")
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
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "source", "out", "originals", "pattern", "labels", "write_manifest")
        for name, kinds in {
            "originals": ("ow-jrd", "jrd-images"),
            "pattern": ("ow-jrd", "jrd-images"),
            "labels": ("jrd-images",),
            "scale": ("jnd-levels",),
            "write_manifest": ("jnd-levels",),
        }.items():
            if getattr(self, name) is not None and self.data_set not in kinds:
                raise InputError(
                    f"--{name.replace('_', '-')} is for {' and '.join(kinds)}: leave it out for {self.data_set}"
                )
        parse_range(self.qps, low=0, high=63, what="--qps")


@dataclass(frozen=True, kw_only=True)
class DatasetExportOptions:
    """Write a store in a layout that others read."""

    layout: Literal["ow-jrd", "labels"] = argument(
        help="ow-jrd (JSON files and crops at every QP) or labels (boxes and strings in one .parquet file)"
    )
    store: str = argument(help="the store; for labels and without crops, also a folder of samples or a label table")
    out: str = option(help="the folder to make; for labels, a file ending in .parquet")
    rule: str | None = option(
        None,
        help="label rule: last, first-loss, tolerance or best-step; default: tolerance, where all 64 QPs are there",
    )
    crops: bool = option(True, help="ow-jrd: write the crops, from the source pictures and from every coded version")
    images: str | None = option(None, help="ow-jrd: the folder of source pictures, if it has moved")
    originals: str | None = option(
        None, help="ow-jrd: names of the crops, with {name}; default: data/original/{name}/{name}.png"
    )
    pattern: str | None = option(
        None, help="ow-jrd: names of coded crops, with {name} and {qp}; default: data/distorted/{name}/{name}_{qp}.png"
    )
    seed: int | None = option(None, help="ow-jrd: split the pictures anew by this seed; default: the store's own split")
    jobs: int = option(0, help="pictures worked on side by side; 0: one per core")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "store", "out", "images", "originals", "pattern")


@dataclass(frozen=True, kw_only=True)
class DatasetStatsOptions:
    """Say what is in a data set: counts, labels, what a constant guess would reach, rates."""

    store: str = argument(help="a store, a folder of samples, or a label table (.parquet)")
    rule: str | None = option(
        None, help="label rule: last, first-loss, tolerance or best-step; default: the labels as they are"
    )
    ratios: str | None = option(
        None,
        help="shares of satisfied people at which JNDs are given, from people's own answers; default: 0.9,0.75,0.5, "
        "where there are answers",
    )
    out: str | None = option(
        None,
        help="a folder for the drawings: labels.png, rate.png where there are streams, satisfaction.png where there "
        "are people's answers",
    )
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "store", "out", "ratios")
        if self.ratios is not None:
            parse_shares(self.ratios, "--ratios")


@dataclass(frozen=True, kw_only=True)
class DatasetConvertOptions:
    """Turn labels that count H.264 QPs or JPEG quality factors into VVC QPs."""

    samples: str = argument(help="a folder of samples, or a label table (.parquet)")
    out: str = option(help="the folder of samples to make")
    to: Literal["vvc-qp"] = option("vvc-qp", help="the scale to convert to: vvc-qp")
    how: Literal["identity", "affine", "psnr", "xpsnr"] = option(
        "xpsnr",
        help="identity (the same number; H.264 only), affine (a line fitted to photos), or psnr or xpsnr: the largest "
        "VVC QP whose quality reaches that of the other codec's picture at the label, by real encodes of each picture",
    )
    images: str | None = option(None, help="psnr, xpsnr: the folder of pictures, if it has moved")
    encoder: str = option("vvenc", help="psnr, xpsnr: the VVC encoder")
    preset: Literal["faster", "fast", "medium", "slow", "slower"] = option(
        "faster", help="psnr, xpsnr: the encoder's speed preset"
    )
    cache: str | None = option(
        None, help="psnr, xpsnr: the folder that keeps what was coded and measured; default: the user's cache folder"
    )
    jobs: int = option(0, help="pictures worked on side by side; 0: one per core")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "samples", "out", "images", "cache")
        if not 0 <= self.jobs <= MAX_JOBS:
            raise InputError(f"--jobs {self.jobs}: give 0 (one per core) to {MAX_JOBS}")


@dataclass(frozen=True, kw_only=True)
class DatasetCropOptions:
    """Cut pairs of pictures into patches for resjnd: both partners at the same places, a picture in one split."""

    source: str = argument(
        help="a folder of samples with pairs (dataset import cpl-set), or one with the folders data and label"
    )
    out: str = option(help="the folder to make: CPL-Set's layout, which dataset import cpl-set reads")
    size: int = option(64, help="side of the patches in pixels")
    stride: int | None = option(None, help="pixels from one patch to the next; default: --size, so that none overlap")
    seed: int = option(0, help="of the split, where the source has none of its own")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        check_names(self, "source", "out")
        if not MIN_SIDE <= self.size <= MAX_SIDE:
            raise InputError(f"--size {self.size}: give {MIN_SIDE} to {MAX_SIDE} pixels")
        if self.stride is not None and not 1 <= self.stride <= MAX_SIDE:
            raise InputError(f"--stride {self.stride}: give 1 to {MAX_SIDE} pixels")
