"""``vcmpipe encode --verify``: the pipeline with a search in every segment, and the record of what was promised."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.coding.pipeline import EncodedSegment, Pipeline, required_conformance
from vcmpipe.coding.records import object_records, segment_record
from vcmpipe.coding.search.verified import Verified, VerifyRules, verify_segment
from vcmpipe.coding.segment import Segment
from vcmpipe.config import EncodeOptions, parse_scales
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.detection.naming import detect_named
from vcmpipe.errors import VcmError
from vcmpipe.sidecar import ObjectRecord, SecondRecord, VerificationRecord
from vcmpipe.tasks import Constraint, Constraints

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


def rules_of(options: EncodeOptions) -> VerifyRules:
    """The rules that options ask for."""
    return VerifyRules(
        trials=options.max_trials,
        scales=parse_scales(options.scales, "--scales"),
        qp_margin=options.qp_margin,
        score_margin=options.score_margin,
        blur=options.background_blur,
    )


def load_further(options: EncodeOptions, pipeline: Pipeline) -> list[Detector]:
    """The detectors that ``--verify-with`` names."""
    names = [name for name in (options.verify_with or "").split(",") if name]
    return [load_detector(resolve_detector_spec(name), jobs=pipeline.jobs, device=options.device) for name in names]


class Verifier:
    """Verifies segments for one run.

    Args:
        pipeline: How segments are coded.
        options: What was requested.
        further: Detectors that have to keep what they find, besides the pipeline's own.
        on_trial: Called with the number of encodes tried so far.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        options: EncodeOptions,
        further: Sequence[Detector],
        on_trial: Callable[[int], None] = lambda trials: None,
    ) -> None:
        self.pipeline = pipeline
        self.options = options
        self.rules = rules_of(options)
        self.further = list(further)
        self._on_trial = on_trial
        self._trials = 0
        self._lock = threading.Lock()

    def segment(self, segment: Segment, detections: Sequence[sv.Detections]) -> EncodedSegment:
        """Code one segment with the detections of its frames.

        Raises:
            VcmError: With ``--strict``: an object cannot be kept.
        """
        pipeline = self.pipeline
        constraints = [self._constraint(pipeline.detector, detections)]
        constraints += [self._constraint(other, detect_named(other, segment.frames)) for other in self.further]
        found = verify_segment(pipeline, segment, Constraints(constraints), self.rules, on_trial=self._tried)
        objects = _records(constraints, found)
        if self.options.strict:
            _refuse_losses(segment, found, objects)
        count = len(constraints[0].reference)
        conformance = required_conformance(found.coder, found.coded, found.requested)
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
            ],
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
        return EncodedSegment(found.coded, record, found.requested, segment)

    def _constraint(self, detector: Detector, detections: Sequence[sv.Detections]) -> Constraint:
        task = self.pipeline.task_of(detector)
        return Constraint.of(detector, task, detections, margin=self.rules.score_margin)

    def _tried(self) -> None:
        with self._lock:
            self._trials += 1
            self._on_trial(self._trials)


def _records(constraints: Sequence[Constraint], found: Verified) -> list[list[list[ObjectRecord]]]:
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


def _refuse_losses(segment: Segment, found: Verified, objects: Sequence[Sequence[Sequence[ObjectRecord]]]) -> None:
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
        more = f" (and {len(lost) - 1} more objects of this {unit})" if lost[1:] else ""
        x1, y1, x2, y2 = (round(value) for value in first.bbox_xyxy)
        where = "in the best" if first.recognisable else "in each"
        raise VcmError(
            f"{source}: {first.class_name} at {x1},{y1},{x2},{y2} is lost {where} of {found.trials} versions "
            f"tried{more}; with --strict nothing is written: leave --strict out, or that object by --score"
        )
    if not found.margin:
        raise VcmError(
            f"{segment.source}: no version with the QP margin requested kept everything in {found.trials} trials; with "
            "--strict nothing is written: ask for a smaller --qp-margin or more --max-trials"
        )
