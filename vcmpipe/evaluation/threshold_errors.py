"""How far predicted thresholds are off, with intervals, next to a constant: pure functions of numbers.

An error is predicted minus true, in QP steps: positive loses the object, negative costs bits. Intervals are from a
bootstrap over pictures, because objects of one picture are no independent draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import Bootstrap, Interval
from vcmpipe.evaluation.curves import Floats

# The labels that E[27,51] looks at, both included (DT-JRD).
MIDDLE = (27, 51)
# Areas in pixels that small and medium objects stay below (COCO).
SMALL, MEDIUM = 32**2, 96**2


@dataclass(frozen=True)
class ErrorSummary:
    """The errors over a group of objects.

    Attributes:
        error: E_A, the mean of the absolute error in QP steps.
        bias: The mean of the signed error; ``spread``, sigma_e, its standard deviation.
        baseline: E_A of the constant on the same objects; ``ratio``, E_A to it, both on the same draws.
    """

    objects: int
    error: Interval
    bias: Interval
    spread: Interval
    baseline: Interval
    ratio: Interval


@dataclass(frozen=True)
class Calibration:
    """A risk, and what is lost at it.

    Attributes:
        risk: The share of objects that may be lost.
        lost: The share whose label is below the QP decided at that risk.
        mean_qp: Mean of the QPs decided.
        constant: The one QP that keeps the promise on the training labels.
        constant_lost: The share that it loses here.
    """

    risk: float
    lost: Interval
    mean_qp: float | None
    constant: int
    constant_lost: Interval


def summarise(
    predicted: ArrayLike, labels: ArrayLike, constant: float, bootstrap: Bootstrap, of: ArrayLike | None = None
) -> ErrorSummary:
    """The errors of predictions, and of a constant, over all objects or some.

    Args:
        predicted: (N,) thresholds, whole or not.
        labels: (N,) true thresholds.
        constant: The baseline's threshold for every object.
        bootstrap: Of the same N objects.
        of: (N,) bool; the objects that count; None: all.

    Raises:
        InputError: The shapes do not go together.
    """
    signed = _errors(predicted, labels)
    flat = constant - np.asarray(labels, dtype=np.float64)
    part = np.ones(len(signed)) if of is None else np.asarray(of, dtype=np.float64)
    if part.shape != signed.shape:
        raise InputError(f"a group of {part.size} objects does not go with {signed.size} errors")

    def spread(squares: Floats, total: Floats, count: Floats) -> Floats:
        return np.sqrt(np.maximum(squares / count - (total / count) ** 2, 0.0))

    return ErrorSummary(
        objects=int(part.sum()),
        error=bootstrap.interval([np.abs(signed) * part, part], np.divide),
        bias=bootstrap.interval([signed * part, part], np.divide),
        spread=bootstrap.interval([signed**2 * part, signed * part, part], spread),
        baseline=bootstrap.interval([np.abs(flat) * part, part], np.divide),
        ratio=bootstrap.interval([np.abs(signed) * part, np.abs(flat) * part], np.divide),
    )


def mean_error(first: ArrayLike, second: ArrayLike, bootstrap: Bootstrap, of: ArrayLike | None = None) -> Interval:
    """The mean distance between two figures of the same things, with its interval.

    Args:
        first: (N,) numbers.
        second: (N,) numbers.
        bootstrap: Of the same N things.
        of: (N,) bool; those that count; None: all.

    Raises:
        InputError: The shapes do not go together.
    """
    distance = np.abs(_errors(first, second))
    part = np.ones(len(distance)) if of is None else np.asarray(of, dtype=np.float64)
    return bootstrap.interval([np.where(part > 0, distance, 0.0), part], np.divide)


def calibrate(
    decided: ArrayLike, labels: ArrayLike, risk: float, training_labels: ArrayLike, bootstrap: Bootstrap
) -> Calibration:
    """Whether decisions at a risk lose that share of the objects.

    Args:
        decided: (N,) QPs decided at that risk.
        labels: (N,) true thresholds.
        risk: The share of objects that may be lost.
        training_labels: Labels that the constant is read off.
        bootstrap: Of the same N objects.
    """
    lost = _errors(decided, labels) > 0
    constant = safe_constant(training_labels, risk)
    constant_lost = constant > np.asarray(labels, dtype=np.float64)
    ones = np.ones(len(lost))
    decided = np.asarray(decided, dtype=np.float64)
    return Calibration(
        risk,
        bootstrap.interval([lost, ones], np.divide),
        float(decided.mean()) if decided.size else None,
        constant,
        bootstrap.interval([constant_lost, ones], np.divide),
    )


def safe_constant(labels: ArrayLike, risk: float) -> int:
    """The largest QP that at most a share ``risk`` of the labels lies below."""
    values = np.sort(np.asarray(labels, dtype=np.float64))
    if not values.size:
        return 0
    return int(values[min(int(np.floor(risk * values.size + 1e-9)), values.size - 1)])


def median_constant(labels: ArrayLike) -> int:
    """The constant with the least mean absolute error on these labels; the lower one of two."""
    values = np.sort(np.asarray(labels, dtype=np.float64))
    if not values.size:
        raise InputError("the constant baseline is the median of labels, and there are none")
    return int(values[(values.size - 1) // 2])


def in_the_middle(labels: ArrayLike) -> NDArray[np.bool_]:
    """(N,) bool; the objects that E[27,51] looks at."""
    values = np.asarray(labels, dtype=np.float64)
    return (values >= MIDDLE[0]) & (values <= MIDDLE[1])


def sizes(areas: ArrayLike) -> dict[str, NDArray[np.bool_]]:
    """Objects by the area of their boxes in pixels: small, medium, large, and unknown where there are such."""
    values = np.asarray(areas, dtype=np.float64)
    groups = {
        "small": values < SMALL,
        "medium": (values >= SMALL) & (values < MEDIUM),
        "large": values >= MEDIUM,
        "unknown": np.isnan(values),
    }
    return {name: group for name, group in groups.items() if name != "unknown" or group.any()}


def _errors(predicted: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    first, second = np.asarray(predicted, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise InputError(f"predictions of the shape {first.shape} do not go with labels of {second.shape}")
    return first - second
