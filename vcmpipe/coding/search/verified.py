"""One segment, verified: from its objects to the version to publish and what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.search.blur import blur_outside
from vcmpipe.coding.search.canvas import Candidate
from vcmpipe.coding.search.problem import Clock, SegmentProblem, decode_candidate
from vcmpipe.coding.search.propose import Maps
from vcmpipe.coding.search.search import Limits, search
from vcmpipe.coding.segment import CodedSegment, Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import VerifyOptions, parse_scales
from vcmpipe.errors import VcmError
from vcmpipe.frames import scaled_size
from vcmpipe.qpmap import QpMap
from vcmpipe.tasks import Constraints

SCALES = parse_scales(VerifyOptions.scales, "--scales")
TRIALS = VerifyOptions.max_trials


@dataclass(frozen=True)
class VerifyRules:
    """How a segment is searched and what counts as kept.

    Attributes:
        trials: Most encodes that are tried, at least 1.
        scales: Scales to try, besides 1.
        qp_margin: QP steps below a version that kept everything, at which everything has to be kept again.
        score_margin: By how much a found score has to exceed the least one.
        blur: Standard deviation of the low-pass over the background, in source pixels; 0: none.
        worth: The search ends where a trial is expected to save less than this share of the bits.
    """

    trials: int = TRIALS
    scales: tuple[float, ...] = SCALES
    qp_margin: int = VerifyOptions.qp_margin
    score_margin: float = VerifyOptions.score_margin
    blur: float = VerifyOptions.background_blur
    worth: float = 0.01


@dataclass(frozen=True, eq=False)
class Verified:
    """A segment after its search.

    Attributes:
        coder: What coded it.
        coded: The version to publish.
        requested: Its map.
        scale: Its scale.
        psnr_y: Per frame the PSNR of its luma at the coded size, dB, against what was coded (the blurred source, with
            a blur).
        verified: Whether every object is kept but those that no version keeps.
        margin: Whether it lies the margin requested below a version that kept everything.
        kept: (N,) whether each object is found again, detector after detector.
        recoverable: (N,) False for objects that are lost in every version tried, scale 1 at the lowest QP among them.
        qps: (N,) QP requested at each object.
        trials: Encodes that were tried.
        clock: Where the time went.
    """

    coder: SegmentCoder
    coded: CodedSegment
    requested: QpMap
    scale: float
    psnr_y: tuple[float, ...]
    verified: bool
    margin: bool
    kept: NDArray[np.bool_]
    recoverable: NDArray[np.bool_]
    qps: NDArray[np.int64]
    trials: int
    clock: Clock


def verify_segment(
    pipeline: Pipeline,
    segment: Segment,
    constraints: Constraints,
    rules: VerifyRules,
    *,
    on_trial: Callable[[], None] = lambda: None,
) -> Verified:
    """Find the cheapest version of a segment in which every detector finds its objects again.

    Args:
        pipeline: How segments are coded.
        segment: The segment.
        constraints: The detectors with their objects.
        rules: How to search.
        on_trial: Called before every trial.

    Raises:
        VcmError: No version could be coded.
    """
    shown = segment
    if rules.blur:
        blurred = [
            frame.with_rgb(blur_outside(frame.rgb, constraints.footprint_in(place), rules.blur))
            for place, frame in enumerate(segment.frames)
        ]
        shown = replace(segment, frames=tuple(blurred))

    def coder_at(scale: float) -> SegmentCoder:
        return pipeline.coder(shown, scaled_size(segment.width, segment.height, scale))

    if not len(constraints):
        return _empty(pipeline, coder_at(min(rules.scales, default=1.0)))
    options = pipeline.options
    problem = SegmentProblem(
        constraints,
        coder_at,
        scales=rules.scales,
        dilate_px=options.dilate,
        step_limit=options.smooth,
        maps=maps_of(pipeline),
        on_trial=on_trial,
    )
    outcome = search(problem, Limits(rules.trials, rules.worth, rules.qp_margin))
    candidate = outcome.chosen.candidate
    if candidate not in problem.tried:
        raise VcmError(
            f"{segment.source}: none of {len(outcome.attempts)} versions could be coded: try another encoder"
        )
    best = problem.tried[candidate]
    return Verified(
        best.coder,
        best.coded,
        candidate.map,
        candidate.scale,
        best.psnr_y,
        outcome.verified,
        outcome.margin,
        outcome.chosen.kept,
        outcome.recoverable,
        _requested_at(problem, candidate),
        len(outcome.attempts),
        problem.clock,
    )


def maps_of(pipeline: Pipeline) -> Maps:
    """How the encoder takes maps, as far as ``--realise`` allows."""
    can, how = pipeline.encoder.capabilities, pipeline.options.realise
    if how == "uniform":
        return "none"
    if can.regions and how != "native":
        return "regions"
    return "native" if can.native_map and how != "regions" else "none"


def _empty(pipeline: Pipeline, coder: SegmentCoder) -> Verified:
    """A segment without objects promises nothing: it is coded small, at the highest QP (or that of ``--empty``)."""
    empty = pipeline.options.empty
    high = pipeline.encoder.capabilities.qp_range[1]
    coded = coder.uniform([high if empty is None else empty])[0]
    _, psnr = decode_candidate(coder, coded)
    requested = QpMap.uniform(coded.qps[0], *coder.padded_size, coder.ctu)
    none = np.zeros(0, np.bool_)
    scale = coder.size[0] / coder.segment.width
    return Verified(coder, coded, requested, scale, psnr, True, True, none, none, np.zeros(0, np.int64), 1, Clock())


def _requested_at(problem: SegmentProblem, candidate: Candidate) -> NDArray[np.int64]:
    requested = candidate.map.qp.ravel().astype(np.int64)
    return np.array([requested[core].min() for core in problem.canvas(candidate.scale).core], np.int64)
