"""The methods that are compared, each as the list of ways in which it codes one picture.

A method is a function of ``PictureBench`` and ``Sweep`` in ``METHODS``, under a name that is also in
``vcmpipe.config.METHODS``. It codes with ``bench.coder()``, or with coders made of ``bench.pipeline``, whose encoder
counts what it is asked for; trials that only serve the analysis stand inside ``with bench.meter.stage("search"):``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.audience import shifted, smaller
from vcmpipe.bench.memory import Prediction, predicted
from vcmpipe.bench.meter import Meter, MeteredEncoder
from vcmpipe.encoders import CodedPicture, ContentCache, Encoder, PictureCoder
from vcmpipe.frames import Frame, scaled_size
from vcmpipe.qpmap import QpMap
from vcmpipe.thresholds import ThresholdPredictor, Thresholds
from vcmpipe.verify import VerifyRules, View, verify_picture

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


Coded = tuple[Point, PictureCoder, CodedPicture]


class PictureBench:
    """One picture under every method: coders by scale, thresholds predicted once, and what all of it costs.

    Args:
        pipeline: Detector, predictor, encoder and policies.
        frame: The source picture.
        detections: The objects to keep in it.
        cache: Remembers what predictors said.
        measured: The predictor of ``jrd-measured``.

    Attributes:
        meter: The accounts of the method that is at work.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        frame: Frame,
        detections: sv.Detections,
        cache: ContentCache,
        measured: ThresholdPredictor | None = None,
    ) -> None:
        self.frame = frame
        self.detections = detections
        self.cache = cache
        self.measured = measured or pipeline.predictor
        self._whole = pipeline
        self._coders: dict[tuple[float, bool], PictureCoder] = {}
        self._predictions: dict[str, Prediction] = {}
        self._people: tuple[QpMap, Meter] | None = None
        self.begin()

    def begin(self) -> Meter:
        """Begin another method: with accounts of its own, and without what others have coded at hand."""
        self.meter = Meter()
        self.pipeline = copy.copy(self._whole)
        self.pipeline.encoder = MeteredEncoder(self._whole.encoder, self.meter)
        self._coders.clear()
        return self.meter

    def coder(self, scale: float = 1.0, *, constant_qp: bool = True) -> PictureCoder:
        """The coder at a scale; ``constant_qp`` False is the encoder as it comes."""
        key = (scale, constant_qp)
        if key not in self._coders:
            self._coders[key] = self._coder(self.pipeline.encoder, scale, constant_qp)
        return self._coders[key]

    def fresh_coder(self) -> PictureCoder:
        """A coder at scale 1 with nothing at hand: what a point costs must not depend on the points before it."""
        return self._coder(self.pipeline.encoder, 1.0, True)

    def _coder(self, encoder: Encoder, scale: float, constant_qp: bool) -> PictureCoder:
        options = self.pipeline.options
        return PictureCoder(
            encoder,
            self.frame,
            coded_size=scaled_size(self.frame.width, self.frame.height, scale),
            spec=self.pipeline.spec,
            preset=options.preset,
            ctu=options.ctu,
            form=options.form,
            constant_qp=constant_qp,
        )

    def thresholds(self, predictor: ThresholdPredictor) -> Thresholds:
        """What a predictor says of the objects: asked once, and charged to every method that wants to know."""
        if predictor.name not in self._predictions:
            meter = Meter()
            # A coder of its own: what a method's encodes cost must not depend on who predicted before.
            coder = self._coder(MeteredEncoder(self._whole.encoder, meter), 1.0, True)
            self._predictions[predictor.name] = predicted(predictor, coder, self.detections, self.cache, meter)
        found = self._predictions[predictor.name]
        self.meter.add(
            "predict", found.seconds, remembered=found.remembered, samples=found.samples, unknown=found.unknown
        )
        return found.thresholds

    def decided(self, thresholds: Thresholds, margin: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes and QPs of the objects that can be kept, at a margin."""
        options = self.pipeline.options
        low, high = self.pipeline.encoder.capabilities.qp_range
        qps = thresholds.decide(options.decision, options.risk, margin, low, high)
        part = thresholds.recognisable
        return self.detections.xyxy[part], qps[part]

    def people(self) -> QpMap | None:
        """The people's map, or None without people: asked for once, and charged to every method that wants to know."""
        people = self._whole.people
        if people is None:
            return None
        if self._people is None:
            meter = Meter()
            coder = self._coder(MeteredEncoder(self._whole.encoder, meter), 1.0, True)
            with meter.stage("predict"):
                asked = people.ask(coder)
            meter.add("predict", asked.remembered, remembered=True)
            self._people = self._whole.smoothed(asked.map), meter
        found, meter = self._people
        spent = meter["predict"]
        self.meter.add("predict", spent.seconds - spent.remembered, remembered=False)
        self.meter.add("predict", spent.remembered, remembered=True, samples=spent.samples, unknown=spent.unknown)
        return found

    def by_objects(self, method: str, label: str, boxes: np.ndarray, qps: np.ndarray) -> Coded:
        """One operating point: the picture by the map of its objects, and of people where they count, too."""
        people, coder = self.people(), self.fresh_coder()
        own = coder.map_of(boxes, qps, self.pipeline.policy)
        return self._by_map(method, label, coder, own if people is None else smaller(own, people))

    def by_people(self, method: str, label: str, people: QpMap, margin: int) -> Coded:
        """One operating point: the picture by the people's map, a margin added."""
        asked = shifted(people, margin, self.pipeline.encoder.capabilities.qp_range)
        return self._by_map(method, label, self.fresh_coder(), asked)

    def _by_map(self, method: str, label: str, coder: PictureCoder, asked: QpMap) -> Coded:
        return Point(method, label), coder, coder.by_map(asked, self.pipeline.options.realise)


def plain(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """The encoder at one QP for all pictures, nothing that moves the QP, every coding tool on."""
    coder = bench.coder()
    coded = coder.uniform(sweep.qps)
    return [(Point("plain", f"QP {qp}"), coder, one) for qp, one in zip(sweep.qps, coded, strict=True)]


def plain_default(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """The encoder as it comes, perceptual QP adaptation on, at one nominal QP for all pictures."""
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
    coder, people = bench.coder(), bench.people()
    if people is not None and bench.pipeline.options.audience == "human":
        qps = [people.minimum() + margin for margin in sweep.margins]
    else:
        thresholds, qps = bench.thresholds(bench.pipeline.predictor), []
        for margin in sweep.margins:
            _, decided = bench.decided(thresholds, margin)
            qp = int(decided.min()) if decided.size else bench.pipeline.policy.background_qp(decided)
            qps.append(qp if people is None else min(qp, people.minimum()))
    coded = coder.uniform(qps)
    return [(Point("frame", f"margin {m:+d}"), coder, one) for m, one in zip(sweep.margins, coded, strict=True)]


def roi(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """Two levels: every object at one QP, the background by the policy."""
    boxes = bench.detections.xyxy
    return [bench.by_objects("roi", f"QP {qp}", boxes, np.full(len(boxes), qp)) for qp in sweep.qps]


def jrd(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """A QP per object: its threshold by ``--predictor`` plus a margin, the background by the policy.

    For people alone it is their map plus a margin; for both audiences the smaller QP of both in every CTU, people's
    without a margin.
    """
    return _by_thresholds("jrd", bench, sweep, bench.pipeline.predictor)


def jrd_measured(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """The same with thresholds measured on the picture itself, whatever ``--predictor`` says."""
    return _by_thresholds("jrd-measured", bench, sweep, bench.measured)


def _by_thresholds(name: str, bench: PictureBench, sweep: Sweep, predictor: ThresholdPredictor) -> list[Coded]:
    people = bench.people()
    if people is not None and bench.pipeline.options.audience == "human":
        return [bench.by_people(name, f"margin {m:+d}", people, m) for m in sweep.margins]
    thresholds = bench.thresholds(predictor)
    return [bench.by_objects(name, f"margin {m:+d}", *bench.decided(thresholds, m)) for m in sweep.margins]


# What of the promise is asked beyond "found again": the price of a reserve.
VERIFIED = {
    "no reserve": VerifyRules(),
    "QP margin 2": VerifyRules(qp_margin=2),
    "score margin 0.1": VerifyRules(score_margin=0.1),
}


def verified(bench: PictureBench, sweep: Sweep) -> list[Coded]:
    """The cheapest version found in which the detector finds every object again; see ``vcmpipe.verify``."""
    points = []
    for label, rules in VERIFIED.items():
        view = View.of(bench.pipeline.detector, bench.detections, bench.pipeline.rule, rules.score_margin)
        with bench.meter.stage("search"):
            found = verify_picture(bench.pipeline, bench.frame, [view], rules)
        points.append((Point("verified", label), found.coder, found.coded))
    return points


METHODS: dict[str, Callable[[PictureBench, Sweep], list[Coded]]] = {
    "plain": plain,
    "plain-default": plain_default,
    "plain-scaled": plain_scaled,
    "frame": frame,
    "roi": roi,
    "jrd": jrd,
    "jrd-measured": jrd_measured,
    "verified": verified,
}
# Methods that would be the same as for machines, or as one another, by audience.
NOT_FOR: dict[str, tuple[str, ...]] = {
    "machine": (),
    "human": ("roi", "jrd-measured", "verified"),
    "both": ("verified",),
}
# Methods that do not look at the picture before they code it.
BLIND = frozenset({"plain", "plain-default", "plain-scaled"})
