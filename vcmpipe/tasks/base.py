"""What a task is to the rest of vcmpipe: what of a segment has to be kept, and how much of it was lost.

A segment is a sequence of frames, and what a detector finds in it a sequence of detections, one per frame; a still
picture is a segment of one frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.evaluation import GroundTruth

Floats = NDArray[np.float64]
S = TypeVar("S", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Reference:
    """What has to be kept of a segment: N items, frame after frame.

    Attributes:
        detections: Per frame its items, boxes in source pixels.
        position: (N,) int64; the place of each item among the detections of its frame that it was chosen from.
        required: (N,) float64; least score, 0..1, at which each item counts as found; 0: the task's own limit alone.
        track: (N,) int64; the track that each item is an instance of; None where each stands for itself.
    """

    detections: tuple[sv.Detections, ...]
    position: NDArray[np.int64]
    required: Floats
    track: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, detections: Sequence[sv.Detections]) -> Reference:
        """All of some detections, whichever a task would choose."""
        position = np.concatenate([np.arange(len(each)) for each in detections])
        return cls(tuple(detections), position, np.zeros(len(position)))

    def __len__(self) -> int:
        return sum(len(each) for each in self.detections)

    @property
    def tracks(self) -> NDArray[np.int64]:
        """(N,) what each item is part of, a number of 0 or more: its track, or itself."""
        return np.arange(len(self)) if self.track is None else self.track

    @property
    def boxes_xyxy(self) -> Floats:
        """(N, 4) boxes in source pixels."""
        return np.concatenate([np.asarray(each.xyxy, np.float64).reshape(-1, 4) for each in self.detections])

    @property
    def score(self) -> Floats:
        """(N,) scores in the source, 0..1."""
        return np.concatenate([np.asarray(each.confidence, np.float64) for each in self.detections])

    def by_frame(self, values: NDArray[S]) -> list[NDArray[S]]:
        """Values of all items, (N, ...), as those of each frame's."""
        return np.split(values, np.cumsum([len(each) for each in self.detections])[:-1])


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is found again of N items.

    Attributes:
        kept: (N,) bool; whether each is found.
        score: (N,) float64; the score at which each is found; of one that is lost the best that anything of its kind
            has at its place, 0 where nothing is there.
        overlap: (N,) float64; how far each covers what it is found as, 0..1; 0 where it is lost.
        partner: (N,) int64; the place of what each is found as among its frame's detections; -1 where it is lost.
        held: (N,) bool; whether what each is part of, a track, is kept; None where each stands for itself.
    """

    kept: NDArray[np.bool_]
    score: Floats
    overlap: Floats
    partner: NDArray[np.int64]
    held: NDArray[np.bool_] | None = None

    @property
    def lost(self) -> int:
        """How many are not found."""
        return int(np.count_nonzero(~self.kept))

    @property
    def promised(self) -> NDArray[np.bool_]:
        """(N,) whether each is kept as the task promises: found, or part of a track that is kept."""
        return self.kept if self.held is None else self.held

    @classmethod
    def joined(cls, parts: Sequence[Comparison]) -> Comparison:
        """Several comparisons, at least one, as one of all their items."""
        return cls(
            np.concatenate([each.kept for each in parts]),
            np.concatenate([each.score for each in parts]),
            np.concatenate([each.overlap for each in parts]),
            np.concatenate([each.partner for each in parts]),
            None if all(each.held is None for each in parts) else np.concatenate([each.promised for each in parts]),
        )


@runtime_checkable
class Task(Protocol):
    """What counts: what has to be kept, when it is lost, where it lies, and the figure that is published."""

    @property
    def digest(self) -> str:
        """Equal for tasks that answer alike: answers are cached by it."""
        ...

    def reference(self, detections: Sequence[sv.Detections], *, margin: float = 0.0) -> Reference:
        """Choose what has to be kept of a segment.

        Args:
            detections: Per frame all that the detector finds in the source.
            margin: By how much scores have to exceed the least one, up to half of what an item has in reserve: one
                that is barely found in the source cannot be found much better after coding.
        """
        ...

    def compare(self, reference: Reference, detections: Sequence[sv.Detections]) -> Comparison:
        """Find the items of a segment among what is found in another version of it.

        Args:
            reference: The N items.
            detections: Per frame what the detector finds in the version, boxes in source pixels.

        Raises:
            ValueError: The numbers of frames differ.
        """
        ...

    def loss(self, source: Sequence[sv.Detections], detections: Sequence[sv.Detections]) -> float:
        """What accuracy a version of a segment loses, 0 or more; losses of frames and segments add up.

        Unlike the reference, which is kept or lost, it knows degrees: of all that is found in the source, weak
        detections among it, what is found worse, not at all, or where nothing was.

        Args:
            source: Per frame all that the detector finds in the source.
            detections: Per frame all that it finds in the version, boxes in source pixels.

        Raises:
            ValueError: The numbers of frames differ.
        """
        ...

    def footprint(self, reference: Reference) -> Floats:
        """(N, 4) boxes, in source pixels, of the samples that each item is made of."""
        ...

    def accuracy(
        self, truth: GroundTruth, detections: Mapping[str, sv.Detections], classes: Mapping[int, str]
    ) -> Mapping[str, float | None]:
        """The published figures of what is found, by name; None where one is not defined.

        Args:
            truth: What is there.
            detections: By picture name, what is found in it, boxes in source pixels.
            classes: The detector's class names by ``class_id``.

        Raises:
            InputError: Truth and detections do not go together.
        """
        ...
