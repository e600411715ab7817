"""Pictures coded as ``encode`` codes them, at several margins: how many objects are kept, and for how many bits.

What ``calibrate_margin.py`` counts in. Predictions that were learned are made by weights that saw nothing of the
picture: trained on the other folds, from a label table and the pictures, without the 64 coded versions of each.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import supervision as sv
from numpy.typing import NDArray

from vcmpipe import EncodeOptions
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.detection import Detector
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import Frame, open_source
from vcmpipe.measurement import best_step
from vcmpipe.measurement.labels import DEFAULT_RULE
from vcmpipe.measurement.margins import Trial, requested_map, trial
from vcmpipe.measurement.sweep import Recognition
from vcmpipe.process.content_cache import ContentCache, content_key
from vcmpipe.tasks import Reference
from vcmpipe.thresholds import ConstantPredictor, ThresholdPredictor, Thresholds, features
from vcmpipe.thresholds.base import QP_COUNT
from vcmpipe.thresholds.detector_aware import AwareWeights, DetectorAware
from vcmpipe.thresholds.looks import LOOKS, PROBE, PROBE_FROM
from vcmpipe.training.aware_data import AwareData
from vcmpipe.training.described import Described, described
from vcmpipe.training.detector_aware import AwareOptions, fit, fold_of

Answers = Callable[[Frame, sv.Detections], Thresholds]


@dataclass(frozen=True)
class Setting:
    """How thresholds become a picture: ``--scale``, ``--background``, ``--risk``."""

    scale: str
    background: str
    risk: float = EncodeOptions.risk

    def __str__(self) -> str:
        return f"scale {self.scale}, background {self.background}, risk {self.risk:g}"


@dataclass(frozen=True, eq=False)
class Picture:
    """A source picture and what is to be kept in it."""

    name: str
    frame: Frame
    reference: Reference
    thresholds: Thresholds


class Trials:
    """Codes pictures by their thresholds, and looks; nothing is coded or looked at twice.

    Args:
        detector: Whose objects are to be kept.
        cache: A folder for outcomes and streams.
    """

    def __init__(self, detector: Detector, cache: Path) -> None:
        self.detector, self.cache = detector, ContentCache(cache)
        self.encoder = CachedEncoder(load_encoder("vvenc"), self.cache)
        self._pipelines: dict[Setting, Pipeline] = {}

    def pipeline(self, setting: Setting) -> Pipeline:
        """What ``encode`` would work with."""
        if setting not in self._pipelines:
            options = EncodeOptions(input="-", out="-", background=setting.background, risk=setting.risk, jobs=1)
            self._pipelines[setting] = Pipeline(
                options,
                scale=setting.scale,
                detector=self.detector,
                predictor=ConstantPredictor(),
                encoder=self.encoder,
            )
        return self._pipelines[setting]

    def picture(self, path: Path, answers: Answers) -> Picture:
        """A picture's objects and their thresholds."""
        (frame,) = open_source(str(path))
        pipeline = self.pipeline(Setting("1", "keep"))
        reference = pipeline.task.reference([self.detector.detect([frame])[0]])
        return Picture(path.name, frame, reference, answers(frame, reference.detections[0]))

    def at(self, picture: Picture, setting: Setting, margins: Sequence[int]) -> list[Trial]:
        """A picture at a setting, by margin."""
        pipeline = self.pipeline(setting)
        coder = pipeline.coder(picture.frame)
        trials = []
        for margin in margins:
            requested = requested_map(pipeline, coder, picture.reference, picture.thresholds, margin)
            key = content_key(
                "margin trial", coder.source_digest, repr(coder.size), repr(requested.ctu), requested.qp.tobytes(),
                self.encoder.build, pipeline.options.preset, self.detector.digest, pipeline.task.digest,
            )  # fmt: skip
            if found := self.cache.get(key):
                trials.append(Trial(*json.loads(found)))
                continue
            trials.append(trial(pipeline, coder, picture.reference, requested))
            self.cache.put(key, json.dumps([trials[-1].bits, trials[-1].kept, trials[-1].objects]).encode())
        return trials


class CrossValidated:
    """``detector_aware`` as pictures meet it that it was not trained on.

    Args:
        detector: Whose label table it is.
        table: A label table (.parquet).
        pictures: File by the table's name for it; no others are learned from.
        folds: Parts that the pictures are dealt into.
        seed: Of the deal.
        three_looks: Whether thresholds are by ``LOOKS`` in every picture, and not by ``PROBE`` as they ship.
    """

    def __init__(
        self,
        detector: Detector,
        table: Path,
        pictures: dict[str, Path],
        *,
        folds: int = 5,
        seed: int = 0,
        three_looks: bool = False,
    ) -> None:
        self._detector = detector
        self._looks, self._looks_from = (LOOKS, 1) if three_looks else (PROBE, PROBE_FROM)
        rows = pd.read_parquet(table)
        self._rows = rows[rows["picture"].isin(list(pictures))]
        self._pictures, self._folds, self._seed = pictures, folds, seed

    @cached_property
    def data(self) -> AwareData:
        """The recognisable objects, described anew; pictures by their files' names."""
        parts = []
        for name, rows in self._rows.groupby("picture", sort=True):
            kinds, boxes = rows["class_id"].to_numpy(np.int64), rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32)
            picture = Described(self._pictures[str(name)], "", boxes)
            known, looked = described(
                picture, rows["score"].to_numpy(np.float32), kinds, self._detector, self._looks, None
            )
            label = np.zeros(len(rows), np.int64)
            of_picture = np.full(len(rows), self._pictures[str(name)].name)
            parts.append(AwareData(known, looked, kinds, strings_of(rows), label, of_picture))
        names = ("features", "looked", "class_id", "found", "label", "picture")
        every = AwareData(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
        return every.relabelled(DEFAULT_RULE)

    @cached_property
    def predictors(self) -> tuple[dict[str, int], list[ThresholdPredictor]]:
        """The fold of each picture with objects, and by fold the predictor that was trained on the others."""
        data, how = self.data, AwareOptions()
        turn = fold_of(data.picture, self._folds, self._seed)
        predictors: list[ThresholdPredictor] = []
        for k in range(self._folds):
            seen = data[turn != k]
            plain, looked = (fit(rows, seen, how) for rows in (seen.features, np.hstack([seen.features, seen.looked])))
            card = {"detector_digest": self._detector.digest, "detector": self._detector.name}
            canvas = features.Canvas.of(self._detector.input_size)
            weights = AwareWeights(plain, looked, canvas, card, self._looks, self._looks_from)
            predictors.append(DetectorAware(weights, self._detector))
        return dict(zip(data.picture.tolist(), turn.tolist(), strict=True)), predictors

    def of(self, name: str) -> ThresholdPredictor:
        """The predictor for a picture; any fold's where the picture has no objects with thresholds."""
        fold, predictors = self.predictors
        return predictors[fold.get(name, 0)]


def detections_of(rows: pd.DataFrame) -> sv.Detections:
    """A picture's objects in a label table."""
    return sv.Detections(
        rows[["x1", "y1", "x2", "y2"]].to_numpy(np.float32),
        confidence=rows["score"].to_numpy(np.float32),
        class_id=rows["class_id"].to_numpy(np.int64),
    )


def strings_of(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """(N, 64) whether each object was found at each QP."""
    return np.array([[mark == "1" for mark in string] for string in rows["string"]], dtype=bool).reshape(-1, QP_COUNT)


def measured_by(rows: pd.DataFrame, ladder: Sequence[int]) -> Answers:
    """What ``measured`` would answer for one picture, read off a label table instead of coded."""
    found, boxes = strings_of(rows)[:, list(ladder)], detections_of(rows).xyxy
    steps = best_step(Recognition(np.array(ladder), found.T))

    def answers(frame: Frame, detections: sv.Detections) -> Thresholds:
        gaps = np.abs(detections.xyxy[:, None] - boxes[None]).max(axis=2)
        nearest = gaps.argmin(axis=1) if len(rows) else np.zeros(0, np.int64)
        if len(detections) and (not len(rows) or gaps.min(axis=1).max() > 1.0):
            raise SystemExit(f"{frame.source}: its objects are others than those of the label table")
        return Thresholds(steps.mass[nearest], steps.recognisable[nearest])

    return answers
