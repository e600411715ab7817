"""HOTA, IDF1 and MOTA of followed objects, counted by the package ``trackers`` (which follows TrackEval)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.postprocess import pairwise_iou
from vcmpipe.errors import InputError
from vcmpipe.evaluation.matching import assign, classes_of

if TYPE_CHECKING:
    import supervision as sv

# Of an overlap from which on two boxes may be the same object, as CLEAR MOT and IDF1 have it.
_IOU = 0.5


@dataclass(frozen=True)
class TrackAccuracy:
    """Figures of tracks in one sequence, or of several together.

    Attributes:
        hota: Higher order tracking accuracy (Luiten et al., IJCV 2021), 0..1; None where there is no track.
        idf1: F1 of identities (Ristani et al., 2016), 0..1; None likewise.
        mota: CLEAR MOT accuracy (Bernardin and Stiefelhagen, 2008), at most 1; None likewise.
        switches: How often an object becomes another track.
    """

    hota: float | None
    idf1: float | None
    mota: float | None
    switches: int


@dataclass(frozen=True)
class CountedTracks:
    """What the figures of one sequence are counted from; that of several adds up."""

    clear: dict[str, Any]
    hota: dict[str, Any]
    identity: dict[str, Any]


def count_tracks(
    truth: Sequence[sv.Detections], found: Sequence[sv.Detections], ignored: Sequence[sv.Detections] | None = None
) -> CountedTracks:
    """Count one sequence, to be read by ``track_accuracy``, with that of others or alone.

    Args:
        truth: Per frame the objects, ``tracker_id`` set; boxes of one class match those of the same class alone.
        found: Per frame what a tracker says, detections in no track (-1) left aside.
        ignored: Per frame what may be found or not: an instance that is no object of the truth's, but one of these, is
            not counted, as MOTChallenge has it with distractors.

    Raises:
        InputError: The numbers of frames differ.
    """
    from trackers.eval import compute_clear_metrics, compute_hota_metrics, compute_identity_metrics

    if len(truth) != len(found):
        raise InputError(f"there are {len(found)} frames of tracks for {len(truth)} of truth")
    ids: tuple[list[NDArray[np.int64]], list[NDArray[np.int64]]] = ([], [])
    similarity: list[NDArray[np.float64]] = []
    nothing = [None] * len(truth) if ignored is None else ignored
    for own, new, beside in zip(truth, found, nothing, strict=True):
        tracked = new[_ids(new) >= 0] if len(new) else new
        overlap = _overlaps(own, tracked)
        if beside is not None and len(beside) and len(tracked):
            _, columns = assign(overlap, overlap >= _IOU)
            free = np.ones(len(tracked), np.bool_)
            free[columns] = False
            known = (_overlaps(beside, tracked) >= _IOU).any(axis=0)
            tracked, overlap = tracked[~(free & known)], overlap[:, ~(free & known)]
        ids[0].append(_ids(own))
        ids[1].append(_ids(tracked))
        similarity.append(overlap)
    numbered = [_from_zero(each) for each in ids]
    return CountedTracks(
        compute_clear_metrics(*numbered, similarity, _IOU),
        compute_hota_metrics(*numbered, similarity),
        compute_identity_metrics(*numbered, similarity, _IOU),
    )


def track_accuracy(counts: Sequence[CountedTracks]) -> TrackAccuracy:
    """The figures of one or more sequences, their counts added up; None for each where there is nothing to count."""
    from trackers.eval import aggregate_clear_metrics, aggregate_hota_metrics, aggregate_identity_metrics

    clear = aggregate_clear_metrics([each.clear for each in counts])
    objects = int(clear["CLR_TP"]) + int(clear["CLR_FN"])
    if not objects:
        return TrackAccuracy(None, None, None, 0)
    hota = aggregate_hota_metrics([each.hota for each in counts])
    identity = aggregate_identity_metrics([each.identity for each in counts])
    return TrackAccuracy(float(hota["HOTA"]), float(identity["IDF1"]), float(clear["MOTA"]), int(clear["IDSW"]))


def _ids(detections: sv.Detections) -> NDArray[np.int64]:
    if detections.tracker_id is None:
        return np.full(len(detections), -1, np.int64)
    return np.asarray(detections.tracker_id, np.int64)


def _overlaps(own: sv.Detections, new: sv.Detections) -> NDArray[np.float64]:
    """(N, M) overlaps; 0 between classes."""
    if not len(own) or not len(new):
        return np.zeros((len(own), len(new)))
    same = classes_of(own)[:, None] == classes_of(new)[None, :]
    return np.where(same, pairwise_iou(own.xyxy, new.xyxy), 0.0)


def _from_zero(ids: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """The same tracks, numbered from 0 without gaps."""
    known = np.unique(np.concatenate(ids)) if ids else np.zeros(0, np.int64)
    return [np.searchsorted(known, each) for each in ids]
