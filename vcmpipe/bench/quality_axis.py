"""The scale that a quality is drawn on, so that curves are told apart where they matter: near the top.

Shares that come near 1 stand on a log scale of what is lost: 0.98 and 0.99 are about as far apart as 0.90 and 0.95. AP
and the like end at what the detector reaches in the source: the lower half of their range is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.drawing.page import ticks_at

_TO_THE_TOP = frozenset({"ap", "ap50", "hota", "idf1", "mota"})
_OPEN = frozenset({"xpsnr", "vmaf"})
# The best value from which a share is near 1; and the least and most that is as good as no loss.
_NEAR, _LEAST, _MOST = 0.85, 0.001, 0.05
# The lower part of a range that is left out.
_LOWER = 0.5
# Ticks of shares, the most wanted first; and how close two may stand, in parts of the axis.
_TICKS = (1.0, 0.9, 0.5, 0.95, 0.99, 0.8, 0.0, 0.98, 0.7, 0.2, 0.6, 0.995, 0.4, 0.3, 0.1)
_APART = 0.065
# The least that a scale of losses spans, in powers of ten.
_SHORTEST = 0.1


@dataclass(frozen=True)
class QualityAxis:
    """How a quality is drawn.

    Attributes:
        lowest: Values below this are left out.
        least: Of a log scale of losses, what is added to each: where it is large the scale is nearly linear. None: it
            is linear.
        note: What has to be said of the scale, behind the quality's name.
    """

    lowest: float
    least: float | None
    note: str

    @classmethod
    def of(cls, quality: str, values: Sequence[float], objects: int) -> QualityAxis:
        """The axis for the values of a quality, at least one; losses below half an object are as good as none."""
        best = max(values)
        if quality in _TO_THE_TOP and best > 0:
            return cls(_LOWER * best, None, ", from half of the best")
        if quality in _TO_THE_TOP | _OPEN or best < _NEAR:
            return cls(min(values), None, "")
        finest = min(max(0.5 / max(objects, 1), _LEAST), _MOST)
        return cls(min(values), max(finest, 1.0 - best), ", log scale of what is lost")

    def apply(self, axes: Any, bottom: float, top: float) -> None:
        """Set scale, limits and ticks of the y axis, for values from bottom to top."""
        if self.least is None:
            room = 0.05 * max(top - bottom, 0.02)
            axes.set_ylim(bottom - room, top + room)
            return
        low, high = float(self._up(np.array(bottom))), float(self._up(np.array(min(top, 1.0))))
        if high - low < _SHORTEST:
            low -= _SHORTEST
        room = 0.04 * (high - low)
        axes.set_yscale("function", functions=(self._up, self._down))
        axes.set_ylim(float(self._down(np.array(low - room))), float(self._down(np.array(high + room))))
        shown: list[float] = []
        for tick in _TICKS:
            place = float(self._up(np.array(tick)))
            far = all(abs(place - float(self._up(np.array(other)))) > _APART * (high - low) for other in shown)
            if low - room <= place <= high + room and far:
                shown.append(tick)
        ticks_at(axes.yaxis, sorted(shown), lambda value: f"{value:g}")

    def _up(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.least is not None
        # Beyond 1 there is room for half a marker.
        return -np.log10(np.maximum(1.0 - np.asarray(value) + self.least, 1e-6))

    def _down(self, place: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.least is not None
        return 1.0 + self.least - 10.0 ** -np.asarray(place)
