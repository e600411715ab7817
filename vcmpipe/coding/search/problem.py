"""A picture as the search sees it: candidates at every scale, and attempts with the real encoder and detectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.faults import check_fidelity
from vcmpipe.coding.search.canvas import Candidate, Canvas, RateError
from vcmpipe.coding.search.claims import Claims, Look
from vcmpipe.coding.search.posterior import Exposure, Posterior, Subjects
from vcmpipe.coding.search.prior import PRIOR, Prior, logit
from vcmpipe.coding.search.propose import Maps, propose
from vcmpipe.coding.search.search import Attempt, RatedCandidate
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import MapOptions
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.qpmap import QpMap


@dataclass
class Clock:
    """Seconds spent on one picture: on encodes and decodes of trials, and on all else (thinking and looking)."""

    coding: float = 0.0
    looking: float = 0.0
    thinking: float = 0.0


@dataclass(frozen=True, eq=False)
class Tried:
    """A version that was coded.

    Attributes:
        coder: What coded it.
        coded: The stream.
        look: What was seen.
        psnr_y: PSNR of the luma at the coded size, dB.
    """

    coder: SegmentCoder
    coded: CodedSegment
    look: Look
    psnr_y: float


class PictureProblem:
    """One picture.

    Args:
        claims: The objects to keep, at least one.
        coder_at: Makes the coder of a scale.
        scales: Scales to try, each in (0, 1]; scale 1 is always among them.
        dilate_px: By how much boxes grow in maps.
        step_limit: Largest step between neighbouring CTUs of a map.
        maps: How the encoder takes maps: ``regions``, ``native`` or ``none``.
        prior: What is believed before.
        on_trial: Called before every trial.
    """

    def __init__(
        self,
        claims: Claims,
        coder_at: Callable[[float], SegmentCoder],
        *,
        scales: Sequence[float],
        dilate_px: int = MapOptions.dilate,
        step_limit: int | None = MapOptions.smooth,
        maps: Maps = "regions",
        prior: Prior = PRIOR,
        on_trial: Callable[[], None] = lambda: None,
    ) -> None:
        self.claims = claims
        self.scales = sorted({1.0, *scales}, reverse=True)
        self.maps = maps
        self.clock = Clock()
        self.tried: dict[Candidate, Tried] = {}
        self._failed: list[Candidate] = []
        self._coder_at = coder_at
        self._on_trial = on_trial
        self._dilate_px = dilate_px
        self._step_limit = step_limit
        self._errors = RateError()
        self._canvases: dict[float, Canvas] = {}
        self._lost_uncoded = False
        segment = coder_at(1.0).segment
        self.posterior = Posterior(_subjects(claims, segment.width, segment.height), prior)
        self._reach = prior.ring_reach * np.exp2(self.posterior.subjects.zoom)

    @property
    def objects(self) -> int:
        """How many objects are to be kept."""
        return len(self.claims)

    def canvas(self, scale: float) -> Canvas:
        """The picture at a scale, looked at once before anything is coded."""
        if scale not in self._canvases:
            self._canvases[scale] = Canvas(
                scale,
                self._coder_at(scale),
                self.claims.boxes_xyxy,
                self._reach,
                dilate_px=self._dilate_px,
                step_limit=self._step_limit,
                errors=self._errors,
            )
            self._look_uncoded(self._canvases[scale])
        return self._canvases[scale]

    def _look_uncoded(self, canvas: Canvas) -> None:
        """See what the scale alone does: no encode is needed for that."""
        started = time.perf_counter()
        look = self.claims.look(canvas.coder.uncoded())
        self.posterior.observe_scaled(canvas.octaves, logit(look.score))
        if canvas.scale == 1.0:
            self._lost_uncoded = not look.kept.all()
        self.clock.looking += time.perf_counter() - started

    @property
    def doubtful(self) -> bool:
        """Whether an object is lost already in the samples that are coded, before any coding."""
        self.canvas(1.0)
        return self._lost_uncoded

    def candidates(self, wanted: NDArray[np.bool_], best: float | None) -> list[RatedCandidate[Candidate]]:
        """Versions at every scale, with their expected bits and chances."""
        canvases = [self.canvas(scale) for scale in self.scales]
        started = time.perf_counter()
        found = propose(canvases, self.posterior, tuple(self.tried), self._failed, wanted, best, maps=self.maps)
        self.clock.thinking += time.perf_counter() - started
        return found

    def attempt(self, candidate: Candidate) -> Attempt[Candidate]:
        """Code a version, decode it, look at it and learn from it."""
        self._on_trial()
        started = time.perf_counter()
        canvas = self.canvas(candidate.scale)
        try:
            coded = canvas.code(candidate)
        except TooDenseError:
            self._failed.append(candidate)
            return Attempt(candidate, float("inf"), np.zeros(self.objects, np.bool_))
        decoded, psnr = canvas.coder.decode_still(coded)
        check_fidelity(psnr, (int(coded.actual(candidate.map).qp.max()),))
        middle = time.perf_counter()
        look = self.claims.look(decoded)
        self.tried[candidate] = Tried(canvas.coder, coded, look, psnr)
        batch = canvas.of_candidate(candidate)
        exposure = Exposure(canvas.octaves, batch.own[0], batch.ring[0], batch.samples[0])
        self.posterior.observe(exposure, logit(look.score))
        self.clock.coding += middle - started
        self.clock.looking += time.perf_counter() - middle
        return Attempt(candidate, coded.bits, look.kept)

    def safest(self) -> Candidate:
        """The whole picture at its own size and the encoder's lowest QP."""
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


def _subjects(claims: Claims, width: int, height: int) -> Subjects:
    """The objects as the posterior sees them, each as its own detector does."""
    sides, zooms = [], []
    for view in claims.views:
        wide, high = view.detector.input_size(width, height)
        zoom = np.array([wide / width, high / height])
        boxes = np.asarray(view.reference.xyxy, np.float64).reshape(-1, 4)
        side = np.maximum((boxes[:, 2:] - boxes[:, :2]) * zoom, 1.0)
        sides.append(0.5 * np.log2(side).sum(axis=1) - 5.0)
        zooms.append(np.full(len(boxes), -0.5 * float(np.log2(zoom).sum())))
    source = claims.gathered(lambda view: logit(np.asarray(view.reference.confidence, np.float64)))
    limit = claims.gathered(lambda view: logit(view.required))
    return Subjects(source, np.concatenate(sides), np.concatenate(zooms), limit)
