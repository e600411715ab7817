"""One picture at one scale: the versions that it can be coded in there, what each should take and do to the objects."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bitstream import RegionLayout
from vcmpipe.coding.search.posterior import Floats
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.frames.yuv import Rect
from vcmpipe.qpmap import QpMap, RateModel, RegionOverhead, RegionPlan, limit_steps

Ints = NDArray[np.int64]

# Bits of a picture's parameter sets and headers, which the rate model leaves out.
HEADER_BITS = 1100.0
_OVERHEAD = RegionOverhead()
# Of an object's surroundings, maps treat the inner half (as far as they reach) apart.
_NEAR = 0.5
# So many scales are told apart, in numbers of samples.
_SCALES = 1_000_000
# A trial shows how far the rate model is off for its picture; this much of a trial stands for the model itself.
_MODEL_WEIGHT = 0.15


@dataclass(frozen=True)
class Candidate:
    """A version of a picture that can be coded.

    Attributes:
        scale: The scale of its canvas.
        how: Whole, in regions, or by the encoder's own map.
        map: The QPs requested.
        layout: The regions, in ``regions`` only.
        qps: Their QPs.
    """

    scale: float
    how: Literal["uniform", "regions", "native"]
    map: QpMap
    layout: RegionLayout | None = None
    qps: tuple[int, ...] = ()

    @property
    def identity(self) -> Hashable:
        """Equal for versions that are coded alike, whatever map they were requested by."""
        return self.scale, self.layout, self.qps or self.map.qp.tobytes()


@dataclass
class RateError:
    """How far the rate models are off for this picture, learnt from its encodes; shared by all scales."""

    errors: dict[str, list[float]] = field(default_factory=dict)

    def observe(self, how: str, expected: float, measured: float) -> None:
        """Learn from an encode."""
        self.errors.setdefault(how, []).append(math.log(measured / expected))

    def factor(self, how: str) -> float:
        """What to multiply expectations with."""
        own = self.errors.get(how) or [error for errors in self.errors.values() for error in errors]
        return math.exp(sum(own) / (len(own) + _MODEL_WEIGHT)) if own else 1.0


@dataclass(frozen=True, eq=False)
class Cut:
    """A layout with what is needed again and again.

    Attributes:
        layout: The layout, R regions; None: the picture is not cut, and a CTU each is a region.
        region: (CTUs,) the region of each CTU.
        bits: (R, 64) expected bits of each region by QP.
        measured: (R, 64) what it took, NaN where it was not coded.
        touched: Per object the regions that its core lies in.
    """

    layout: RegionLayout | None
    region: Ints
    bits: Floats
    measured: Floats
    touched: tuple[Ints, ...]


@dataclass(frozen=True, eq=False)
class Batch:
    """M versions of one cut, with what is expected of each.

    Attributes:
        cut: The cut.
        maps: (M, CTUs) QPs requested.
        qps: (M, R) QPs of the regions.
        bits: (M,) expected bits.
        own: (M, N) QP of each object.
        ring: (M, N) QP around each object.
        samples: (M, N) numbers of what each object's samples are made of.
    """

    cut: Cut
    maps: Ints
    qps: Ints
    bits: Floats
    own: Floats
    ring: Floats
    samples: Ints


class Canvas:
    """One segment at one scale.

    Args:
        scale: The scale.
        coder: Codes it there.
        boxes_xyxy: (N, 4) the objects in source pixels.
        reach: (N,) how far each object's surroundings reach, in source pixels.
        dilate_px: By how much boxes grow in maps, in coded samples.
        step_limit: Largest step between neighbouring CTUs of a map.
        errors: What is known of the rate models' errors.
    """

    def __init__(
        self,
        scale: float,
        coder: SegmentCoder,
        boxes_xyxy: Floats,
        reach: Floats,
        *,
        dilate_px: int,
        step_limit: int | None,
        errors: RateError,
    ) -> None:
        self.scale = scale
        self.coder = coder
        self.errors = errors
        self._step_limit = step_limit
        self.rate: RateModel = coder.rate_model()
        # The model is of one frame, what is measured of all.
        self._frames = len(coder.segment)
        # CTUs are numbered in raster order.
        self.ctu_bits: Floats = self._frames * self.rate.bits.reshape(-1, self.rate.bits.shape[2])
        self.qp_range = coder.encoder.capabilities.qp_range
        self._cuts: dict[RegionLayout | None, Cut] = {}
        self._numbers: dict[Hashable, int] = {}
        # By region the largest QP at which it seemed to take more bits than the encoder has room for.
        self._refused: dict[Rect, int] = {}
        factor = np.array([coder.size[0] / coder.segment.width, coder.size[1] / coder.segment.height] * 2)
        boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4) * factor
        inside = self._areas(boxes)
        self._inside = inside / inside.sum(axis=1, keepdims=True)
        out = np.maximum(reach * math.sqrt(factor[0] * factor[1]), dilate_px)[:, None]
        around = self._areas(np.hstack([boxes[:, :2] - out, boxes[:, 2:] + out])) - inside
        total = around.sum(axis=1, keepdims=True)
        # An object that fills the picture has no surroundings but itself.
        self._around = np.where(total > 0, around / np.maximum(total, 1e-9), self._inside)
        self.core = self._areas(np.hstack([boxes[:, :2] - dilate_px, boxes[:, 2:] + dilate_px])) > 0
        near = self._areas(np.hstack([boxes[:, :2] - _NEAR * out, boxes[:, 2:] + _NEAR * out])) > 0
        self.ring = near & ~self.core
        # Shares of each object's surroundings that lie in its ring, and beyond.
        self.ring_share: Floats = (self._around * self.ring).sum(axis=1)
        self.far_share: Floats = (self._around * ~(near | self.core)).sum(axis=1)

    @property
    def octaves(self) -> float:
        """log2 of the scale as it is coded."""
        size, frame = self.coder.size, self.coder.segment.frames[0]
        return 0.5 * math.log2(size[0] * size[1] / (frame.width * frame.height))

    def _areas(self, boxes: Floats) -> Floats:
        """(N, CTUs) samples of each box in each CTU; a box outside counts where it is nearest."""
        ctu, (width, height) = self.rate.ctu, self.coder.padded_size
        rows, cols = self.rate.bits.shape[:2]
        low = np.clip(boxes[:, :2], 0, [width - 1, height - 1])
        high = np.clip(boxes[:, 2:], low + 1, [width, height])
        spans = []
        for axis, count in ((1, rows), (0, cols)):
            edges = ctu * np.arange(count)
            spans.append(
                np.clip(np.minimum(high[:, axis, None], edges + ctu) - np.maximum(low[:, axis, None], edges), 0, None)
            )
        return np.asarray((spans[0][:, :, None] * spans[1][:, None, :]).reshape(len(boxes), -1))

    def map_of(self, qps: Ints, rings: Ints, background: int) -> Ints:
        """(CTUs,) objects at (N,) QPs, what surrounds them at others, the rest at the background's; least wins."""
        inner = np.where(self.core, qps[:, None], background).min(axis=0, initial=background)
        outer = np.where(self.ring, rings[:, None], background).min(axis=0, initial=background)
        values: Ints = np.minimum(inner, outer).astype(np.int64)
        if self._step_limit is None:
            return values
        return limit_steps(values.reshape(self.rate.bits.shape[:2]), self._step_limit).astype(np.int64).ravel()

    def cut(self, layout: RegionLayout | None) -> Cut:
        """A layout of this canvas, worked out once."""
        if layout not in self._cuts:
            count = self.core.shape[1]
            region, bits = np.arange(count), self.ctu_bits
            if layout is not None:
                rects = layout.regions()
                grid = np.zeros(self.rate.bits.shape[:2], np.int64)
                ctu = self.rate.ctu
                for number, rect in enumerate(rects):
                    rows = slice(rect.y // ctu, -(-(rect.y + rect.height) // ctu))
                    grid[rows, rect.x // ctu : -(-(rect.x + rect.width) // ctu)] = number
                region = grid.ravel()
                bits = np.zeros((len(rects), self.ctu_bits.shape[1]))
                np.add.at(bits, region, self.ctu_bits)
                border = np.array([r.width * (r.y > 0) + r.height * (r.x > 0) for r in rects], np.float64)
                per_sample = np.array([_OVERHEAD.border_bits(qp) for qp in range(bits.shape[1])])
                bits = bits + self._frames * _OVERHEAD.fixed_bits + self._frames * border[:, None] * per_sample
            touched = tuple(np.unique(region[core]) for core in self.core)
            self._cuts[layout] = Cut(layout, region, bits, np.full(bits.shape, np.nan), touched)
        return self._cuts[layout]

    def uniform(self, qps: Ints) -> Batch:
        """The whole picture at each of several QPs."""
        maps = np.repeat(np.asarray(qps, np.int64)[:, None], self.core.shape[1], axis=1)
        own = np.repeat(np.asarray(qps, np.float64)[:, None], len(self.core), axis=1)
        numbers = np.array([self._number(("uniform", int(qp))) for qp in qps], np.int64)
        bits = (self.ctu_bits.sum(axis=0)[qps] + self._frames * HEADER_BITS) * self.errors.factor("uniform")
        return Batch(self.cut(None), maps, maps, bits, own, own, np.repeat(numbers[:, None], len(self.core), axis=1))

    def batch(self, maps: Ints, layout: RegionLayout | None) -> Batch:
        """Maps, (M, CTUs), in the regions of a layout, or as if the encoder took them as they are (None)."""
        cut = self.cut(layout)
        how = "native" if layout is None else "regions"
        qps = maps
        if layout is not None:
            order = np.argsort(cut.region, kind="stable")
            starts = np.searchsorted(cut.region[order], np.arange(len(cut.bits)))
            qps = np.minimum.reduceat(maps[:, order], starts, axis=1)
        every = np.arange(len(cut.bits))
        factor = self.errors.factor(how)
        known = cut.measured[every, qps]
        pieces = np.where(np.isnan(known), factor * cut.bits[every, qps], known)
        total = pieces.sum(axis=1) + factor * self._frames * HEADER_BITS
        if layout is not None:
            for number, rect in enumerate(layout.regions() if self._refused else ()):
                total[qps[:, number] <= self._refused.get(rect, -1)] = np.inf
        actual = qps[:, cut.region].astype(np.float64)
        samples = [
            [self._number((layout, i, tuple(row[touched].tolist()))) for i, touched in enumerate(cut.touched)]
            for row in qps
        ]
        return Batch(
            cut,
            maps,
            qps,
            total,
            actual @ self._inside.T,
            actual @ self._around.T,
            np.array(samples, np.int64).reshape(len(maps), len(self.core)),
        )

    def _number(self, key: Hashable) -> int:
        """A number of its own for every content at this scale, and none that another scale has."""
        return self._numbers.setdefault(key, len(self._numbers)) * _SCALES + round(self.scale * (_SCALES - 1))

    def of_candidate(self, candidate: Candidate) -> Batch:
        """A version alone."""
        values = candidate.map.qp.ravel().astype(np.int64)[None]
        if candidate.how == "uniform":
            return self.uniform(values[:, 0])
        return self.batch(values, candidate.layout)

    def planned(self, values: Ints) -> RegionLayout:
        """The regions that suit a map, (CTUs,), best."""
        return self.coder.plan(self.qp_map(values)).layout

    def qp_map(self, values: Ints) -> QpMap:
        """(CTUs,) QPs as a map."""
        return QpMap.of(values.reshape(self.rate.bits.shape[:2]), self.rate.ctu, *self.coder.padded_size)

    def candidate(self, batch: Batch, number: int) -> Candidate:
        """One version of a batch."""
        qp_map = self.qp_map(batch.maps[number])
        layout = batch.cut.layout
        if layout is None:
            return Candidate(self.scale, "uniform" if qp_map.is_uniform else "native", qp_map)
        return Candidate(self.scale, "regions", qp_map, layout, tuple(batch.qps[number].tolist()))

    def code(self, candidate: Candidate) -> CodedSegment:
        """Code a version, and learn what it took.

        Raises:
            TooDenseError: The encoder has no room for so many bits; versions like it are expected to fail likewise.
        """
        expected = float(self.of_candidate(candidate).bits[0]) / self.errors.factor(candidate.how)
        if candidate.how == "native":
            coded = self.coder.native(candidate.map)
        elif candidate.layout is None:
            coded = self.coder.uniform([candidate.map.minimum()])[0]
        else:
            coded = self._regions(candidate, candidate.layout, expected)
            self.cut(candidate.layout).measured[np.arange(len(candidate.qps)), candidate.qps] = coded.region_bits
        self.errors.observe(candidate.how, expected, coded.bits)
        return coded

    def _regions(self, candidate: Candidate, layout: RegionLayout, expected: float) -> CodedSegment:
        try:
            return self.coder.regions(RegionPlan(layout, candidate.qps, expected))
        except TooDenseError:
            # Which region it was is unknown: one of those at the lowest QPs.
            for rect, qp in zip(layout.regions(), candidate.qps, strict=True):
                if qp <= min(candidate.qps) + 3:
                    self._refused[rect] = max(qp, self._refused.get(rect, -1))
            raise
