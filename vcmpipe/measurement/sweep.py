"""A picture coded at a ladder of QPs, with the detector run on every version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.frames.batches import batches
from vcmpipe.tasks import Reference, Task
from vcmpipe.thresholds import Coder, Thresholds

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


@dataclass(frozen=True)
class Recognition:
    """Which objects were found again at which QPs.

    Attributes:
        qps: (Q,) QPs, ascending.
        found: (Q, N) bool; whether each of N objects was recognised at each QP.
    """

    qps: NDArray[np.int64]
    found: NDArray[np.bool_]


def recognise(objects: sv.Detections, coder: Coder, detector: Detector, qps: Sequence[int], task: Task) -> Recognition:
    """Code a picture at each QP and find its objects again, whatever their score; the task says when one is found."""
    ladder = sorted(set(qps))
    reference = Reference.of([objects])
    found = [
        task.compare(reference, [version]).kept
        for batch in batches(coder.many(ladder), len(ladder), lambda frame: frame.pixels)
        for version in detector.detect(batch)
    ]
    return Recognition(np.array(ladder, dtype=np.int64), np.array(found, bool).reshape(len(ladder), len(objects)))


def best_step(recognition: Recognition, *, loss_weight: float = 2.0) -> Thresholds:
    """Per object the QP up to which it is found, read off its string of found and lost.

    Strings are not monotone: an object may be lost at one QP and found again at a higher one, the more so the weaker
    its score. The threshold is the step that contradicts the string least: a loss at or below it counts
    ``loss_weight``, a find above it counts 1, and of equal steps the lowest is taken. So one flicker at a low QP does
    not condemn an object to that QP, nor does a lucky find far out promise a high one.

    Where "lost at every QP" contradicts the string least, the object has label 0 and is not recognisable.
    """
    found = recognition.found
    steps, objects = found.shape
    if objects == 0:
        return Thresholds.empty()
    # cost[k]: the first k QPs are called found, the rest lost.
    cost = np.zeros((steps + 1, objects))
    cost[1:] += loss_weight * np.cumsum(~found, axis=0)
    cost[:-1] += np.cumsum(found[::-1], axis=0)[::-1]
    kept = cost.argmin(axis=0)
    recognisable = kept > 0
    qps = recognition.qps[np.maximum(kept - 1, 0)]
    return Thresholds.from_qps(np.where(recognisable, qps, 0), recognisable)
