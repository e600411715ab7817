"""The closed loop of rate and accuracy: the version of a segment with the least bits + lambda x loss, in few encodes.

A version is a size and a QP. Each one tried is coded, decoded and judged by the detectors, so that its cost is
measured; which one to try next is what the surface says (``surface.py``): the one that is expected to fall furthest
below the best so far. Maps are not among the versions: they brought another 1 or 2 %
(``benchmarks/search_ablation.py``), for the weak detections that make up accuracy lie in what a map calls background.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from vcmpipe.coding.faults import check_fidelity
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.search.canvas import HEADER_BITS, RateError
from vcmpipe.coding.search.decoded import Clock, decode_candidate
from vcmpipe.coding.search.surface import Floats, Surface, improvement, mean_share
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.errors import VcmError
from vcmpipe.qpmap import RateModel
from vcmpipe.tasks import Constraints, Judgement

Objective = Literal["objects", "accuracy"]
"""What a loss counts: objects that are not found again, or accuracy (``Task.loss``)."""

# Below the first QP the bits of anything are too many, above the last nothing is kept.
_QPS = np.arange(12, 60)
# What a picture with next to nothing in it has to lose all the same, so that shares stay finite.
_LEAST_STAKE = 0.05


@dataclass(frozen=True)
class Judged:
    """What a version took and lost.

    Attributes:
        bits: What it took; infinite where the encoder could not code it.
        judgement: What was found in it.
    """

    bits: float
    judgement: Judgement

    def cost(self, factor: float, objective: Objective) -> float:
        """Bits + lambda x loss, lambda in bits for each unit of loss."""
        return self.bits + factor * loss_of(self.judgement, objective)


def loss_of(judgement: Judgement, objective: Objective) -> float:
    """What an objective counts of a judgement."""
    return judgement.loss if objective == "accuracy" else float(judgement.comparison.lost)


@dataclass
class Memory:
    """What is known of a segment, small enough to be kept for all segments of a run: no frames, no streams.

    Attributes:
        uncoded: By scale what is found in frames of that size before any coding.
        judged: The versions tried.
        trials: Encodes that were tried.
        settled: Whether no more are to be tried.
    """

    uncoded: dict[float, Judgement] = field(default_factory=dict)
    judged: dict[Choice, Judged] = field(default_factory=dict)
    trials: int = 0
    settled: bool = False

    def best(self, factor: float, objective: Objective, *, keep: bool = False) -> Choice | None:
        """The version tried with the least cost; with ``keep``, of those that lose the fewest objects."""
        possible = {choice: each for choice, each in self.judged.items() if np.isfinite(each.bits)}
        if keep and possible:
            fewest = min(each.judgement.comparison.lost for each in possible.values())
            possible = {c: each for c, each in possible.items() if each.judgement.comparison.lost == fewest}
        # Of equal costs the coarser one, so that the answer depends on nothing else.
        return min(possible, key=lambda c: (possible[c].cost(factor, objective), c.scale, -c.qp), default=None)


class RateAccuracySearch:
    """The search in one segment.

    Args:
        constraints: The detectors that judge.
        coder_at: Makes the coder of a scale.
        scales: Scales to try, each in (0, 1].
        objective: What the loss counts.
        memory: What is known already.
        on_trial: Called before every trial.
    """

    def __init__(
        self,
        constraints: Constraints,
        coder_at: Callable[[float], SegmentCoder],
        *,
        scales: Sequence[float],
        objective: Objective = "accuracy",
        memory: Memory | None = None,
        on_trial: Callable[[], None] = lambda: None,
    ) -> None:
        self.constraints = constraints
        self.objective: Objective = objective
        self.scales = sorted(set(scales), reverse=True)
        self.memory = Memory() if memory is None else memory
        self.clock = Clock()
        self.psnr_y: dict[Choice, tuple[float, ...]] = {}
        self._coder_at = coder_at
        self._coders: dict[float, SegmentCoder] = {}
        self._rates: dict[float, RateModel] = {}
        self._on_trial = on_trial

    def coder(self, scale: float) -> SegmentCoder:
        """The coder at a scale."""
        if scale not in self._coders:
            self._coders[scale] = self._coder_at(scale)
        return self._coders[scale]

    @cached_property
    def _stake(self) -> float:
        """What there is to lose."""
        whole = self.constraints.at_stake if self.objective == "accuracy" else len(self.constraints)
        return whole + _LEAST_STAKE

    def run(self, factor: float, trials: int, *, keep: bool = False, worth: float = 0.0) -> Choice:
        """Try versions, and say which is best of all that were ever tried.

        Args:
            factor: Lambda, in bits for each unit of loss.
            trials: Most versions that are tried now.
            keep: Whether losing fewer objects comes before any cost.
            worth: The search ends where a trial is expected to lower the cost by less than this share.

        Raises:
            VcmError: No version could be coded.
        """
        for _ in range(trials):
            choice = self.next_choice(factor, worth)
            if choice is None:
                break
            self._try(choice)
        best = self.memory.best(factor, self.objective, keep=keep)
        if best is None:
            source = self.coder(self.scales[0]).segment.source
            raise VcmError(f"{source}: none of {self.memory.trials} versions could be coded: try another encoder")
        return best

    def code(self, choice: Choice) -> CodedSegment:
        """The stream of a version."""
        return self.coder(choice.scale).uniform([choice.qp])[0]

    def look(self, choice: Choice) -> Judged:
        """What a version takes and loses, tried now where it was not yet."""
        if choice not in self.memory.judged:
            self._try(choice)
        return self.memory.judged[choice]

    def next_choice(self, factor: float, worth: float = 0.0) -> Choice | None:
        """The version to try next, as ``run`` does; None where none is worth it."""
        started = time.perf_counter()
        uncoded = {scale: self.look_uncoded(scale) for scale in self.scales}
        middle = time.perf_counter()
        self.clock.detecting += middle - started
        surface, stake = Surface(), self._stake
        for choice, each in self.memory.judged.items():
            if np.isfinite(each.bits) and choice.scale in uncoded:
                share = loss_of(each.judgement, self.objective) / stake
                surface.observe((self._octaves(choice.scale), float(choice.qp)), uncoded[choice.scale], share)
        best = self.memory.best(factor, self.objective)
        top = None if best is None else self.memory.judged[best].cost(factor, self.objective)
        correction = self._correction()
        found: tuple[float, Choice] | None = None
        for scale in self.scales:
            qps = self._qps(scale)
            if not len(qps):
                continue
            at = np.column_stack([np.full(len(qps), self._octaves(scale)), qps.astype(np.float64)])
            mean, deviation = surface.expect(at, np.full(len(qps), uncoded[scale]))
            bits = self._bits(scale)[qps] * correction
            if top is None:
                value = -(bits + factor * stake * mean_share(mean, deviation))
            else:
                value = improvement(bits, factor * stake, mean, deviation, top)
            place = int(value.argmax())
            if found is None or value[place] > found[0]:
                found = float(value[place]), Choice(scale, int(qps[place]))
        self.clock.choosing += time.perf_counter() - middle
        if found is None or (top is not None and found[0] <= worth * top):
            return None
        return found[1]

    def look_uncoded(self, scale: float) -> float:
        """The share that scaling alone loses."""
        if scale not in self.memory.uncoded:
            coder = self.coder(scale)
            frames = [coder.uncoded(place) for place in range(len(coder.segment))]
            self.memory.uncoded[scale] = self.constraints.judge(frames)
        return loss_of(self.memory.uncoded[scale], self.objective) / self._stake

    def _octaves(self, scale: float) -> float:
        """log2 of the coded size over that of the first detector's input."""
        coder = self.coder(scale)
        wide, high = self.constraints.each[0].detector.input_size(coder.segment.width, coder.segment.height)
        return 0.5 * float(np.log2(coder.size[0] * coder.size[1] / (wide * high)))

    def _qps(self, scale: float) -> np.ndarray:
        """The QPs at a scale that were not tried; above one that the encoder had no room for."""
        low, high = self.coder(scale).encoder.capabilities.qp_range
        tried = [choice.qp for choice in self.memory.judged if choice.scale == scale]
        refused = [c.qp for c, each in self.memory.judged.items() if c.scale == scale and not np.isfinite(each.bits)]
        qps = _QPS[(low <= _QPS) & (high >= _QPS) & (max(refused, default=-1) < _QPS)]
        return qps[~np.isin(qps, tried)]

    def _bits(self, scale: float) -> Floats:
        """(64,) what the whole segment should take by QP."""
        if scale not in self._rates:
            self._rates[scale] = self.coder(scale).rate_model()
        frames = len(self.coder(scale).segment)
        return np.asarray(frames * (self._rates[scale].bits.sum(axis=(0, 1)) + HEADER_BITS))

    def _correction(self) -> float:
        """What to multiply expected bits with, as far as trials showed."""
        errors = RateError()
        for choice, each in self.memory.judged.items():
            if np.isfinite(each.bits) and choice.scale in self.scales:
                errors.observe("uniform", float(self._bits(choice.scale)[choice.qp]), each.bits)
        return errors.factor("uniform")

    def _try(self, choice: Choice) -> None:
        """Code a version, decode it and have it judged."""
        self._on_trial()
        self.memory.trials += 1
        started = time.perf_counter()
        coder = self.coder(choice.scale)
        try:
            coded = self.code(choice)
        except TooDenseError:
            self.look_uncoded(choice.scale)
            self.memory.judged[choice] = Judged(float("inf"), self.memory.uncoded[choice.scale])
            return
        frames, psnr_y = decode_candidate(coder, coded)
        check_fidelity(min(psnr_y), coded.qps)
        middle = time.perf_counter()
        self.memory.judged[choice] = Judged(coded.bits, self.constraints.judge(frames))
        self.psnr_y[choice] = psnr_y
        self.clock.coding += middle - started
        self.clock.detecting += time.perf_counter() - middle
