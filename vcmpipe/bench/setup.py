"""What a comparison works with: detectors, predictors, methods and the points of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vcmpipe.bench.coded_detections import guarded_detector
from vcmpipe.bench.methods import Method, Sweep
from vcmpipe.bench.operating_points import Album, Setting
from vcmpipe.bench.panel import load_panel
from vcmpipe.bench.traits import asks_second, codes, viewers_of
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.config import BenchOptions, parse_range, parse_scales
from vcmpipe.detection import Detector, load_detector, resolve_detector_spec
from vcmpipe.errors import InputError
from vcmpipe.measurement import MeasuredPredictor
from vcmpipe.plugins import METHODS
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.progress import Warn
from vcmpipe.process.workers import worker_count

if TYPE_CHECKING:
    from vcmpipe.encoders import Encoder

# Bytes of coded pictures that are held for the gallery: those of some hundred pictures under all methods.
ALBUM = 256 << 20


def sweep_of(options: BenchOptions, encoder: Encoder) -> Sweep:
    """The values that operating points are made of; InputError for what the encoder does not code."""
    low, high = encoder.capabilities.qp_range
    return Sweep(
        parse_range(options.qps, low=low, high=high, what=f"--qps of encoder {encoder.name}"),
        parse_range(options.margins, low=-63, high=63, what="--margins"),
        parse_scales(options.scales, "--scales"),
        parse_scales(options.map_scales, "--map-scales"),
    )


def load_setting(
    options: BenchOptions, sweep: Sweep, cache: ContentCache, warn: Warn, parts: dict[str, Any], *, sequences: bool
) -> Setting:
    """Detectors, predictors and methods, loaded once.

    Args:
        options: What to compare, and how.
        sweep: What operating points are made of.
        cache: Keeps encodes, detections and predictions.
        warn: Called with what the user should know.
        parts: Objects to use instead of those that the options name.
        sequences: Whether sequences are compared; else pictures.

    Raises:
        InputError: A detector, a predictor or a method is unknown, or the methods are not for what is compared.
    """
    jobs = worker_count(options.jobs)

    def load(spec: str | None) -> Detector:
        return load_detector(resolve_detector_spec(spec), jobs=jobs, device=options.device)

    detector = parts.pop("detector", None) or load(options.detector)
    panel = load_panel(options, detector, load, parts, warn)
    parts = {name: part for name, part in parts.items() if name not in ("second_detector", "panel")}
    pipeline = Pipeline(options, warn=warn, detector=guarded_detector(detector), cache=cache, **parts)
    if sequences:
        pipeline.settle(stills=False)
    methods = _methods(options, sequences, pipeline, warn, second=panel.second is not None)
    album = Album(ALBUM if options.gallery else 0)
    return Setting(pipeline, panel, methods, sweep, cache, album, options.human_quality)


def _methods(
    options: BenchOptions, sequences: bool, pipeline: Pipeline, warn: Warn, *, second: bool
) -> dict[str, Method]:
    """The methods by name, without those for something else and those that would be the same as another one.

    Raises:
        InputError: One was named that is for something else, or none is left.
    """
    methods = {name: METHODS.load(name, option="--methods") for name in options.methods.split(",")}
    chosen = options.methods != BenchOptions.methods
    for name in [name for name, method in methods.items() if not _fits(method, sequences)]:
        del methods[name]
        if chosen and sequences:
            raise InputError(f"--methods {name} works on pictures, one by one: leave it out, or --structure intra")
        if chosen:
            raise InputError(f"--methods {name} codes sequences: leave it out, or name a video with --images")
        if sequences:
            warn(f"{name} works on pictures, one by one: it is left out for a video")
    for name in [name for name, method in methods.items() if options.viewer not in viewers_of(method)]:
        del methods[name]
        if chosen:
            warn(f"{name} does not depend on human viewers: it is left out with --viewer {options.viewer}")
    for name in [name for name, method in methods.items() if asks_second(method) and not second]:
        del methods[name]
        if chosen:
            raise InputError(f"--methods {name} has a second detector judge: name one with --second-detector")
    if not methods:
        raise InputError(f"none of --methods {options.methods} codes for --viewer {options.viewer}: add jrd")
    measured = MeasuredPredictor(detector=pipeline.detector).name
    if {"jrd", "jrd-measured"} <= set(methods) and pipeline.predictor.name == measured:
        del methods["jrd-measured"]
        if chosen:
            warn("jrd and jrd-measured are the same with --predictor measured: jrd-measured is left out")
    return methods


def _fits(method: Method, sequences: bool) -> bool:
    """Whether a method codes what there is to code."""
    return bool({"segments", "sequences"} & set(codes(method))) if sequences else "pictures" in codes(method)
