"""The options of every command, each described once: here.

The command line, ``--config`` files and the Python functions all read these dataclasses. A field's ``help`` is the text
of its option. This module imports nothing heavy, so that ``vcmpipe --help`` answers at once.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from vcmpipe.errors import InputError

# Far more than any machine has cores; what is under way is held in memory.
MAX_JOBS = 1024
# The longest side of a picture.
MAX_DILATE = 16384


def option(default: Any = dataclasses.MISSING, *, help: str) -> Any:
    """A dataclass field with the text that ``--help`` prints for it."""
    return field(default=default, metadata={"help": help})


def argument(*, help: str) -> Any:
    """A dataclass field that stands on the command line without a name, in the order of the fields."""
    return field(metadata={"help": help, "positional": True})


def parse_range(text: str, *, low: int, high: int, what: str) -> tuple[int, ...]:
    """Read ``FIRST:LAST[:STEP]`` (both ends included) or ``A,B,C`` or one number.

    Raises:
        InputError: The text has another form, or a value lies outside low..high.
    """
    form = f"{what} {text!r} is not FIRST:LAST[:STEP] or A,B,C with whole numbers from {low} to {high}"
    try:
        if ":" in text:
            first, last, step = (*(int(part) for part in text.split(":")), 1)[:3]
            if text.count(":") > 2 or step < 1 or last < first:
                raise InputError(form)
            # The last value is always coded, also when the step does not land on it.
            values = tuple(sorted({*range(first, last + 1, step), last}))
        else:
            values = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise InputError(form) from error
    if values[0] < low or values[-1] > high:
        raise InputError(form)
    return values


def parse_scales(text: str, what: str) -> tuple[float, ...]:
    """Read ``1,0.75,0.5``.

    Raises:
        InputError: A value is no number in (0, 1].
    """
    try:
        scales = tuple(sorted({float(part) for part in text.split(",")}, reverse=True))
    except ValueError:
        scales = (0.0,)
    if not all(0.0 < scale <= 1.0 for scale in scales):
        raise InputError(f"{what} {text!r}: give factors above 0 and at most 1, such as 1,0.75,0.5")
    return scales


def _check_names(options: Any, *names: str) -> None:
    """Refuse an empty file name, which would otherwise stand for the working folder."""
    for name in names:
        if getattr(options, name) == "":
            raise InputError(f"--{name.replace('_', '-')} is empty: give a name")


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
        help="constant[:QP], measured[:FIRST:LAST[:STEP]], dt_jrd:WEIGHTS, bc_jrd:WEIGHTS, a plugin's name, or auto "
        "(a shipped one that fits)",
    )
    decision: Literal["quantile", "argmax", "mean"] = option(
        "quantile", help="how a threshold is read off its distribution"
    )
    risk: float = option(0.1, help="quantile decision: the chance of losing an object that is accepted (0 up to 1)")
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
        if not 0 <= self.dilate <= MAX_DILATE:
            raise InputError(f"--dilate {self.dilate}: give 0 to {MAX_DILATE} samples")
        if self.smooth is not None and not 1 <= self.smooth <= 63:
            raise InputError(f"--smooth {self.smooth}: give a step of 1 to 63")


@dataclass(frozen=True, kw_only=True)
class PipelineOptions(CodingOptions, MapOptions):
    """What every command needs that takes a picture from the detector to the bits."""

    def __post_init__(self) -> None:
        CodingOptions.__post_init__(self)
        MapOptions.__post_init__(self)


@dataclass(frozen=True, kw_only=True)
class VerifyOptions:
    """The closed loop: how far it searches, and how sure it has to be."""

    verify: bool = option(
        False, help="search for the cheapest version of every picture in which the detector finds every object again"
    )
    max_trials: int = option(12, help="with --verify: encodes tried per picture at most")
    scales: str = option("1,0.9,0.8,0.7,0.6,0.5,0.4,0.32", help="with --verify: scales to try; 1 is always tried")
    verify_with: str | None = option(
        None, help="with --verify: further detectors, comma-separated, that must keep what they see, too"
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

    input: str = option(help="a folder of pictures, one picture, a video file or a .y4m")
    out: str = option(help="the bitstream to write; the sidecar goes beside it as NAME.json")
    margin: int | None = option(
        None, help="QP steps added to every threshold; negative is safer; default: the predictor's own (measured: -8)"
    )
    scale: str = option("1", help="code a smaller picture: a factor in (0, 1], or detector (the size it resizes to)")
    keep_classes: str | None = option(
        None, help="only objects of these classes have to be kept: names, comma-separated"
    )
    check: bool = option(True, help="rerun the detector on what was coded and report kept and lost objects")
    map_out: str | None = option(None, help="a folder for the QP maps: CSV, PNG preview and encoder ROI files")
    limit: int | None = option(None, help="code only the first N pictures")
    cache: str | None = option(None, help="a folder that keeps every encode by content, so that a second run is quick")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        super().__post_init__()
        VerifyOptions.__post_init__(self)
        _check_names(self, "input", "out", "map_out", "cache", "keep_classes", "verify_with")
        if self.verify and self.scale != "1":
            raise InputError(f"--scale {self.scale} with --verify: the search chooses the scale; --scales bounds it")
        if self.verify and not self.check:
            raise InputError("--no-check with --verify: looking is what verifies")
        if self.margin is not None and not -63 <= self.margin <= 63:
            raise InputError(f"--margin {self.margin}: give -63 to 63 QP steps")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more pictures")


@dataclass(frozen=True, kw_only=True)
class DecodeOptions:
    """Decode any VVC or HEVC Annex-B stream into PNG files or a .y4m video."""

    input: str = option(help="the bitstream")
    out: str = option(help="a folder for PNG files, or a file ending in .y4m")
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream, if it is there")
    restore: bool = option(True, help="scale pictures back to the source size that the sidecar states")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        _check_names(self, "input", "out", "sidecar")


@dataclass(frozen=True, kw_only=True)
class InspectOptions:
    """Show a stream's headers, pictures and regions, and check its QPs against the map asked for."""

    input: str = option(help="the bitstream")
    sidecar: str | None = option(None, help="the sidecar; default: NAME.json beside the stream")
    verify_map: bool = option(
        False, help="compare the QPs in the stream with the sidecar's map; exit 1 where they differ or nobody can tell"
    )
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        _check_names(self, "input", "sidecar")


@dataclass(frozen=True, kw_only=True)
class ExtractOptions:
    """Cut one region out into a stream of its own, without coding it again."""

    input: str = option(help="the bitstream: all-intra in regions, or with sub-pictures")
    out: str = option(help="the stream to write")
    region: int = option(0, help="the region's number, as inspect lists it")
    picture: int | None = option(None, help="cut it out of this picture alone; default: of every picture")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        _check_names(self, "input", "out")


@dataclass(frozen=True, kw_only=True)
class DoctorOptions:
    """Say what this machine has: encoders, decoder, detectors, predictors, devices."""

    json: bool = option(False, help="print the result as JSON")


METHODS = ("plain", "plain-default", "plain-scaled", "frame", "roi", "jrd", "jrd-measured", "verified")
MAX_RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class BenchOptions(PipelineOptions):
    """Compare methods: what each keeps and what it costs, against plain VVC."""

    images: str | None = option(
        None,
        help="a folder of pictures, or demo for the built-in scenes; default: ./frames where it is there, else demo",
    )
    annotations: str | None = option(
        None, help="ground truth in COCO's instances format; default: the detector's own view"
    )
    out: str = option("vcmpipe-bench", help="a folder for the report, tables and curves")
    second_detector: str | None = option(
        None, help="another detector (as in --detector): what it still finds is reported too, with objects of its own"
    )
    predictor: str = option("measured", help="thresholds of the methods frame and jrd (as in encode)")
    methods: str = option(",".join(METHODS), help="methods to compare, comma-separated")
    anchors: str = option(
        "plain,plain-scaled", help="methods that the others are compared with, the one that counts most first"
    )
    average: Literal["pictures", "bpp", "classes"] = option(
        "pictures",
        help="averaging rule of rates: bytes per picture, bits per pixel of each picture, or bytes per picture of each "
        "class (of which it holds objects)",
    )
    qps: str = option("22:47:5", help="QPs of the methods plain* and roi: FIRST:LAST[:STEP] or A,B,C")
    margins: str = option("-12:6:3", help="margins of the methods frame and jrd*: FIRST:LAST[:STEP] or A,B,C")
    scales: str = option("1,0.75,0.5", help="scales of the method plain-scaled")
    resamples: int = option(1000, help="draws of the pictures that the 95 % intervals are made of; 0: no intervals")
    seed: int = option(0, help="seed of these draws")
    gallery: int = option(8, help="megabytes of pictures in the report, lost objects first; 0: none")
    protocol: str | None = option(None, help="the published protocol that these options follow, named in the report")
    limit: int | None = option(None, help="take the first N pictures by name")
    cache: str | None = option(
        None, help="the folder that keeps encodes and detections; default: the user's cache folder"
    )
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more pictures")
        _check_names(self, "images", "annotations", "out", "second_detector", "cache")
        for name in ("methods", "anchors"):
            unknown = set(getattr(self, name).split(",")) - set(METHODS)
            if unknown:
                what = "method" if name == "methods" else "method in --anchors"
                raise InputError(f"unknown {what} {sorted(unknown)[0]!r}: choose from {', '.join(METHODS)}")
        if not 0 <= self.resamples <= MAX_RESAMPLES:
            raise InputError(f"--resamples {self.resamples}: give 0 (no intervals) to {MAX_RESAMPLES:,}")
        if self.seed < 0:
            raise InputError(f"--seed {self.seed}: give 0 or more")
        if self.gallery < 0:
            raise InputError(f"--gallery {self.gallery}: give 0 (none) or more megabytes")


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
        _check_names(self, "images", "out", "cluster")
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
        _check_names(self, "store", "images")


@dataclass(frozen=True, kw_only=True)
class PredictOptions(WholeCodingOptions, ThresholdOptions):
    """Say how much distortion each object bears, without coding a stream."""

    input: str = option(help="a folder of pictures, one picture, a video file or a .y4m")
    out: str | None = option(None, help="a JSON file to write the thresholds to")
    margin: int | None = option(None, help="QP steps added to every threshold; default: the predictor's own")
    limit: int | None = option(None, help="look only at the first N pictures")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        WholeCodingOptions.__post_init__(self)
        ThresholdOptions.__post_init__(self)
        _check_names(self, "input", "out")
        if self.margin is not None and not -63 <= self.margin <= 63:
            raise InputError(f"--margin {self.margin}: give -63 to 63 QP steps")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more pictures")


@dataclass(frozen=True, kw_only=True)
class ObjectsOptions:
    """Which labelled objects are learned from or looked at."""

    data: str = option(
        help="a built store, a folder of samples, or ow-jrd:DIR (the crops and label files of the OW-JRD data set)"
    )
    images: str | None = option(None, help="the folder of source pictures, if it has moved")
    rule: str | None = option(None, help="the rule that makes labels from strings; default: the data set's")
    exclude: str | None = option(None, help="a text file with a picture's name a line: those are not looked at")
    pattern: str | None = option(
        None, help="names of coded versions below the data set's folder, with {name} and {qp}; default: its own"
    )
    limit: int | None = option(None, help="take at most N objects of each split")
    seed: int = option(0, help="what randomness starts from")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        _check_names(self, "data", "images", "exclude", "pattern")
        if self.limit is not None and self.limit < 1:
            raise InputError(f"--limit {self.limit}: give 1 or more objects")


@dataclass(frozen=True, kw_only=True)
class TrainOptions(ObjectsOptions):
    """Train a threshold predictor; the same command goes on where a run was interrupted."""

    model: str = argument(help="dt_jrd, bc_jrd or detector_aware")
    out: str = option(help="the folder of the run: checkpoints, logs, and the weights with their card")
    detector: str | None = option(
        None, help="detector_aware: the detector that the store was made with; default: VCMPIPE_DETECTOR, else auto"
    )
    init: str = option(
        "pretrained", help="weights to start from: pretrained (timm's, downloaded), random, or a file of weights"
    )
    backbone: str | None = option(
        None, help="a timm network; default: vit_large_patch32_384 (dt_jrd), efficientnetv2_s (bc_jrd)"
    )
    size: int | None = option(None, help="side of the crops in pixels; default: 384 (dt_jrd), 640 (bc_jrd)")
    freeze: Literal["auto", "yes", "no"] = option(
        "auto", help="train only what the paper trains; auto: yes, unless the weights start at random"
    )
    sigma: float = option(3.0, help="dt_jrd: spread of the soft labels in QP steps")
    versions: int = option(8, help="bc_jrd: coded versions of each object in an epoch, drawn anew every time (64: all)")
    epochs: int | None = option(None, help="epochs; default: 20 (dt_jrd), 60 (bc_jrd)")
    batch: int | None = option(None, help="objects or pairs in a batch; default: 32 (dt_jrd), 64 (bc_jrd)")
    lr: float = option(0.01, help="learning rate; it falls along a cosine to 1 percent of it")
    weight_decay: float | None = option(None, help="default: 5e-5 (dt_jrd), 1e-4 (bc_jrd)")
    patience: int = option(3, help="stop after so many epochs without a better validation; 0: never")
    checkpoint_every: int = option(200, help="batches between checkpoints; there is one after each epoch, too")
    workers: int = option(0, help="processes that read and cut pictures; 0: the training process does it itself")
    device: str = option("auto", help="where training runs: auto, cpu, cuda")
    devices: str = option("1", help="how many devices, or auto for all that are there")
    strategy: str = option("auto", help="how several devices share the work: a Lightning strategy, such as ddp")
    precision: Literal["32-true", "16-mixed", "bf16-mixed"] = option("32-true", help="precision of the arithmetic")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_names(self, "out", "init")
        for name in ("epochs", "batch", "size"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"--{name} {value}: give 1 or more")
        if not self.sigma > 0:
            raise InputError(f"--sigma {self.sigma}: give more than 0 QP steps")
        if not self.lr > 0:
            raise InputError(f"--lr {self.lr}: give more than 0")
        if not 1 <= self.versions <= 64:
            raise InputError(f"--versions {self.versions}: give 1 to 64")
        if self.patience < 0 or self.workers < 0 or self.checkpoint_every < 1:
            raise InputError("--patience and --workers are 0 or more, --checkpoint-every is 1 or more")
        if self.devices != "auto" and not (self.devices.isdecimal() and int(self.devices) > 0):
            raise InputError(f"--devices {self.devices}: give a number, or auto")


@dataclass(frozen=True, kw_only=True)
class EvaluatePredictorOptions(ObjectsOptions):
    """Say how far a predictor's thresholds are off, next to a constant."""

    weights: str | None = option(None, help="weights that vcmpipe train wrote, with their card")
    predictor: str | None = option(None, help="instead of weights: a predictor as in encode, such as constant:41")
    split: Literal["test", "val", "train", "all"] = option("test", help="the objects to look at")
    decision: Literal["quantile", "argmax", "mean"] = option(
        "argmax", help="how a threshold is read off its distribution"
    )
    risk: float = option(0.1, help="quantile decision: the chance of losing an object that is accepted (0 up to 1)")
    rounds: int = option(1000, help="draws of the bootstrap")
    out: str | None = option(None, help="a folder for the figures, a row per object, and two plots")
    device: str = option("auto", help="where networks run: auto, cpu, cuda, cuda:N")

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_names(self, "weights", "predictor", "out")
        if (self.weights is None) == (self.predictor is None):
            raise InputError("give --weights FILE or --predictor NAME, one of them")
        if not 0.0 <= self.risk < 1.0:
            raise InputError(f"--risk {self.risk}: give 0 or more, and less than 1")
        if self.rounds < 2:
            raise InputError(f"--rounds {self.rounds}: give 2 or more")


@dataclass(frozen=True, kw_only=True)
class DatasetImportOptions:
    """Read a published data set into one table of samples, with its split, and say what is missing."""

    data_set: Literal["ow-jrd", "videoset", "mcl-jci", "cpl-set", "jrd-images"] = argument(
        help="ow-jrd, videoset, mcl-jci, cpl-set or jrd-images (pictures with their coded versions)"
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
    seed: int = option(0, help="of the split, where the data set has none of its own")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        _check_names(self, "source", "out", "originals", "pattern", "labels")
        for name, kinds in {
            "originals": ("ow-jrd", "jrd-images"),
            "pattern": ("ow-jrd", "jrd-images"),
            "labels": ("jrd-images",),
        }.items():
            if getattr(self, name) is not None and self.data_set not in kinds:
                raise InputError(f"--{name} is for {' and '.join(kinds)}: leave it out for {self.data_set}")
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
        _check_names(self, "store", "out", "images", "originals", "pattern")


@dataclass(frozen=True, kw_only=True)
class DatasetStatsOptions:
    """Say what is in a data set: counts, labels, what a constant guess would reach, rates."""

    store: str = argument(help="a store, a folder of samples, or a label table (.parquet)")
    rule: str | None = option(
        None, help="label rule: last, first-loss, tolerance or best-step; default: the labels as they are"
    )
    out: str | None = option(None, help="a folder for the drawings: labels.png, and rate.png where there are streams")
    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        _check_names(self, "store", "out")
