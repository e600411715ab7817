"""The methods that are compared, each as the list of ways in which it codes one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.bench.memory import predicted
from vcmpipe.encoders import CodedPicture, ContentCache, PictureCoder
from vcmpipe.frames import Frame, scaled_size
from vcmpipe.qpmap import QpMap
from vcmpipe.thresholds import Thresholds

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.pipeline import Pipeline


@dataclass(frozen=True)
class Point:
    """One operating point of a method, the same for every picture.

    Attributes:
        method: The method's name.
        label: What sets this point apart, for people.
    """

    method: str
    label: str


@dataclass(frozen=True)
class Sweep:
    """The values that operating points are made of."""

    qps: Sequence[int]
    margins: Sequence[int]
    scales: Sequence[float]


class PictureBench:
    """One picture under every method: coders by scale, and thresholds predicted once.

    Args:
        pipeline: Detector, predictor, encoder and policies.
        frame: The source picture.
        detections: The objects to keep in it.
        cache: Remembers what predictors said.
    """

    def __init__(self, pipeline: Pipeline, frame: Frame, detections: sv.Detections, cache: ContentCache) -> None:
        self.pipeline = pipeline
        self.frame = frame
        self.detections = detections
        self.cache = cache
        self._coders: dict[tuple[float, bool], PictureCoder] = {}
        self._thresholds: Thresholds | None = None

    def coder(self, scale: float = 1.0, *, constant_qp: bool = True) -> PictureCoder:
        """The coder at a scale; ``constant_qp`` False is the encoder as it comes."""
        key = (scale, constant_qp)
        if key not in self._coders:
            options = self.pipeline.options
            self._coders[key] = PictureCoder(
                self.pipeline.encoder,
                self.frame,
                coded_size=scaled_size(self.frame.width, self.frame.height, scale),
                spec=self.pipeline.spec,
                preset=options.preset,
                ctu=options.ctu,
                form=options.form,
                constant_qp=constant_qp,
            )
        return self._coders[key]

    @property
    def thresholds(self) -> Thresholds:
        """What the predictor says of the objects, asked once."""
        if self._thresholds is None:
            self._thresholds = predicted(self.pipeline.predictor, self.coder(), self.detections, self.cache)
        return self._thresholds

    def decided(self, margin: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes and QPs of the objects that can be kept, at a margin."""
        options = self.pipeline.options
        low, high = self.pipeline.encoder.capabilities.qp_range
        qps = self.thresholds.decide(options.decision, options.risk, margin, low, high)
        part = self.thresholds.recognisable
        return self.detections.xyxy[part], qps[part]

    def map(self, boxes: np.ndarray, qps: np.ndarray) -> QpMap:
        """The map at scale 1."""
        return self.coder().map_of(boxes, qps, self.pipeline.policy)


Coded = tuple[Point, PictureCoder, CodedPicture]


def plain(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """VVenC at one QP for all pictures, nothing that moves the QP, every coding tool on."""
    coder = bench.coder()
    coded = coder.uniform(sweep.qps)
    return [(Point("plain", f"QP {qp}"), coder, one) for qp, one in zip(sweep.qps, coded, strict=True)]


def plain_default(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """VVenC as it comes, perceptual QP adaptation on, at one nominal QP for all pictures."""
    coder = bench.coder(constant_qp=False)
    coded = coder.uniform(sweep.qps)
    return [(Point("plain-default", f"QP {qp}"), coder, one) for qp, one in zip(sweep.qps, coded, strict=True)]


def plain_scaled(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """One QP and one scale for all pictures; its envelope is the best that an operator without a detector can do."""
    points = []
    for scale in sweep.scales:
        coder = bench.coder(scale)
        for qp, coded in zip(sweep.qps, coder.uniform(sweep.qps), strict=True):
            points.append((Point("plain-scaled", f"QP {qp}, scale {scale:g}"), coder, coded))
    return points


def frame(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """One QP per picture: the smallest threshold in it, plus a margin."""
    coder = bench.coder()
    qps = []
    for margin in sweep.margins:
        _, decided = bench.decided(margin)
        qps.append(int(decided.min()) if decided.size else bench.pipeline.policy.background_qp(decided))
    coded = coder.uniform(qps)
    return [(Point("frame", f"margin {m:+d}"), coder, one) for m, one in zip(sweep.margins, coded, strict=True)]


def roi(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """Two levels: every object at one QP, the background by the policy."""
    coder = bench.coder()
    boxes = bench.detections.xyxy
    points = []
    for qp in sweep.qps:
        coded = coder.by_map(bench.map(boxes, np.full(len(boxes), qp)), bench.pipeline.options.realise)
        points.append((Point("roi", f"QP {qp}"), coder, coded))
    return points


def jrd(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """A QP per object: its threshold plus a margin, the background by the policy."""
    coder = bench.coder()
    points = []
    for margin in sweep.margins:
        coded = coder.by_map(bench.map(*bench.decided(margin)), bench.pipeline.options.realise)
        points.append((Point("jrd", f"margin {margin:+d}"), coder, coded))
    return points


METHODS: dict[str, Callable[[PictureBench, Sweep], list[Coded]]] = {
    "plain": plain,
    "plain-default": plain_default,
    "plain-scaled": plain_scaled,
    "frame": frame,
    "roi": roi,
    "jrd": jrd,
}
