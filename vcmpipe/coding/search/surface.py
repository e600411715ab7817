"""What a version of a segment is expected to lose: a surface over coded size and QP, learnt from the versions tried.

The loss of a version, as a share of what there is to lose, is taken for ``exp(z) - FLOOR``. Before any trial z is what
scaling alone loses, which can be looked at without coding, and a rise with the *harm*

    h = (QP - 32) / 6 - zoom o

with o = log2 of the coded size over that of the detector's input: a smaller picture bears a lower QP only. How much
more, or less, this segment bears than others is a Gaussian process over size and QP, with a part that all versions
share, a part that changes slowly, and the luck of every encode. ``benchmarks/loss_surface.py`` fits the constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Shares of loss below this one are not told apart.
FLOOR = 0.03


@dataclass(frozen=True)
class SurfaceModel:
    """Constants of the surface.

    Attributes:
        rise: How steeply the loss rises with the harm.
        middle: The harm at which half is lost.
        zoom: Harm per octave of the size less.
        shared: Variance of z that all versions of a segment have in common.
        slow: Variance that changes slowly with size and QP.
        luck: Variance that every encode adds.
        qp_length: Over so many QPs the slow part changes.
        size_length: Likewise in octaves.
    """

    rise: float = 0.873
    middle: float = 1.85
    zoom: float = 0.712
    shared: float = 0.0915
    slow: float = 0.142
    luck: float = 0.0665
    qp_length: float = 7.4
    size_length: float = 0.758

    def expected(self, versions: Floats, uncoded: Floats) -> Floats:
        """(M,) z before any trial, of (M, 2) versions with an uncoded loss each."""
        harm = (versions[:, 1] - 32.0) / 6.0 - self.zoom * versions[:, 0]
        lost = 1.0 / (1.0 + np.exp(-self.rise * (harm - self.middle)))
        return np.asarray(np.log(FLOOR + uncoded + np.maximum(1.0 - uncoded, 0.0) * lost))

    def covariance(self, one: Floats, other: Floats) -> Floats:
        """(M, T) covariance of z, luck left out, between (M, 2) and (T, 2) versions."""
        lengths = np.array([self.size_length, self.qp_length])
        distance = (one[:, None, :] - other[None, :, :]) / lengths
        return np.asarray(self.shared + self.slow * np.exp(-0.5 * (distance**2).sum(axis=2)))


SURFACE = SurfaceModel()


class Surface:
    """The loss of one segment's versions.

    A version is described by the octaves of its size over that of the detector's input, and its QP.
    """

    def __init__(self, model: SurfaceModel = SURFACE) -> None:
        self.model = model
        self._at = np.zeros((0, 2))
        self._surprise = np.zeros(0)

    def observe(self, version: tuple[float, float], uncoded: float, share: float) -> None:
        """Learn from a trial: a share of what there is to lose, 0 or more, where ``uncoded`` is lost by scaling."""
        at = np.array([version])
        expected = self.model.expected(at, np.array([uncoded]))
        self._at = np.concatenate([self._at, at])
        self._surprise = np.append(self._surprise, np.log(FLOOR + share) - expected[0])

    def expect(self, versions: Floats, uncoded: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of z, (M,) each, of (M, 2) versions with (M,) uncoded losses."""
        model = self.model
        mean = model.expected(versions, uncoded)
        variance = np.full(len(versions), model.shared + model.slow)
        if len(self._at):
            inner = model.covariance(self._at, self._at) + model.luck * np.eye(len(self._at))
            cross = model.covariance(versions, self._at)
            weights = np.linalg.solve(inner, cross.T).T
            mean = mean + weights @ self._surprise
            variance = variance - (weights * cross).sum(axis=1)
        return mean, np.sqrt(np.maximum(variance, 0.0) + model.luck)


def improvement(cost: Floats, weight: float, mean: Floats, deviation: Floats, best: float) -> Floats:
    """By how much versions are expected to fall below the best cost so far, 0 where they do not.

    Args:
        cost: (M,) what each takes in any case.
        weight: What a share of loss of 1 costs.
        mean: (M,) of z, as ``Surface.expect`` gives it.
        deviation: (M,) its standard deviation.
        best: The best ``cost + weight * share`` so far.

    Returns:
        (M,) expected improvements (Jones, Schonlau and Welch 1998, for a lognormal loss).
    """
    from scipy.special import ndtr

    room = (best - cost) / weight + FLOOR  # exp(z) has to stay below
    usable = room > 1e-9
    depth = (np.log(np.where(usable, room, 1.0)) - mean) / deviation
    gain = room * ndtr(depth) - np.exp(mean + deviation**2 / 2) * ndtr(depth - deviation)
    return np.asarray(np.where(usable, weight * np.maximum(gain, 0.0), 0.0))


def mean_share(mean: Floats, deviation: Floats) -> Floats:
    """Expected shares of loss, from mean and deviation of z."""
    return np.asarray(np.maximum(np.exp(mean + deviation**2 / 2) - FLOOR, 0.0))
