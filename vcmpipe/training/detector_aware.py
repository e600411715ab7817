"""Training and cross-validation of ``detector_aware``.

Where a threshold lies is learned in closed form, by ridge regression on a target that is less noisy than the label;
how far thresholds stray is learned with the GDSL loss, from objects that the location was not learned from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.measurement.labels import DEFAULT_RULE
from vcmpipe.sidecar import provenance
from vcmpipe.thresholds import features
from vcmpipe.thresholds.aware_model import Regression, split_normal, standardised
from vcmpipe.thresholds.base import QP_COUNT
from vcmpipe.thresholds.detector_aware import AwareWeights
from vcmpipe.thresholds.looks import PROBE_FROM
from vcmpipe.training.aware_data import AwareData

if TYPE_CHECKING:
    from vcmpipe.datasets.samples import Samples
    from vcmpipe.detection import Detector
    from vcmpipe.thresholds.loss_curves import LossCurves

_QPS = np.arange(QP_COUNT)


@dataclass(frozen=True)
class AwareOptions:
    """How to train.

    Attributes:
        rule: The label rule.
        ridge: Held against steep slopes; larger is flatter.
        class_weight: How far classes may differ; 0: not at all. Rare classes are drawn to the others.
        count_share: How much of the target is the number of QPs at which an object was found, the rest its label: the
            count hangs on no single QP.
        sigma: Of the soft labels of the GDSL loss, in QPs.
        seed: Of the folds.
    """

    rule: str = DEFAULT_RULE
    ridge: float = 3.0
    class_weight: float = 0.6
    count_share: float = 0.5
    sigma: float = 1.0
    seed: int = 0


def fold_of(picture: NDArray[np.str_], folds: int, seed: int) -> NDArray[np.int64]:
    """(N,) folds 0..folds-1; objects of a picture share one, and folds hold equally many pictures within one.

    Raises:
        InputError: There are fewer pictures than folds.
    """
    pictures, inverse = np.unique(picture, return_inverse=True)
    if len(pictures) < folds:
        raise InputError(f"{folds} folds need at least {folds} pictures with objects, not {len(pictures)}")
    turn: NDArray[np.int64] = (np.random.default_rng(seed).permutation(len(pictures)) % folds).astype(np.int64)
    return turn[inverse]


def fit(rows: NDArray[np.float64], data: AwareData, options: AwareOptions) -> Regression:
    """Learn location and spread of N objects from (N, F) features."""
    model = _locate(rows, data, options)
    folds = min(5, len(np.unique(data.picture)))
    if folds < 2:
        return model
    turn = fold_of(data.picture, folds, options.seed)
    unseen = np.empty(len(data))
    for k in range(folds):
        other = turn != k
        part = _locate(rows[other], data[other], options)
        unseen[~other] = part.location(rows[~other], data.class_id[~other])
    shift, spread = _spread(unseen, data.label, options.sigma)
    return replace(model, offset=model.offset + shift, spread=spread)


def gdsl_targets(label: NDArray[Any], sigma: float) -> NDArray[np.float64]:
    """(N, 64) Gaussian soft labels around (N,) labels, rows summing to 1 (DT-JRD, arXiv 2411.09308)."""
    bell = np.exp(-0.5 * ((_QPS[None, :] - np.asarray(label, dtype=np.float64)[:, None]) / sigma) ** 2)
    target: NDArray[np.float64] = bell / bell.sum(axis=1, keepdims=True)
    return target


def train(
    samples: Samples,
    data: AwareData,
    detector: Detector,
    options: AwareOptions,
    *,
    losses: LossCurves | None = None,
    panel: Mapping[float, AwareData] | None = None,
    learned_from: Sequence[str] = (),
    card: dict[str, Any] | None = None,
) -> AwareWeights:
    """Train on objects that ``collect`` took from samples with their detector.

    Args:
        samples: Where the objects come from: for the card.
        data: The objects.
        detector: Their detector.
        options: How to train.
        losses: Loss curves of the same detector.
        panel: By share of a panel the objects with the thresholds that satisfy it.
        learned_from: Marks of all pictures that were learned from: who judges it should know what it has seen.
        card: What else goes into the card.
    """
    plain = fit(data.features, data, options)
    looked = fit(np.hstack([data.features, data.looked]), data, options) if data.looked.shape[1] else None
    source = samples.source
    known = {
        "detector": detector.name,
        "detector_digest": detector.digest,
        # What another detector calls the same is taken to bear as much more, or less, than its other objects.
        "class_names": {str(number): name for number, name in detector.classes.items()},
        "objects": len(data),
        "pictures": len(np.unique(data.picture)),
        **asdict(options),
        "encoder": source.get("encoder_build"),
        "preset": source.get("preset"),
        "versions": provenance.versions(),
        "learned_from": list(learned_from),
    }
    shares = {
        share: fit(np.hstack([own.features, own.looked]), own, options) for share, own in sorted((panel or {}).items())
    }
    canvas = features.Canvas.of(detector.input_size)
    return AwareWeights(plain, looked, canvas, known | (card or {}), losses=losses, panel=shares)


@dataclass(frozen=True, eq=False)
class Validation:
    """Cross-validated answers, R times over, for N objects.

    Attributes:
        plain: (R, N, 64) masses from features alone.
        looked: (R, N, 64) masses with the looks besides, for every object; as ``plain`` where there are none.
        used: (R, N, 64) masses as the predictor gives them: with the looks from ``looks.PROBE_FROM`` objects on.
        constant: (R, N) the median label of the training folds.
    """

    plain: NDArray[np.float64]
    looked: NDArray[np.float64]
    used: NDArray[np.float64]
    constant: NDArray[np.float64]


def cross_validate(data: AwareData, options: AwareOptions, *, folds: int = 5, repeats: int = 4) -> Validation:
    """Predict every object by models that saw no object of its picture.

    Pictures are dealt into so many ``folds``, and anew ``repeats`` times.
    """
    count = len(data)
    plain, looked = np.zeros((repeats, count, QP_COUNT)), np.zeros((repeats, count, QP_COUNT))
    constant = np.zeros((repeats, count))
    both = np.hstack([data.features, data.looked])
    for r in range(repeats):
        turn = fold_of(data.picture, folds, options.seed + r)
        for k in range(folds):
            seen, held = turn != k, turn == k
            constant[r, held] = np.median(data.label[seen])
            for rows, answers in ((data.features, plain), (both, looked)):
                model = fit(rows[seen], data[seen], options)
                answers[r, held] = model.mass(rows[held], data.class_id[held])
    _, inverse, sizes = np.unique(data.picture, return_inverse=True, return_counts=True)
    crowded = (sizes[inverse] >= PROBE_FROM)[None, :, None]
    return Validation(plain, looked, np.where(crowded, looked, plain), constant)


def _locate(rows: NDArray[np.float64], data: AwareData, options: AwareOptions) -> Regression:
    """Ridge regression of the target on standardised features and classes."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    deviation = np.where(deviation > 1e-9, deviation, 1.0)
    z = standardised(rows, mean, deviation)
    classes = np.unique(data.class_id)
    weight = options.class_weight * np.sqrt(rows.shape[1])
    design = np.hstack([z, weight * (data.class_id[:, None] == classes[None, :])])
    centre = design.mean(axis=0)
    design = design - centre
    target = (1.0 - options.count_share) * data.label + options.count_share * (data.found.sum(axis=1) - 1.0)
    held = options.ridge * rows.shape[1] * np.eye(design.shape[1])
    slope = np.linalg.solve(design.T @ design + held, design.T @ (target - target.mean()))
    # What is predicted is the label's median: the target lies a little lower.
    offset = target.mean() - centre @ slope + np.median(data.label - target)
    features, kinds = slope[: rows.shape[1]], weight * slope[rows.shape[1] :]
    spread = np.log([6.0, 1.0, 5.0, 1.0])
    return Regression(mean, deviation, features, np.array([offset]), classes, kinds, spread)


def _spread(unseen: NDArray[np.float64], label: NDArray[np.int64], sigma: float) -> tuple[float, NDArray[np.float64]]:
    """The shift and the spread with the least GDSL loss, from locations (N,) that did not know the labels (N,)."""
    from scipy.optimize import minimize

    target = gdsl_targets(label, sigma)

    def loss(values: NDArray[np.float64]) -> float:
        mass = split_normal(unseen + values[0], values[1:])
        # A weak pull to equal and constant spreads keeps few objects from deciding alone.
        pull = values[2] ** 2 + values[4] ** 2 + 0.1 * values[0] ** 2
        return float(-(target * np.log(mass)).sum(axis=1).mean() + pull / len(label))

    start = np.array([0.0, np.log(6.0), 0.0, np.log(5.0), 0.0])
    best = minimize(loss, start, method="L-BFGS-B").x
    return float(best[0]), np.asarray(best[1:])
