"""The closed loop in a segment of many frames: few encodes, each at one size and one QP.

A version costs, first, the tracks that it loses, if all are to be kept, then bits + lambda x loss. The search begins
with what an earlier segment chose, since a camera's pictures hardly change from one segment to the next; walks along
the QP until the version found is the best between two neighbours; then tries the sizes beside it at about as many bits.
Loss is that of at least two judges: what one detector alone finds cheapest is partly its own luck.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.coding.faults import check_fidelity
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.search.decoded import Clock, look_through
from vcmpipe.coding.search.rdo import Judged, Memory, Objective
from vcmpipe.coding.search.searched import Searched, SearchRules
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders.base import TooDenseError
from vcmpipe.errors import VcmError
from vcmpipe.qpmap import QpMap
from vcmpipe.tasks import Constraints, TrackingTask

if TYPE_CHECKING:
    import supervision as sv

_START = Choice(0.7, 36)
# Steps along the QP: outwards, and the least that is worth an encode.
_STEP, _LEAST = 4, 4
# QPs that take about as many bits at half the width and height lie so far below.
_OCTAVE = 7.0
# Below the first QP a track costs more than it is worth, above the last nothing is kept.
_QPS = (26, 54)
# The step to a finer QP that may save a track, and how many of the last trials are for coarser ones all the same.
_FINER, _COARSER = 4, 1

Cost = tuple[int, float]


@dataclass(frozen=True, eq=False)
class Trial:
    """A version that was coded.

    Attributes:
        coder: What coded it.
        coded: The stream; None where it could not be coded.
        psnr_y: Per frame the PSNR of its luma, dB.
        lost: What has to be kept and is lost: tracks.
        judged: What it took and lost; None where the look at it ended early, since it could not be the best any more.
    """

    coder: SegmentCoder
    coded: CodedSegment | None
    psnr_y: tuple[float, ...] = ()
    lost: int = 0
    judged: Judged | None = None


@dataclass(eq=False)
class SequenceSearch:
    """The search in one segment.

    Attributes:
        constraints: The detectors that judge.
        coder_at: Makes the coder of a scale.
        scales: Scales to try, each in (0, 1].
        factor: Lambda, bits for each unit of loss.
        keep: Whether losing fewer tracks comes before any cost.
        objective: What the loss counts.
        on_trial: Called before every trial.
        trials: Most versions that ``run`` tries.
        tried: The versions tried.
        clock: Where the time went.
    """

    constraints: Constraints
    coder_at: Callable[[float], SegmentCoder]
    scales: Sequence[float]
    factor: float
    keep: bool
    objective: Objective = "accuracy"
    on_trial: Callable[[], None] = lambda: None
    trials: int = 0
    tried: dict[Choice, Trial] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)

    def run(self, trials: int, start: Choice | None = None) -> Choice:
        """Try versions, at most so many, and say which is best.

        Raises:
            VcmError: No version could be coded.
        """
        self.trials = trials
        choice: Choice | None = self._nearest(start or _START)
        while choice is not None and len(self.tried) < trials:
            self.look(choice)
            choice = self.next_choice()
        best = self.best
        if best is None:
            source = self.coder_at(self.scales[0]).segment.source
            raise VcmError(f"{source}: none of {len(self.tried)} versions could be coded: try another encoder")
        return best

    @property
    def best(self) -> Choice | None:
        """The version with the least cost; of equal ones the coarser one."""
        seen = [choice for choice, trial in self.tried.items() if trial.judged is not None]
        return min(seen, key=lambda c: (*self.cost(c), c.scale, -c.qp), default=None)

    def cost(self, choice: Choice) -> Cost:
        """What a version costs; of one that was not looked at to its end, what is known."""
        trial = self.tried[choice]
        lost = trial.lost if self.keep else 0
        if trial.judged is None:
            return lost, math.inf
        return lost, trial.judged.cost(self.factor, self.objective)

    def next_choice(self) -> Choice | None:
        """The version to try next; None where none is worth an encode."""
        best = self.best
        if best is None:
            # The encoder had no room for the bits.
            last = list(self.tried)[-1]
            return self._free(Choice(last.scale, last.qp + _STEP))
        line = sorted(choice.qp for choice in self.tried if choice.scale == best.scale)
        finer = [qp for qp in line if qp < best.qp]
        coarser = [qp for qp in line if qp > best.qp]
        if self.keep and self.tried[best].lost and len(self.tried) < self.trials - _COARSER:
            # Which versions lose a track is half a matter of luck: another size at the same bits is a try of its own.
            finest = Choice(best.scale, finer[0] if finer else best.qp)
            choice = self._beside(finest) or self._free(Choice(best.scale, finest.qp - _FINER))
            if choice is not None:
                return choice
        if not coarser:
            return self._free(Choice(best.scale, best.qp + _STEP)) or self._beside(best)
        if not finer and not self.keep:
            return self._free(Choice(best.scale, best.qp - _STEP)) or self._beside(best)
        if coarser[0] - best.qp > _LEAST:
            return self._free(Choice(best.scale, (best.qp + coarser[0]) // 2)) or self._beside(best)
        return self._beside(best)

    def _beside(self, best: Choice) -> Choice | None:
        """A size beside the best one's, at about its bits, unless it was tried about there."""
        place = self.scales.index(best.scale)
        for scale in (*self.scales[place + 1 : place + 2], *self.scales[max(place - 1, 0) : place]):
            qp = round(best.qp - _OCTAVE * math.log2(best.scale / scale))
            near = [c for c in self.tried if c.scale == scale and abs(c.qp - qp) <= _LEAST]
            choice = None if near else self._free(Choice(scale, qp))
            if choice is not None:
                return choice
        return None

    def _free(self, choice: Choice) -> Choice | None:
        """A version, its QP brought into range; None where it was tried."""
        low, high = self.coder_at(choice.scale).encoder.capabilities.qp_range
        within = Choice(choice.scale, min(max(choice.qp, _QPS[0], low), _QPS[1], high))
        return None if within in self.tried else within

    def _nearest(self, start: Choice) -> Choice:
        scale = min(self.scales, key=lambda each: abs(math.log(each / start.scale)))
        qp = round(start.qp - _OCTAVE * math.log2(start.scale / scale))
        return self._free(Choice(scale, qp)) or Choice(scale, qp)

    def look(self, choice: Choice) -> Trial:
        """Code a version, decode it, and have it judged, as far as it may still be the best."""
        self.on_trial()
        started = time.perf_counter()
        coder = self.coder_at(choice.scale)
        try:
            (coded,) = coder.uniform([choice.qp])
        except TooDenseError:
            self.tried[choice] = Trial(coder, None)
            return self.tried[choice]
        middle = time.perf_counter()
        self.clock.coding += middle - started
        best = self.best
        least, bound = self.cost(best) if best is not None else (0, math.inf)
        if best is not None and (not self.keep or least == 0) and coded.bits >= bound:
            # Its bits alone cost more than the best version.
            self.tried[choice] = Trial(coder, coded)
            return self.tried[choice]

        def hopeless(found: Sequence[sv.Detections]) -> bool:
            """Whether a version cannot be the best any more, whatever the frames show that were not looked at."""
            if best is None or not isinstance(first.task, TrackingTask):
                return False
            lost = first.task.lost_for_certain(first.reference, found) if self.keep else 0
            if lost != least or self.objective != "accuracy":
                return lost > least
            certain = first.weight * first.task.least_loss(first.reference, found)
            return coded.bits + self.factor * certain >= bound

        first = self.constraints.each[0]
        seen = look_through(coder, coded, self.constraints, hopeless)
        self.clock.detecting += time.perf_counter() - middle
        units = sorted(coded.units, key=lambda unit: unit.presentation)
        for unit, psnr in zip(units, seen.psnr_y, strict=False):
            # The segment's QP and an offset by the frame's place in the hierarchy.
            check_fidelity(psnr, (max(coded.qps) if unit.qp is None else unit.qp,))
        if not seen.whole:
            assert isinstance(first.task, TrackingTask)
            lost = first.task.lost_for_certain(first.reference, seen.found[0])
            self.tried[choice] = Trial(coder, coded, seen.psnr_y, lost)
            return self.tried[choice]
        judgement = self.constraints.judged(seen.found)
        lost = self.constraints.lost(judgement.comparison)
        self.tried[choice] = Trial(coder, coded, seen.psnr_y, lost, Judged(coded.bits, judgement))
        return self.tried[choice]


def search_sequence(
    constraints: Constraints,
    coder_at: Callable[[float], SegmentCoder],
    rules: SearchRules,
    *,
    start: Choice | None = None,
    memory: Memory | None = None,
    on_trial: Callable[[], None] = lambda: None,
) -> Searched:
    """Find the version of a segment of many frames that the rules ask for.

    Args:
        constraints: The detectors with what they found; something of it has to be kept, or counts.
        coder_at: Makes the coder of a scale.
        rules: How to search.
        start: What an earlier segment of the run chose.
        memory: What earlier passes over this segment found out; it grows.
        on_trial: Called before every trial.

    Raises:
        VcmError: No version could be coded.
    """
    memory = Memory() if memory is None else memory
    factor, objective = 8 * rules.sequence_factor, rules.weighs(sequence=True)
    search = SequenceSearch(
        constraints,
        coder_at,
        sorted(set(rules.sequence_scales), reverse=True),
        factor,
        rules.keep,
        objective,
        on_trial,
    )
    known = memory.best(factor, objective)
    trials = rules.sequence_trials[start is None and known is None]
    # What was found out at another lambda is where this one begins; what is settled is coded once more.
    best = search.run(1 if memory.settled else trials, known or start)
    memory.trials += len(search.tried)
    memory.judged |= {choice: each.judged for choice, each in search.tried.items() if each.judged is not None}
    trial = search.tried[best]
    assert trial.coded is not None
    assert trial.judged is not None
    judgement = trial.judged.judgement
    promised = judgement.comparison.promised
    recoverable = np.any(
        [each.judged.judgement.comparison.promised for each in search.tried.values() if each.judged is not None], axis=0
    )
    coded = trial.coded
    return Searched(
        trial.coder,
        coded,
        QpMap.uniform(coded.qps[0], *trial.coder.padded_size, trial.coder.ctu),
        best.scale,
        trial.psnr_y,
        judgement,
        bool((promised | ~recoverable | ~constraints.binding).all()),
        True,
        recoverable,
        np.full(len(promised), coded.qps[0], np.int64),
        memory.trials,
        search.clock,
        best,
    )
