"""The methods that are compared, each as the list of ways in which it codes one segment.

A method is a function of ``SegmentBench`` and ``Sweep``, found by its name in ``vcmpipe.plugins.METHODS``: here, or in
another package. It codes with ``bench.coder()``, or with coders made of ``bench.pipeline``, whose encoder counts what
is requested of it; trials that only serve the analysis stand inside ``with bench.meter.stage("search"):``. The first
paragraph of its docstring is what reports and tables say of it.

Attributes are optional: ``blind``, True where it does not look at the segment before it codes it; ``viewers``,
the values of ``--viewer`` for which it is a method of its own (default: all); and ``codes``, what it codes:
``pictures`` and ``segments`` of a sequence (default: both), or ``sequences``, each in one go. Two more are
``asks_second``, True where the second detector judges, too, and ``cuts_scenes``, True where a method that codes
sequences codes each of their scenes by itself. ``in_turn`` is True where it takes ``bench.answers``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vcmpipe.bench.cached import Prediction, cached_prediction
from vcmpipe.bench.meter import Account, Found, Meter, metered_detector, metered_encoder
from vcmpipe.bench.traits import trait
from vcmpipe.coding.search import Answers, SearchRules, search_segment, second_view
from vcmpipe.coding.segment import CodedSegment, Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection.views import viewed
from vcmpipe.frames import scaled_size
from vcmpipe.measurement import MeasuredPredictor
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.qpmap import QpMap
from vcmpipe.qpmap.qp_map import shifted, smaller
from vcmpipe.tasks import Constraint, Constraints, Reference
from vcmpipe.thresholds import ThresholdPredictor, Thresholds

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.coding.pipeline import Pipeline
    from vcmpipe.detection import Detector


@dataclass(frozen=True)
class Point:
    """One operating point, the same for every segment: a method, and the label that sets the point apart."""

    method: str
    label: str


@dataclass(frozen=True)
class Sweep:
    """The values that operating points are made of.

    Attributes:
        qps: Of ``plain*``, ``stock*`` and ``roi``.
        margins: Of ``frame`` and ``jrd*``.
        scales: Of ``plain-scaled``.
        map_scales: Of ``frame``, ``roi`` and ``jrd*``.
    """

    qps: Sequence[int]
    margins: Sequence[int]
    scales: Sequence[float]
    map_scales: Sequence[float] = (1.0,)


class Coded(NamedTuple):
    """A segment at an operating point.

    Attributes:
        label: What sets the point apart from the method's others.
        coder: What coded the stream.
        trials: Encodes that were tried to find it, where there was a search.
    """

    label: str
    coder: SegmentCoder
    coded: CodedSegment
    trials: int | None = None


class SegmentBench:
    """One segment under every method: coders by scale, thresholds predicted once, and what all of it costs.

    Args:
        pipeline: Detector, predictor, encoder and policies.
        segment: The source.
        reference: What has to be kept of it.
        cache: Keeps what predictors answer.
        detections: Per frame all that the detector finds in the source.
        second: The second detector and what it finds in each frame, where there is one.
        answers: Of the segments of a sequence: what searches of earlier ones chose.

    Attributes:
        meter: The accounts of the method that is at work.
        detector: The detector without a meter, for predictors, whose cost is counted as a whole.
        pipeline: The same with its encoder and its detector metered; versions of a picture that are the same, sample
            for sample, are detected in once.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        segment: Segment,
        reference: Reference,
        cache: ContentCache,
        *,
        detections: Sequence[sv.Detections] = (),
        second: tuple[Detector, Sequence[sv.Detections]] | None = None,
        answers: Answers | None = None,
    ) -> None:
        self.segment = segment
        self.answers = Answers() if answers is None else answers
        self.detections = tuple(detections)
        self.second = second
        self.reference = reference
        self.cache = cache
        self.detector = pipeline.detector
        self._whole = pipeline
        self._coders: dict[tuple[float, bool], SegmentCoder] = {}
        self._predictions: dict[str, Prediction] = {}
        self._human: dict[float, tuple[QpMap, Account]] = {}
        self._found: Found = {}
        self.begin()

    def begin(self) -> Meter:
        """Begin another method: with accounts of its own, and without what others have coded at hand."""
        self.meter = Meter()
        self._charged: set[float] = set()
        self.pipeline = copy.copy(self._whole)
        self.pipeline.encoder = metered_encoder(self._whole.encoder, self.meter)
        self.pipeline.detector = metered_detector(self._whole.detector, self.meter, self._found)
        self._coders.clear()
        return self.meter

    def coder(self, scale: float = 1.0, *, constant_qp: bool = True) -> SegmentCoder:
        """The coder at a scale; ``constant_qp`` False is the encoder as it comes."""
        key = (scale, constant_qp)
        if key not in self._coders:
            self._coders[key] = self.fresh_coder(scale, constant_qp=constant_qp)
        return self._coders[key]

    def fresh_coder(self, scale: float, meter: Meter | None = None, *, constant_qp: bool = True) -> SegmentCoder:
        """A coder with nothing at hand: what a point costs must not depend on the points before it."""
        options = self.pipeline.options
        return SegmentCoder(
            metered_encoder(self._whole.encoder, meter or self.meter),
            self.segment,
            coded_size=scaled_size(self.segment.width, self.segment.height, scale),
            spec=self.pipeline.spec,
            preset=options.preset,
            ctu=options.ctu,
            form=options.form,
            constant_qp=constant_qp,
        )

    def thresholds(self, predictor: ThresholdPredictor) -> Thresholds:
        """A predictor's thresholds of the objects: predicted once, and charged to every method that wants them."""
        if predictor.name not in self._predictions:
            meter = Meter()
            # A coder of its own: what a method's encodes cost must not depend on who predicted before.
            coder = self.fresh_coder(1.0, meter)
            self._predictions[predictor.name] = cached_prediction(predictor, coder, self.reference, self.cache, meter)
        found = self._predictions[predictor.name]
        self.meter.add(found.spent, "predict")
        return found.thresholds

    def decided(self, thresholds: Thresholds, margin: int) -> tuple[np.ndarray, np.ndarray]:
        """Boxes and QPs of the objects that can be kept, at a margin."""
        qps = self.pipeline.decide(thresholds, len(self.segment), margin)
        part = thresholds.recognisable
        return self.pipeline.task.footprint(self.reference)[part], qps[part]

    def human(self, scale: float) -> QpMap | None:
        """The human viewers' map at a scale, or None for machines alone: requested and charged once."""
        human = self._whole.human
        if human is None:
            return None
        if scale not in self._human:
            meter = Meter()
            with meter.stage("predict"):
                requested = human.request(self.fresh_coder(scale, meter))
            if not self._human:  # a segment's JNDs are found once, for all scales
                meter.add(Account(charged=requested.cached, cached=requested.cached), "predict")
            self._human[scale] = self._whole.smoothed(requested.map), meter["predict"]
        found, spent = self._human[scale]
        if scale not in self._charged:
            self._charged.add(scale)
            self.meter.add(spent, "predict")
        return found

    def by_map(self, label: str, scale: float, boxes: np.ndarray, qps: np.ndarray) -> Coded:
        """The segment by the map of its objects, and of human viewers where they count, at a scale in (0, 1].

        Boxes are (N, 4) in source pixels, QPs (N,); the scale is added to the label.
        """
        coder, human = self.fresh_coder(scale), self.human(scale)
        requested = coder.map_of(boxes, qps, self.pipeline.policy)
        return self._coded(label, scale, coder, requested if human is None else smaller(requested, human))

    def by_human(self, label: str, scale: float, margin: int) -> Coded:
        """The segment by the human viewers' map, a margin added, at a scale."""
        human = self.human(scale)
        assert human is not None, "--viewer human has a human viewer"
        requested = shifted(human, margin, self.pipeline.encoder.capabilities.qp_range)
        return self._coded(label, scale, self.fresh_coder(scale), requested)

    def _coded(self, label: str, scale: float, coder: SegmentCoder, requested: QpMap) -> Coded:
        return Coded(label + _at(scale), coder, coder.by_map(requested, self.pipeline.options.realise))


Method = Callable[[SegmentBench, Sweep], list[Coded]]


def _at(scale: float) -> str:
    """The scale in a label, where it is not that of the source."""
    return "" if scale == 1.0 else f" at {scale:g}"


def _at_qps(coder: SegmentCoder, sweep: Sweep, more: str = "") -> list[Coded]:
    pairs = zip(sweep.qps, coder.uniform(sweep.qps), strict=True)
    return [Coded(f"QP {qp}{more}", coder, coded) for qp, coded in pairs]


@trait(blind=True)
def plain(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """One QP for everything: the encoder with every coding tool on, but nothing that moves the QP."""
    return _at_qps(bench.coder(), sweep)


@trait(blind=True)
def stock(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """One nominal QP for everything: the encoder as it comes, its own QP adaptation for human viewers included."""
    return _at_qps(bench.coder(constant_qp=False), sweep)


@trait(blind=True, codes=("sequences",))
def plain_whole(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The same as ``plain`` over a whole video in one go, with an intra picture every 32 frames.

    See ``INTRA_PERIOD``.
    """
    return plain(bench, sweep)


@trait(blind=True, codes=("sequences",), cuts_scenes=True)
def plain_scene(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The same as ``plain`` over a whole video with one intra picture per scene: the least that a file takes."""
    return plain(bench, sweep)


@trait(blind=True, codes=("sequences",))
def stock_whole(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The same as ``stock`` over a whole video in one go, groups and intra pictures being the encoder's own choice."""
    return stock(bench, sweep)


@trait(blind=True)
def plain_scaled(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """One QP and one scale for everything: the best that can be done without a detector."""
    return [coded for scale in sweep.scales for coded in _at_qps(bench.coder(scale), sweep, f" at {scale:g}")]


def frame(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """One QP per picture, or segment of a video: the smallest threshold of its objects, plus a margin."""
    for_human = bench.pipeline.options.viewer == "human"
    wanted = [0] * len(sweep.margins) if for_human else _smallest(bench, sweep)
    points = []
    for scale in sweep.map_scales:
        coder, human, qps = bench.coder(scale), bench.human(scale), wanted
        if human is not None:
            own = human.minimum()
            qps = [own + m for m in sweep.margins] if for_human else [min(qp, own) for qp in wanted]
        for margin, coded in zip(sweep.margins, coder.uniform(qps), strict=True):
            points.append(Coded(f"margin {margin:+d}{_at(scale)}", coder, coded))
    return points


def _smallest(bench: SegmentBench, sweep: Sweep) -> list[int]:
    """By margin the smallest threshold of a segment's objects."""
    thresholds = bench.thresholds(bench.pipeline.predictor)
    qps = []
    for margin in sweep.margins:
        _, decided = bench.decided(thresholds, margin)
        qps.append(int(decided.min()) if decided.size else bench.pipeline.policy.background_qp(decided))
    return qps


@trait(viewers=("machine", "both"))
def roi(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """Two levels: every object at one QP, the background at a coarser one (``--background``)."""
    boxes = bench.pipeline.task.footprint(bench.reference)
    return [
        bench.by_map(f"QP {qp}", scale, boxes, np.full(len(boxes), qp))
        for scale in sweep.map_scales
        for qp in sweep.qps
    ]


def jrd(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """A QP per object: its threshold by ``--predictor`` plus a margin, the background at a coarser one.

    Thresholds are those of the source's size at every scale: margins make up for what a scale changes. For human
    viewers alone it is their map plus a margin; for both viewers the smaller QP of both in every CTU, the human
    viewers' without a margin.
    """
    if bench.pipeline.options.viewer == "human":
        return [bench.by_human(f"margin {m:+d}", scale, m) for scale in sweep.map_scales for m in sweep.margins]
    return _by_thresholds(bench, sweep, bench.pipeline.predictor)


# In a sequence it would code every frame, as a picture, at 21 QPs.
@trait(viewers=("machine", "both"), codes=("pictures",))
def jrd_measured(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The same as ``jrd`` with thresholds measured on the picture itself, by coding it at 21 QPs."""
    return _by_thresholds(bench, sweep, MeasuredPredictor(detector=bench.detector))


def _by_thresholds(bench: SegmentBench, sweep: Sweep, predictor: ThresholdPredictor) -> list[Coded]:
    thresholds = bench.thresholds(predictor)
    return [
        bench.by_map(f"margin {margin:+d}", scale, *bench.decided(thresholds, margin))
        for scale in sweep.map_scales
        for margin in sweep.margins
    ]


# What is demanded beyond "found again": the price of a reserve.
VERIFIED = {
    "no reserve": SearchRules(),
    "QP margin 2": SearchRules(qp_margin=2),
    "score margin 0.1": SearchRules(score_margin=0.1),
}


@trait(viewers=("machine",), in_turn=True)
def verified(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
    """The cheapest version found in which the detector finds every object, or follows every track, again.

    See ``vcmpipe.coding.search``. In sequences the mirrored view of the detector judges, too.
    """
    pipeline = bench.pipeline
    if bench.segment.is_sequence:
        return [searched_sequence(bench, "every track", SearchRules(), mirrored_judges(bench))]
    points = []
    for label, rules in VERIFIED.items():
        one = Constraint.of(pipeline.detector, pipeline.task, bench.reference.detections, margin=rules.score_margin)
        with bench.meter.stage("search"):
            found = search_segment(pipeline, bench.segment, Constraints([one]), rules)
        points.append(Coded(label, found.coder, found.coded, found.trials))
    return points


def mirrored_judges(bench: SegmentBench) -> list[Constraint]:
    """The judges of a sequence: the detector, and its mirrored view."""
    pipeline = bench.pipeline
    first = Constraint.of(pipeline.detector, pipeline.task, bench.detections)
    with bench.meter.stage("search"):
        return [first, second_view(viewed(pipeline.detector, "flip"), pipeline.task, bench.segment)]


def searched_sequence(bench: SegmentBench, label: str, rules: SearchRules, judges: Sequence[Constraint]) -> Coded:
    """A segment of a sequence after its search, which begins with what an earlier segment chose at this point."""
    mine = f"{label} by {', '.join(one.detector.name for one in judges)}"
    with bench.answers.turn(bench.segment.index, mine) as turn, bench.meter.stage("search"):
        found = search_segment(bench.pipeline, bench.segment, Constraints(judges), rules, start=turn.start)
        turn.answer = found.choice
    return Coded(label, found.coder, found.coded, found.trials)
