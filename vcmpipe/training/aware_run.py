"""``vcmpipe train detector_aware``: seconds of linear algebra instead of hours of descent."""

from __future__ import annotations

import dataclasses
import time
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.config import TrainOptions, flag_of
from vcmpipe.datasets.label_table import is_store, load_samples
from vcmpipe.datasets.loss_table import LossTable
from vcmpipe.datasets.store import Store
from vcmpipe.detection import load_detector
from vcmpipe.errors import InputError
from vcmpipe.measurement.labels import DEFAULT_RULE
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.detector_aware import is_aware
from vcmpipe.training.aware_data import collect, folder_of, marks_of
from vcmpipe.training.detector_aware import AwareOptions, cross_validate, train
from vcmpipe.training.loss_curves import (
    CurveOptions,
    cross_validate_curves,
    deciles,
    fit_curves,
    mean_curves,
    squared_error,
)
from vcmpipe.training.loss_data import LossData, collect_losses, judge_of
from vcmpipe.training.objects import named_in
from vcmpipe.training.panel import SHARES, collect_panel
from vcmpipe.training.report import TrainReport

if TYPE_CHECKING:
    from vcmpipe.datasets.samples import Samples
    from vcmpipe.thresholds.loss_curves import LossCurves

WEIGHTS = "weights.safetensors"
# The options that count; any other would be passed over.
_TAKEN = (
    *("model", "data", "out", "images", "rule", "exclude", "limit", "seed", "json", "detector", "sigma", "losses"),
)
# Pictures that cross-validation needs: a fold must not be empty.
_FOLDS = 5


def train_aware(
    options: TrainOptions,
    *,
    progress: Progress,
    warn: Warn,
    say: Warn,
) -> TrainReport:
    """Train on every object that is not excluded, and report how cross-validation judges it.

    All objects are learned from, whatever their split: the figures come from cross-validation by pictures.

    Raises:
        InputError: ``--data`` is no store or label table, the detector is not its own, or there are too few pictures.
    """
    began = time.monotonic()
    _check(options)
    samples = _samples(options)
    detector = load_detector(options.detector, jobs=1)
    table = LossTable.load(options.losses) if options.losses else None
    every = sorted({str(name) for name in samples.table["picture"]})
    if options.exclude:
        out = named_in(every, Path(options.exclude))
        every = [name for name, left in zip(every, out, strict=True) if not left]
    names = set(every)
    if options.limit is not None:
        names = _first(samples, every, options.limit)
    done = count(1)
    rule = options.rule or DEFAULT_RULE
    images = folder_of(samples, Path(options.images) if options.images else None)

    def describe(name: str) -> None:
        progress(min(next(done), len(names)), len(names))

    data = collect(
        samples, detector, rule=rule, names=names, images=images, digests=_digests(options), progress=describe
    )
    pictures = len(np.unique(data.picture))
    if pictures < 2 * _FOLDS:
        raise InputError(
            f"{options.data}: {pictures} pictures with objects are too few; build it of {2 * _FOLDS} or more"
        )
    how = AwareOptions(rule=rule, seed=options.seed)
    if options.sigma is not None:
        how = dataclasses.replace(how, sigma=options.sigma)
    answers = cross_validate(data, how, folds=_FOLDS)
    recognisable = np.ones(len(data), dtype=np.bool_)
    medians = np.stack([Thresholds(mass, recognisable).quantile(0.5) for mass in answers.used])
    error, base = (float(np.abs(values - data.label).mean()) for values in (medians, answers.constant))
    metrics = {"E_A": round(error, 3), "constant_E_A": round(base, 3), "ratio": round(error / base, 3)}
    card: dict[str, Any] = {}
    say(f"cross-validated: E_A {error:.3f}, {error / base:.3f} of the constant's {base:.3f}")
    seen, losses, panel = {str(name) for name in data.picture}, None, {}
    if table is not None:
        judge, kept = judge_of(table, detector), _kept(table, options)
        judged = collect_losses(table, judge, detector, images, pictures=kept, progress=describe)
        losses, figures, shares = _curves(judged, options.seed)
        metrics |= figures
        card = {"loss_deciles": shares, "detections": len(judged)}
        say(
            f"losses, cross-validated: squared error of a share {figures['loss_error']:.4f}, of mean curves "
            f"{figures['mean_curve_error']:.4f}"
        )
        seen |= {str(name) for name in judged.picture}
        if len(table.judges) > 1:
            machines = collect_panel(table, judge, detector, images, pictures=kept)
            panel = {share: machines.at(share) for share in SHARES}
            card["panel"] = list(machines.machines)
    weights = Path(options.out) / WEIGHTS
    marks, card = marks_of(images, seen), card | {"cross_validated": metrics}
    train(samples, data, detector, how, losses=losses, panel=panel, learned_from=marks, card=card).save(weights)
    return TrainReport(
        model="detector_aware",
        weights=str(weights),
        epochs=1,
        best_epoch=1,
        objects={"train": len(data)},
        metrics=metrics,
        baseline=round(base, 3),
        seconds=round(time.monotonic() - began, 1),
    )


def _check(options: TrainOptions) -> None:
    """Refuse what would be passed over in silence, and a folder whose weights are another model's."""
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if field.name in _TAKEN or value == field.default or (field.name, value) == ("device", "cpu"):
            continue
        raise InputError(
            f"detector_aware has no {flag_of(field.name)}: it is not a network, and is trained on the CPU in "
            "seconds; leave it out"
        )
    out = Path(options.out)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: name a folder")
    if (out / "run.json").exists() or ((out / WEIGHTS).exists() and not is_aware(out / WEIGHTS)):
        raise InputError(f"--out {out} holds a run of another model: name another folder")


def _samples(options: TrainOptions) -> Samples:
    """The labelled objects: of a built store, or of a label table with strings."""
    try:
        return load_samples(options.data)
    except InputError as reason:
        raise InputError(f"detector_aware learns from a built store or a label table: {reason}") from reason


def _digests(options: TrainOptions) -> dict[str, str]:
    """SHA-256 of a store's pictures: a label table does not know them."""
    if not is_store(Path(options.data)):
        return {}
    return Store.open(options.data).digests()


def _kept(table: LossTable, options: TrainOptions) -> set[str]:
    """The pictures of a loss table that are not excluded."""
    every = sorted({str(name) for name in table.table["picture"].unique()})
    # It may lack them from the start.
    out = named_in(every, Path(options.exclude), some=False) if options.exclude else np.zeros(len(every), np.bool_)
    return {name for name, left in zip(every, out, strict=True) if not left}


def _curves(data: LossData, seed: int) -> tuple[LossCurves, dict[str, float], list[list[float]]]:
    """Loss curves of all detections, how cross-validation judges them, and shares expected and found by decile."""
    how = CurveOptions(seed=seed)
    expected = cross_validate_curves(data, how, folds=_FOLDS)
    figures = {
        "loss_error": round(squared_error(expected, data), 5),
        "mean_curve_error": round(squared_error(mean_curves(data), data), 5),
    }
    return fit_curves(data, how), figures, [[round(x, 4), round(y, 4)] for x, y in deciles(expected, data)]


def _first(samples: Samples, names: list[str], limit: int) -> set[str]:
    """As many whole pictures as it takes to have so many objects."""
    counts = samples.table.groupby("picture").size()
    taken: set[str] = set()
    objects = 0
    for name in names:
        if objects >= limit:
            break
        taken.add(name)
        objects += int(counts[name])
    return taken
