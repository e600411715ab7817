"""Thresholds of objects as distributions over QP, the decision drawn from them, and the predictor protocol.

The just-recognisable difference (JRD) of an object is the largest QP, 0..63, at which the detector still finds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.config import ThresholdOptions
from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

QP_COUNT = 64
"""QPs that a threshold may be: 0..63, VVC's."""
Decision = Literal["quantile", "argmax", "mean"]
"""How one QP is read off a distribution; see ``Thresholds.decide``."""
DECISIONS: tuple[Decision, ...] = ("quantile", "argmax", "mean")
"""All of them."""

# Sums of 64 rounded float64 masses miss their exact value by far less than this, and no risk is meant this finely.
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Thresholds:
    """What is known about the JRD of each of N objects.

    Attributes:
        mass: (N, 64) float64; row n is P(JRD of object n = 0..63) and sums to 1.
        recognisable: (N,) bool; False for an object that is lost at every QP. Such an object has label 0, is counted
            in statistics, and is left out of training and error figures.

    Raises:
        InputError: A shape is wrong, a mass is negative or not finite, or a row does not sum to 1 (within 1e-6).
    """

    mass: NDArray[np.float64]
    recognisable: NDArray[np.bool_]

    def __post_init__(self) -> None:
        mass = np.asarray(self.mass, dtype=np.float64)
        recognisable = np.asarray(self.recognisable, dtype=np.bool_)
        if mass.ndim != 2 or mass.shape[1] != QP_COUNT:
            raise InputError(f"threshold masses must have the shape (objects, {QP_COUNT}), not {mass.shape}")
        if recognisable.shape != mass.shape[:1]:
            raise InputError(
                f"recognisable flags must have the shape ({mass.shape[0]},) of the objects, not {recognisable.shape}"
            )
        if not np.isfinite(mass).all() or (mass < 0).any():
            raise InputError("threshold masses must be finite and not negative")
        sums = mass.sum(axis=1)
        if (np.abs(sums - 1.0) > 1e-6).any():
            row = int(np.abs(sums - 1.0).argmax())
            raise InputError(f"the threshold masses of object {row} sum to {sums[row]:.6g}; they must sum to 1")
        object.__setattr__(self, "mass", mass)
        object.__setattr__(self, "recognisable", recognisable)

    def __len__(self) -> int:
        return int(self.mass.shape[0])

    @classmethod
    def empty(cls) -> Thresholds:
        """The thresholds of no objects."""
        return cls(np.zeros((0, QP_COUNT)), np.zeros(0, dtype=np.bool_))

    @classmethod
    def from_qps(cls, qps: ArrayLike, recognisable: ArrayLike | None = None) -> Thresholds:
        """All mass of each object at one QP: for rules and measurements that answer with a single number.

        ``qps`` are (N,) whole numbers in 0..63, else InputError; ``recognisable`` (N,) flags, all True where absent.
        """
        values = np.asarray(qps).reshape(-1)
        if values.size and not np.issubdtype(values.dtype, np.number):
            raise InputError(f"thresholds must be whole QPs in 0..{QP_COUNT - 1}, not {values.dtype}")
        bad = ~((values >= 0) & (values < QP_COUNT) & (values == np.floor(values))) if values.size else values
        if bad.any():
            raise InputError(f"a threshold must be a whole QP in 0..{QP_COUNT - 1}, not {values[bad.astype(bool)][0]}")
        mass = np.zeros((values.size, QP_COUNT))
        mass[np.arange(values.size), values.astype(np.int64)] = 1.0
        flags = np.ones(values.size, dtype=np.bool_) if recognisable is None else np.asarray(recognisable, dtype=bool)
        return cls(mass, flags.reshape(-1))

    @classmethod
    def concatenate(cls, parts: Sequence[Thresholds]) -> Thresholds:
        """The objects of all parts, in order."""
        if not parts:
            return cls.empty()
        return cls(np.concatenate([p.mass for p in parts]), np.concatenate([p.recognisable for p in parts]))

    def quantile(self, risk: float = ThresholdOptions.risk) -> NDArray[np.int64]:
        """Per object the largest QP q, 0..63, with P(JRD < q) <= risk.

        Coding the object at that QP loses it with a probability of at most ``risk`` (0 <= risk < 1, else InputError),
        as far as the masses are right.
        """
        if not 0.0 <= risk < 1.0:  # also catches NaN
            raise InputError(f"the risk must be at least 0 and below 1, not {risk}")
        below = np.cumsum(self.mass, axis=1)[:, :-1]  # P(JRD < q) for q = 1..63; for q = 0 it is 0
        return np.asarray((below <= risk + _TOLERANCE).sum(axis=1), np.int64)

    def pooled_quantile(self, risk: float = ThresholdOptions.risk) -> int:
        """The largest QP q, 0..63, at which an object that some QP keeps is lost with a mean probability of ``risk``.

        What a sequence of frames can be coded at as a whole: with the smallest of all quantiles hardly any object would
        be lost, but for that the one weakest of thousands decides. 63 where no object can be kept.
        """
        own = self.mass[self.recognisable]
        return int(Thresholds(own.mean(axis=0)[None], np.ones(1, np.bool_)).quantile(risk)[0]) if len(own) else 63

    def argmax(self) -> NDArray[np.int64]:
        """Per object the most probable QP; of equals the smallest."""
        return np.asarray(self.mass.argmax(axis=1), np.int64)

    def mean(self) -> NDArray[np.float64]:
        """Per object the expected QP, not rounded."""
        return np.asarray(self.mass @ np.arange(QP_COUNT, dtype=np.float64))

    def decide(
        self,
        decision: Decision = ThresholdOptions.decision,
        risk: float = ThresholdOptions.risk,
        margin: int = 0,
        lo: int = 0,
        hi: int = QP_COUNT - 1,
        *,
        unrecognisable: int | None = None,
    ) -> NDArray[np.int64]:
        """The QP to code each object at: the decision, plus the margin, clipped to the encoder's range.

        Args:
            decision: ``quantile`` at ``risk``, ``argmax``, or ``mean`` (rounded to the nearest QP, halves up).
            risk: Probability of loss that is accepted; used by ``quantile`` only.
            margin: QP steps added after the decision; negative is safer.
            lo: Smallest QP that the encoder takes.
            hi: Largest QP that the encoder takes.
            unrecognisable: QP (clipped, without margin) for objects that no QP keeps; ``hi`` where absent, since bits
                spent on them are lost.

        Returns:
            (N,) QPs in lo..hi.

        Raises:
            InputError: The decision is unknown, the risk out of range, or the QP range empty or outside 0..63.
        """
        if not 0 <= lo <= hi < QP_COUNT:
            raise InputError(f"the QP range must lie in 0..{QP_COUNT - 1} and not be empty, not {lo}..{hi}")
        if decision == "quantile":
            qps = self.quantile(risk)
        elif decision == "argmax":
            qps = self.argmax()
        elif decision == "mean":
            qps = np.floor(self.mean() + 0.5).astype(np.int64)
        else:
            raise InputError(f"unknown decision {decision!r}; known are {', '.join(DECISIONS)}")
        qps = np.where(self.recognisable, qps + margin, hi if unrecognisable is None else unrecognisable)
        return np.clip(qps, lo, hi).astype(np.int64)


class Coder(Protocol):
    """Gives coded versions of the frame that thresholds are being predicted for."""

    def __call__(self, qp: int) -> Frame:
        """The frame, in its segment, coded at one QP and decoded again, at the size of the original."""
        ...

    def many(self, qps: Sequence[int]) -> Iterator[Frame]:
        """The same for several QPs, in their order; faster than one by one.

        Coded side by side, but decoded one after another as they are taken, so that memory holds no more of them than
        the caller keeps.
        """
        ...


def needed(coder: Coder | None, name: str) -> Coder:
    """The coder of a predictor that cannot do without; InputError where there is none."""
    if coder is None:
        raise InputError(f"the predictor {name} needs coded versions: hand it a coder, SegmentCoder(...).of_frame(0)")
    return coder


@runtime_checkable
class ThresholdPredictor(Protocol):
    """Says how much distortion each object bears before the detector loses it.

    It may have attributes ``calibration``, ``margin`` and ``sequence_margin`` (see ``own_margin``), and ``digest``: a
    text that says all that its answers depend on besides picture, detections and coder. The bench caches the answers of
    a predictor that has one.
    """

    @property
    def name(self) -> str:
        """What the user requested, made unambiguous; kept in the sidecar."""
        ...

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """Thresholds of the detections, row by row.

        Args:
            frame: The source picture.
            detections: N objects found in it, boxes in its pixels.
            coder: Gives coded versions of the frame; most predictors need none.

        Raises:
            InputError: It needs a coder, and there is none.
        """
        ...
