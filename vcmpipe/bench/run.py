"""Run the methods over the pictures and gather what they kept and cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe import provenance
from vcmpipe.bench.memory import Cell, seen
from vcmpipe.bench.methods import METHODS, PictureBench, Point, Sweep
from vcmpipe.bench.result import BenchResult, PointResult, compare
from vcmpipe.config import BenchOptions, parse_range
from vcmpipe.encoders import CachedEncoder, ContentCache, load_encoder
from vcmpipe.encoders.faults import blamed_on
from vcmpipe.errors import InputError
from vcmpipe.evaluation import GroundTruth, coco_accuracy, load_ground_truth, picture_retention, pseudo_truth
from vcmpipe.frames import Frame, FrameSource, PictureSource, open_source
from vcmpipe.pipeline import Pipeline, Progress, detected, in_order, tell, worker_pool
from vcmpipe.staging import publish_folder

if TYPE_CHECKING:
    import supervision as sv


@dataclass(frozen=True)
class PictureOutcome:
    """One picture at every operating point, with what the encoder could not be told as it was asked."""

    name: str
    pixels: int
    reference: sv.Detections
    cells: dict[Point, Cell]
    notes: tuple[str, ...] = ()


def cache_folder(named: str | None) -> Path:
    """The cache that was named, else the user's."""
    if named:
        return Path(named)
    import platformdirs

    return Path(platformdirs.user_cache_dir("vcmpipe"))


def parse_scales(text: str) -> tuple[float, ...]:
    """Read ``1,0.75,0.5``.

    Raises:
        InputError: A value is no number in (0, 1].
    """
    try:
        scales = tuple(sorted({float(part) for part in text.split(",")}, reverse=True))
    except ValueError:
        scales = (0.0,)
    if not all(0.0 < scale <= 1.0 for scale in scales):
        raise InputError(f"--scales {text!r}: give factors above 0 and at most 1, such as 1,0.75,0.5")
    return scales


def run_picture(
    pipeline: Pipeline, cache: ContentCache, methods: list[str], sweep: Sweep, frame: Frame, found: sv.Detections
) -> PictureOutcome:
    """One picture under every method."""
    wanted = found[pipeline.rule.select(found)]
    bench = PictureBench(pipeline, frame, wanted, cache)
    cells: dict[Point, Cell] = {}
    notes: list[str] = []
    for name in methods:
        for point, coder, coded in METHODS[name](bench, sweep):
            cells[point] = seen(coder, coded, pipeline.detector, cache)
            notes += [f"{frame.source}, {point.method} {point.label}: {note}" for note in coded.notes]
    return PictureOutcome(Path(frame.source).name, frame.width * frame.height, found, cells, tuple(notes))


def gather(outcomes: list[PictureOutcome], pipeline: Pipeline, truth: GroundTruth | None) -> list[PointResult]:
    """Add pictures up, point by point."""
    classes = pipeline.detector.classes
    own = pseudo_truth({o.name: o.reference for o in outcomes}, classes, score=pipeline.rule.reference_score)
    results = []
    for point in outcomes[0].cells if outcomes else ():
        cells = [outcome.cells[point] for outcome in outcomes]
        found = {outcome.name: cell.detections for outcome, cell in zip(outcomes, cells, strict=True)}
        kept = [
            picture_retention(o.reference, c.detections, pipeline.rule) for o, c in zip(outcomes, cells, strict=True)
        ]
        against_truth = coco_accuracy(truth, found, classes) if truth else None
        against_source = coco_accuracy(own, found, classes)
        bits = sum(cell.bits for cell in cells)
        results.append(
            PointResult(
                point.method,
                point.label,
                bytes_per_picture=bits / 8 / len(cells),
                bpp=bits / sum(outcome.pixels for outcome in outcomes),
                psnr_y=float(np.mean([cell.psnr_y for cell in cells])),
                kept=sum(r.kept for r in kept),
                total=sum(r.total for r in kept),
                ap=against_truth.ap if against_truth else None,
                ap50=against_truth.ap50 if against_truth else None,
                ap_source=against_source.ap,
                ap50_source=against_source.ap50,
            )
        )
    return results


def _check_truth(truth: GroundTruth, source: FrameSource, classes: Mapping[int, str]) -> None:
    """Refuse a ground truth of other pictures or classes before anything is coded."""
    coco_accuracy(truth, {}, classes)
    for path in source.paths if isinstance(source, PictureSource) else ():
        if truth.image_id(path.name) is None:
            raise InputError(
                f"--annotations {truth.source}: {path.name} is not in it: name the annotations of these pictures, or "
                "leave them out"
            )


def bench(
    options: BenchOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Callable[[str], None] = lambda message: None,
    **parts: Any,
) -> BenchResult:
    """Compare methods over a folder of pictures (or the demo's scenes) and write the report to ``options.out``.

    Args:
        options: What to compare, on what.
        progress: Called after every picture.
        warn: Called with what the user should know.
        **parts: ``detector``, ``predictor``, ``encoder`` objects to use instead of those that the options name.

    Raises:
        VcmError: Input, a tool, or the output fails.
    """
    from vcmpipe.bench.demo import default_inputs
    from vcmpipe.bench.report import write_report

    started = time.monotonic()
    methods = list(dict.fromkeys(options.methods.split(",")))
    encoder = parts.get("encoder") or load_encoder(options.encoder)
    low, high = encoder.capabilities.qp_range
    sweep = Sweep(
        parse_range(options.qps, low=low, high=high, what=f"--qps of encoder {encoder.name}"),
        parse_range(options.margins, low=-63, high=63, what="--margins"),
        parse_scales(options.scales),
    )
    cache = ContentCache(cache_folder(options.cache), warn)
    if options.images in (None, "demo"):
        options = default_inputs(options, cache.folder, warn)
    assert options.images is not None
    truth = load_ground_truth(Path(options.annotations)) if options.annotations else None
    source = open_source(options.images, limit=options.limit)
    parts.setdefault("encoder", CachedEncoder(encoder, cache))
    pipeline = Pipeline(options, warn=warn, **parts)

    def work(item: tuple[Frame, sv.Detections]) -> PictureOutcome:
        with blamed_on(pipeline.encoder, item[0]):
            return run_picture(pipeline, cache, methods, sweep, *item)

    if truth is not None:
        _check_truth(truth, source, pipeline.detector.classes)
    outcomes: list[PictureOutcome] = []
    # Opened first: that the report cannot be written is better known before hours of encoding.
    with publish_folder(Path(options.out)) as folder:
        with worker_pool(pipeline.jobs) as pool:
            for outcome in in_order(pool, work, detected(pipeline.detector, source), ahead=2 * pipeline.jobs):
                outcomes.append(outcome)
                progress(len(outcomes), source.count)
        tell(warn, f"encoder {encoder.name}", [note for outcome in outcomes for note in outcome.notes])
        points = gather(outcomes, pipeline, truth)
        sources = {outcome.name: outcome.reference for outcome in outcomes}
        accuracy = coco_accuracy(truth, sources, pipeline.detector.classes) if truth else None
        result = BenchResult(
            pictures=len(outcomes),
            objects=points[0].total if points else 0,
            truth=truth.source if truth else None,
            source_ap=accuracy.ap if accuracy else None,
            source_ap50=accuracy.ap50 if accuracy else None,
            points=points,
            methods=compare(points),
            seconds=time.monotonic() - started,
            configuration=asdict(options) | {"detector": pipeline.detector_spec},
            provenance=provenance.collect(pipeline.encoder, pipeline.detector, pipeline.predictor.name),
        )
        write_report(result, folder)
    return result
