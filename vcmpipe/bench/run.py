"""Run the methods over the pictures and gather what they kept and cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vcmpipe.bench.coded_detections import DetectionError
from vcmpipe.bench.conditions import conditions
from vcmpipe.bench.earlier import check_earlier
from vcmpipe.bench.inputs import Inputs, frame_name, open_inputs
from vcmpipe.bench.interim import due, interim
from vcmpipe.bench.meter import Account, Stage
from vcmpipe.bench.observations import Observations, in_truth, observe, picture_results
from vcmpipe.bench.operating_points import Setting
from vcmpipe.bench.regret import cheapest_whole
from vcmpipe.bench.remote import RemoteBench
from vcmpipe.bench.result import (
    ANCHORS,
    SEQUENCE_ANCHORS,
    BenchResult,
    Costs,
    LeftOut,
    MethodResult,
    PanelDetector,
)
from vcmpipe.bench.segments import Part, SegmentOutcome, SourceSegment, detect_sources, run_segment
from vcmpipe.bench.sequence_figures import sequence_results
from vcmpipe.bench.setup import load_setting, sweep_of
from vcmpipe.bench.statistics import summarise
from vcmpipe.bench.tables import Table
from vcmpipe.bench.track_truth import TrackTruth, is_track_truth, load_track_truth
from vcmpipe.bench.traits import codes, explained
from vcmpipe.bench.truth import check_truth
from vcmpipe.bench.whole import WholeSequence
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.segment import Segment
from vcmpipe.config import BenchOptions
from vcmpipe.encoders import load_encoder
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError, OutputError, VcmError
from vcmpipe.evaluation import GroundTruth, load_ground_truth
from vcmpipe.frames.headers import check_headers
from vcmpipe.plugins import QUALITY
from vcmpipe.plugins.published import published_path
from vcmpipe.process import stop_all
from vcmpipe.process.cluster import cluster_at
from vcmpipe.process.content_cache import ContentCache, cache_folder
from vcmpipe.process.folders import publish_folder
from vcmpipe.process.progress import Progress, Warn, warn_of
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.sidecar import provenance
from vcmpipe.tasks.tracking import TrackingTask


def bench(
    options: BenchOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
    figures: Callable[[Table], None] = lambda so_far: None,
    **parts: Any,
) -> BenchResult:
    """Compare methods over pictures (or the demo's scenes) or sequences and write the report to ``options.out``.

    A picture or segment that cannot be read, coded or looked at ends the run, and the cache keeps what is done; with
    ``options.on_error`` ``skip`` it is left out for every method and named in the result.

    A report that is there already is renewed where it is of the same configuration; another one is only replaced
    with ``options.overwrite``.

    Args:
        options: What to compare, on what.
        progress: Called after every picture or segment, with the frames done.
        warn: Called with what the user should know.
        figures: Called with the figures so far after 1, 2, 4, 8, ... pictures or segments.
        **parts: ``detector``, ``second_detector``, ``predictor``, ``encoder`` objects, and detectors as ``panel``, to
            use instead of those that the options name.

    Raises:
        VcmError: Input, a tool, or the output fails, or another report is in the way.
    """
    from vcmpipe.bench.demo import default_inputs
    from vcmpipe.bench.gallery import make_gallery
    from vcmpipe.bench.report import REPORT, remove_older, write_report

    started = time.monotonic()
    if options.cluster is not None and parts:
        raise InputError(f"cluster: workers load what options name, and cannot be handed a {min(parts)}: name it there")
    encoder = parts.get("encoder") or load_encoder(options.encoder)
    sweep = sweep_of(options, encoder)
    cache = ContentCache(cache_folder(options.cache), warn, options.cache_limit, fresh=options.fresh)
    if options.images in (None, "demo"):
        options = default_inputs(options, cache.folder, warn)
    assert options.images is not None
    annotations = published_path(options.annotations, "annotations") if options.annotations else None
    by_track = annotations is not None and is_track_truth(annotations)
    truth = load_ground_truth(annotations) if annotations is not None and not by_track else None
    inputs = open_inputs(options, encoder, warn)
    if options.on_error == "stop" and not inputs.sequences:
        for source in inputs.sources:
            check_headers(source)
    if options.human_quality:
        _check_human_quality(inputs)
    if inputs.sequences:
        options = _for_sequences(options, warn)
    parts.setdefault("encoder", CachedEncoder(encoder, cache))
    setting = load_setting(options, sweep, cache, warn, parts, sequences=bool(inputs.sequences))
    pipeline = setting.pipeline
    if truth is not None:
        check_truth(truth, inputs.sources, pipeline.detector.classes, warn)
    tracks = None
    if annotations is not None and by_track:
        names = [sequence.name for sequence in inputs.sequences]
        tracks = load_track_truth(annotations, names, pipeline.detector.classes, warn)
        if not isinstance(pipeline.task, TrackingTask):
            raise InputError(f"--annotations {annotations} are of tracks, which --task {options.task} does not follow")

    if not options.overwrite:
        check_earlier(Path(options.out), REPORT, asdict(options) | {"detector": pipeline.detector_spec})
    # Opened first: that the report cannot be written is better known before hours of encoding.
    with ExitStack() as held, publish_folder(Path(options.out), REPORT) as folder:
        remote = None
        if options.cluster is not None:
            cluster = held.enter_context(cluster_at(options.cluster))
            remote = RemoteBench(cluster, options, setting, sequences=bool(inputs.sequences))
        try:
            outcomes, left_out = _run(setting, inputs, progress, figures, remote, skip=options.on_error == "skip")
        except (InputError, OutputError):
            raise
        except VcmError as error:
            skip = ", and --on-error skip leaves out what fails" if options.on_error == "stop" else ""
            kept = f"the cache keeps what is done: the same command goes on from there{skip}"
            raise VcmError(f"{error} ({kept})") from error
        warn_of(warn, f"encoder {encoder.name}", [note for outcome in outcomes for note in outcome.notes])
        result = _result(outcomes, left_out, setting, inputs, truth, tracks, options)
        gallery = make_gallery(result, outcomes, inputs.sources, setting, options.gallery)
        result = replace(result, seconds=time.monotonic() - started)
        write_report(result, folder, gallery)
    remove_older(result, Path(options.out))
    return result


def _check_human_quality(inputs: Inputs) -> None:
    """What it lacks is better known before hours of encoding."""
    measure = QUALITY.load("human")
    find_ffmpeg("filter", measure.XPSNR, measure.VMAF)
    for source in inputs.sources:
        for number, (width, height) in enumerate(source.sizes()):
            if min(width, height) < measure.SMALLEST:
                raise InputError(
                    f"{frame_name(source, number)} has {width}x{height} pixels: VMAF needs {measure.SMALLEST} a side; "
                    "leave it out, or --human-quality"
                )


def _for_sequences(options: BenchOptions, warn: Warn) -> BenchOptions:
    """The options with defaults that are meant for pictures replaced."""
    if options.predictor == BenchOptions.predictor:
        warn(
            f"--predictor {options.predictor} would code every frame as a picture at 21 QPs: auto is taken for video "
            "(measured:18:58:2 measures nevertheless)"
        )
        options = replace(options, predictor="auto")
    return options


def _sources(setting: Setting, inputs: Inputs, *, skip: bool) -> Iterator[SourceSegment | LeftOut]:
    """The pictures or segments with what is found in them."""
    detectors = setting.pipeline.detector, setting.panel.further
    if not inputs.sequences:
        unreadable: list[LeftOut] | None = [] if skip else None
        yield from detect_sources(*detectors, map(Segment.still, inputs.frames(unreadable)))
        yield from unreadable or ()
    in_one_go = any("sequences" in codes(method) for method in setting.methods.values())
    for sequence in inputs.sequences:
        part = Part(sequence.name, sequence.rate)
        found: Iterable[SourceSegment | LeftOut]
        if in_one_go:
            # All segments are needed at once; their frames are on the disk.
            segments = list(sequence.segments())
            found = list(detect_sources(*detectors, segments))
            taken = [None if isinstance(each, LeftOut) else each.found for each in found]
            part = replace(part, whole=WholeSequence(setting, segments, taken, sequence.cutting))
        else:
            found = detect_sources(*detectors, sequence.segments())
        for number, each in enumerate(found):
            if isinstance(each, LeftOut):
                part.answers.skip(number)
                yield each
            else:
                yield replace(each, part=part)


def _run(
    setting: Setting,
    inputs: Inputs,
    progress: Progress,
    figures: Callable[[Table], None],
    remote: RemoteBench | None = None,
    *,
    skip: bool,
) -> tuple[list[SegmentOutcome], list[LeftOut]]:
    """Every picture or segment under every method, and those that are left out, if that is wanted.

    Raises:
        VcmError: One failed, or, where such are left out, all of them.
    """
    pipeline = setting.pipeline

    def work(source: SourceSegment | LeftOut) -> SegmentOutcome | LeftOut:
        if isinstance(source, LeftOut):
            if skip:
                return source
            raise VcmError(f"{source.name}: {source.reason}")
        try:
            if remote is not None:
                return remote.run(source)
            with blamed_on(pipeline.encoder, source.segment.source):
                return run_segment(setting, source)
        except VcmError as error:
            if isinstance(error, OutputError):  # as it would be with all that follow
                raise
            if skip:
                return LeftOut(source.segment.name, str(error), len(source.segment))
            if isinstance(error, DetectionError):
                raise VcmError(f"{source.segment.name}: {error}") from error
            raise
        finally:
            if source.part is not None:
                # Whether it came to its end or not, nobody has to wait for it.
                source.part.answers.skip(source.segment.index)

    outcomes: list[SegmentOutcome] = []
    left_out: list[LeftOut] = []

    def sources() -> Iterator[SourceSegment | LeftOut]:
        try:
            yield from _sources(setting, inputs, skip=skip)
        except InputError as error:
            if outcomes:  # no bad usage any more: there is work that the next run goes on from
                raise VcmError(str(error)) from error
            raise

    item, count, done = "segment" if inputs.sequences else "picture", inputs.count, 0
    workers, ahead = pipeline.jobs, 2 * pipeline.jobs
    if inputs.sequences:
        # The encoder has threads of its own, and every segment under way lies on the disk.
        workers = min(pipeline.jobs, max(2, pipeline.jobs // 4))
        ahead = workers + 1
    stop: Callable[[], object] = stop_all
    if remote is not None:
        # Twice as many as are worked on: what waits is there when a worker has nothing to do.
        workers = ahead = 2 * remote.threads
        stop = remote.stop
    with worker_pool(workers, stop) as pool:
        for outcome in in_order(pool, work, sources(), ahead=ahead):
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
                done += outcome.frames
            else:
                outcomes.append(outcome)
                done += len(outcome.names)
                if odd := outcome.cells.keys() ^ outcomes[0].cells.keys():
                    raise InputError(f"method {min(odd, key=str).method} has not the same points in every {item}")
            progress(done, count)
            if outcomes and outcome is outcomes[-1] and due(len(outcomes), None if inputs.sequences else count):
                figures(interim(outcomes, pipeline.task))
    if not outcomes:
        first = f": {left_out[0].name}: {left_out[0].reason}" if left_out else ""
        raise VcmError(f"no {item} could be coded and checked{first}")
    return outcomes, left_out


def _result(
    outcomes: Sequence[SegmentOutcome],
    left_out: Sequence[LeftOut],
    setting: Setting,
    inputs: Inputs,
    truth: GroundTruth | None,
    tracks: TrackTruth | None,
    options: BenchOptions,
) -> BenchResult:
    """All figures."""
    pipeline = setting.pipeline
    observed = observe(outcomes, pipeline.detector, pipeline.task, truth, setting.panel, tracks)
    wanted = options.anchors or (SEQUENCE_ANCHORS if observed.sequences else ANCHORS)
    anchors = tuple(name for name in dict.fromkeys(wanted.split(",")) if name in setting.methods)
    figures = summarise(observed, anchors, options.average, options.resamples, options.seed)
    accuracy: Mapping[str, float | None] = {}
    if truth is not None:
        sources = {
            name: own for outcome in outcomes for name, own in zip(outcome.names, outcome.reference, strict=True)
        }
        accuracy = pipeline.task.accuracy(truth, in_truth(truth, sources), pipeline.detector.classes)
    followed: Mapping[str, float | None] = {}
    if tracks is not None and isinstance(pipeline.task, TrackingTask):
        segments = [(outcome.sequence, outcome.names) for outcome in outcomes]
        own = tracks.of_sources(pipeline.task, segments, [outcome.reference for outcome in outcomes])
        followed = {"hota": own.hota, "idf1": own.idf1, "mota": own.mota}
    sequences, methods = sequence_results(observed, figures.methods, anchors, options.resamples, options.seed)
    counted = zip((pipeline.detector, *setting.panel.further), (observed.objects, *observed.further), strict=True)
    panel = [PanelDetector(detector.name, int(kept.total.sum())) for detector, kept in counted]
    return BenchResult(
        pictures=len(outcomes),
        objects=int(observed.objects.total.sum()),
        empty=int((observed.objects.total == 0).sum()),
        second_objects=panel[1].objects if observed.second else None,
        truth=truth.source if truth else tracks.source if tracks else None,
        source_ap=accuracy.get("AP"),
        source_ap50=accuracy.get("AP50"),
        average=options.average,
        anchors=anchors,
        points=figures.points,
        methods=[
            replace(
                method,
                costs=_costs(method, outcomes, observed),
                about=explained(setting.methods[method.method]),
            )
            for method in methods
        ],
        classes=figures.classes,
        per_picture=picture_results(observed, cheapest_whole(observed)),
        left_out=left_out,
        seconds=0.0,
        configuration=asdict(options) | {"detector": pipeline.detector_spec},
        provenance=provenance.collect(pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.human_name)
        | setting.panel.provenance(),
        frames=int(observed.lengths.sum()),
        sequences=sequences,
        conditions=conditions(setting, inputs),
        panel=panel if observed.further else (),
        regrets=figures.regrets,
        source_tracks=followed,
    )


def _costs(method: MethodResult, outcomes: Sequence[SegmentOutcome], observed: Observations) -> Costs:
    """A method's mean time per picture, or frame, and operating point.

    Looking at the source and predicting are done once for all points of a picture, as they would be for one; the rest
    is shared out among the points.
    """
    frames = int(observed.lengths.sum())
    points = sum(point.method == method.method for point in observed.points) or 1
    shares: dict[Stage, int] = {"detect": 1, "predict": 1, "search": points, "encode": points}
    total = {stage: Account() for stage in shares}
    coded = 0.0
    for outcome in outcomes:
        for stage, account in outcome.accounts[method.method].items():
            total[stage].add(account)
            coded += account.samples / (outcome.width * outcome.height) / shares[stage]
    seconds = {stage: spent.seconds / shares[stage] / frames for stage, spent in total.items()}
    everything = sum(account.seconds for account in total.values())
    return Costs(
        **seconds,
        coded=coded / frames,
        cached=sum(account.cached for account in total.values()) / everything if everything else 0.0,
        unknown=sum(account.unknown for account in total.values()),
    )
