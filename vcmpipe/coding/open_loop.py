"""The open loop: scale and QP map with the least bytes + lambda x loss to expect, before anything is coded.

What is expected comes from a predictor (``qpmap.expected_loss``) and from texture (``qpmap.rate``). What a scale alone
loses is not predicted: the detector looks at the scaled picture, which costs no encode.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection.naming import detect_named
from vcmpipe.errors import InputError
from vcmpipe.qpmap import QpMap, RegionOverhead, RegionPlan, plan_regions
from vcmpipe.qpmap.allocation import by_cell, by_object, one_qp
from vcmpipe.qpmap.expected_loss import Floats, Stakes, lost_shares, with_known
from vcmpipe.qpmap.importance import occluded, spread
from vcmpipe.qpmap.layout import PlanLimits
from vcmpipe.qpmap.mfiba import by_importance, relative_distortion
from vcmpipe.tasks import DetectionTask
from vcmpipe.tasks.loss import AccuracyLoss
from vcmpipe.thresholds.loss_curves import LossForecast, LossPredictor

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.coding.pipeline import Pipeline

SCALES = (1.0, 0.8, 0.65, 0.5, 0.35)
"""Of width and height: what is tried."""
QP_RANGE = (18, 54)
"""QPs that are chosen; beyond them predictions are not tested, and above there are hardly bits to save."""
BITS_PER_BYTE = 8
# By how much more or less than its own slope MFIBA is tried: its distortion is not the loss.
_STRENGTHS = tuple(2.0**k for k in range(-2, 5))

Qps = NDArray[np.int64]


@dataclass(frozen=True)
class OpenChoice:
    """What to code a picture at, and what that should come to.

    Attributes:
        scale: Width of the coded picture by that of the source.
        coder: Of that scale.
        qp_map: For ``coder.by_map``.
        bits: Expected, of the picture itself: without parameter sets.
        loss: Expected, in units of ``AccuracyLoss``.
    """

    scale: float
    coder: SegmentCoder
    qp_map: QpMap
    bits: float
    loss: float


class OpenLoop:
    """One picture's choices, by lambda and policy; what they rest on is found once.

    Args:
        pipeline: Its task, detector, predictor, and map policy (how far boxes are dilated).
        coder_at: The picture's coder at a scale.
        detections: All that the detector finds in the source, weak detections included; one frame's.
        scales: What is tried, in (0, 1].

    Raises:
        InputError: It is a sequence of frames, or there is no scale.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        coder_at: Callable[[float], SegmentCoder],
        detections: Sequence[sv.Detections],
        *,
        scales: Sequence[float] = SCALES,
    ) -> None:
        if not scales or len(detections) != 1 or len(coder_at(scales[0]).segment) != 1:
            raise InputError("the open loop works on pictures, one by one: give one frame, its detections, and scales")
        self.pipeline, self.coder_at, self.scales = pipeline, coder_at, tuple(scales)
        task = pipeline.task
        self.loss_of = task.accuracy_loss if isinstance(task, DetectionTask) else AccuracyLoss()
        self.whole = detections[0]
        weights = self.loss_of.weights(self.whole)
        if isinstance(task, DetectionTask) and task.classes is not None:
            weights = weights * np.isin(np.asarray(self.whole.class_id), list(task.classes))
        self.source: sv.Detections = self.whole[weights > 0]
        self.weights = weights[weights > 0]
        self._views: dict[float, _View] = {}

    @cached_property
    def forecast(self) -> LossForecast:
        """What the detections that count should lose: the predictor's own forecast, else by its threshold masses."""
        coder, predictor = self.coder_at(1.0), self.pipeline.predictor
        frame = coder.segment.frames[0]
        with self.pipeline.watch.part("predict"):
            own = predictor.forecast(frame, self.source) if isinstance(predictor, LossPredictor) else None
            if own is not None:
                return own
            mass = predictor.predict(frame, self.source, coder.of_frame(0)).mass
        return lambda scale, known: with_known(lost_shares(mass, scale=scale), known)

    @cached_property
    def hidden(self) -> tuple[Floats, Floats]:
        """Tiles in source pixels, and what is lost without each: see ``occluded``."""
        frame = self.coder_at(1.0).segment.frames[0]
        with self.pipeline.watch.part("detect"):
            return occluded(self.pipeline.detector, frame, lambda found: self.loss_of.of(self.source, found))

    def view(self, scale: float) -> _View:
        """What is known of the picture at a scale."""
        if scale not in self._views:
            self._views[scale] = _View(self, scale)
        return self._views[scale]

    def choose(self, lambda_: float, policy: str = "objects") -> OpenChoice:
        """The scale and the map with the least bytes + lambda x expected loss.

        Args:
            lambda_: Bytes per unit of loss, 0 or more.
            policy: One of ``POLICIES``; ``uniform`` is one QP, and no other is expected to be worse than it.

        Raises:
            InputError: There is no such policy, or lambda is out of its range.
        """
        if policy not in POLICIES:
            raise InputError(f"there is no allocation {policy!r}: there are {', '.join(POLICIES)}")
        if not np.isfinite(lambda_) or lambda_ < 0:
            raise InputError(f"lambda is in bytes per unit of loss, 0 or more, not {lambda_}")
        price = BITS_PER_BYTE * lambda_
        candidates = [each for scale in self.scales for each in self.view(scale).candidates(price, policy)]
        return min(candidates, key=lambda each: each.bits + price * each.loss)


class _View:
    """The picture at one scale: bits, stakes, and maps as the encoder can follow them."""

    def __init__(self, loop: OpenLoop, scale: float) -> None:
        self.loop, self.scale = loop, scale
        self.coder = loop.coder_at(scale)
        self.rate = self.coder.rate_model()
        self.bits = self.rate.bits.reshape(-1, self.rate.bits.shape[2])
        whole = self.coder.segment
        self.factor = np.array([self.coder.size[0] / whole.width, self.coder.size[1] / whole.height] * 2)
        # Planes that are coded as they are, and RGB that is only converted, lose nothing by scale.
        shares, self.fixed = np.zeros(len(loop.source)), 0.0
        if self.coder.scaled:
            with loop.pipeline.watch.part("detect"):
                (seen,) = detect_named(loop.pipeline.detector, [self.coder.uncoded()])
            kept, _ = loop.loss_of.kept(loop.source, seen)
            shares = 1.0 - kept
            # False alarms, as far as there are some without coding.
            self.fixed = max(loop.loss_of.of(loop.source, seen) - float(loop.weights @ shares), 0.0)
        losses = loop.weights[:, None] * loop.forecast(scale, shares)
        self.stakes = Stakes.of(
            np.asarray(loop.source.xyxy, np.float64).reshape(-1, 4) * self.factor,
            losses,
            *self.coder.padded_size,
            self.coder.ctu,
            dilate=loop.pipeline.policy.dilate_px,
        )
        low, high = self.coder.encoder.capabilities.qp_range
        self.qp_range: tuple[int, int] = min(max(QP_RANGE[0], low), high), max(min(QP_RANGE[1], high), low)

    def candidates(self, price: float, policy: str) -> Iterator[OpenChoice]:
        """One QP, and what the policy makes of it."""
        plain = one_qp(self.bits, self.stakes, price, self.qp_range)
        yield self._choice(self._map(plain), self.rate.total(int(plain[0])) + RegionOverhead().fixed_bits, False)
        allocate, worst = POLICIES[policy]
        if allocate is None or not len(self.loop.source):
            return
        chosen = self._map(allocate(self, self.bits, self.stakes, price, np.arange(len(self.bits))))
        can = self.coder.encoder.capabilities
        if can.native_map and self.loop.pipeline.options.realise in ("auto", "native"):
            total = float(np.take_along_axis(self.bits, chosen.qp.reshape(-1, 1).astype(np.int64), 1).sum())
            yield self._choice(chosen, total, worst)
        elif can.regions and self.loop.pipeline.options.realise in ("auto", "regions"):
            plan = self._plan(chosen)
            if len(plan.qps) > 1:
                yield self._choice(plan.actual(chosen), plan.estimated_bits, worst)
                again = self._map(self._in_regions(plan, price, allocate))
                plan = self._plan(again)
                yield self._choice(plan.actual(again), plan.estimated_bits, worst)

    def _choice(self, qp_map: QpMap, bits: float, worst: bool) -> OpenChoice:
        loss = self.fixed + self.stakes.expected(qp_map.qp, worst=worst)
        return OpenChoice(self.scale, self.coder, qp_map, bits, loss)

    def _map(self, qps: Qps) -> QpMap:
        return QpMap.of(qps.reshape(self.rate.bits.shape[:2]), self.coder.ctu, *self.coder.padded_size)

    def _plan(self, qp_map: QpMap) -> RegionPlan:
        limits = PlanLimits(max_regions=1) if self.coder.padded_size[0] <= qp_map.ctu else None
        return plan_regions(qp_map, self.rate, limits=limits)

    def _in_regions(self, plan: RegionPlan, price: float, allocate: Allocate) -> Qps:
        """QPs of CTUs where those of a region share one: regions are what is coded, so they are what is chosen for."""
        label = np.zeros(self.rate.bits.shape[:2], np.int64)
        for number, rect in enumerate(plan.layout.regions()):
            label[rect.ctus(self.coder.ctu)] = number
        flat = label.reshape(-1)
        bits = np.zeros((int(flat.max()) + 1, self.bits.shape[1]))
        np.add.at(bits, flat, self.bits)
        overhead = RegionOverhead()
        per_sample = np.array([overhead.border_bits(qp) for qp in range(bits.shape[1])])
        for number, rect in enumerate(plan.layout.regions()):
            bits[number] += overhead.fixed_bits + per_sample * (rect.width * (rect.y > 0) + rect.height * (rect.x > 0))
        return allocate(self, bits, self.stakes.merged(flat), price, flat)[flat]

    @cached_property
    def distortion(self) -> Floats:
        """(C, 64) the share of each CTU's energy that a QP takes away."""
        found = relative_distortion(self.coder.padded[0].y, self.coder.ctu)
        return found.reshape(len(self.bits), -1)

    def importance(self, tiles: bool) -> Floats:
        """(C,) what each CTU is worth: by the detections' weights, or by what is lost without it."""
        boxes, worth = self.loop.hidden if tiles else (self.loop.source.xyxy, self.loop.weights)
        found = spread(
            np.asarray(boxes, np.float64).reshape(-1, 4) * self.factor, worth, *self.coder.padded_size, self.coder.ctu
        )
        return found.reshape(-1)

    def by_importance(self, bits: Floats, stakes: Stakes, price: float, label: Qps, tiles: bool) -> Qps:
        """MFIBA, of several strengths the one with the least bits + price x expected loss."""
        every = np.arange(len(bits))
        distortion = np.zeros_like(bits)
        np.add.at(distortion, label, self.importance(tiles)[:, None] * self.distortion)
        tried = []
        for strength in _STRENGTHS if price > 0 else ():
            qps = by_importance(bits, distortion, np.ones(len(bits)), 1 / (strength * price), self.qp_range)
            tried.append((float(bits[every, qps].sum()) + price * stakes.expected(qps), qps))
        return min(tried, key=lambda each: each[0])[1] if tried else one_qp(bits, stakes, price, self.qp_range)


Allocate = Callable[[_View, Floats, Stakes, float, Qps], Qps]
"""From bits and stakes of cells, a price, and the cell of each CTU (C,), to the cells' QPs."""

POLICIES: Mapping[str, tuple[Allocate | None, bool]] = {
    "uniform": (None, False),
    "cells": (lambda view, bits, stakes, price, label: by_cell(bits, stakes, price, view.qp_range), False),
    "objects": (lambda view, bits, stakes, price, label: by_object(bits, stakes, price, view.qp_range), True),
    "mfiba": (lambda view, *rest: view.by_importance(*rest, tiles=False), False),
    "mfiba-occlusion": (lambda view, *rest: view.by_importance(*rest, tiles=True), False),
}
"""By name how QPs are allocated, and whether an object then counts as its worst CTU; see ``qpmap.allocation``."""


def choose_open(
    pipeline: Pipeline,
    coder_at: Callable[[float], SegmentCoder],
    detections: Sequence[sv.Detections],
    lambda_: float,
    policy: str = "objects",
    *,
    scales: Sequence[float] = SCALES,
) -> OpenChoice:
    """The scale and the map of a picture with the least bytes + lambda x expected loss: see ``OpenLoop``.

    Args:
        pipeline: Task, detector, predictor and map policy.
        coder_at: The picture's coder at a scale.
        detections: All that the detector finds in the source, weak detections included; one frame's.
        lambda_: Bytes per unit of loss.
        policy: One of ``POLICIES``.
        scales: Scales to choose from, in (0, 1].
    """
    return OpenLoop(pipeline, coder_at, detections, scales=scales).choose(lambda_, policy)
