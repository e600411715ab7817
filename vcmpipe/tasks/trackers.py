"""Trackers: which detections of consecutive frames are the same object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.base import TRACK
from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.errors import InputError, VcmError
from vcmpipe.evaluation.matching import assign
from vcmpipe.plugins import TRACKERS

if TYPE_CHECKING:
    import supervision as sv

# ByteTrack's second round takes weak detections, too, down to this score: they carry a track over, and begin none.
_WEAK = 0.1
# Frames for which an object that is not seen is remembered.
_MEMORY = 30
# Overlap of one frame's box with the next one's.
_NEAR = 0.1


class Tracker(Protocol):
    """Follows objects through the frames of a segment."""

    @property
    def name(self) -> str:
        """What users call it; with ``follow``'s arguments all that its answers depend on."""
        ...

    def follow(self, detections: Sequence[sv.Detections], score: float) -> list[NDArray[np.int64]]:
        """Find the tracks of a segment.

        Args:
            detections: Per frame all that a detector finds.
            score: Least score, 0..1, of a detection that begins a track.

        Returns:
            Per frame (N,) the track of each detection, a number of 0 or more; -1 where it is in none.
        """
        ...


class TrackerFactory(Protocol):
    """What a name stands for, built in or behind an entry point of the group ``vcmpipe.trackers``."""

    def __call__(self) -> Tracker:
        """Makes the tracker."""
        ...


class ByteTracker:
    """ByteTrack (Zhang et al., ECCV 2022), each class by itself, as the package ``trackers`` has it."""

    name = "bytetrack"

    def follow(self, detections: Sequence[sv.Detections], score: float) -> list[NDArray[np.int64]]:
        """See ``Tracker.follow``."""
        from trackers import ByteTrackTracker

        tracks = [np.full(len(own), -1, np.int64) for own in detections]
        classes = sorted({int(each) for own in detections if len(own) for each in own.class_id})
        begun = 0
        for number in classes:
            tracker = ByteTrackTracker(
                lost_track_buffer=_MEMORY,
                frame_rate=30.0,
                track_activation_threshold=score,
                minimum_consecutive_frames=1,
                minimum_iou_threshold=_NEAR,
                high_conf_det_threshold=score,
            )
            last = -1
            before: sv.Detections | None = None
            for place, own in enumerate(detections):
                which = np.zeros(0, np.int64)
                if len(own):
                    which = np.flatnonzero((own.class_id == number) & (own.confidence >= _WEAK))
                chosen = own[which]
                # It answers in an order of its own.
                chosen.data["place"] = which
                answer = tracker.update(chosen)
                ids = np.zeros(0, np.int64)
                if len(answer):
                    ids = np.asarray(answer.tracker_id, np.int64)
                    tracks[place][answer.data["place"]] = np.where(ids >= 0, ids + begun, -1)
                new = answer[ids > last] if len(answer) else answer
                if before is not None and len(before) and len(new):
                    _begin(tracks[place - 1], before, new, begun)
                before, last = answer, max(last, int(ids.max(initial=-1)))
            begun += last + 1
        return tracks


def _begin(tracks: NDArray[np.int64], before: sv.Detections, new: sv.Detections, begun: int) -> None:
    """Give tracks the detections that they began with: the tracker numbers them one frame later only."""
    free = before[np.asarray(before.tracker_id) < 0]
    if not len(free):
        return
    overlap = pairwise_iou(free.xyxy, new.xyxy)
    rows, columns = assign(overlap, overlap >= _NEAR)
    tracks[free.data["place"][rows]] = np.asarray(new.tracker_id, np.int64)[columns] + begun


def follow(tracker: Tracker, detections: Sequence[sv.Detections], score: float) -> list[NDArray[np.int64]]:
    """What a tracker says, as ``Tracker.follow``, having looked at its form; or the tracks that detections come with.

    Raises:
        VcmError: It is not one track for each detection.
    """
    given = [own.data.get(TRACK) for own in detections]
    if any(each is not None for each in given):
        pairs = zip(given, detections, strict=True)
        return [np.full(len(own), -1) if each is None else np.asarray(each, np.int64) for each, own in pairs]
    tracks = [np.asarray(each) for each in tracker.follow(detections, score)]
    if [each.shape for each in tracks] != [(len(own),) for own in detections]:
        raise VcmError(f"tracker {tracker.name} must give a track for each detection of each frame, and gave others")
    return [each.astype(np.int64) for each in tracks]


def load_tracker(name: str) -> Tracker:
    """Make the tracker that a name stands for.

    Raises:
        InputError: The name is unknown, or a plugin cannot be loaded.
    """
    if ":" in name:
        raise InputError(f"tracker {name}: a tracker takes no argument")
    return cast(TrackerFactory, TRACKERS.load(name, option="--task tracking"))()
