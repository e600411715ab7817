"""``vcmpipe encode --verify``: the pipeline with a search in every picture, and the record of what was promised."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.coding.pipeline import EncodedSegment, Pipeline, proved
from vcmpipe.coding.records import object_records, segment_record
from vcmpipe.coding.search.claims import View
from vcmpipe.coding.search.picture import Verified, VerifyRules, verify_picture
from vcmpipe.coding.segment import Segment
from vcmpipe.config import EncodeOptions, parse_scales
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.detection.naming import detect_named
from vcmpipe.errors import VcmError
from vcmpipe.frames import Frame
from vcmpipe.sidecar import ObjectRecord, SecondRecord, VerificationRecord

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
    """Verifies pictures for one run.

    Args:
        pipeline: How pictures are coded.
        options: What was requested.
        further: Detectors that have to keep what they see, besides the pipeline's own.
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
        """Code one segment, of one frame, with its detections.

        Raises:
            VcmError: With ``--strict``: an object cannot be kept.
        """
        pipeline = self.pipeline
        (frame,) = segment.frames
        views = [self._view(pipeline.detector, detections[0])]
        views += [self._view(other, detect_named(other, [frame])[0]) for other in self.further]
        found = verify_picture(pipeline, frame, views, self.rules, on_trial=self._tried)
        objects = _records(views, found)
        if self.options.strict:
            _refuse_losses(frame, found, [each for view in objects for each in view])
        conformance = proved(found.coder, found.coded, found.requested)
        verification = VerificationRecord(
            verified=found.verified,
            scale=round(found.scale, 4),
            trials=found.trials,
            margin=found.margin,
            unrecoverable=np.flatnonzero(~found.recoverable[: len(objects[0])]).tolist(),
            blur=self.rules.blur,
            further=[
                SecondRecord(view.detector.name, view.detector.digest, each)
                for view, each in zip(views[1:], objects[1:], strict=True)
            ],
        )
        record = segment_record(
            found.coder,
            found.coded,
            found.requested,
            objects[:1],
            psnr_y=[found.psnr_y],
            conformance=conformance,
            verification=verification,
        )
        return EncodedSegment(found.coded, record, found.requested)

    def _view(self, detector: Detector, found: sv.Detections) -> View:
        reference = found[self.pipeline.wanted(found, detector)]
        return View.of(detector, reference, self.pipeline.rule, self.rules.score_margin)

    def _tried(self) -> None:
        with self._lock:
            self._trials += 1
            self._on_trial(self._trials)


def _records(views: Sequence[View], found: Verified) -> list[list[ObjectRecord]]:
    """Per detector a record of each of its objects."""
    records, first = [], 0
    for view in views:
        part = slice(first, first + len(view.reference))
        kept = [bool(value) for value in found.kept[part]]
        records.append(object_records(view.detector, view.reference, found.qps[part], found.recoverable[part], kept))
        first = part.stop
    return records


def _refuse_losses(frame: Frame, found: Verified, objects: Sequence[ObjectRecord]) -> None:
    lost = [each for each in objects if not each.kept]
    if lost:
        first = lost[0]
        more = f" (and {len(lost) - 1} more objects of this picture)" if lost[1:] else ""
        x1, y1, x2, y2 = (round(value) for value in first.bbox_xyxy)
        where = "in the best" if first.recognisable else "in each"
        raise VcmError(
            f"{frame.source}: {first.class_name} at {x1},{y1},{x2},{y2} is lost {where} of {found.trials} versions "
            f"tried{more}; with --strict nothing is written: leave --strict out, or that object by --score"
        )
    if not found.margin:
        raise VcmError(
            f"{frame.source}: no version with the QP margin requested kept everything in {found.trials} trials; with "
            "--strict nothing is written: ask for a smaller --qp-margin or more --max-trials"
        )
