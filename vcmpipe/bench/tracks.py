"""Tracks of sequences under a detector: which are kept, which are false, and what HOTA and others are counted from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bench.sequence_result import TrackCounts
from vcmpipe.evaluation.tracking import CountedTracks, TrackAccuracy, count_tracks, track_accuracy
from vcmpipe.tasks import Comparison, Reference, Task
from vcmpipe.tasks.tracking import TrackingTask

if TYPE_CHECKING:
    import supervision as sv

Frames = Sequence["sv.Detections"]


@dataclass(frozen=True)
class Tracks:
    """Tracks under one detector, of N segments in S sequences, at P points; a track ends with its segment.

    Attributes:
        total: (N,) tracks that have to be kept.
        kept: (P, N) those that are.
        false_instances: (P, N) detections of tracks that have nothing of the kind in the source.
        counted: (P, S) what the figures of each whole sequence are counted from; there tracks outlive their segments.
    """

    total: NDArray[np.int64]
    kept: NDArray[np.int64]
    false_instances: NDArray[np.int64]
    counted: Sequence[Sequence[CountedTracks]]

    def of_point(self, place: int, chosen: NDArray[np.bool_], sequences: Sequence[int]) -> TrackCounts:
        """A point over the (N,) chosen segments, which are those of some sequences."""
        return TrackCounts(
            total=int(self.total[chosen].sum()),
            kept=int(self.kept[place, chosen].sum()),
            false_instances=int(self.false_instances[place, chosen].sum()),
            switches=track_accuracy([self.counted[place][number] for number in sequences]).switches,
        )


def frame_task(task: Task) -> Task:
    """What counts of single frames: of tracks their instances, each by itself."""
    return task.frames if isinstance(task, TrackingTask) else task


def kept_tracks(reference: Reference, comparison: Comparison) -> tuple[int, int]:
    """How many tracks a segment has, and how many of them are kept."""
    numbers, first = np.unique(reference.tracks, return_index=True)
    return len(numbers), int(comparison.promised[first].sum())


def observe_tracks(
    task: TrackingTask,
    sources: Sequence[Frames],
    references: Sequence[Reference],
    found: Sequence[Sequence[Frames]],
    comparisons: Sequence[Sequence[Comparison]],
    sequence: Sequence[int],
) -> Tracks:
    """Count a detector's tracks.

    Args:
        task: When a track is kept.
        sources: (N) per frame what it finds in the source of each segment.
        references: (N) what has to be kept of them.
        found: (P, N) per frame what it finds in versions of them.
        comparisons: (P, N) what of the references is found again.
        sequence: (N) the sequence of each segment, whose segments stand in their order.
    """
    pairs = [[kept_tracks(own, each) for own, each in zip(references, row, strict=True)] for row in comparisons] or [[]]
    counts = np.array(pairs, np.int64).reshape(len(comparisons), len(references), 2)
    false = [
        [sum(map(len, task.false_instances(own, each))) for own, each in zip(sources, row, strict=True)]
        for row in found
    ]
    truths = [list(task.reference(frames).detections) for frames in _joined(sources, sequence)]
    return Tracks(
        total=np.array([len(np.unique(own.tracks)) for own in references], np.int64),
        kept=counts[:, :, 1],
        false_instances=np.array(false, np.int64).reshape(len(found), len(references)),
        counted=count_points(task, truths, found, sequence, _joined(sources, sequence)),
    )


def count_points(
    task: TrackingTask,
    truths: Sequence[Frames],
    found: Sequence[Sequence[Frames]],
    sequence: Sequence[int],
    ignored: Sequence[Frames],
) -> list[list[CountedTracks]]:
    """By point and sequence what HOTA, IDF1 and MOTA are counted from, tracks going on from segment to segment.

    Args:
        task: Who follows.
        truths: By sequence, per frame its objects, ``tracker_id`` set.
        found: (P, N) per frame what is found in the segments.
        sequence: (N) their sequences.
        ignored: By sequence, per frame what may be found or not.
    """
    return [
        [
            count_tracks(truth, task.followed(frames), beside)
            for truth, frames, beside in zip(truths, _joined(row, sequence), ignored, strict=True)
        ]
        for row in found
    ]


def _joined(segments: Sequence[Frames], sequence: Sequence[int]) -> list[list[sv.Detections]]:
    """The frames of each sequence."""
    return [
        list(chain.from_iterable(own for own, at in zip(segments, sequence, strict=True) if at == number))
        for number in range(max(sequence, default=-1) + 1)
    ]


def accuracy_of(counted: Sequence[Sequence[CountedTracks]], sequences: Sequence[int]) -> list[TrackAccuracy]:
    """By point the figures of some sequences together."""
    return [track_accuracy([row[number] for number in sequences]) for row in counted]
