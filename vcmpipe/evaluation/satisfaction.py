"""Satisfied-user ratios from the answers of subjects: pure functions of numbers.

A subject's answer is the value at which he sees the difference; he is satisfied before it, on its finer side. The
satisfied-user ratio (SUR) of a value is the share of subjects who are; the JND at a ratio is the value that still
satisfies that share. At 0.75 it is the label of VideoSet, the 25th percentile of the answers (Wang et al.,
arXiv 1701.01500, section 4). Intervals are from a bootstrap over subjects.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import RESAMPLES, Interval, draw, percentiles
from vcmpipe.evaluation.curves import Floats

RATIO = 0.75
# The scales on which a higher value is finer.
_FINER_ABOVE = ("jpeg-qf",)


def jnd_at(answers: ArrayLike, ratio: float, scale: str) -> float:
    """The value that satisfies a share of the subjects: between two answers, in proportion.

    Args:
        answers: (S,) of S subjects.
        ratio: The share, above 0 and below 1.
        scale: ``h264-qp``, ``vvc-qp`` (a lower QP is finer) or ``jpeg-qf`` (a higher factor is).

    Raises:
        InputError: There are no answers, one is no number, or the ratio is outside.
    """
    return float(_quantile(_checked(answers)[None], ratio, scale)[0])


def jnd_interval(
    groups: Sequence[ArrayLike], ratio: float, scale: str, rounds: int = RESAMPLES, seed: int = 0
) -> tuple[Interval, float]:
    """The mean JND at a ratio over pictures or clips, with its interval, and how sure that of one of them is.

    The pictures are taken as they are; each one's subjects are drawn again, with replacement.

    Args:
        groups: Per picture the answers of its subjects.
        ratio: The share of satisfied subjects.
        scale: As for ``jnd_at``.
        rounds: Draws.
        seed: Of the draws.

    Returns:
        The mean with its 95 % interval, and the mean half width of the 95 % interval of a single picture.

    Raises:
        InputError: There are no groups, or as for ``jnd_at``.
    """
    generator = np.random.default_rng(seed)
    values, drawn = [], []
    for given in _groups(groups):
        values.append(float(_quantile(given[None], ratio, scale)[0]))
        drawn.append(_quantile(given[generator.integers(len(given), size=(rounds, len(given)))], ratio, scale))
    table = np.stack(drawn)  # (pictures, rounds)
    low, high = percentiles(table.mean(axis=0))
    ends = percentiles(table, axis=1)
    return Interval(float(np.mean(values)), float(low), float(high)), float((ends[1] - ends[0]).mean() / 2)


def mean_curve(
    groups: Sequence[ArrayLike], values: ArrayLike, scale: str, rounds: int = RESAMPLES, seed: int = 0
) -> list[Interval]:
    """The satisfied-user ratio at each value, meant over pictures, with intervals over their subjects.

    Args:
        groups: Per picture the answers of its subjects.
        values: (V,) on the scale.
        scale: As for ``jnd_at``.
        rounds: Draws.
        seed: Of the draws.

    Raises:
        InputError: There are no groups, or as for ``jnd_at``.
    """
    at = np.asarray(values, dtype=np.float64).reshape(-1)
    generator = np.random.default_rng(seed)
    total, drawn = np.zeros(len(at)), np.zeros((rounds, len(at)))
    for given in _groups(groups):
        still = _still(given, at, scale)
        total += still.mean(axis=0)
        # A draw is one set of subjects, for all values.
        drawn += draw(len(given), rounds, generator)[1:] / len(given) @ still
    low, high = percentiles(drawn / len(groups))
    return [
        Interval(float(value), float(a), float(b)) for value, a, b in zip(total / len(groups), low, high, strict=True)
    ]


def _still(answers: Floats, values: Floats, scale: str) -> Floats:
    """(S, V), 1 where a subject is satisfied at a value, else 0."""
    still = answers[:, None] < values if scale in _FINER_ABOVE else answers[:, None] > values
    return np.asarray(still, dtype=np.float64)


def _quantile(rows: Floats, ratio: float, scale: str) -> Floats:
    if not 0.0 < ratio < 1.0:
        raise InputError(f"a satisfied-user ratio of {ratio:g}: give more than 0 and less than 1")
    share = ratio if scale in _FINER_ABOVE else 1.0 - ratio
    return np.asarray(np.quantile(rows, share, axis=1))


def _groups(groups: Sequence[ArrayLike]) -> list[Floats]:
    if not groups:
        raise InputError("a satisfied-user ratio needs pictures with answers, and there are none")
    return [_checked(answers) for answers in groups]


def _checked(answers: ArrayLike) -> Floats:
    given = np.asarray(answers, dtype=np.float64).reshape(-1)
    if not given.size:
        raise InputError("a satisfied-user ratio needs the answers of subjects, and there are none")
    if not np.isfinite(given).all():
        raise InputError("the answer of a subject is not a number")
    return given
