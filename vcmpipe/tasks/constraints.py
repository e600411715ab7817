"""What a coded segment has to fulfil: the items of one detector, or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.detection.naming import detect_named
from vcmpipe.tasks.base import Comparison, Floats, Reference, Task

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame


@dataclass(frozen=True, eq=False)
class Constraint:
    """One detector and what it found in a segment that has to be kept.

    Attributes:
        detector: The detector.
        task: What counts.
        reference: Its items.
    """

    detector: Detector
    task: Task
    reference: Reference

    @classmethod
    def of(
        cls, detector: Detector, task: Task, detections: Sequence[sv.Detections], *, margin: float = 0.0
    ) -> Constraint:
        """The constraint of what a detector finds in each frame of the source; ``margin`` as of ``Task.reference``."""
        return cls(detector, task, task.reference(detections, margin=margin))

    def compare(self, frames: Sequence[Frame]) -> Comparison:
        """Find the items again in the frames of another version, of the source's size.

        Raises:
            VcmError: The detector failed; the message names the frame.
        """
        # Without items there is nothing to find, and a detection saved.
        return self.task.compare(
            self.reference, detect_named(self.detector, frames) if len(self.reference) else self.reference.detections
        )


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

    def compare(self, frames: Sequence[Frame]) -> Comparison:
        """Find the items again in the frames of another version, each with its own detector.

        Raises:
            VcmError: A detector failed; the message names the frame.
        """
        return Comparison.joined([one.compare(frames) for one in self.each])
