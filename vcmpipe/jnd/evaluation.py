"""Judging a predictor of whole pictures by human JNDs: how many QPs and dB it is off, against a constant."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vcmpipe.config import EvaluatePredictorOptions
from vcmpipe.datasets.label_table import is_store, load_samples
from vcmpipe.datasets.samples import SCALES, Samples, picture_files
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import Bootstrap, Interval
from vcmpipe.evaluation.threshold_errors import ErrorSummary, mean_error, summarise
from vcmpipe.frames import Frame, read_picture
from vcmpipe.jnd.conversion import nearest
from vcmpipe.jnd.models.picture_jnd import JndPredictor
from vcmpipe.jnd.picture_predictors import picture_predictor, predicts_pictures
from vcmpipe.jnd.quality_match import Versions
from vcmpipe.process.content_cache import ContentCache, cache_folder
from vcmpipe.process.folders import publish_folder
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.training.evaluate import card_of
from vcmpipe.training.objects import OW_JRD, named_in

_CONSTANT = "constant"


@dataclass(frozen=True)
class _Constant:
    """A number that is the answer for every picture; None: the median of the training labels of each level."""

    number: float | None

    @property
    def name(self) -> str:
        return f"{_CONSTANT} (the medians)" if self.number is None else f"{_CONSTANT}:{self.number:g}"


@dataclass(frozen=True)
class LevelErrors:
    """The errors at one JND level.

    Attributes:
        level: 1 to 3.
        constant: What the baseline always answers: the median of the training labels of the level.
        qp: delta-QP in ``error``, the mean absolute error on the scale of the labels; positive ``bias`` is coarser on a
            scale of QPs, finer on one of quality factors.
        psnr: delta-PSNR, the mean distance in dB between the pictures coded at prediction and at label; None where
            nothing was coded.
        psnr_constant: The same of the constant.
    """

    level: int
    constant: float
    qp: ErrorSummary
    psnr: Interval | None
    psnr_constant: Interval | None


@dataclass(frozen=True)
class PictureReport:
    """How a predictor of whole pictures did.

    Attributes:
        scale: What labels and errors count.
        pictures: How many pictures or clips were looked at.
        sources: How many sources they are of: intervals are over these.
        left_out: Labels of levels that the predictor does not answer for.
        psnr_missing: Why there is no delta-PSNR; None where there is.
    """

    predictor: str
    data: str
    scale: str
    split: str
    pictures: int
    sources: int
    left_out: int
    levels: list[LevelErrors]
    psnr_missing: str | None


def levelled(options: EvaluatePredictorOptions) -> Samples | None:
    """The samples that the options name, if they have JND levels; None for data sets of objects.

    Raises:
        InputError: There is no such data set, or it is damaged.
    """
    if options.data.startswith(f"{OW_JRD}:") or is_store(Path(options.data)):
        return None
    samples = load_samples(options.data)
    return samples if samples.table["level"].notna().any() else None


def evaluate_pictures(
    options: EvaluatePredictorOptions,
    samples: Samples,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
) -> PictureReport:
    """Predict the JNDs of a split's pictures and compare them with the labels, which have levels.

    Raises:
        VcmError: The input is wrong, a codec failed, or the place cannot be written to.
    """
    if options.rule is not None or options.pattern is not None or options.detector is not None:
        raise InputError(f"--rule, --pattern and --detector are for objects: {options.data} holds JNDs of pictures")
    table = samples.table[samples.table["label"].notna() & samples.table["level"].notna()]
    if options.exclude:
        table = table[~named_in(table["picture"], Path(options.exclude))]
    rows = table if options.split == "all" else table[table["split"] == options.split]
    if rows.empty:
        raise InputError(f"{options.data} has no labels in the split {options.split}: name another --split")
    if options.limit is not None:
        first = rows.drop_duplicates("picture").groupby("split").head(options.limit)["picture"]
        rows = rows[rows["picture"].isin(first)]
    medians = _medians(table, rows, warn)
    predictor = _predictor(options, samples)
    scale, predicted = samples.scale, np.full(len(rows), np.nan)
    quality = np.full((3, len(rows)), np.nan)  # dB at label, prediction, constant
    rows, missing = rows.reset_index(drop=True), _psnr_missing(options, samples, rows)
    constants = rows["level"].map(medians).to_numpy(dtype=np.float64)
    if isinstance(predictor, _Constant):
        predicted = constants if predictor.number is None else np.full(len(rows), predictor.number)
    if not isinstance(predictor, _Constant) or missing is None:
        for places, frame, versions in _pictures(options, samples, rows, missing is None, progress):
            if not isinstance(predictor, _Constant):
                predicted[places] = _answers(predictor, frame, rows.loc[places, "level"].to_list(), samples)
            if versions is not None:
                labels = rows.loc[places, "label"].to_numpy(dtype=np.float64)
                for way, values in enumerate((labels, predicted[places], constants[places])):
                    quality[way, places] = [
                        np.nan if np.isnan(value) else versions.quality(scale, nearest(value, scale), "psnr")
                        for value in values
                    ]
    answered = ~np.isnan(predicted)
    if not answered.any():
        levels = ", ".join(str(level) for level in sorted(set(rows["level"])))
        raise InputError(
            f"{options.data} has labels of JND {levels} in {options.split}, and the predictor answers none"
        )
    listed = rows.assign(predicted=predicted, constant=constants)
    listed[["psnr_label", "psnr_predicted", "psnr_constant"]] = quality.T
    listed, left_out = listed[answered], int((~answered).sum())
    report = _report(options, samples, predictor.name, listed, left_out, missing)
    if options.out:
        _write(Path(options.out), report, listed)
    return report


def _medians(table: pd.DataFrame, rows: pd.DataFrame, warn: Warn) -> Mapping[int, float]:
    """By level the lower median of the training labels: no constant has a smaller mean absolute error on those."""
    found = {}
    for level in sorted(set(rows["level"])):
        labels = table["label"][(table["level"] == level) & (table["split"] == "train")]
        if labels.empty:
            warn(f"no JND {level} in the split train: the constant is the median of the labels judged on")
            labels = rows["label"][rows["level"] == level]
        found[level] = float(np.sort(labels.to_numpy())[(len(labels) - 1) // 2])
    return found


def _predictor(options: EvaluatePredictorOptions, samples: Samples) -> JndPredictor | _Constant:
    """The predictor of pictures that the options name."""
    spec = options.predictor
    if spec is None:
        card = card_of(Path(cast(str, options.weights)), "laser:VARIANT")
        spec = f"{card['model']}:{card.get('variant', '')}:{options.weights}"
    name, _, text = spec.partition(":")
    if name == _CONSTANT:
        span = SCALES[samples.scale]
        try:
            number = float(text) if text else None
        except ValueError as error:
            raise InputError(f"{spec}: write constant or constant:NUMBER, on the scale of the labels") from error
        if number is not None and (span is None or not span[0] <= number <= span[1]):
            raise InputError(f"{spec} is outside the scale of the labels: {samples.scale}, {span}")
        return _Constant(number)
    if not predicts_pictures(spec):
        raise InputError(
            f"{options.data} holds JNDs of pictures, and {name} predicts thresholds of objects: name "
            "laser:VARIANT:FILE, mtjnd:VARIANT:FILE or constant"
        )
    return picture_predictor(spec, device=options.device)


def _psnr_missing(options: EvaluatePredictorOptions, samples: Samples, rows: pd.DataFrame) -> str | None:
    """Why there is no delta-PSNR."""
    if not options.psnr:
        return "not requested (--psnr)"
    if rows["path"].isna().any():
        return f"the data set holds no pictures ({'; '.join(samples.missing) or 'no paths'})"
    return None


def _pictures(
    options: EvaluatePredictorOptions,
    samples: Samples,
    rows: pd.DataFrame,
    coding: bool,
    progress: Progress,
) -> Iterator[tuple[NDArray[np.int64], Frame, Versions | None]]:
    """Each picture with the places of its rows, and what codes it where that was requested."""
    files = picture_files(samples, rows, options.images, "only constant needs none")
    cache = ContentCache(cache_folder(options.cache), limit=options.cache_limit) if coding else None
    encoder = load_encoder("vvenc") if coding else None
    for done, (name, part) in enumerate(rows.groupby("path", sort=False), 1):
        path = files[str(name)]
        frame = Frame(0, read_picture(path), str(path))
        for width, height in zip(part["width"], part["height"], strict=True):
            if not pd.isna(width) and not pd.isna(height) and (width, height) != (frame.width, frame.height):
                raise InputError(
                    f"{path} has {frame.width}x{frame.height} pixels, the data set states {width}x{height}: it is "
                    "another picture"
                )
        versions = Versions(encoder, frame, cache) if encoder is not None and cache is not None else None
        yield part.index.to_numpy(dtype=np.int64), frame, versions
        progress(done, len(files))


def _answers(predictor: JndPredictor, frame: Frame, levels: list[int], samples: Samples) -> list[float]:
    """What a predictor answers for each level, on the scale of the labels; NaN where it has no answer."""
    found = predictor.picture(frame)
    if samples.scale == "vvc-qp":
        values = found.vvc_qp
    elif found.scale == samples.scale:
        values = found.levels
    else:
        raise InputError(
            f"{predictor.name} answers in {found.scale}, the labels count {samples.scale}: make them VVC QPs with "
            "vcmpipe dataset convert"
        )
    by_level = dict(zip(found.numbers, values, strict=True))
    return [by_level.get(level, np.nan) for level in levels]


def _report(
    options: EvaluatePredictorOptions,
    samples: Samples,
    name: str,
    rows: pd.DataFrame,
    left_out: int,
    missing: str | None,
) -> PictureReport:
    bootstrap = Bootstrap(rows["picture"].to_numpy(dtype=str), options.rounds, options.seed)
    names = ("predicted", "label", "constant", "psnr_label", "psnr_predicted", "psnr_constant")
    predicted, label, constants, at_label, at_predicted, at_constant = rows[list(names)].to_numpy(dtype=np.float64).T
    levels = []
    for level in sorted(set(rows["level"])):
        of = (rows["level"] == level).to_numpy(dtype=np.bool_)
        distances = [None if missing else mean_error(at, at_label, bootstrap, of) for at in (at_predicted, at_constant)]
        constant = float(constants[of][0])
        errors = summarise(predicted, label, constant, bootstrap, of)
        levels.append(LevelErrors(int(level), constant, errors, distances[0], distances[1]))
    return PictureReport(
        predictor=name,
        data=samples.name,
        scale=samples.scale,
        split=options.split,
        pictures=len(rows.drop_duplicates(["picture", "path", "width", "height"])),
        sources=int(rows["picture"].nunique()),
        left_out=left_out,
        levels=levels,
        psnr_missing=missing,
    )


def _write(out: Path, report: PictureReport, rows: pd.DataFrame) -> None:
    from vcmpipe.training.plots import level_scatter

    with publish_folder(out) as folder:
        (folder / "report.json").write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
        shown = ["sample", "picture", "split", "level", "label", "predicted", "constant"]
        if report.psnr_missing is None:
            shown += ["psnr_label", "psnr_predicted", "psnr_constant"]
        rows[shown].to_csv(folder / "pictures.csv", index=False)
        parts = [rows.loc[rows["level"] == each.level, ["label", "predicted"]] for each in report.levels]
        pairs = [part.to_numpy(dtype=np.float64).T for part in parts]
        level_scatter(
            folder / "levels.png",
            [(each.level, each.constant, *pair) for each, pair in zip(report.levels, pairs, strict=True)],
            report.scale,
        )
