"""Run the methods over the pictures and gather what they kept and cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vcmpipe.bench.interim import due, interim
from vcmpipe.bench.meter import Account, Stage
from vcmpipe.bench.methods import Method, Sweep, viewers_of
from vcmpipe.bench.observations import Observations, observe, picture_results
from vcmpipe.bench.result import BenchResult, Costs, LeftOut, MethodResult
from vcmpipe.bench.segments import (
    Album,
    DetectionError,
    SegmentOutcome,
    Setting,
    SourceSegment,
    detect_sources,
    guarded_detector,
    run_segment,
)
from vcmpipe.bench.statistics import summarise
from vcmpipe.bench.tables import Table
from vcmpipe.bench.truth import check_truth, known_frames
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment import Segment
from vcmpipe.config import BenchOptions, parse_range, parse_scales
from vcmpipe.detection import Detector, load_detector, resolve_detector_spec
from vcmpipe.encoders import load_encoder
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError
from vcmpipe.evaluation import GroundTruth, load_ground_truth
from vcmpipe.frames import Frame, FrameSource, PictureSource, open_source
from vcmpipe.measurement import MeasuredPredictor
from vcmpipe.plugins import METHODS, QUALITY
from vcmpipe.process.content_cache import ContentCache, cache_folder
from vcmpipe.process.folders import publish_folder
from vcmpipe.process.progress import Progress, Warn, warn_of
from vcmpipe.process.workers import in_order, worker_count, worker_pool
from vcmpipe.sidecar import provenance

# Bytes of coded pictures that are held for the gallery: those of some hundred pictures under all methods.
ALBUM = 256 << 20


def bench(
    options: BenchOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    figures: Callable[[Table], None] = lambda so_far: None,
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
        warn_of(warn, f"encoder {encoder.name}", [note for outcome in outcomes for note in outcome.notes])
        result = _result(outcomes, left_out, setting, truth, options)
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


def _setting(options: BenchOptions, sweep: Sweep, cache: ContentCache, warn: Warn, parts: dict[str, Any]) -> Setting:
    """Detectors, predictors and methods, loaded once."""
    jobs = worker_count(options.jobs)

    def guarded(name: str, spec: str | None) -> Detector:
        return guarded_detector(
            parts.pop(name, None) or load_detector(resolve_detector_spec(spec), jobs=jobs, device=options.device)
        )

    detector = guarded("detector", options.detector)
    wants_second = options.second_detector is not None or "second_detector" in parts
    second = guarded("second_detector", options.second_detector) if wants_second else None
    pipeline = Pipeline(options, warn=warn, detector=detector, cache=cache, **parts)
    methods = _methods(options, pipeline, warn)
    album = Album(ALBUM if options.gallery else 0)
    return Setting(pipeline, second, methods, sweep, cache, album, options.human_quality)


def _methods(options: BenchOptions, pipeline: Pipeline, warn: Warn) -> dict[str, Method]:
    """The methods by name, without those that would be the same as another one."""
    methods = {name: METHODS.load(name, option="--methods") for name in options.methods.split(",")}
    chosen = options.methods != BenchOptions.methods
    for name in [name for name, method in methods.items() if options.viewer not in viewers_of(method)]:
        del methods[name]
        if chosen:
            warn(f"{name} knows nothing of human viewers: it is left out with --viewer {options.viewer}")
    if not methods:
        raise InputError(f"none of --methods {options.methods} codes for --viewer {options.viewer}: add jrd")
    measured = MeasuredPredictor(detector=pipeline.detector).name
    if {"jrd", "jrd-measured"} <= set(methods) and pipeline.predictor.name == measured:
        del methods["jrd-measured"]
        if chosen:
            warn("jrd and jrd-measured are the same with --predictor measured: jrd-measured is left out")
    return methods


def _run(
    setting: Setting,
    frames: Iterable[Frame],
    count: int | None,
    progress: Progress,
    figures: Callable[[Table], None],
) -> tuple[list[SegmentOutcome], list[LeftOut]]:
    """Every picture under every method, and those that a detector failed on.

    Raises:
        DetectionError: It failed on all of them.
    """
    pipeline = setting.pipeline

    def work(source: SourceSegment | LeftOut) -> SegmentOutcome | LeftOut:
        if isinstance(source, LeftOut):
            return source
        try:
            with blamed_on(pipeline.encoder, source.segment.source):
                return run_segment(setting, source)
        except DetectionError as error:
            return LeftOut(source.segment.name, str(error))

    outcomes: list[SegmentOutcome] = []
    left_out: list[LeftOut] = []
    with worker_pool(pipeline.jobs) as pool:
        sources = detect_sources(pipeline.detector, setting.second, map(Segment.still, frames))
        for outcome in in_order(pool, work, sources, ahead=2 * pipeline.jobs):
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
            else:
                outcomes.append(outcome)
                if odd := outcome.cells.keys() ^ outcomes[0].cells.keys():
                    raise InputError(f"method {min(odd, key=str).method} has not the same points in every picture")
            progress(len(outcomes) + len(left_out), count)
            if outcomes and outcome is outcomes[-1] and due(len(outcomes), count):
                figures(interim(outcomes, pipeline.task))
    if not outcomes:
        first = f": {left_out[0].name}: {left_out[0].reason}" if left_out else ""
        raise DetectionError(f"no picture could be looked at{first}")
    return outcomes, left_out


def _result(
    outcomes: Sequence[SegmentOutcome],
    left_out: Sequence[LeftOut],
    setting: Setting,
    truth: GroundTruth | None,
    options: BenchOptions,
) -> BenchResult:
    """All figures."""
    pipeline = setting.pipeline
    observed = observe(outcomes, pipeline.detector, pipeline.task, truth)
    anchors = tuple(name for name in dict.fromkeys(options.anchors.split(",")) if name in setting.methods)
    figures = summarise(observed, anchors, options.average, options.resamples, options.seed)
    accuracy: Mapping[str, float | None] = {}
    if truth is not None:
        sources = {
            name: own for outcome in outcomes for name, own in zip(outcome.names, outcome.reference, strict=True)
        }
        accuracy = pipeline.task.accuracy(truth, sources, pipeline.detector.classes)
    second = {"second_detector": provenance.of_detector(setting.second)} if setting.second else {}
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
        left_out=left_out,
        seconds=0.0,
        configuration=asdict(options) | {"detector": pipeline.detector_spec},
        provenance=provenance.collect(pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.human_name)
        | second,
    )


def _costs(method: MethodResult, outcomes: Sequence[SegmentOutcome], observed: Observations) -> Costs:
    """A method's mean time per picture and operating point.

    Looking at the source and predicting are done once for all points of a picture, as they would be for one; the rest
    is shared out among the points.
    """
    points = sum(point.method == method.method for point in observed.points) or 1
    shares: dict[Stage, int] = {"detect": 1, "predict": 1, "search": points, "encode": points}
    total = {stage: Account() for stage in shares}
    coded = 0.0
    for outcome in outcomes:
        for stage, account in outcome.accounts[method.method].items():
            total[stage].add(account)
            coded += account.samples / (outcome.width * outcome.height * len(outcome.names)) / shares[stage]
    seconds = {stage: spent.seconds / shares[stage] / len(outcomes) for stage, spent in total.items()}
    everything = sum(account.seconds for account in total.values())
    return Costs(
        **seconds,
        coded=coded / len(outcomes),
        cached=sum(account.cached for account in total.values()) / everything if everything else 0.0,
        unknown=sum(account.unknown for account in total.values()),
    )
