"""Expected losses of detections over QP and scale: small networks that read what ``detector_aware`` knows of each.

For a scale a curve rises with the QP from a floor, which is what the scale itself loses, to 1: a logistic with a place
and a slope of its own. The floor leans on what a look at the scaled picture shows, but does not equal it: what one look
happened to find or miss, the coded picture need not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

Floats = NDArray[np.float64]
_QPS = np.arange(QP_COUNT, dtype=np.float64)
CLIP = 3.0
"""Standard deviations beyond which an input counts no more: nothing is extrapolated far."""
PLACE_UNIT = 10.0
"""QPs per unit of the networks' first output."""
SLOPE_RANGE = (-0.5, 2.7)
"""Of the logarithm of a slope: the QPs over which a detection is lost."""
OUTPUTS = 4


class LossForecast(Protocol):
    """What a predictor expects N detections of one picture to lose, by scale and QP."""

    def __call__(self, scale: float, known: ArrayLike) -> Floats:
        """The share, 0..1, that each detection should lose at each QP: (N, 64), never falling with the QP.

        Args:
            scale: Width of the coded picture by that of the source, in (0, 1].
            known: (N,) the shares that are lost in the scaled picture that was not coded; 0 at scale 1.
        """
        ...


@runtime_checkable
class LossPredictor(Protocol):
    """A threshold predictor that foretells losses as well."""

    def forecast(self, frame: Frame, detections: sv.Detections) -> LossForecast | None:
        """The forecast for N detections, weak ones included; None where it cannot tell.

        Args:
            frame: The source picture.
            detections: All that is found in it, boxes in its pixels.
        """
        ...


@dataclass(frozen=True, eq=False)
class LossCurves:
    """An ensemble of E networks with two hidden layers of H units each, for F features of a detection.

    The inputs are the features, log2 of the scale, and the known share. The outputs of the networks are averaged as
    curves. ``curve`` maps what they expect to what was found on pictures that they had not learned from.

    Attributes:
        mean: (F + 2,) of the inputs in training.
        deviation: (F + 2,) likewise, above 0.
        first: (E, F + 2, H) weights, ``first_bias`` (E, H).
        second: (E, H, H) weights, ``second_bias`` (E, H).
        last: (E, H, 4) weights, ``last_bias`` (E, 4): place, log slope, log odds that what is known to be lost is lost
            in the coded picture as well, and that something else is lost by the scale.
        curve: (2, K) shares expected, ascending from 0 to 1, and shares found for them.
    """

    mean: Floats
    deviation: Floats
    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats
    last: Floats
    last_bias: Floats
    curve: Floats

    def shares(self, features: Floats, scale: float, known: ArrayLike, qps: ArrayLike = _QPS) -> Floats:
        """The share, 0..1, that each of N detections should lose at each of Q QPs.

        Args:
            features: (N, F).
            scale: Width of the coded picture by that of the source, in (0, 1].
            known: (N,) shares lost in the scaled picture that was not coded.
            qps: (Q,) in 0..63.

        Returns:
            (N, Q), never falling with the QP.

        Raises:
            InputError: The scale is out of its range.
        """
        if not 0.0 < scale <= 1.0:
            raise InputError(f"a scale lies above 0 and is at most 1, not {scale}")
        lost = np.clip(np.asarray(known, np.float64), 0.0, 1.0)
        inputs = np.column_stack([features, np.full(len(features), np.log2(scale)), lost])
        z = np.clip((inputs - self.mean) / self.deviation, -CLIP, CLIP)
        # Row by row within each network, so that an answer does not hang on how many are asked for with it.
        one = _silu(np.einsum("nf,efh->enh", z, self.first) + self.first_bias[:, None])
        two = _silu(np.einsum("enh,ehg->eng", one, self.second) + self.second_bias[:, None])
        out = np.einsum("enh,eho->eno", two, self.last) + self.last_bias[:, None]
        place, slope = PLACE_UNIT * out[..., 0], np.exp(np.clip(out[..., 1], *SLOPE_RANGE))
        floor = lost * _sigmoid(out[..., 2]) + (1.0 - lost) * _sigmoid(out[..., 3])
        rise = _sigmoid((np.asarray(qps, np.float64) - place[..., None]) / slope[..., None])
        expected = (floor[..., None] + (1.0 - floor[..., None]) * rise).mean(axis=0)
        return np.asarray(np.interp(expected, *self.curve))

    def tensors(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays by name, as they are stored: float32."""
        return {
            f"{prefix}.{field.name}": np.ascontiguousarray(getattr(self, field.name), np.float32)
            for field in fields(self)
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[Any]], prefix: str, count: int, source: str) -> LossCurves:
        """Read what ``tensors`` wrote, of ``count`` features.

        Raises:
            InputError: An array is missing, or of another shape, or not finite: the message names it, and ``source``.
        """
        values: dict[str, NDArray[Any]] = {}
        shape = tensors[f"{prefix}.first"].shape if f"{prefix}.first" in tensors else ()
        members, units = (shape[0], shape[2]) if len(shape) == 3 and min(shape) else (1, 1)
        points = tensors[f"{prefix}.curve"].shape[-1] if f"{prefix}.curve" in tensors else 2
        inputs = count + 2
        due = {
            "mean": (inputs,),
            "deviation": (inputs,),
            "first": (members, inputs, units),
            "first_bias": (members, units),
            "second": (members, units, units),
            "second_bias": (members, units),
            "last": (members, units, OUTPUTS),
            "last_bias": (members, OUTPUTS),
            "curve": (2, max(2, points)),
        }
        for name, wanted in due.items():
            key = f"{prefix}.{name}"
            if key not in tensors:
                raise InputError(f"{source} holds no loss curves: {key} is missing")
            value = tensors[key]
            if value.shape != wanted or not np.isfinite(value).all():
                raise InputError(f"{source}: {key} has the shape {value.shape} where {wanted} is due, or is not finite")
            values[name] = value.astype(np.float64)
        rising = (np.diff(values["curve"][0]) > 0).all() and (np.diff(values["curve"][1]) >= 0).all()
        if (values["deviation"] <= 0).any() or not rising or values["curve"].min() < 0 or values["curve"].max() > 1:
            raise InputError(f"{source}: {prefix}.deviation must be above 0, and {prefix}.curve rise within 0..1")
        return cls(**values)


def _silu(x: Floats) -> Floats:
    return x * _sigmoid(x)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -60.0, 60.0))))
