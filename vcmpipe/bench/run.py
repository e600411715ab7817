"""Run the methods over the pictures and gather what they kept and cost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vcmpipe.bench.interim import Interim, due, interim
from vcmpipe.bench.meter import Account, Stage
from vcmpipe.bench.methods import NOT_FOR, Sweep
from vcmpipe.bench.observations import Observations, observe, picture_results
from vcmpipe.bench.pictures import (
    Album,
    DetectionError,
    GuardedDetector,
    Look,
    PictureOutcome,
    Setting,
    looks,
    run_picture,
)
from vcmpipe.bench.result import BenchResult, Costs, LeftOut, MethodResult
from vcmpipe.bench.statistics import summarise
from vcmpipe.bench.truth import check_truth, known_frames
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.config import BenchOptions, parse_range, parse_scales
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.encoders import load_encoder
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError
from vcmpipe.evaluation import GroundTruth, load_ground_truth
from vcmpipe.frames import Frame, FrameSource, PictureSource, open_source
from vcmpipe.plugins import QUALITY
from vcmpipe.process.content_cache import ContentCache, cache_folder
from vcmpipe.process.folders import publish_folder
from vcmpipe.process.progress import Progress, tell
from vcmpipe.process.workers import in_order, worker_count, worker_pool
from vcmpipe.sidecar import provenance
from vcmpipe.thresholds import load_predictor

# Bytes of coded pictures that are held for the gallery: those of some hundred pictures under all methods.
ALBUM = 256 << 20


def bench(
    options: BenchOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Callable[[str], None] = lambda message: None,
    figures: Callable[[Interim], None] = lambda so_far: None,
    **parts: Any,
) -> BenchResult:
    """Compare methods over a folder of pictures (or the demo's scenes) and write the report to ``options.out``.

    A picture on which a detector fails is left out for every method and named in the result; the others are done.

    Args:
        options: What to compare, on what.
        progress: Called after every picture.
        warn: Called with what the user should know.
        figures: Called with the figures so far after 1, 2, 4, 8, ... pictures.
        **parts: ``detector``, ``second_detector``, ``predictor``, ``encoder`` objects to use instead of those that the
            options name.

    Raises:
        VcmError: Input, a tool, or the output fails, or the detector on every picture.
    """
    from vcmpipe.bench.demo import default_inputs
    from vcmpipe.bench.gallery import make_gallery
    from vcmpipe.bench.report import REPORT, write_report

    started = time.monotonic()
    encoder = parts.get("encoder") or load_encoder(options.encoder)
    low, high = encoder.capabilities.qp_range
    sweep = Sweep(
        parse_range(options.qps, low=low, high=high, what=f"--qps of encoder {encoder.name}"),
        parse_range(options.margins, low=-63, high=63, what="--margins"),
        parse_scales(options.scales, "--scales"),
        parse_scales(options.map_scales, "--map-scales"),
    )
    cache = ContentCache(cache_folder(options.cache), warn)
    if options.images in (None, "demo"):
        options = default_inputs(options, cache.folder, warn)
    assert options.images is not None
    truth = load_ground_truth(Path(options.annotations)) if options.annotations else None
    source = open_source(options.images, limit=options.limit)
    if options.human_quality:
        _check_human_quality(source)
    parts.setdefault("encoder", CachedEncoder(encoder, cache))
    setting = _setting(options, sweep, cache, warn, parts)
    pipeline = setting.pipeline
    if truth is not None:
        check_truth(truth, source, pipeline.detector.classes)

    # Opened first: that the report cannot be written is better known before hours of encoding.
    with publish_folder(Path(options.out), REPORT) as folder:
        outcomes, left_out = _run(setting, known_frames(truth, source), source.count, progress, figures)
        tell(warn, f"encoder {encoder.name}", [note for outcome in outcomes for note in outcome.notes])
        observed = observe(outcomes, pipeline.detector, pipeline.task, truth)
        configuration = asdict(options) | {"detector": pipeline.detector_spec}
        result = _result(observed, outcomes, setting, truth, options)
        result = replace(
            result,
            left_out=left_out,
            configuration=configuration,
            provenance=provenance.collect(
                pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.human_name
            )
            | ({"second_detector": provenance.of_detector(setting.second)} if setting.second else {}),
        )
        gallery = make_gallery(result, outcomes, source, setting, options.gallery)
        result = replace(result, seconds=time.monotonic() - started)
        write_report(result, folder, gallery)
    return result


def _check_human_quality(source: FrameSource) -> None:
    """What it lacks is better known before hours of encoding."""
    measure = QUALITY.load("human")
    find_ffmpeg("filter", measure.XPSNR, measure.VMAF)
    for number, (width, height) in enumerate(source.sizes()):
        if min(width, height) < measure.SMALLEST:
            name = source.paths[number].name if isinstance(source, PictureSource) else f"frame {number}"
            raise InputError(
                f"{name} has {width}x{height} pixels: VMAF needs {measure.SMALLEST} a side; "
                "leave it out, or --human-quality"
            )


def _setting(
    options: BenchOptions, sweep: Sweep, cache: ContentCache, warn: Callable[[str], None], parts: dict[str, Any]
) -> Setting:
    """Detectors, predictors and methods, loaded once."""
    jobs = worker_count(options.jobs)

    def guarded(name: str, spec: str | None) -> GuardedDetector:
        found = parts.pop(name, None) or load_detector(resolve_detector_spec(spec), jobs=jobs, device=options.device)
        return GuardedDetector(found)

    detector = guarded("detector", options.detector)
    wants_second = options.second_detector is not None or "second_detector" in parts
    second = guarded("second_detector", options.second_detector) if wants_second else None
    pipeline = Pipeline(options, warn=warn, detector=detector, cache=cache, **parts)
    methods = list(dict.fromkeys(options.methods.split(",")))
    for name in NOT_FOR[options.viewer]:
        if name in methods:
            methods.remove(name)
            if options.methods != BenchOptions.methods:
                warn(f"{name} knows nothing of human viewers: it is left out with --viewer {options.viewer}")
    if not methods:
        raise InputError(f"none of --methods {options.methods} codes for --viewer {options.viewer}: add jrd")
    measured = load_predictor("measured", detector=detector) if "jrd-measured" in methods else None
    if measured is not None and "jrd" in methods and pipeline.predictor.name == measured.name:
        if options.methods != BenchOptions.methods:
            warn("jrd and jrd-measured are the same with --predictor measured: jrd-measured is left out")
        methods.remove("jrd-measured")
    album = Album(ALBUM if options.gallery else 0)
    return Setting(pipeline, second, measured, methods, sweep, cache, album, options.human_quality)


def _run(
    setting: Setting,
    frames: Iterable[Frame],
    count: int | None,
    progress: Progress,
    figures: Callable[[Interim], None],
) -> tuple[list[PictureOutcome], list[LeftOut]]:
    """Every picture under every method, and those that a detector failed on.

    Raises:
        DetectionError: It failed on all of them.
    """
    pipeline = setting.pipeline

    def work(look: Look | LeftOut) -> PictureOutcome | LeftOut:
        if isinstance(look, LeftOut):
            return look
        try:
            with blamed_on(pipeline.encoder, look.frame.source):
                return run_picture(setting, look)
        except DetectionError as error:
            return LeftOut(Path(look.frame.source).name, str(error))

    outcomes: list[PictureOutcome] = []
    left_out: list[LeftOut] = []
    with worker_pool(pipeline.jobs) as pool:
        seen = looks(pipeline.detector, setting.second, frames)
        for outcome in in_order(pool, work, seen, ahead=2 * pipeline.jobs):
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
            else:
                outcomes.append(outcome)
            progress(len(outcomes) + len(left_out), count)
            if not isinstance(outcome, LeftOut) and due(len(outcomes), count):
                figures(interim(outcomes, pipeline.task))
    if not outcomes:
        first = f": {left_out[0].name}: {left_out[0].reason}" if left_out else ""
        raise DetectionError(f"no picture could be looked at{first}")
    return outcomes, left_out


def _result(
    observed: Observations,
    outcomes: Sequence[PictureOutcome],
    setting: Setting,
    truth: GroundTruth | None,
    options: BenchOptions,
) -> BenchResult:
    """All figures."""
    anchors = tuple(name for name in dict.fromkeys(options.anchors.split(",")) if name in setting.methods)
    figures = summarise(observed, anchors, options.average, options.resamples, options.seed)
    accuracy: Mapping[str, float | None] = {}
    if truth is not None:
        sources = {outcome.name: outcome.reference for outcome in outcomes}
        accuracy = setting.pipeline.task.accuracy(truth, sources, setting.pipeline.detector.classes)
    return BenchResult(
        pictures=len(outcomes),
        objects=int(observed.objects.total.sum()),
        empty=int((observed.objects.total == 0).sum()),
        second_objects=None if observed.second is None else int(observed.second.total.sum()),
        truth=truth.source if truth else None,
        source_ap=accuracy.get("AP"),
        source_ap50=accuracy.get("AP50"),
        average=options.average,
        anchors=anchors,
        points=figures.points,
        methods=[replace(method, costs=_costs(method, outcomes, observed)) for method in figures.methods],
        classes=figures.classes,
        per_picture=picture_results(observed),
        left_out=(),
        seconds=0.0,
        configuration={},
        provenance={},
    )


def _costs(method: MethodResult, outcomes: Sequence[PictureOutcome], observed: Observations) -> Costs:
    """A method's mean time per picture and operating point.

    Looking at the source and predicting are done once for all points of a picture, as they would be for one; the rest
    is shared out among the points.
    """
    points = sum(point.method == method.method for point in observed.points) or 1
    total: dict[Stage, Account] = {}
    coded = 0.0
    for outcome in outcomes:
        for stage, account in outcome.accounts[method.method].items():
            whole = total.setdefault(stage, Account())
            for field in dataclasses.fields(Account):
                setattr(whole, field.name, getattr(whole, field.name) + getattr(account, field.name))
            coded += account.samples / (outcome.width * outcome.height) / _share(stage, points)

    def seconds(stage: Stage) -> float:
        return total.get(stage, Account()).seconds / _share(stage, points) / len(outcomes)

    everything = sum(account.seconds for account in total.values())
    return Costs(
        detect=seconds("detect"),
        predict=seconds("predict"),
        search=seconds("search"),
        encode=seconds("encode"),
        coded=coded / len(outcomes),
        cached=sum(account.cached for account in total.values()) / everything if everything else 0.0,
        unknown=sum(account.unknown for account in total.values()),
    )


def _share(stage: Stage, points: int) -> int:
    return points if stage in ("search", "encode") else 1
