"""From what one detector bears to what another one does: thresholds moved, stretched and spread.

The new threshold of an object is ``scale * location + offset + spread * (threshold - location)``, location being the
median of its distribution: where thresholds lie and how far they stray are moved apart from each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT

# The mass of QP k lies evenly over k - 0.5 .. k + 0.5.
_EDGES = np.arange(QP_COUNT + 1) - 0.5


@dataclass(frozen=True)
class Transfer:
    """A map from the thresholds of one detector (the base) to those of another.

    Attributes:
        scale: QPs for each QP of the base's location; 0 where the base says nothing, and all objects are alike.
        offset: QPs on top.
        spread: How far thresholds stray about their location, as a multiple of the base's; above 0.

    Raises:
        InputError: One of them is not finite, the scale is below 0, or the spread is not above 0.
    """

    scale: float = 1.0
    offset: float = 0.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.scale, self.offset, self.spread))) or self.scale < 0 or self.spread <= 0:
            raise InputError(
                "a transfer needs a scale of 0 or more, an offset, and a spread above 0, all of them finite, not "
                f"{self.scale}, {self.offset}, {self.spread}"
            )

    def location(self, location: ArrayLike) -> NDArray[np.float64]:
        """Where thresholds lie that lie at a location for the base; may be outside 0..63."""
        return np.asarray(self.scale * np.asarray(location, np.float64) + self.offset)

    def qps(self, q: ArrayLike, location: ArrayLike | None = None) -> NDArray[np.float64]:
        """Where QPs of the calibrated detector lie for the base; they broadcast with the locations.

        Args:
            q: QPs.
            location: The base's locations of the objects that are asked about; exact for each of them. None: what holds
                for an object that lies at the QP itself.

        Raises:
            InputError: The scale is 0 and no locations are given.
        """
        q = np.asarray(q, np.float64)
        if location is None:
            if self.scale == 0:
                raise InputError("a transfer to a constant has no QPs of the base: give the objects' locations")
            return np.asarray((q - self.offset) / self.scale)
        location = np.asarray(location, np.float64)
        return np.asarray(location + (q - self.location(location)) / self.spread)

    def mass(self, mass: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, 64) probabilities of thresholds, rows summing to 1, from those of the base.

        What would lie outside 0..63 is counted at the ends.
        """
        mass = np.asarray(mass, np.float64)
        if not len(mass) or self == Transfer():
            return mass.copy()
        below = _below(mass)
        at = self.qps(_EDGES[None, 1:-1], median(mass)[:, None])
        inner = np.stack([np.interp(row, _EDGES, own) for row, own in zip(at, below, strict=True)])
        whole = np.hstack([np.zeros((len(mass), 1)), inner, np.ones((len(mass), 1))])
        return np.asarray(np.diff(whole, axis=1))


def median(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) medians of (N, 64) masses, read off between whole QPs; of a mass at one QP it is that QP."""
    below = _below(np.asarray(mass, np.float64))
    upper = (below >= 0.5).argmax(axis=1)  # the first edge with half of the mass below it; never the lowest
    rows = np.arange(len(below))
    low, high = below[rows, upper - 1], below[rows, upper]
    return np.asarray(_EDGES[upper - 1] + (0.5 - low) / np.where(high > low, high - low, 1.0))


def _below(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 65) the mass below each edge, from 0 to exactly 1."""
    total = np.cumsum(mass, axis=1)
    return np.hstack([np.zeros((len(mass), 1)), total / total[:, -1:]])
