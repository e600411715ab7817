"""One segment, searched: from what detectors found in it to the version to publish and what is recorded of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.search.blur import blur_outside
from vcmpipe.coding.search.canvas import Candidate
from vcmpipe.coding.search.decoded import Clock, decode_candidate, look_through
from vcmpipe.coding.search.problem import SegmentProblem, Tried
from vcmpipe.coding.search.propose import Maps
from vcmpipe.coding.search.rdo import Judged, Memory, RateAccuracySearch, loss_of
from vcmpipe.coding.search.search import Limits, search
from vcmpipe.coding.search.searched import Searched, SearchRules
from vcmpipe.coding.search.sequence_search import search_sequence
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import scaled_size
from vcmpipe.qpmap import QpMap
from vcmpipe.tasks import Constraints, Judgement

# Of the trials of a segment that has to keep its objects and weighs accuracy, too, so many are for the latter.
_ACCURACY_SHARE = 1 / 3
# Most trials of a segment in a later pass over the same input.
_LATER_TRIALS = 3
# There they end where one is expected to lower the cost by less than this share.
_LATER_WORTH = 0.01


def search_segment(
    pipeline: Pipeline,
    segment: Segment,
    constraints: Constraints,
    rules: SearchRules,
    *,
    memory: Memory | None = None,
    start: Choice | None = None,
    on_trial: Callable[[], None] = lambda: None,
) -> Searched:
    """Find the version of a segment that the rules ask for: the cheapest that keeps all, or the best compromise.

    Args:
        pipeline: How segments are coded.
        segment: The segment.
        constraints: The detectors with what they found.
        rules: How to search.
        memory: What earlier searches of this segment, by the same rules but for lambda and trials, found out; it grows.
        start: Of a segment of many frames: what an earlier one of the run chose.
        on_trial: Called before every trial.

    Raises:
        VcmError: No version could be coded.
    """
    shown = segment
    if segment.is_sequence and (rules.blur or rules.qp_margin):
        name = "--background-blur" if rules.blur else "--qp-margin"
        raise InputError(f"{name} works on pictures, one by one: leave it out for a video, or add --structure intra")
    if rules.blur:
        blurred = [
            frame.with_rgb(blur_outside(frame.rgb, constraints.footprint_in(place), rules.blur))
            for place, frame in enumerate(segment.frames)
        ]
        shown = replace(segment, frames=tuple(blurred))

    @cache  # what one search has coded, the other need not code again
    def coder_at(scale: float) -> SegmentCoder:
        return pipeline.coder(shown, scaled_size(segment.width, segment.height, scale))

    something = len(constraints) if rules.factor is None else constraints.at_stake > 0
    if not something:
        return _empty(pipeline, constraints, coder_at(min(rules.scales, default=1.0)))
    if segment.is_sequence:
        return search_sequence(constraints, coder_at, rules, start=start, memory=memory, on_trial=on_trial)
    memory = Memory() if memory is None else memory
    if not rules.keep or not len(constraints):
        return _weighed(constraints, coder_at, rules, memory, rules.trials, on_trial)
    if rules.factor is None:
        return _kept(pipeline, constraints, coder_at, rules, rules.trials, on_trial)[0]
    return _kept_and_weighed(pipeline, constraints, coder_at, rules, memory, on_trial)


def _kept(
    pipeline: Pipeline,
    constraints: Constraints,
    coder_at: Callable[[float], SegmentCoder],
    rules: SearchRules,
    trials: int,
    on_trial: Callable[[], None],
) -> tuple[Searched, SegmentProblem]:
    """The cheapest version that keeps every object that can be kept, and the problem with all that was tried."""
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
    outcome = search(problem, Limits(trials, rules.worth, rules.qp_margin))
    candidate = outcome.chosen.candidate
    if candidate not in problem.tried:
        source = coder_at(1.0).segment.source
        raise VcmError(f"{source}: none of {len(outcome.attempts)} versions could be coded: try another encoder")
    found = replace(
        _of_tried(problem, candidate, problem.tried[candidate]),
        verified=outcome.verified,
        margin=outcome.margin,
        recoverable=outcome.recoverable,
        trials=len(outcome.attempts),
    )
    return found, problem


def _weighed(
    constraints: Constraints,
    coder_at: Callable[[float], SegmentCoder],
    rules: SearchRules,
    memory: Memory,
    trials: int,
    on_trial: Callable[[], None],
) -> Searched:
    """The version with the least bits + lambda x loss."""
    assert rules.factor is not None
    worth = 0.0
    if memory.settled:
        trials = 0
    elif memory.trials and not rules.keep:  # a later pass, which only looks whether it can do better
        trials, worth = min(trials, _LATER_TRIALS), _LATER_WORTH
    run = RateAccuracySearch(
        constraints, coder_at, scales=rules.scales, objective=rules.objective, memory=memory, on_trial=on_trial
    )
    choice = run.run(8 * rules.factor, trials, keep=rules.keep, worth=worth)
    coder, coded = run.coder(choice.scale), run.code(choice)
    psnr_y = run.psnr_y.get(choice)
    if psnr_y is None:  # it was tried before, when nothing but its figures was kept
        _, psnr_y = decode_candidate(coder, coded)
    judgement = memory.judged[choice].judgement
    kept = judgement.comparison.kept
    return Searched(
        coder,
        coded,
        QpMap.uniform(coded.qps[0], *coder.padded_size, coder.ctu),
        choice.scale,
        psnr_y,
        judgement,
        bool(kept.all()),
        True,
        np.ones(len(kept), np.bool_),
        np.full(len(kept), coded.qps[0], np.int64),
        memory.trials,
        run.clock,
    )


def _kept_and_weighed(
    pipeline: Pipeline,
    constraints: Constraints,
    coder_at: Callable[[float], SegmentCoder],
    rules: SearchRules,
    memory: Memory,
    on_trial: Callable[[], None],
) -> Searched:
    """Of the versions that keep every object that can be kept, the one with the least bits + lambda x loss."""
    assert rules.factor is not None
    later = max(1, round(_ACCURACY_SHARE * rules.trials))
    found, problem = _kept(pipeline, constraints, coder_at, rules, max(1, rules.trials - later), on_trial)
    memory.uncoded |= {scale: each for scale, each in problem.uncoded.items() if scale in rules.scales}
    memory.judged |= {
        Choice(candidate.scale, candidate.map.minimum()): Judged(tried.coded.bits, tried.judgement)
        for candidate, tried in problem.tried.items()
        if candidate.how == "uniform"
    }
    memory.trials += found.trials
    weighed = _weighed(constraints, coder_at, rules, memory, later, on_trial)

    def cost(bits: float, judgement: Judgement) -> tuple[int, float]:
        return judgement.comparison.lost, bits + 8 * (rules.factor or 0.0) * loss_of(judgement, rules.objective)

    versions = {candidate: cost(tried.coded.bits, tried.judgement) for candidate, tried in problem.tried.items()}
    best = min(versions, key=lambda candidate: versions[candidate])
    if versions[best] < cost(weighed.coded.bits, weighed.judgement):
        weighed = _of_tried(problem, best, problem.tried[best])
    # What the weighing tried may have kept what seemed unrecoverable.
    recoverable = found.recoverable | weighed.kept
    verified = bool((weighed.kept | ~recoverable).all())
    return replace(weighed, verified=verified, recoverable=recoverable, margin=found.margin, trials=memory.trials)


def _of_tried(problem: SegmentProblem, candidate: Candidate, tried: Tried) -> Searched:
    kept = tried.judgement.comparison.kept
    return Searched(
        tried.coder,
        tried.coded,
        candidate.map,
        candidate.scale,
        tried.psnr_y,
        tried.judgement,
        bool(kept.all()),
        True,
        np.ones(len(kept), np.bool_),
        _requested_at(problem, candidate),
        len(problem.tried),
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


def _empty(pipeline: Pipeline, constraints: Constraints, coder: SegmentCoder) -> Searched:
    """A segment without objects promises nothing: it is coded small, at the highest QP (or that of ``--empty``)."""
    empty = pipeline.options.empty
    high = pipeline.encoder.capabilities.qp_range[1]
    coded = coder.uniform([high if empty is None else empty])[0]
    seen = look_through(coder, coded, constraints)
    requested = QpMap.uniform(coded.qps[0], *coder.padded_size, coder.ctu)
    scale, judgement = coder.size[0] / coder.segment.width, constraints.judged(seen.found)
    kept = judgement.comparison.promised
    qps = np.full(len(kept), coded.qps[0], np.int64)
    return Searched(
        coder,
        coded,
        requested,
        scale,
        seen.psnr_y,
        judgement,
        True,
        True,
        np.ones(len(kept), np.bool_),
        qps,
        1,
        Clock(),
    )


def _requested_at(problem: SegmentProblem, candidate: Candidate) -> NDArray[np.int64]:
    requested = candidate.map.qp.ravel().astype(np.int64)
    return np.array([requested[core].min() for core in problem.canvas(candidate.scale).core], np.int64)
