"""The model inside ``detector_aware``: a linear regression for where a threshold lies, and a learned spread around it.

With a thousand objects to learn from nothing richer did better (see docs/studies/detector-aware.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT

_QPS = np.arange(QP_COUNT, dtype=np.float64)
CLIP = 3.0
"""Standard deviations beyond which a feature counts no more: nothing is extrapolated far."""
UNIFORM = 0.02
"""Mass that is spread evenly over all QPs: what the model has never seen is not impossible."""
MIDDLE, REACH = 45.0, 8.0
"""Where, and over how many QPs, the spread may change."""


@dataclass(frozen=True, eq=False)
class Regression:
    """Where thresholds lie, and how far they stray.

    Attributes:
        mean: (F,) of the features in training.
        deviation: (F,) likewise, above 0.
        slope: (F,) QPs per deviation of each feature.
        offset: (1,) the threshold of an average object.
        classes: (C,) class numbers that were seen in training.
        class_offset: (C,) QPs that objects of each of them lie above the others.
        spread: (4,) log of the deviation below the location and its slope, then above; per ``REACH`` QPs of location.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    classes: NDArray[np.int64]
    class_offset: NDArray[np.float64]
    spread: NDArray[np.float64]

    def location(self, features: NDArray[np.float64], class_id: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N,) where the mass of each of N objects lies, in QPs; may lie outside 0..63."""
        z = standardised(features, self.mean, self.deviation)
        # Row by row, so that an object's answer does not hang on how many others are requested with it.
        of_class = (class_id[:, None] == self.classes[None, :]) @ self.class_offset
        return np.asarray((z * self.slope).sum(axis=1) + of_class + self.offset[0])

    def mass(self, features: NDArray[np.float64], class_id: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N, 64) probabilities of each threshold, rows summing to 1."""
        return split_normal(self.location(features, class_id), self.spread)

    def tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays by name, as they are stored: float32 and int32."""
        kinds = {"classes": np.int32}
        return {
            f"{prefix}.{field.name}": np.ascontiguousarray(
                getattr(self, field.name), dtype=kinds.get(field.name, np.float32)
            )
            for field in fields(self)
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], prefix: str, count: int, source: str) -> Regression:
        """Read what ``tensors`` wrote, of ``count`` features.

        Raises:
            InputError: An array is missing, or of another shape, or not finite: the message names it, and ``source``.
        """
        values: dict[str, NDArray[Any]] = {}
        kinds = tensors[f"{prefix}.classes"].size if f"{prefix}.classes" in tensors else 0
        shapes = {"mean": (count,), "deviation": (count,), "slope": (count,), "offset": (1,)}
        shapes |= {"classes": (kinds,), "class_offset": (kinds,), "spread": (4,)}
        for name, shape in shapes.items():
            key = f"{prefix}.{name}"
            if key not in tensors:
                raise InputError(f"{source} holds no weights of detector_aware: {key} is missing")
            value = tensors[key]
            if value.shape != shape or not np.isfinite(value).all():
                raise InputError(f"{source}: {key} has the shape {value.shape} where {shape} is due, or is not finite")
            values[name] = value.astype(np.int64 if name == "classes" else np.float64)
        if (values["deviation"] <= 0).any():
            raise InputError(f"{source}: {prefix}.deviation must be above 0")
        return cls(**values)


def standardised(
    features: NDArray[np.float64], mean: NDArray[np.float64], deviation: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Features in standard deviations, clipped."""
    return np.asarray(np.clip((features - mean) / deviation, -CLIP, CLIP))


def split_normal(location: NDArray[np.float64], spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bell curves over QP 0..63 with a deviation of their own on either side, over a floor of ``UNIFORM``.

    Of (N,) peaks and ``Regression.spread`` it makes (N, 64) masses, rows summing to 1.
    """
    where = np.clip(location, 0.0, QP_COUNT - 1.0)[:, None]
    place = (where - MIDDLE) / REACH
    below, above = (np.exp(np.clip(spread[k] + spread[k + 1] * place, -1.0, 4.0)) for k in (0, 2))
    distance = _QPS[None, :] - where
    bell = np.exp(-0.5 * (distance / np.where(distance < 0, below, above)) ** 2)
    return np.asarray((1.0 - UNIFORM) * bell / bell.sum(axis=1, keepdims=True) + UNIFORM / QP_COUNT)
