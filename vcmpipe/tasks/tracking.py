"""Tracking: every object that was followed through a segment is to be followed through its coded version, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import MapOptions
from vcmpipe.evaluation import GroundTruth, MatchRule, match
from vcmpipe.tasks.base import Comparison, Floats, Reference
from vcmpipe.tasks.detection import DetectionTask
from vcmpipe.tasks.loss import AccuracyLoss
from vcmpipe.tasks.trackers import Tracker, follow, load_tracker

if TYPE_CHECKING:
    import supervision as sv

LEAST_FRAMES = 5
"""Frames that a track has to be seen in to count; all of a segment that is shorter."""


@dataclass(frozen=True)
class TrackRule:
    """When a track is kept.

    Attributes:
        share: Least share of its frames that have to show it again, 0..1.
        gap: Most of these frames, one after the other, that may miss it.
    """

    share: float = MapOptions.track_share
    gap: int = MapOptions.track_gap


@dataclass(frozen=True)
class TrackOutcome:
    """What became of one track.

    Attributes:
        track: Its number in the segment.
        class_id: Its class.
        first: The first frame that it is seen in, by its place in the segment.
        frames: Frames that it is seen in.
        found: Those of them that show it again.
        gap: The longest run of them that does not.
        identity: Whether it is one track in the version, too.
        kept: Whether all of that is as the rule wants it.
    """

    track: int
    class_id: int
    first: int
    frames: int
    found: int
    gap: int
    identity: bool
    kept: bool


@dataclass(frozen=True)
class TrackingTask:
    """Tracks are to be found again, as one track each, in nearly all of their frames.

    Items are a track's instances: its detections, one per frame, with at least the rule's reference score.

    Attributes:
        rule: When an instance counts, and when it counts as found.
        limits: When a track is kept.
        tracker: What makes tracks of detections, in the source and in versions of it.
        classes: Class ids of the objects that count; None: all do.
        accuracy_loss: How an instance that is found worse, or not at all, is counted.
    """

    rule: MatchRule = field(default_factory=MatchRule)
    limits: TrackRule = field(default_factory=TrackRule)
    tracker: Tracker = field(default_factory=lambda: load_tracker("bytetrack"))
    classes: frozenset[int] | None = None
    accuracy_loss: AccuracyLoss = field(default_factory=AccuracyLoss)

    @property
    def digest(self) -> str:
        """See ``Task.digest``."""
        return f"{self.frames.digest}, {self.limits}, tracker {self.tracker.name}"

    @cached_property
    def frames(self) -> DetectionTask:
        """The task of finding instances, frame by frame."""
        return DetectionTask(self.rule, self.classes, self.accuracy_loss)

    def reference(self, detections: Sequence[sv.Detections], *, margin: float = 0.0) -> Reference:
        """See ``Task.reference``: the instances of tracks that are seen in enough frames."""
        objects = self.frames.reference(detections, margin=margin)
        followed = self._followed(detections, self.rule.reference_score)
        track = np.concatenate([own[p] for own, p in zip(followed, objects.by_frame(objects.position), strict=True)])
        least = min(LEAST_FRAMES, len(detections))
        numbers, count = np.unique(track[track >= 0], return_counts=True)
        chosen = np.isin(track, numbers[count >= least])
        parts = zip(objects.detections, objects.by_frame(chosen), objects.by_frame(track), strict=True)
        instances = tuple(_with_tracks(own[part], numbers[part]) for own, part, numbers in parts)
        return Reference(instances, objects.position[chosen], objects.required[chosen], track[chosen])

    def compare(self, reference: Reference, detections: Sequence[sv.Detections]) -> Comparison:
        """See ``Task.compare``: instances frame by frame, and whether their track is kept."""
        found = self.frames.compare(reference, detections)
        outcomes = {each.track: each.kept for each in self.outcomes(reference, found, detections)}
        held = np.array([outcomes[number] for number in reference.tracks.tolist()], np.bool_)
        return replace(found, held=held)

    def outcomes(
        self, reference: Reference, comparison: Comparison, detections: Sequence[sv.Detections]
    ) -> list[TrackOutcome]:
        """What became of each track of a segment, the first one first.

        Args:
            reference: The tracks' instances.
            comparison: Which of them are found again among ``detections``.
            detections: Per frame what the detector finds in the version.
        """
        # An object may be found with a lower score than it needs to be counted in the source; so may it be followed.
        followed = self._followed(detections, self.rule.found_score)
        partners = zip(followed, reference.by_frame(comparison.partner), strict=True)
        again = np.concatenate([np.where(p >= 0, own[p] if len(own) else -1, -1) for own, p in partners])
        frame = np.repeat(np.arange(len(reference.detections)), [len(own) for own in reference.detections])
        classes = np.concatenate([np.asarray(own.class_id, np.int64) for own in reference.detections])
        results = []
        for number in dict.fromkeys(reference.tracks.tolist()):
            own = np.flatnonzero(reference.tracks == number)
            kept = comparison.kept[own]
            share, gap, identity = float(kept.mean()), _longest(~kept), self._is_one(again[own][kept])
            results.append(
                TrackOutcome(
                    track=int(number),
                    class_id=int(classes[own[0]]),
                    first=int(frame[own[0]]),
                    frames=len(own),
                    found=int(kept.sum()),
                    gap=gap,
                    identity=identity,
                    kept=bool(round(share, 6) >= self.limits.share and gap <= self.limits.gap and identity),
                )
            )
        return results

    def lost_for_certain(self, reference: Reference, found: Sequence[sv.Detections]) -> int:
        """How many tracks are lost, whatever the frames show that were not looked at yet.

        Args:
            reference: The instances of a segment's tracks.
            found: What the detector finds in the first frames of a version.
        """
        tracks = reference.tracks
        numbers, count = np.unique(tracks, return_counts=True)
        required = reference.by_frame(reference.required)
        first = reference.detections[: len(found)]
        position = np.arange(sum(map(len, first)))
        part = Reference(tuple(first), position, np.concatenate(required[: len(found)]))
        kept = self.frames.compare(part, found).kept
        seen = tracks[: len(kept)]
        lost = 0
        for number, frames in zip(numbers.tolist(), count.tolist(), strict=True):
            missed = ~kept[seen == number]
            share = round(1 - float(missed.sum()) / frames, 6)
            lost += int(share < self.limits.share or _longest(missed) > self.limits.gap)
        return lost

    def least_loss(self, reference: Reference, found: Sequence[sv.Detections]) -> float:
        """What a version loses at the least, by what the detector finds in its first frames; see ``loss``."""
        shares, lost = self.accuracy_loss, 0.0
        for own, new in zip(reference.detections, found, strict=False):
            kept, _ = shares.kept(own, new)
            lost += float((shares.weights(own) * (1.0 - kept)).sum())
        return lost

    def loss(self, source: Sequence[sv.Detections], detections: Sequence[sv.Detections]) -> float:
        """See ``Task.loss``: of the tracks' instances, and of new tracks where the source has nothing of the kind.

        An instance loses as ``AccuracyLoss`` has it; one of a new false track counts as a false alarm of its score.
        """
        if len(source) != len(detections):
            raise ValueError(f"{len(detections)} frames of detections for {len(source)} of the source")
        shares, lost = self.accuracy_loss, self.least_loss(self.reference(source), detections)
        for own in self.false_instances(source, detections):
            lost += shares.false_alarm * float(shares.weights(own).sum())
        return lost

    def false_instances(
        self, source: Sequence[sv.Detections], detections: Sequence[sv.Detections]
    ) -> list[sv.Detections]:
        """Per frame the instances of tracks of a version that have no detection in the source, however weak."""
        seen = self.reference(detections).detections
        pairs = zip(seen, source, strict=True)
        return [new[~match(new, own, iou=self.rule.iou, min_score=0.0).kept] for new, own in pairs]

    def followed(self, detections: Sequence[sv.Detections]) -> list[sv.Detections]:
        """All detections of consecutive frames, ``tracker_id`` being the track of each.

        It is -1 where a detection is in no track, or is too weak to count as found.
        """
        tracks = self._followed(detections, self.rule.reference_score)
        least = self.rule.found_score
        sure = [np.asarray(own.confidence) >= least if len(own) else np.zeros(0, np.bool_) for own in detections]
        return [
            _with_tracks(own[:], np.where(strong, numbers, -1))
            for own, numbers, strong in zip(detections, tracks, sure, strict=True)
        ]

    def footprint(self, reference: Reference) -> Floats:
        """See ``Task.footprint``: the instances' boxes."""
        return self.frames.footprint(reference)

    def accuracy(
        self, truth: GroundTruth, detections: Mapping[str, sv.Detections], classes: Mapping[int, str]
    ) -> Mapping[str, float | None]:
        """See ``Task.accuracy``: COCO's AP and AP50 of the frames; figures of tracks are ``evaluation.tracking``'s."""
        return self.frames.accuracy(truth, detections, classes)

    def _followed(self, detections: Sequence[sv.Detections], score: float) -> list[NDArray[np.int64]]:
        """Per frame the track of each detection of a class that counts."""
        if len(detections) == 1:
            return [np.arange(len(detections[0]))]
        if self.classes is None:
            return follow(self.tracker, detections, score)
        part = [np.flatnonzero(np.isin(np.asarray(own.class_id), list(self.classes))) for own in detections]
        followed = follow(self.tracker, [own[which] for own, which in zip(detections, part, strict=True)], score)
        tracks = [np.full(len(own), -1, np.int64) for own in detections]
        for whole, which, own in zip(tracks, part, followed, strict=True):
            whole[which] = own
        return tracks

    def _is_one(self, tracks: NDArray[np.int64]) -> bool:
        """Whether found instances are one track of the version, but for as many as may be missing."""
        followed = tracks[tracks >= 0]
        _, counts = np.unique(followed, return_counts=True)
        return not len(followed) or bool(counts.max() / len(followed) >= self.limits.share)


def _with_tracks(detections: sv.Detections, tracks: NDArray[np.int64]) -> sv.Detections:
    """The same detections, each with its track."""
    detections.tracker_id = tracks
    return detections


def _longest(flags: NDArray[np.bool_]) -> int:
    """The length of the longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def tracking_task(argument: str, *, rule: MatchRule, classes: frozenset[int] | None = None) -> TrackingTask:
    """The task ``tracking`` or ``tracking:TRACKER``, as the registry makes it.

    Raises:
        InputError: There is no such tracker.
    """
    return TrackingTask(rule, TrackRule(), load_tracker(argument or "bytetrack"), classes)
