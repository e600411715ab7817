"""Detect, predict, map, code: one segment after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.conformance import check_segment
from vcmpipe.coding.faults import check_fidelity
from vcmpipe.coding.operating_point import operating_point
from vcmpipe.coding.records import object_records, segment_record
from vcmpipe.coding.segment import CodedSegment, Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.coding.viewer import HumanViewer
from vcmpipe.config import PipelineOptions
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.detection.naming import detect_named
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.evaluation import MatchRule
from vcmpipe.frames import ColourSpec, Frame, least_side, scaled_size
from vcmpipe.plugins import VIEWERS
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.replaced import Replaced
from vcmpipe.process.stopwatch import Stopwatch
from vcmpipe.process.workers import worker_count
from vcmpipe.qpmap import MapPolicy, QpMap, limit_steps
from vcmpipe.qpmap.qp_map import QP_MAX, shifted, smaller
from vcmpipe.sidecar import Conformance, SegmentRecord, Verdict
from vcmpipe.tasks import Reference, Task, TrackingTask, TrackRule, load_task
from vcmpipe.thresholds import ThresholdPredictor, Thresholds, load_predictor

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder
    from vcmpipe.encoders.base import Job


def parse_scale(text: str) -> float | None:
    """Read ``--scale``, ``auto`` being settled: a factor in (0, 1], or None for ``detector``.

    Raises:
        InputError: It is neither.
    """
    if text == "detector":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.0 < factor <= 1.0:
        raise InputError(f"--scale {text}: give a factor above 0 and at most 1, detector or auto")
    return factor


def _class_names(text: str | None, detector: Detector) -> list[str]:
    """Read ``--keep-classes``: names that the detector has.

    Raises:
        InputError: It has no such class.
    """
    if text is None:
        return []
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in detector.classes.values():
            some = ", ".join(list(detector.classes.values())[:8])
            raise InputError(f"--keep-classes: {detector.name} has no class {name!r}; it has {some}, ...")
    return names


@dataclass(frozen=True)
class Objects:
    """What has to be kept in one frame.

    Attributes:
        detections: The source's detections with at least the score requested, boxes in source pixels.
        thresholds: (N,) one QP per object, decided, with margin and clipping.
        recognisable: (N,) False for objects that no QP keeps; they take no part in the map.
    """

    detections: sv.Detections
    thresholds: NDArray[np.int64]
    recognisable: NDArray[np.bool_]


class Pipeline:
    """The way of a segment from the detector to the bits, with everything that the options name loaded once.

    Args:
        options: How to map and how to code.
        scale: ``--scale``'s value.
        margin: ``--margin``'s value; None: the predictor's own.
        classes: ``--keep-classes``'s value; None: all.
        qp: ``--qp``'s value: everything is coded at it.
        detector: Used instead of the one that the options name.
        predictor: Likewise.
        encoder: Likewise.
        human: Used instead of the human viewers' thresholds that the options name.
        cache: Keeps what takes long: JND maps.
        watch: Counts what each part of the work takes.
        warn: Told, in one line, what the user should know.
    """

    def __init__(
        self,
        options: PipelineOptions,
        *,
        scale: str = "1",
        margin: int | None = None,
        classes: str | None = None,
        qp: int | None = None,
        detector: Detector | None = None,
        predictor: ThresholdPredictor | None = None,
        encoder: Encoder | None = None,
        human: HumanViewer | None = None,
        cache: ContentCache | None = None,
        watch: Stopwatch | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.options = options
        self.jobs = worker_count(options.jobs)
        if scale != "auto":
            parse_scale(scale)
        self.policy = MapPolicy(
            background=options.background, dilate_px=options.dilate, step_limit=options.smooth, empty=options.empty
        )
        self.spec = ColourSpec(matrix=options.matrix, range=options.range, siting=options.siting)
        self.rule = MatchRule(reference_score=options.score, found_score=options.min_score, iou=options.iou)
        self.qp = qp
        self.watch = watch or Stopwatch()
        self.encoder = encoder or load_encoder(options.encoder)
        # One QP for everything needs nobody to look for objects.
        named = resolve_detector_spec(options.detector)
        self.detector_spec = "none" if qp is not None and named == "auto" and options.detector is None else named
        self.detector = detector or load_detector(self.detector_spec, jobs=self.jobs, device=options.device)
        self.classes = frozenset(_class_names(classes, self.detector))
        self._stills = True
        self.human = human
        if human is None and options.human is not None:
            self.human = VIEWERS.load("human")(
                options.human,
                device=options.device,
                factor=options.jnd_factor,
                floor=options.jnd_floor,
                cache=cache,
                detector=self.detector,
            )
        for_humans = options.viewer == "human"
        # A predictor that is not used needs no remark.
        remark = (lambda message: None) if for_humans else warn
        name = options.predictor if qp is None else f"constant:{qp}"
        self.predictor = predictor or load_predictor(name, self.detector, satisfy=options.satisfy, warn=remark)
        self._wanted: dict[str, Any] = {"scale": scale, "margin": margin, "qp": qp, "detector": self.detector.digest}
        self.settle()

    def settle(self, *, stills: bool = True) -> None:
        """Choose what was left open for stills, or for sequences of frames: the task, margin and scale."""
        self._stills = stills
        self.task = self.task_of(self.detector)
        self.point = operating_point(self.options, self.predictor, stills=stills, **self._wanted)
        self.margin, self.scale = self.point.margin, parse_scale(self.point.scale)

    @property
    def human_name(self) -> str | None:
        """What says the human viewers' thresholds; None where machines alone look."""
        return None if self.human is None else self.human.name

    def coded_size(self, frame: Frame | Segment) -> tuple[int, int]:
        """The size that a frame, or a segment, is coded at."""
        if self.scale is None:
            wanted = self.detector.input_size(frame.width, frame.height)
            across, down = (
                min(max(of, least_side(own)), own) for of, own in zip(wanted, (frame.width, frame.height), strict=True)
            )
            return across, down
        return scaled_size(frame.width, frame.height, self.scale)

    def coder(self, segment: Segment | Frame, size: tuple[int, int] | None = None) -> SegmentCoder:
        """The coder of one segment, at a size or at that of ``--scale``."""
        return SegmentCoder(
            self.encoder,
            segment,
            coded_size=size or self.coded_size(segment),
            spec=self.spec,
            preset=self.options.preset,
            ctu=self.options.ctu,
            form=self.options.form,
        )

    def task_of(self, detector: Detector) -> Task:
        """What counts of a detector's finds: as ``--task`` says, of the classes of ``--keep-classes``."""
        numbers = {number for number, name in detector.classes.items() if name in self.classes}
        name = self.options.task
        if name == "auto":
            name = "detection" if self._stills else "tracking"
        task = load_task(name, rule=self.rule, classes=frozenset(numbers) if self.classes else None)
        if isinstance(task, TrackingTask):
            return replace(task, limits=TrackRule(self.options.track_share, self.options.track_gap))
        return task

    def holds_nothing(self, found: sv.Detections) -> bool:
        """Whether nothing in a frame is of a class that counts, and sure enough to count as found."""
        if not len(found):
            return True
        strong = np.asarray(found.confidence) >= self.rule.found_score
        names = [self.detector.classes.get(int(number)) for number in np.asarray(found.class_id)[strong]]
        return not any(not self.classes or name in self.classes for name in names)

    def objects(self, coder: SegmentCoder, detections: Sequence[sv.Detections]) -> tuple[Objects, ...]:
        """Per frame of a segment the objects to keep, and the QP that each bears.

        See ``decide`` for what is different in a sequence of frames.
        """
        wanted = self.task.reference(detections).detections
        with self.watch.part("predict"):
            thresholds = [
                self.predictor.predict(frame, kept, coder.of_frame(place))
                for place, (frame, kept) in enumerate(zip(coder.segment.frames, wanted, strict=True))
            ]
        together = Thresholds.concatenate(thresholds)
        decided = np.split(
            self.decide(together, len(thresholds), self.margin), np.cumsum([len(own) for own in wanted])[:-1]
        )
        parts = zip(wanted, decided, thresholds, strict=True)
        return tuple(Objects(kept, qps, own.recognisable) for kept, qps, own in parts)

    def decide(self, thresholds: Thresholds, frames: int, margin: int) -> NDArray[np.int64]:
        """The QP that each object in a segment of so many frames bears, with a margin.

        In a sequence of frames no object asks for a lower QP than all of them together bear (see
        ``Thresholds.pooled_quantile``).
        """
        decision, risk = self.options.decision, self.options.risk
        least, high = self.encoder.capabilities.qp_range
        if frames > 1 and decision == "quantile":
            least = min(max(thresholds.pooled_quantile(risk) + margin, least), high)
        return thresholds.decide(decision, risk, margin, least, high)

    def qp_map(self, objects: Sequence[Objects], coder: SegmentCoder) -> QpMap:
        """The machine's map of a segment, of the objects in all of its frames, at the padded coded size."""
        part = np.concatenate([each.recognisable for each in objects])
        boxes = self.task.footprint(Reference.of([each.detections for each in objects]))
        qps = np.concatenate([each.thresholds for each in objects])
        return coder.map_of(boxes[part], qps[part], self.policy)

    def frame_maps(self, objects: Sequence[Objects], coder: SegmentCoder, requested: QpMap) -> tuple[QpMap, ...]:
        """A map for each frame of a sequence, of its own objects, where the encoder can be given them; else none.

        Outside objects all frames have one QP, the segment's background: it would cost bits to move it.
        """
        can = self.encoder.capabilities
        native = (can.native_map or can.frame_qps) and self.options.realise in ("auto", "native")
        if len(objects) < 2 or requested.is_uniform or self.human is not None or not native:
            return ()
        policy = replace(self.policy, background=str(int(requested.qp.max())), empty=None)
        return tuple(
            coder.map_of(
                own.detections.xyxy[own.recognisable].astype(np.float64), own.thresholds[own.recognisable], policy
            )
            for own in objects
        )

    def human_map(self, coder: SegmentCoder) -> QpMap | None:
        """The human viewers' map of a segment; None where it is coded for machines alone."""
        return None if self.human is None else self.smoothed(self.human.request(coder).map)

    def smoothed(self, qp_map: QpMap) -> QpMap:
        """A map within ``--smooth``; that of the machine is already."""
        limit = self.policy.step_limit
        if limit is None:
            return qp_map
        return QpMap(limit_steps(qp_map.qp, limit), qp_map.ctu, qp_map.width, qp_map.height)

    def requested(self, coder: SegmentCoder, detections: Sequence[sv.Detections]) -> tuple[tuple[Objects, ...], QpMap]:
        """The objects of a segment's frames, and the map that its viewers request, at the padded coded size."""
        if self.qp is not None:
            return self.objects(coder, detections), QpMap.uniform(self.qp, *coder.padded_size, coder.ctu)
        human = self.human_map(coder)
        if human is None or self.options.viewer == "both":
            objects = self.objects(coder, detections)
            own = self.qp_map(objects, coder)
            return objects, own if human is None else smaller(own, human)
        requested = shifted(human, self.margin, self.encoder.capabilities.qp_range)
        reference = self.task.reference(detections)
        qps = reference.by_frame(coder.qps_at(self.task.footprint(reference), requested))
        parts = zip(reference.detections, qps, strict=True)
        return tuple(Objects(own, bears, np.ones(len(own), np.bool_)) for own, bears in parts), requested


@dataclass(frozen=True)
class EncodedSegment:
    """One segment through the whole pipeline.

    Attributes:
        coded: Its stream.
        record: What the sidecar says of it.
        requested: The map that was requested.
        source: The segment itself.
        detections: Per frame what the detector finds in it.
        found: The same in the decoded frames; None where nobody looked.
    """

    coded: CodedSegment
    record: SegmentRecord
    requested: QpMap
    source: Segment
    detections: tuple[sv.Detections, ...]
    found: tuple[sv.Detections, ...] | None


def encode_segment(
    pipeline: Pipeline, segment: Segment, detections: Sequence[sv.Detections], *, check: bool
) -> EncodedSegment:
    """Code one segment with the detections of its frames; with ``check`` the detector looks at the result."""
    coder = pipeline.coder(segment)
    objects, requested = pipeline.requested(coder, detections)
    coded = coder.by_map(requested, pipeline.options.realise, pipeline.frame_maps(objects, coder, requested))
    return checked_segment(pipeline, coder, coded, requested, objects, detections, check=check)


def checked_segment(
    pipeline: Pipeline,
    coder: SegmentCoder,
    coded: CodedSegment,
    requested: QpMap,
    objects: Sequence[Objects],
    detections: Sequence[sv.Detections],
    *,
    check: bool,
) -> EncodedSegment:
    """A coded segment once it was decoded, and with ``check`` looked at."""
    psnr: list[float] = []
    found: list[sv.Detections] = []
    largest = int(coded.actual(requested).qp.max()) - min(coded.qps)
    units = sorted(coded.units, key=lambda unit: unit.presentation)
    # Decoded in any case: an encoder may leave with exit code 0 having written a damaged picture.
    with pipeline.watch.part("decode and check"):
        for unit, decoded in zip(units, coder.decode(coded), strict=True):
            # A frame of a sequence has the map's QPs and an offset by its place in the hierarchy.
            qp = min(coded.qps) if unit.qp is None else unit.qp
            check_fidelity(decoded.psnr_y, (min(qp + largest, QP_MAX),))
            psnr.append(decoded.psnr_y)
            if check:
                with pipeline.watch.part("detect"):
                    found += detect_named(pipeline.detector, [decoded.frame])
    reference = pipeline.task.reference(detections)
    kept: list[list[bool | None]] = [[None] * len(own) for own in reference.detections]
    if check:
        kept = [own.tolist() for own in reference.by_frame(pipeline.task.compare(reference, found).kept)]
    records = [
        object_records(pipeline.detector, own.detections, own.thresholds, own.recognisable, again)
        for own, again in zip(objects, kept, strict=True)
    ]
    conformance = required_conformance(coder, coded, requested)
    record = segment_record(coder, coded, requested, records, psnr_y=psnr, conformance=conformance)
    return EncodedSegment(coded, record, requested, coder.segment, tuple(detections), tuple(found) if check else None)


def required_conformance(coder: SegmentCoder, coded: CodedSegment, requested: QpMap) -> Conformance:
    """What is to be said of a segment's map.

    Raises:
        ProcessError: The headers say without doubt that the stream does not carry it; a native map is only measured.
    """
    conformance = check_segment(coder, coded, requested)
    if conformance.verdict == Verdict.NO and coded.realisation != "native":
        raise ProcessError(f"the stream does not carry its map ({conformance.reason}): try another encoder")
    return conformance


def watched(encoder: Encoder, watch: Stopwatch) -> Encoder:
    """An encoder whose calls are timed."""

    def encode(jobs: Sequence[Job]) -> list[bytes]:
        with watch.part("encode"):
            return encoder.encode(jobs)

    return cast("Encoder", Replaced(encoder, encode=encode))
