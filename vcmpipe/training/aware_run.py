"""``vcmpipe train detector_aware``: seconds of linear algebra instead of hours of descent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vcmpipe.config import TrainOptions
from vcmpipe.datasets.store import Store
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.errors import InputError
from vcmpipe.measurement.labels import DEFAULT_RULE
from vcmpipe.thresholds import Thresholds
from vcmpipe.training.aware_data import collect
from vcmpipe.training.detector_aware import AwareOptions, cross_validate, train
from vcmpipe.training.objects import named_in
from vcmpipe.training.report import TrainReport

# Pictures that cross-validation needs: a fold must not be empty.
_FOLDS = 5


def train_aware(
    options: TrainOptions,
    *,
    progress: Callable[[int, int | None], None],
    warn: Callable[[str], None],
    say: Callable[[str], None],
) -> TrainReport:
    """Train on every object of a store that is not excluded, and say how cross-validation judges it.

    All objects are learned from, whatever their split: the figures come from cross-validation by pictures.

    Raises:
        InputError: ``--data`` is no store, the detector is not the store's, or there are too few pictures.
    """
    began = time.monotonic()
    try:
        store = Store.open(options.data)
    except InputError as reason:
        raise InputError(f"detector_aware learns from a built store: {reason}") from reason
    detector = load_detector(resolve_detector_spec(options.detector), jobs=1)
    names = set(store.names())
    if options.exclude:
        every = sorted(names)
        names -= {name for name, out in zip(every, named_in(every, Path(options.exclude)), strict=True) if out}
    done = 0

    def described(name: str) -> None:
        nonlocal done
        done += 1
        progress(done, len(names))

    rule = options.rule or DEFAULT_RULE
    images = Path(options.images) if options.images else None
    data = collect(store, detector, rule=rule, names=names, images=images, progress=described)
    pictures = len(np.unique(data.picture))
    if pictures < 2 * _FOLDS:
        raise InputError(
            f"{options.data}: {pictures} pictures with objects are too few; build it of {2 * _FOLDS} or more"
        )
    how = AwareOptions(rule=rule)
    answers = cross_validate(data, how, folds=_FOLDS)
    recognisable = np.ones(len(data), dtype=np.bool_)
    medians = np.stack([Thresholds(mass, recognisable).quantile(0.5) for mass in answers.used])
    error, base = (float(np.abs(values - data.label).mean()) for values in (medians, answers.constant))
    metrics = {"E_A": round(error, 3), "constant_E_A": round(base, 3), "ratio": round(error / base, 3)}
    say(f"cross-validated: E_A {error:.3f}, {error / base:.3f} of the constant's {base:.3f}")
    weights = Path(options.out) / "weights.safetensors"
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
