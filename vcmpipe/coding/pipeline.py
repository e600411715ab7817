"""Detect, predict, map, code: one picture after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.conformance import prove
from vcmpipe.coding.faults import check_fidelity
from vcmpipe.coding.records import object_records, picture_record
from vcmpipe.coding.segment_coder import CodedSegment, SegmentCoder
from vcmpipe.coding.viewer import HumanViewer
from vcmpipe.config import PipelineOptions
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.detection.naming import detect_named
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.evaluation import MatchRule, match
from vcmpipe.frames import ColourSpec, Frame, scaled_size
from vcmpipe.plugins import VIEWERS
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.folders import safe_stem
from vcmpipe.process.workers import worker_count
from vcmpipe.qpmap import KVAZAAR_SPAN, ROI_QP_RANGE, MapPolicy, QpMap, limit_steps, write_csv, write_png, write_roi
from vcmpipe.qpmap.qp_map import shifted, smaller
from vcmpipe.sidecar.schema import PictureRecord
from vcmpipe.thresholds import ThresholdPredictor, choose_predictor, own_margin

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder

# Pictures detected in one call of the detector.
BATCH = 16


def parse_scale(text: str) -> float | None:
    """Read ``--scale``: a factor in (0, 1], or None for ``detector``.

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
        raise InputError(f"--scale {text}: give a factor above 0 and at most 1, or detector")
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
    """What has to be kept in one picture.

    Attributes:
        detections: The source's detections with at least the score requested, boxes in source pixels.
        thresholds: (N,) one QP per object, decided, with margin and clipping.
        recognisable: (N,) False for objects that no QP keeps; they take no part in the map.
    """

    detections: sv.Detections
    thresholds: NDArray[np.int64]
    recognisable: NDArray[np.bool_]


class Pipeline:
    """The way of a picture from the detector to the bits, with everything that the options name loaded once.

    Args:
        options: How to map and how to code.
        scale: ``--scale``'s value.
        margin: ``--margin``'s value; None: the predictor's own.
        classes: ``--keep-classes``'s value; None: all.
        detector: Used instead of the one that the options name.
        predictor: Likewise.
        encoder: Likewise.
        human: Used instead of the human viewers' thresholds that the options name.
        cache: Keeps what takes long: JND maps.
        warn: Told, in one line, what the user should know.
    """

    def __init__(
        self,
        options: PipelineOptions,
        *,
        scale: str = "1",
        margin: int | None = None,
        classes: str | None = None,
        detector: Detector | None = None,
        predictor: ThresholdPredictor | None = None,
        encoder: Encoder | None = None,
        human: HumanViewer | None = None,
        cache: ContentCache | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.options = options
        self.jobs = worker_count(options.jobs)
        self.scale = parse_scale(scale)
        self.policy = MapPolicy(
            background=options.background, dilate_px=options.dilate, step_limit=options.smooth, empty=options.empty
        )
        self.spec = ColourSpec(matrix=options.matrix, range=options.range, siting=options.siting)
        self.rule = MatchRule(reference_score=options.score, found_score=options.min_score, iou=options.iou)
        self.encoder = encoder or load_encoder(options.encoder)
        self.detector_spec = resolve_detector_spec(options.detector)
        self.detector = detector or load_detector(self.detector_spec, jobs=self.jobs, device=options.device)
        self.classes = frozenset(_class_names(classes, self.detector))
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
        for_humans = options.audience == "human"
        # Where nobody asks it, nothing has to be said about it.
        told = (lambda message: None) if for_humans else warn
        self.predictor = predictor or choose_predictor(options.predictor, self.detector, told)
        default = 0 if for_humans else own_margin(self.predictor)
        self.margin = default if margin is None else margin

    @property
    def human_name(self) -> str | None:
        """What says the human viewers' thresholds; None where machines alone look."""
        return None if self.human is None else self.human.name

    def coded_size(self, frame: Frame) -> tuple[int, int]:
        """The size that a frame is coded at."""
        if self.scale is None:
            wanted = self.detector.input_size(frame.width, frame.height)
            return min(wanted[0], frame.width), min(wanted[1], frame.height)
        return scaled_size(frame.width, frame.height, self.scale)

    def coder(self, frame: Frame, size: tuple[int, int] | None = None) -> SegmentCoder:
        """The coder of one picture, at a size or at that of ``--scale``."""
        return SegmentCoder(
            self.encoder,
            frame,
            coded_size=size or self.coded_size(frame),
            spec=self.spec,
            preset=self.options.preset,
            ctu=self.options.ctu,
            form=self.options.form,
        )

    def wanted(self, detections: sv.Detections, detector: Detector) -> NDArray[np.int64]:
        """Positions of a detector's objects that have to be kept: by score, and by ``--keep-classes``."""
        chosen = self.rule.select(detections)
        if not self.classes:
            return chosen
        numbers = [number for number, name in detector.classes.items() if name in self.classes]
        return chosen[np.isin(np.asarray(detections.class_id)[chosen], numbers)]

    def objects(self, frame: Frame, detections: sv.Detections, coder: SegmentCoder) -> Objects:
        """The objects to keep in a picture and the QP that each bears."""
        kept = detections[self.wanted(detections, self.detector)]
        thresholds = self.predictor.predict(frame, kept, coder)
        low, high = self.encoder.capabilities.qp_range
        qps = thresholds.decide(self.options.decision, self.options.risk, self.margin, low, high)
        return Objects(kept, qps, thresholds.recognisable)

    def qp_map(self, objects: Objects, coder: SegmentCoder) -> QpMap:
        """The machine's map of a picture, at the padded coded size."""
        part = objects.recognisable
        return coder.map_of(objects.detections.xyxy[part], objects.thresholds[part], self.policy)

    def human_map(self, coder: SegmentCoder) -> QpMap | None:
        """The human viewers' map of a picture; None where it is coded for machines alone."""
        return None if self.human is None else self.smoothed(self.human.request(coder).map)

    def smoothed(self, qp_map: QpMap) -> QpMap:
        """A map within ``--smooth``; that of the machine is already."""
        limit = self.policy.step_limit
        if limit is None:
            return qp_map
        return QpMap(limit_steps(qp_map.qp, limit), qp_map.ctu, qp_map.width, qp_map.height)

    def requested(self, frame: Frame, detections: sv.Detections, coder: SegmentCoder) -> tuple[Objects, QpMap]:
        """The objects of a picture, and the map that its audience asks for, at the padded coded size."""
        human = self.human_map(coder)
        if human is None or self.options.audience == "both":
            objects = self.objects(frame, detections, coder)
            own = self.qp_map(objects, coder)
            return objects, own if human is None else smaller(own, human)
        requested = shifted(human, self.margin, self.encoder.capabilities.qp_range)
        kept = detections[self.wanted(detections, self.detector)]
        return Objects(kept, coder.qps_at(kept.xyxy, requested), np.ones(len(kept), dtype=np.bool_)), requested


@dataclass(frozen=True)
class EncodedPicture:
    """One picture through the whole pipeline: its stream, and its record (bits to be filled in by the writer)."""

    coded: CodedSegment
    record: PictureRecord
    requested: QpMap


PictureCoding = Callable[[Frame, "sv.Detections"], EncodedPicture]


def encode_picture(pipeline: Pipeline, frame: Frame, detections: sv.Detections, *, check: bool) -> EncodedPicture:
    """Code one picture with its detections; with ``check`` the detector looks at the result."""
    coder = pipeline.coder(frame)
    objects, requested = pipeline.requested(frame, detections, coder)
    coded = coder.by_map(requested, pipeline.options.realise)
    # Decoded in any case: an encoder may leave with exit code 0 having written a damaged picture.
    decoded, psnr = coder.decode(coded)
    check_fidelity(psnr, (int(coded.actual(requested).qp.max()),))
    honoured = prove(coder, coded, requested)
    if honoured.startswith("no: ") and coded.realisation != "native":
        # Read from the headers, without doubt; a native map is only measured.
        raise ProcessError(f"the stream does not carry its map ({honoured}): try another encoder")
    kept: list[bool | None] = [None] * len(objects.detections)
    if check:
        found = detect_named(pipeline.detector, [decoded])[0]
        matches = match(objects.detections, found, iou=pipeline.rule.iou, min_score=pipeline.rule.found_score)
        kept = [bool(value) for value in matches.kept]
    record = picture_record(
        frame,
        coder,
        coded,
        requested,
        object_records(pipeline.detector, objects.detections, objects.thresholds, objects.recognisable, kept),
        psnr_y=psnr,
        honoured=honoured,
    )
    return EncodedPicture(coded, record, requested)


def write_maps(picture: EncodedPicture, folder: Path) -> tuple[str, ...]:
    """Write a picture's map as CSV, as a picture, and as the ROI file of uvg266 and kvazaar (deltas on its minimum).

    Returns:
        What the ROI file could not say as it was requested.
    """
    name = safe_stem(Path(picture.record.source).stem, "picture")
    stem = folder / f"{picture.record.index:06d}_{name}"
    write_csv(f"{stem}.csv", [picture.requested])
    write_png(f"{stem}.png", picture.requested)
    base = min(picture.requested.minimum(), ROI_QP_RANGE[1])
    return write_roi(f"{stem}.roi.txt", [picture.requested], base, span=KVAZAAR_SPAN).notes


def detected(detector: Detector, frames: Iterable[Frame]) -> Iterator[tuple[Frame, sv.Detections]]:
    """Frames with their detections, the detector being given a batch at a time."""
    stream = iter(frames)
    while batch := list(islice(stream, BATCH)):
        yield from zip(batch, detect_named(detector, batch), strict=True)
