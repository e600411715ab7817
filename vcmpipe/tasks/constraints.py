"""What a coded segment is judged by: what one detector, or several, found in its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.naming import detect_named
from vcmpipe.tasks.base import Comparison, Floats, Reference, Task

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame


class Judgement(NamedTuple):
    """What is found in a version of a segment.

    Attributes:
        comparison: Which items are found again.
        loss: The accuracy that it loses (see ``Task.loss``), detectors weighed.
        found: By detector and frame all that is found.
    """

    comparison: Comparison
    loss: float
    found: tuple[tuple[sv.Detections, ...], ...]


@dataclass(frozen=True, eq=False)
class Constraint:
    """One detector and what it found in a segment: what has to be kept of it, and all of it.

    Attributes:
        detector: The detector.
        task: What counts.
        reference: Its items.
        source: Per frame all that it found.
        weight: What its loss of accuracy counts beside those of others, 0 or more.
        binding: Whether its items have to be kept; else only its loss counts.
        stride: In a sequence it looks at every ``stride``-th frame; ``source`` and ``reference`` are of these alone,
            and its loss stands for the others, too.
    """

    detector: Detector
    task: Task
    reference: Reference
    source: tuple[sv.Detections, ...]
    weight: float = 1.0
    binding: bool = True
    stride: int = 1

    @classmethod
    def of(
        cls,
        detector: Detector,
        task: Task,
        detections: Sequence[sv.Detections],
        *,
        margin: float = 0.0,
        weight: float = 1.0,
        binding: bool = True,
        stride: int = 1,
    ) -> Constraint:
        """The constraint of what a detector finds in each frame of the source that it looks at.

        ``margin`` is as of ``Task.reference``.
        """
        reference = task.reference(detections, margin=margin)
        return cls(detector, task, reference, tuple(detections), weight, binding, stride)

    def judge(self, frames: Sequence[Frame]) -> Judgement:
        """Detect in the frames of another version, of the source's size, and compare.

        Raises:
            VcmError: The detector failed; the message names the frame.
        """
        return self.judged(detect_named(self.detector, frames))

    def judged(self, found: Sequence[sv.Detections]) -> Judgement:
        """The judgement of a version in whose frames something was found."""
        loss = self.weight * self.stride * self.task.loss(self.source, found)
        return Judgement(self.task.compare(self.reference, found), loss, (tuple(found),))

    def nothing(self) -> Judgement:
        """The judgement of a version in which nothing is found."""
        return self.judged([own[:0] for own in self.source])

    @property
    def sees_something(self) -> bool:
        """Whether anything was found in the source; else there is nothing to judge by."""
        return any(map(len, self.source))


@dataclass(frozen=True, eq=False)
class Constraints:
    """The constraints of several detectors; their N items in the detectors' order.

    Attributes:
        each: One per detector, at least one.
    """

    each: Sequence[Constraint]

    def __len__(self) -> int:
        return sum(len(one.reference) for one in self.each)

    @property
    def footprint(self) -> Floats:
        """(N, 4) boxes in source pixels; see ``Task.footprint``."""
        return np.concatenate([one.task.footprint(one.reference) for one in self.each])

    def footprint_in(self, place: int) -> Floats:
        """(M, 4) boxes in source pixels of the items in the frame at a place."""
        return np.concatenate([one.reference.by_frame(one.task.footprint(one.reference))[place] for one in self.each])

    @property
    def score(self) -> Floats:
        """(N,) scores in the source, 0..1."""
        return np.concatenate([one.reference.score for one in self.each])

    @property
    def required(self) -> Floats:
        """(N,) least scores at which items count as found."""
        return np.concatenate([one.reference.required for one in self.each])

    @property
    def binding(self) -> NDArray[np.bool_]:
        """(N,) whether each has to be kept."""
        return np.repeat([one.binding for one in self.each], [len(one.reference) for one in self.each])

    @property
    def at_stake(self) -> float:
        """The loss of a version in which nothing is found."""
        return sum(one.nothing().loss for one in self.each)

    def judge(self, frames: Sequence[Frame]) -> Judgement:
        """Detect in the frames of another version with every detector, and compare.

        Raises:
            VcmError: A detector failed; the message names the frame.
        """
        first, *others = self.each
        # A further detector that saw nothing in the source has nothing to judge by, and its detection is saved.
        parts = [first.judge(frames)]
        return _joined([*parts, *(one.judge(frames) if one.sees_something else one.nothing() for one in others)])

    def judged(self, found: Sequence[Sequence[sv.Detections]]) -> Judgement:
        """The judgement of a version in whose frames each detector found something, in the order of ``each``."""
        return _joined([one.judged(own) for one, own in zip(self.each, found, strict=True)])

    def lost(self, comparison: Comparison) -> int:
        """How many of the things that have to be kept are not: tracks, or items that stand for themselves."""
        count, first = 0, 0
        for one in self.each:
            part = slice(first, first + len(one.reference))
            if one.binding:
                count += len(np.unique(one.reference.tracks[~comparison.promised[part]]))
            first = part.stop
        return count


def _joined(parts: Sequence[Judgement]) -> Judgement:
    found = tuple(own for part in parts for own in part.found)
    return Judgement(Comparison.joined([part.comparison for part in parts]), sum(part.loss for part in parts), found)
