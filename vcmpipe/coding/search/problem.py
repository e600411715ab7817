"""A segment as the search sees it: candidates at every scale, and attempts with the real encoder and detectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.faults import check_fidelity
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.search.canvas import Candidate, Canvas, RateError
from vcmpipe.coding.search.decoded import Clock, decode_candidate
from vcmpipe.coding.search.posterior import Exposure, Floats, Posterior, Subjects
from vcmpipe.coding.search.prior import PRIOR, Prior, logit
from vcmpipe.coding.search.propose import Maps, propose
from vcmpipe.coding.search.rdo import Judged, Memory, RateAccuracySearch
from vcmpipe.coding.search.search import Attempt, RatedCandidate
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import MapOptions
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.qpmap import QpMap
from vcmpipe.tasks import Comparison, Constraints, Judgement

# Lambdas, bytes for each unit of loss, of the versions that a search begins with.
_OPENING = (4_000.0,) * 4 + (20_000.0,) * 4


@dataclass(frozen=True, eq=False)
class Tried:
    """A version that was coded.

    Attributes:
        coder: What coded it.
        coded: The stream.
        strength: (N,) logit of the score at which each object was found.
        judgement: What the detectors found.
        psnr_y: Per frame the PSNR of the luma at the coded size, dB.
    """

    coder: SegmentCoder
    coded: CodedSegment
    strength: Floats
    judgement: Judgement
    psnr_y: tuple[float, ...]


class SegmentProblem:
    """One segment.

    Args:
        constraints: The objects to keep, at least one.
        coder_at: Makes the coder of a scale.
        scales: Scales to try, each in (0, 1]; scale 1 is always among them.
        dilate_px: By how much boxes grow in maps.
        step_limit: Largest step between neighbouring CTUs of a map.
        maps: How the encoder takes maps: ``regions``, ``native`` or ``none``.
        prior: What is expected before any trial.
        on_trial: Called before every trial.
    """

    def __init__(
        self,
        constraints: Constraints,
        coder_at: Callable[[float], SegmentCoder],
        *,
        scales: Sequence[float],
        dilate_px: int = MapOptions.dilate,
        step_limit: int | None = MapOptions.smooth,
        maps: Maps = "regions",
        prior: Prior = PRIOR,
        on_trial: Callable[[], None] = lambda: None,
    ) -> None:
        self.constraints = constraints
        self.scales = sorted({1.0, *scales}, reverse=True)
        self.maps = maps
        self.clock = Clock()
        self.tried: dict[Candidate, Tried] = {}
        self.uncoded: dict[float, Judgement] = {}
        self._failed: list[Candidate] = []
        self._coder_at = coder_at
        self._on_trial = on_trial
        self._dilate_px = dilate_px
        self._step_limit = step_limit
        self._errors = RateError()
        self._canvases: dict[float, Canvas] = {}
        self._lost_uncoded = False
        segment = coder_at(1.0).segment
        self.posterior = Posterior(_subjects(constraints, segment.width, segment.height), prior)
        self._reach = prior.ring_reach * np.exp2(self.posterior.subjects.zoom)

    @property
    def objects(self) -> int:
        """How many objects are to be kept."""
        return len(self.constraints)

    def canvas(self, scale: float) -> Canvas:
        """The segment at a scale; detected in once before anything is coded."""
        if scale not in self._canvases:
            self._canvases[scale] = Canvas(
                scale,
                self._coder_at(scale),
                self.constraints.footprint,
                self._reach,
                dilate_px=self._dilate_px,
                step_limit=self._step_limit,
                errors=self._errors,
            )
            self._observe_uncoded(self._canvases[scale])
        return self._canvases[scale]

    def _observe_uncoded(self, canvas: Canvas) -> None:
        """Learn what the scale alone does: no encode is needed for that."""
        started = time.perf_counter()
        frames = [canvas.coder.uncoded(place) for place in range(len(canvas.coder.segment))]
        self.uncoded[canvas.scale] = judgement = self.constraints.judge(frames)
        found = judgement.comparison
        self.posterior.observe_scaled(canvas.octaves, self.strength(found))
        if canvas.scale == 1.0:
            self._lost_uncoded = not found.kept.all()
        self.clock.detecting += time.perf_counter() - started

    def strength(self, found: Comparison) -> Floats:
        """(N,) logits of the scores at which objects were found, on that side of the limit on which ``kept`` is."""
        score, required = found.score.round(6), self.constraints.required
        # One that a neighbour took, or that is too weak, was not found, however high the score at its place.
        return logit(np.where(found.kept, np.maximum(score, required), np.minimum(score, 0.95 * required)))

    @property
    def doubtful(self) -> bool:
        """Whether an object is lost already in the samples that are coded, before any coding."""
        self.canvas(1.0)
        return self._lost_uncoded

    def opening(self, number: int) -> Candidate | None:
        """Whole versions that promise the most accuracy for their bits, at one lambda after the other (``rdo``)."""
        if number >= len(_OPENING):
            return None
        for scale in self.scales:
            self.canvas(scale)
        memory = Memory(dict(self.uncoded))
        for tried, each in self.tried.items():
            if tried.how == "uniform":
                memory.judged[Choice(tried.scale, tried.map.minimum())] = Judged(each.coded.bits, each.judgement)
        run = RateAccuracySearch(
            self.constraints, lambda scale: self.canvas(scale).coder, scales=self.scales, memory=memory
        )
        choice = run.next_choice(8 * _OPENING[number])
        if choice is None:
            return None
        canvas = self.canvas(choice.scale)
        return canvas.candidate(canvas.uniform(np.array([choice.qp])), 0)

    def candidates(self, wanted: NDArray[np.bool_], best: float | None) -> list[RatedCandidate[Candidate]]:
        """Versions at every scale, with their expected bits and chances."""
        canvases = [self.canvas(scale) for scale in self.scales]
        started = time.perf_counter()
        found = propose(canvases, self.posterior, tuple(self.tried), self._failed, wanted, best, maps=self.maps)
        self.clock.choosing += time.perf_counter() - started
        return found

    def attempt(self, candidate: Candidate) -> Attempt[Candidate]:
        """Code a version, decode it, detect in it and learn from it."""
        self._on_trial()
        started = time.perf_counter()
        canvas = self.canvas(candidate.scale)
        try:
            coded = canvas.code(candidate)
        except TooDenseError:
            self._failed.append(candidate)
            return Attempt(candidate, float("inf"), np.zeros(self.objects, np.bool_))
        frames, psnr_y = decode_candidate(canvas.coder, coded)
        check_fidelity(min(psnr_y), (int(coded.actual(candidate.map).qp.max()),))
        middle = time.perf_counter()
        judgement = self.constraints.judge(frames)
        found = judgement.comparison
        strength = self.strength(found)
        self.tried[candidate] = Tried(canvas.coder, coded, strength, judgement, psnr_y)
        batch = canvas.of_candidate(candidate)
        exposure = Exposure(canvas.octaves, batch.own[0], batch.ring[0], batch.samples[0])
        self.posterior.observe(exposure, strength)
        self.clock.coding += middle - started
        self.clock.detecting += time.perf_counter() - middle
        return Attempt(candidate, coded.bits, found.kept)

    def safest(self) -> Candidate:
        """The whole frames at their own size and the encoder's lowest QP."""
        canvas = self.canvas(1.0)
        return canvas.candidate(canvas.uniform(np.array([canvas.qp_range[0]])), 0)

    def safer(self, candidate: Candidate, steps: int) -> Candidate:
        """The same version, every QP so many steps lower."""
        canvas = self.canvas(candidate.scale)
        low = canvas.qp_range[0]
        lowered = QpMap(
            np.maximum(candidate.map.qp.astype(np.int64) - steps, low),
            candidate.map.ctu,
            candidate.map.width,
            candidate.map.height,
        )
        return Candidate(
            candidate.scale,
            candidate.how,
            lowered,
            candidate.layout,
            tuple(max(qp - steps, low) for qp in candidate.qps),
        )


def _subjects(constraints: Constraints, width: int, height: int) -> Subjects:
    """The objects as the posterior sees them, each as its own detector does."""
    sides, zooms = [], []
    for one in constraints.each:
        wide, high = one.detector.input_size(width, height)
        zoom = np.array([wide / width, high / height])
        boxes = one.task.footprint(one.reference)
        side = np.maximum((boxes[:, 2:] - boxes[:, :2]) * zoom, 1.0)
        sides.append(0.5 * np.log2(side).sum(axis=1) - 5.0)
        zooms.append(np.full(len(boxes), -0.5 * float(np.log2(zoom).sum())))
    source, limit = logit(constraints.score), logit(constraints.required)
    return Subjects(source, np.concatenate(sides), np.concatenate(zooms), limit)
