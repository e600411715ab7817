"""Thresholds of the objects in pictures, or of whole pictures, without coding a stream: ``vcmpipe predict``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcmpipe.coding.detected import detected
from vcmpipe.coding.segment_coder import FrameCoder, SegmentCoder
from vcmpipe.commands.detections_out import DetectionLog, check_detections_places, detections_file
from vcmpipe.commands.recorded import check_belongs
from vcmpipe.config import PredictOptions
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.detection.recorded import RecordedDetector
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.evaluation import MatchRule
from vcmpipe.frames import ColourSpec, Frame, open_inputs, refuse_as_output
from vcmpipe.jnd.picture_predictors import picture_predictor, predicts_pictures
from vcmpipe.process import publish
from vcmpipe.process.progress import Progress
from vcmpipe.process.text import count
from vcmpipe.process.workers import worker_count
from vcmpipe.sidecar import refuse_sidecar
from vcmpipe.tasks import load_task
from vcmpipe.thresholds import QP_COUNT, ThresholdPredictor, load_predictor, own_margin

if TYPE_CHECKING:
    from vcmpipe.detection import Detector
    from vcmpipe.frames import FrameSource
    from vcmpipe.jnd.models.picture_jnd import JndPredictor

VERSION = 1


@dataclass(frozen=True)
class PredictedObject:
    """An object as detected, corners in pixels of the picture, and what it bears.

    Attributes:
        threshold: The QP decided, with margin; None where no QP keeps the object.
        mean: Mean of the predicted distribution, in QP.
        risk: Probability, by the predictor, that the object is lost at ``threshold``.
    """

    bbox_xyxy: tuple[float, float, float, float]
    class_id: int
    class_name: str
    score: float
    threshold: int | None
    mean: float
    risk: float | None


@dataclass(frozen=True)
class PredictedJnd:
    """What human viewers do not notice in a picture.

    Attributes:
        scale: What the predictor learned from: ``h264-qp``, ``jpeg-qf`` or ``vvc-qp``.
        numbers: Which JND each of the others is, from 1.
        levels: On that scale; ``vvc_qp``, the same as VVC QPs.
        threshold: The QP decided, with margin.
    """

    scale: str
    numbers: list[int]
    levels: list[float]
    vvc_qp: list[float]
    threshold: int


@dataclass(frozen=True)
class PredictedPicture:
    """A picture with its objects, most confident first; by a predictor of whole pictures, without, but with a JND."""

    source: str
    width: int
    height: int
    objects: list[PredictedObject]
    jnd: PredictedJnd | None = None


@dataclass(frozen=True)
class Prediction:
    """What was predicted, and by what; the detector is None where it was for whole pictures."""

    detector: str | None
    predictor: str
    decision: str
    margin: int
    pictures: list[PredictedPicture]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"version": VERSION} | dataclasses.asdict(self)


class _LateCoder:
    """A coder that is made when a predictor wants the first version: most never do, and then no encoder is needed."""

    def __init__(self, make: Callable[[], FrameCoder]) -> None:
        self._made = cache(make)

    def __call__(self, qp: int) -> Frame:
        return self._made()(qp)

    def many(self, qps: Sequence[int]) -> Iterator[Frame]:
        return self._made().many(qps)


def predict(
    options: PredictOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Callable[[str], None] = lambda message: None,
    detector: Detector | None = None,
    predictor: ThresholdPredictor | None = None,
) -> Prediction:
    """Predict the threshold of every object; or of every picture, where the predictor is for those.

    Args:
        options: In what, by what.
        progress: Called after every picture with the number done and the total, where it is known.
        warn: Called with what the user should know.
        detector: Used instead of the one that the options name.
        predictor: Likewise.

    Raises:
        VcmError: Input, a tool, or the output fails.
    """
    source = open_inputs(options.input, recursive=options.recursive, limit=options.limit)
    if options.out:
        refuse_as_output(Path(options.out), source, ".json")
        refuse_sidecar(Path(options.out))
    check_detections_places({"--detections-out": options.detections_out}, {"--out": options.out}, source.path)
    spec = options.predictor if options.weights is None else f"{options.predictor}:{options.weights}"
    if predictor is None and predicts_pictures(spec):
        if options.detections_out is not None:
            raise InputError(f"--detections-out with {spec}: it is for whole pictures, and nothing is detected")
        prediction = _of_pictures(picture_predictor(spec, device=options.device), source, options.margin or 0, progress)
    else:
        jobs = worker_count(options.jobs)
        detector = detector or load_detector(
            resolve_detector_spec(options.detector),
            jobs=jobs,
            device=options.device,
            again=options.predictor.partition(":")[0] == "measured",
            classes=options.classes,
        )
        check_belongs(detector, source)
        predictor = predictor or load_predictor(spec, detector, satisfy=options.satisfy, warn=warn)
        with detections_file(options.detections_out) as log:
            if log is not None:
                log.classes = detector.classes
            prediction = _of_objects(predictor, detector, source, options, progress, log)
        if not any(picture.objects for picture in prediction.pictures):
            warn(
                f"{detector.name} found no object with a confidence of {options.score:g} or more in "
                f"{count(len(prediction.pictures), 'picture')}: there are no thresholds; name another detector "
                "(--detector), or lower --score"
            )
        for remark in detector.remarks() if isinstance(detector, RecordedDetector) else ():
            warn(remark)
    if options.out:
        with publish(Path(options.out)) as part:
            part.write_text(json.dumps(prediction.to_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return prediction


def _of_objects(
    predictor: ThresholdPredictor,
    detector: Detector,
    source: FrameSource,
    options: PredictOptions,
    progress: Progress,
    log: DetectionLog | None,
) -> Prediction:
    margin = own_margin(predictor) if options.margin is None else options.margin
    # It shows pictures and frames one by one.
    task = load_task(
        "detection" if options.task == "auto" else options.task, rule=MatchRule(reference_score=options.score)
    )
    spec = ColourSpec(matrix=options.matrix, range=options.range, siting=options.siting)
    encoder = cache(lambda: load_encoder(options.encoder))

    def coder_of(frame: Frame) -> FrameCoder:
        return SegmentCoder(encoder(), frame, spec=spec, preset=options.preset).of_frame(0)

    pictures = []
    for frame, found in detected(detector, source):
        if log is not None:
            log.add([frame], [found])
        (kept,) = task.reference([found]).detections
        thresholds = predictor.predict(frame, kept, _LateCoder(partial(coder_of, frame)))
        decided = thresholds.decide(options.decision, options.risk, margin)
        means, below = thresholds.mean(), thresholds.mass.cumsum(axis=1)
        objects = [
            PredictedObject(
                bbox_xyxy=(round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2)),
                class_id=int(kept.class_id[n]),
                class_name=detector.classes.get(int(kept.class_id[n]), str(kept.class_id[n])),
                score=round(float(kept.confidence[n]), 4),
                threshold=int(decided[n]) if thresholds.recognisable[n] else None,
                mean=round(float(means[n]), 3),
                risk=_risk(below[n], int(decided[n])) if thresholds.recognisable[n] else None,
            )
            for n, (x1, y1, x2, y2) in enumerate(kept.xyxy.tolist())
        ]
        pictures.append(PredictedPicture(Path(frame.source).name, frame.width, frame.height, objects))
        progress(len(pictures), source.count)
    decision = f"quantile at {options.risk:g}" if options.decision == "quantile" else options.decision
    return Prediction(detector.name, predictor.name, decision, margin, pictures)


def _of_pictures(predictor: JndPredictor, source: FrameSource, margin: int, progress: Progress) -> Prediction:
    pictures = []
    for frame in source:
        found = predictor.picture(frame)
        jnd = PredictedJnd(
            found.scale,
            list(found.numbers),
            [round(level, 3) for level in found.levels],
            [round(qp, 3) for qp in found.vvc_qp],
            min(max(found.threshold + margin, 0), QP_COUNT - 1),
        )
        pictures.append(PredictedPicture(Path(frame.source).name, frame.width, frame.height, [], jnd))
        progress(len(pictures), source.count)
    return Prediction(None, predictor.name, "the first level, rounded down", margin, pictures)


def _risk(below: Any, qp: int) -> float:
    """P(threshold < qp)."""
    return round(float(below[qp - 1]), 4) if qp > 0 else 0.0
