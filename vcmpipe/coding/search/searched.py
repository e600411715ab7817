"""How a segment is to be searched, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.search.decoded import Clock
from vcmpipe.coding.search.rdo import Objective
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import SearchOptions, parse_scales
from vcmpipe.config.search import SEQUENCE_LAMBDA
from vcmpipe.qpmap import QpMap
from vcmpipe.tasks import Judgement

SCALES = parse_scales(SearchOptions.scales, "--scales")
TRIALS = SearchOptions(verify=True).trials
SEQUENCE_SCALES = (1.0, 0.7, 0.5)
"""What is tried in segments of many frames."""
SEQUENCE_TRIALS = (5, 6)
"""Most encodes there: where an earlier segment's answer is known, and where none is."""


@dataclass(frozen=True)
class SearchRules:
    """How a segment is searched and what counts.

    Attributes:
        trials: Most encodes that are tried, at least 1.
        scales: Scales to try; where every object is to be kept, 1 besides.
        keep: Whether every object has to be kept that can be.
        objective: What a loss counts: accuracy, or objects lost.
        factor: Lambda, bytes for each unit of loss; None: only ``keep`` counts.
        qp_margin: QP steps below a version that kept everything, at which everything has to be kept again.
        score_margin: By how much a found score has to exceed the least one.
        blur: Standard deviation of the low-pass over the background, in source pixels; 0: none.
        worth: The search ends where a trial is expected to save less than this share of the bits.
        sequence_scales: Scales to try in a segment of many frames.
        sequence_trials: Most encodes there, where an earlier segment's answer is known, and where none is.
        sequence_factor: Lambda there, bytes for each unit of loss.
    """

    trials: int = TRIALS
    scales: tuple[float, ...] = SCALES
    keep: bool = True
    objective: Objective = "accuracy"
    factor: float | None = None
    qp_margin: int = SearchOptions.qp_margin
    score_margin: float = SearchOptions.score_margin
    blur: float = SearchOptions.background_blur
    worth: float = 0.0
    sequence_scales: tuple[float, ...] = SEQUENCE_SCALES
    sequence_trials: tuple[int, int] = SEQUENCE_TRIALS
    sequence_factor: float = SEQUENCE_LAMBDA

    def weighs(self, sequence: bool) -> Objective:
        """What the loss counts in a picture, or in a sequence: where all tracks are kept, bits decide with accuracy."""
        return "accuracy" if self.keep and sequence else self.objective


@dataclass(frozen=True, eq=False)
class Searched:
    """A segment after its search.

    Attributes:
        coder: What coded it.
        coded: The version to publish.
        requested: Its map.
        scale: Its scale.
        psnr_y: Per frame the PSNR of its luma at the coded size, dB, against what was coded (the blurred source, with
            a blur).
        judgement: What the detectors found in it.
        verified: Whether every object is kept but those that no version keeps.
        margin: Whether it lies the margin requested below a version that kept everything.
        recoverable: (N,) False for objects that are lost in every version tried, scale 1 at the lowest QP among them.
        qps: (N,) QP requested at each object.
        trials: Encodes that were tried.
        clock: Where the time went.
        choice: Its scale and QP, where a later segment may begin with them.
    """

    coder: SegmentCoder
    coded: CodedSegment
    requested: QpMap
    scale: float
    psnr_y: tuple[float, ...]
    judgement: Judgement
    verified: bool
    margin: bool
    recoverable: NDArray[np.bool_]
    qps: NDArray[np.int64]
    trials: int
    clock: Clock
    choice: Choice | None = None

    @property
    def kept(self) -> NDArray[np.bool_]:
        """(N,) whether each object is found again, detector after detector."""
        return self.judgement.comparison.kept

    @property
    def promised(self) -> NDArray[np.bool_]:
        """(N,) whether each is kept as the task promises: of a track's instances, whether the track is."""
        return self.judgement.comparison.promised
