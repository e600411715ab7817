"""``vcmpipe train detector_aware``: seconds of linear algebra instead of hours of descent."""

from __future__ import annotations

import dataclasses
import time
from itertools import count
from pathlib import Path

import numpy as np

from vcmpipe.config import TrainOptions, flag_of
from vcmpipe.datasets.store import Store
from vcmpipe.detection import load_detector
from vcmpipe.errors import InputError
from vcmpipe.measurement.labels import DEFAULT_RULE
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.detector_aware import is_aware
from vcmpipe.training.aware_data import collect
from vcmpipe.training.detector_aware import AwareOptions, cross_validate, train
from vcmpipe.training.objects import named_in
from vcmpipe.training.report import TrainReport

WEIGHTS = "weights.safetensors"
# The options that count; any other would be passed over.
_TAKEN = ("model", "data", "out", "images", "rule", "exclude", "limit", "seed", "json", "detector", "sigma")
# Pictures that cross-validation needs: a fold must not be empty.
_FOLDS = 5


def train_aware(
    options: TrainOptions,
    *,
    progress: Progress,
    warn: Warn,
    say: Warn,
) -> TrainReport:
    """Train on every object of a store that is not excluded, and report how cross-validation judges it.

    All objects are learned from, whatever their split: the figures come from cross-validation by pictures.

    Raises:
        InputError: ``--data`` is no store, the detector is not the store's, or there are too few pictures.
    """
    began = time.monotonic()
    _check(options)
    try:
        store = Store.open(options.data)
    except InputError as reason:
        raise InputError(f"detector_aware learns from a built store: {reason}") from reason
    detector = load_detector(options.detector, jobs=1)
    names = set(store.names())
    if options.exclude:
        every = sorted(names)
        names -= {name for name, out in zip(every, named_in(every, Path(options.exclude)), strict=True) if out}
    if options.limit is not None:
        names = _first(store, sorted(names), options.limit)
    done = count(1)
    rule = options.rule or DEFAULT_RULE
    images = Path(options.images) if options.images else None
    data = collect(
        store,
        detector,
        rule=rule,
        names=names,
        images=images,
        progress=lambda name: progress(next(done), len(names)),
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
    say(f"cross-validated: E_A {error:.3f}, {error / base:.3f} of the constant's {base:.3f}")
    weights = Path(options.out) / WEIGHTS
    train(store, data, detector, how, card={"cross_validated": metrics}).save(weights)
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
            f"detector_aware has no {flag_of(field.name)}: it is no network, and is trained on the CPU in "
            "seconds; leave it out"
        )
    out = Path(options.out)
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file: name a folder")
    if (out / "run.json").exists() or ((out / WEIGHTS).exists() and not is_aware(out / WEIGHTS)):
        raise InputError(f"--out {out} holds a run of another model: name another folder")


def _first(store: Store, names: list[str], limit: int) -> set[str]:
    """As many whole pictures as it takes to have so many objects."""
    taken: set[str] = set()
    objects = 0
    for name in names:
        if objects >= limit:
            break
        taken.add(name)
        objects += len(store.record(name).xyxy)
    return taken
