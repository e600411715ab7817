"""The closed loop of a run: the pipeline with a search in every segment, and the record of what was promised."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.coding.pipeline import EncodedSegment, Pipeline, required_conformance
from vcmpipe.coding.records import object_records, segment_record, track_records
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.search.judges import SECOND_VIEW, second_view
from vcmpipe.coding.search.rdo import Memory
from vcmpipe.coding.search.searched import (
    SEQUENCE_SCALES,
    SEQUENCE_TRIALS,
    Searched,
    SearchRules,
)
from vcmpipe.coding.search.segment_search import search_segment
from vcmpipe.coding.segment import Segment
from vcmpipe.config import EncodeOptions, parse_scales
from vcmpipe.config.search import SEQUENCE_LAMBDA
from vcmpipe.detection.judges import load_judges
from vcmpipe.detection.naming import detect_named
from vcmpipe.detection.views import viewed
from vcmpipe.errors import InputError, VcmError
from vcmpipe.process.text import count
from vcmpipe.sidecar import ObjectRecord, SecondRecord, TrackRecord, VerificationRecord
from vcmpipe.tasks import Constraint, Constraints, TrackingTask

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


def rules_of(options: EncodeOptions) -> SearchRules:
    """The rules that options ask for."""
    scales = parse_scales(options.scales, "--scales")
    return SearchRules(
        trials=options.trials,
        scales=scales,
        keep=options.keeps_all,
        objective=options.objective,
        factor=options.factor,
        qp_margin=options.qp_margin,
        score_margin=options.score_margin,
        blur=options.background_blur,
        sequence_scales=SEQUENCE_SCALES if options.scales == EncodeOptions.scales else scales,
        sequence_trials=SEQUENCE_TRIALS if options.max_trials is None else (options.max_trials,) * 2,
        sequence_factor=SEQUENCE_LAMBDA if options.lambda_ is None else options.lambda_,
    )


def load_further(options: EncodeOptions, pipeline: Pipeline) -> list[Detector]:
    """The detectors that ``--verify-with`` names; the name of a view is one of the pipeline's own detector."""
    return load_judges(pipeline.detector, options.judges, jobs=pipeline.jobs, device=options.device)


class ClosedLoop:
    """Searches segments for one run.

    Args:
        pipeline: How segments are coded.
        options: What was requested.
        further: Detectors that judge besides the pipeline's own.
        on_trial: Called with the number of encodes tried so far.
        memories: By the index of a segment what earlier passes found out; None: nothing is kept.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        options: EncodeOptions,
        further: Sequence[Detector],
        on_trial: Callable[[int], None] = lambda trials: None,
        memories: dict[int, Memory] | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.options = options
        self.rules = rules_of(options)
        self.further = list(further)
        self.weights = options.weights_of(len(self.further))
        self._on_trial = on_trial
        self._memories = memories
        self._mirrored = None if self.further else viewed(pipeline.detector, SECOND_VIEW)
        self._trials = 0
        self._lock = threading.Lock()

    def constraints(self, segment: Segment, detections: Sequence[sv.Detections]) -> list[Constraint]:
        """What the detectors found in a segment. In video at least two judge: see ``sequence_search``."""
        pipeline = self.pipeline
        constraints = [self._constraint(pipeline.detector, detections, 1.0)]
        constraints += [
            self._constraint(other, detect_named(other, segment.frames), weight, binding=self.options.promise == "all")
            for other, weight in zip(self.further, self.weights, strict=True)
        ]
        if segment.is_sequence and self._mirrored is not None:
            constraints.append(second_view(self._mirrored, pipeline.task, segment))
        return constraints

    def code(
        self, segment: Segment, detections: Sequence[sv.Detections], start: Choice | None = None
    ) -> tuple[EncodedSegment, Choice | None]:
        """Code one segment, its search beginning with a start; with it what a later one may begin with.

        Raises:
            VcmError: With ``--strict``: an object cannot be kept.
        """
        if not segment.is_sequence and self.options.promise != "all":
            raise InputError("--promise first is for video: of pictures, leave it out")
        pipeline = self.pipeline
        constraints = self.constraints(segment, detections)
        memory = None if self._memories is None else self._memories.setdefault(segment.index, Memory())
        found = search_segment(
            pipeline, segment, Constraints(constraints), self.rules, memory=memory, start=start, on_trial=self._tried
        )
        objects = _records(constraints, found)
        if self.options.strict:
            if segment.is_sequence:
                _refuse_lost_tracks(segment, found, constraints)
            else:
                _refuse_losses(segment, found, objects)
        count = len(constraints[0].reference)
        conformance = required_conformance(found.coder, found.coded, found.requested)
        factor = self.rules.sequence_factor if segment.is_sequence else self.rules.factor
        verification = VerificationRecord(
            verified=found.verified,
            scale=round(found.scale, 4),
            trials=found.trials,
            margin=found.margin,
            unrecoverable=np.flatnonzero(~found.recoverable[:count]).tolist(),
            blur=self.rules.blur,
            further=[
                SecondRecord(one.detector.name, one.detector.digest, [record for frame in own for record in frame])
                for one, own in zip(constraints[1:], objects[1:], strict=True)
                if one.detector is not self._mirrored
            ],
            keeps_all=self.rules.keep,
            objective="objects" if factor is None else self.rules.weighs(segment.is_sequence),
            factor=factor,
            loss=round(found.judgement.loss, 6),
            at_stake=round(Constraints(constraints).at_stake, 6),
            tracks=_tracks(constraints[0], found),
        )
        record = segment_record(
            found.coder,
            found.coded,
            found.requested,
            objects[0],
            psnr_y=found.psnr_y,
            conformance=conformance,
            verification=verification,
        )
        again = found.judgement.found[0]
        coded = EncodedSegment(found.coded, record, found.requested, segment, tuple(detections), again)
        return coded, found.choice

    def _constraint(
        self, detector: Detector, detections: Sequence[sv.Detections], weight: float, *, binding: bool = True
    ) -> Constraint:
        task, margin = self.pipeline.task_of(detector), self.rules.score_margin
        return Constraint.of(detector, task, detections, margin=margin, weight=weight, binding=binding)

    def _tried(self) -> None:
        with self._lock:
            self._trials += 1
            self._on_trial(self._trials)


def _records(constraints: Sequence[Constraint], found: Searched) -> list[list[list[ObjectRecord]]]:
    """By detector and frame a record of each object."""
    records, first = [], 0
    for one in constraints:
        part = slice(first, first + len(one.reference))
        values = (one.reference.by_frame(each[part]) for each in (found.qps, found.recoverable, found.kept))
        records.append(
            [
                object_records(one.detector, objects, qps, recoverable, kept.tolist())
                for objects, qps, recoverable, kept in zip(one.reference.detections, *values, strict=True)
            ]
        )
        first = part.stop
    return records


def _tracks(first: Constraint, found: Searched) -> list[TrackRecord]:
    """Records of the first detector's tracks."""
    if not isinstance(first.task, TrackingTask):
        return []
    count = len(first.reference)
    comparison = first.task.compare(first.reference, found.judgement.found[0])
    outcomes = first.task.outcomes(first.reference, comparison, found.judgement.found[0])
    return track_records(first.detector, outcomes, set(first.reference.tracks[~found.recoverable[:count]].tolist()))


def _refuse_lost_tracks(segment: Segment, found: Searched, constraints: Sequence[Constraint]) -> None:
    lost: list[str] = []
    first = 0
    for one in constraints:
        part = slice(first, first + len(one.reference))
        first = part.stop
        if one.binding:
            classes = np.concatenate([np.asarray(own.class_id, np.int64) for own in one.reference.detections])
            gone = ~found.promised[part]
            for track, place in zip(*np.unique(one.reference.tracks[gone], return_index=True), strict=True):
                number = int(classes[gone][place])
                lost.append(f"track {track}, {one.detector.classes.get(number, number)}")
    if lost:
        more = f" (and {count(len(lost) - 1, 'more track')} of this segment)" if lost[1:] else ""
        raise VcmError(
            f"{segment.source}: {lost[0]}, is lost in the best of {found.trials} versions tried{more}; with --strict "
            "nothing is written: leave --strict out, or that object by --score, or take a lower --track-share or a "
            "larger --track-gap"
        )


def _refuse_losses(segment: Segment, found: Searched, objects: Sequence[Sequence[Sequence[ObjectRecord]]]) -> None:
    lost = [
        (frame.source, record)
        for detector in objects
        for frame, own in zip(segment.frames, detector, strict=True)
        for record in own
        if not record.kept
    ]
    if lost:
        source, first = lost[0]
        unit = "picture" if len(segment) == 1 else "segment"
        more = f" (and {count(len(lost) - 1, 'more object')} of this {unit})" if lost[1:] else ""
        x1, y1, x2, y2 = (round(value) for value in first.bbox_xyxy)
        where = "in the best" if first.recognisable else "in each"
        raise VcmError(
            f"{source}: {first.class_name} at {x1},{y1},{x2},{y2} is lost {where} of {found.trials} versions "
            f"tried{more}; with --strict nothing is written: leave --strict out, or that object by --score"
        )
    if not found.margin:
        raise VcmError(
            f"{segment.source}: no version with the QP margin requested kept everything in "
            f"{count(found.trials, 'trial')}; with --strict nothing is written: ask for a smaller --qp-margin or more "
            "--max-trials"
        )
