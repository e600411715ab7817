"""Judging a predictor on labelled objects: how far off, how safe, and against a constant."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import EvaluatePredictorOptions
from vcmpipe.detection import load_detector
from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import Bootstrap
from vcmpipe.evaluation.threshold_errors import (
    Calibration,
    ErrorSummary,
    calibrate,
    in_the_middle,
    median_constant,
    sizes,
    summarise,
)
from vcmpipe.frames import Frame
from vcmpipe.plugins import PREDICTORS
from vcmpipe.process.folders import publish_folder
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.thresholds import Coder, ThresholdPredictor, Thresholds, load_predictor
from vcmpipe.thresholds.detector_aware import DetectorAware, is_aware
from vcmpipe.thresholds.weights import read_card
from vcmpipe.training.aware_data import picture_mark
from vcmpipe.training.objects import ObjectSet, Pictures, groups, open_objects

if TYPE_CHECKING:
    import pandas as pd

# Risks at which calibration is looked at.
RISKS = (0.05, 0.1, 0.2, 0.3, 0.5)
_BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True)
class PredictorReport:
    """How a predictor did on the objects of a split.

    Attributes:
        decision: How thresholds were read off the distributions.
        constant: What the baseline always answers: the median of the training labels.
        left_out: Objects of the data set that are never recognised or have no label.
        trained_for: The detector whose losses it learned, None where nobody knows.
        measured_for: The detector whose losses the labels are.
        middle: Objects with labels in 27..51 (E[27,51]).
        by_size: Small, medium and large ones.
        by_class: Classes, the most frequent first.
        calibration: What risks promise and what happens; as far as labels are right.
    """

    predictor: str
    data: str
    split: str
    pictures: int
    decision: str
    constant: int
    left_out: int
    trained_for: str | None
    measured_for: str | None
    overall: ErrorSummary
    middle: ErrorSummary
    by_size: dict[str, ErrorSummary]
    by_class: dict[str, ErrorSummary]
    calibration: list[Calibration]


def evaluate_objects(
    options: EvaluatePredictorOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
) -> PredictorReport:
    """Predict the thresholds of a split's objects and compare them with the labels.

    Raises:
        VcmError: The input is wrong, or the place cannot be written to.
    """
    if options.psnr:
        raise InputError(f"--psnr is for JNDs of pictures: {options.data} holds thresholds of objects")
    objects = open_objects(options)
    predictor, trained_for = _predictor(options, warn)
    rows = objects.split(options.split)
    if rows.empty:
        raise InputError(f"{options.data} has no labelled objects in the split {options.split}: name another --split")
    if getattr(predictor, "context", 0.0):
        objects.pictures.whole(rows.iloc[0])
    known = _seen_in_training(predictor, rows, objects.pictures)
    if known:
        warn(
            f"{predictor.name} learned from {known} of these {rows['picture'].nunique()} pictures, which flatters it: "
            "leave them out (--exclude), or read the cross-validated figures in its card"
        )
    thresholds, rows = predict_rows(predictor, rows, objects, progress)
    training = objects.labels("train")
    if not len(training):
        warn(f"{options.data} has no objects in the split train: the constant is the median of the labels judged on")
        training = rows["label"].to_numpy(dtype=np.int64)
    decided = _decided(thresholds, options)
    report = _report(options, objects, predictor.name, trained_for, rows, thresholds, decided, training)
    if report.trained_for and report.measured_for and report.trained_for != report.measured_for:
        warn(f"{predictor.name} learned the losses of {report.trained_for}, these are those of {report.measured_for}")
    if options.out:
        from vcmpipe.training.plots import error_histogram, scatter

        labels = rows["label"].to_numpy(dtype=np.float64)
        with publish_folder(Path(options.out)) as folder:
            (folder / "report.json").write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
            listed = rows.assign(predicted=decided, error=decided - labels, mean=thresholds.mean())
            for risk in RISKS:
                listed[f"qp_at_risk_{risk:g}"] = thresholds.quantile(risk)
            listed.drop(columns=["string"]).to_csv(folder / "objects.csv", index=False)
            scatter(folder / "scatter.png", decided, labels, report.constant)
            error_histogram(folder / "errors.png", decided - labels, report.constant - labels)
    return report


def predict_rows(
    predictor: ThresholdPredictor,
    rows: pd.DataFrame,
    objects: ObjectSet,
    progress: Progress = lambda done, total: None,
) -> tuple[Thresholds, pd.DataFrame]:
    """The thresholds of labelled objects, picture by picture.

    The predictor gets all that the detector saw in a picture, as in ``encode``, and answers for those rows count.

    Returns:
        The thresholds, and the rows in their order.
    """
    import pandas as pd
    import supervision as sv

    parts, order = [], []
    batches = groups(rows)
    seen = {str(path): every for path, every in objects.seen.groupby("path", sort=False)}
    for done, group in enumerate(batches, 1):
        every = seen[str(group["path"].iloc[0])]
        frame, boxes = objects.pictures.picture(every)
        detections = sv.Detections(
            boxes,
            confidence=every["score"].to_numpy(dtype=np.float32),
            class_id=every["class_id"].fillna(-1).to_numpy(dtype=np.int64),
        )
        found = predictor.predict(frame, detections, cast(Coder, _Coded(objects.pictures, every)))
        place = pd.Index(every["sample"]).get_indexer(group["sample"])
        parts.append(Thresholds(found.mass[place], found.recognisable[place]))
        order.append(group)
        progress(done, len(batches))
    return Thresholds.concatenate(parts), pd.concat(order, ignore_index=True)


class _Coded:
    """The coded versions that a data set holds, as a predictor asks for them."""

    def __init__(self, pictures: Pictures, rows: pd.DataFrame) -> None:
        self._pictures, self._rows = pictures, rows

    def __call__(self, qp: int) -> Frame:
        return next(self.many([qp]))

    def many(self, qps: Sequence[int]) -> Iterator[Frame]:
        for qp in qps:
            yield from self._pictures.versions(self._rows, [qp])


def _predictor(options: EvaluatePredictorOptions, warn: Warn) -> tuple[ThresholdPredictor, str | None]:
    predictor, card = _load(options)
    if isinstance(predictor, DetectorAware):
        card = predictor.card
        if options.detector is None and ("probe" in card or "looks" in card):
            warn(
                f"{predictor.name} is judged without the second look that it takes in encode: "
                f"give --detector {card.get('detector')} for that"
            )
    return predictor, card.get("detector")


def _load(options: EvaluatePredictorOptions) -> tuple[ThresholdPredictor, dict[str, Any]]:
    detector = None
    if options.detector is not None:
        detector = load_detector(options.detector, jobs=1, device=options.device)
    if options.predictor is not None:
        return load_predictor(options.predictor, detector=detector), {}
    weights = Path(cast(str, options.weights))
    if weights.is_file() and is_aware(weights):
        return load_predictor(f"detector_aware:{weights}", detector=detector), {}
    card = card_of(weights, "dt_jrd")
    device: dict[str, Any] = {} if options.device == "auto" else {"device": options.device}
    known = PREDICTORS.known()
    if card["model"] not in known:
        raise InputError(
            f"{weights} holds weights of {card['model']!r}, which is unknown; known are {', '.join(known)}"
        )
    argument = f"{card.get('variant', '')}:{weights}" if "variant" in card else str(weights)
    predictor = known[card["model"]].load()(argument, **device)
    return cast(ThresholdPredictor, predictor), card


def card_of(weights: Path, example: str) -> dict[str, Any]:
    """The card of the file that ``--weights`` names.

    Args:
        weights: The file.
        example: A predictor that such weights may be of, for the message.

    Raises:
        InputError: The file or its card is not there, or the card is damaged.
    """
    if not weights.is_file():
        raise InputError(f"--weights {weights} does not exist: name the weights that vcmpipe train wrote")
    card = read_card(weights)
    if card is None:
        raise InputError(f"{weights} has no card (.json beside it): name it as --predictor {example}:{weights}")
    return card


def _seen_in_training(predictor: ThresholdPredictor, rows: pd.DataFrame, pictures: Pictures) -> int:
    """How many of the pictures the predictor learned from, as far as its card states."""
    learned = set(predictor.card.get("learned_from", ())) if isinstance(predictor, DetectorAware) else set()
    if not learned:
        return 0
    files = [pictures.file(group.iloc[0]) for _, group in rows.groupby("picture")]
    marks = [picture_mark(hashlib.sha256(file.read_bytes()).hexdigest()) for file in files if file.is_file()]
    return len(learned.intersection(marks))


def _decided(thresholds: Thresholds, options: EvaluatePredictorOptions) -> NDArray[np.float64]:
    if options.decision == "mean":
        return thresholds.mean()
    decided = thresholds.argmax() if options.decision == "argmax" else thresholds.quantile(options.risk)
    return decided.astype(np.float64)


def _report(
    options: EvaluatePredictorOptions,
    objects: ObjectSet,
    name: str,
    trained_for: str | None,
    rows: pd.DataFrame,
    thresholds: Thresholds,
    decided: NDArray[np.float64],
    training: NDArray[np.int64],
) -> PredictorReport:
    labels = rows["label"].to_numpy(dtype=np.float64)
    bootstrap = Bootstrap(rows["picture"].to_numpy(dtype=str), options.rounds, options.seed)
    constant = median_constant(training)
    boxes = rows[_BOX].to_numpy(dtype=np.float64)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    classes = rows["class_name"].fillna("unknown").to_numpy(dtype=str)
    names, times = np.unique(classes, return_counts=True)

    def of(group: NDArray[np.bool_] | None) -> ErrorSummary:
        return summarise(decided, labels, constant, bootstrap, group)

    return PredictorReport(
        predictor=name,
        data=objects.samples.name,
        split=options.split,
        pictures=int(rows["picture"].nunique()),
        decision=options.decision if options.decision != "quantile" else f"quantile at {options.risk:g}",
        constant=constant,
        left_out=objects.left_out,
        trained_for=trained_for,
        measured_for=objects.samples.source.get("detector"),
        overall=of(None),
        middle=of(in_the_middle(labels)),
        by_size={size: of(group) for size, group in sizes(areas).items()},
        by_class={str(names[i]): of(classes == names[i]) for i in np.argsort(-times, kind="stable")},
        calibration=[calibrate(thresholds.quantile(risk), labels, risk, training, bootstrap) for risk in RISKS],
    )
