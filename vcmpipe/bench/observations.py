"""What a bench measured, as arrays: segments by operating points. Statistics are made of nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcmpipe.bench.panel import Panel, Satisfied, satisfied_share, sums
from vcmpipe.bench.result import PictureResult
from vcmpipe.bench.tracks import Tracks, observe_tracks
from vcmpipe.bench.truth import truth_name
from vcmpipe.evaluation import ApTable, GroundTruth, ap_table, pseudo_truth
from vcmpipe.evaluation.tracking import CountedTracks
from vcmpipe.tasks.tracking import TrackingTask

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.bench.methods import Point
    from vcmpipe.bench.operating_points import Cell
    from vcmpipe.bench.segments import SegmentOutcome
    from vcmpipe.bench.track_truth import TrackTruth
    from vcmpipe.detection import Detector
    from vcmpipe.tasks import Comparison, Reference, Task

# The class of pictures that hold no object.
NO_OBJECTS = "(no objects)"


@dataclass(frozen=True)
class Kept:
    """Objects under one detector: (N,) those of each source that have to be kept, and (P, N) those found again."""

    total: NDArray[np.int64]
    kept: NDArray[np.int64]


@dataclass(frozen=True)
class Observations:
    """N segments, of one frame each where pictures are compared, at P operating points.

    Attributes:
        names: (N) what reports call them.
        frames: (F) the segment of each frame, in the order of ``tables``.
        sizes: (N, 2) width and height of the sources.
        classes: (C) names of the classes of the objects, ``NO_OBJECTS`` last where a picture has none.
        members: (N, C) objects of each class in each segment; 1 in the column ``NO_OBJECTS``.
        points: (P) the operating points, each method's together.
        bits: (P, N) size of each segment's stream.
        psnr_y: (P, N) mean PSNR of the luma at the coded size.
        split: (P, N, 3) bits of objects, background and headers; -1 where they cannot be told apart.
        trials: (P, N) encodes that were tried; 0 where there was no search.
        objects: Those to keep and those kept.
        further: The same under each further detector of the panel.
        second: Whether the first of these is the second detector, which has qualities of its own.
        tracks: By detector (``source``, and ``second``) what became of tracks; empty where they do not count.
        track_truth: (P, S) what the figures of tracks against annotations are counted from; empty without these.
        satisfied: For how much of the panel segments are good; None where the detector is alone.
        human: By name (``HUMAN_QUALITIES``) and (P, N) how versions look to human viewers; empty where not requested.
        tables: By truth (``truth``, ``source``, and ``second`` for the second detector's view of the source) and point
            what average precision is counted from.
        annotated: (A) the places of the frames that ``truth`` has, in the order of its tables.
        sequence: (N) the sequence of each segment, by its place in ``sequences``; 0 where there are none.
        sequences: Their names; none where pictures are compared.
        rate: (N) frames per second of each segment's sequence; 1 where there are none.
    """

    names: Sequence[str]
    frames: NDArray[np.int64]
    sizes: NDArray[np.int64]
    classes: Sequence[str]
    members: NDArray[np.int64]
    points: Sequence[Point]
    bits: NDArray[np.int64]
    psnr_y: NDArray[np.float64]
    split: NDArray[np.int64]
    trials: NDArray[np.int64]
    objects: Kept
    tables: Mapping[str, Sequence[ApTable]]
    annotated: NDArray[np.int64]
    sequence: NDArray[np.int64]
    sequences: Sequence[str]
    rate: NDArray[np.float64]
    human: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    further: Sequence[Kept] = ()
    second: bool = False
    satisfied: Satisfied | None = None
    tracks: Mapping[str, Tracks] = field(default_factory=dict)
    track_truth: Sequence[Sequence[CountedTracks]] = ()

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(N,) frames of each segment."""
        return np.bincount(self.frames, minlength=len(self.names))

    @property
    def pixels(self) -> NDArray[np.int64]:
        """(N,) pixels of the sources, of all frames."""
        return np.asarray(self.sizes.prod(axis=1) * self.lengths)

    @property
    def methods(self) -> list[str]:
        """The methods of the points."""
        return list(dict.fromkeys(point.method for point in self.points))


def observe(
    outcomes: Sequence[SegmentOutcome],
    detector: Detector,
    task: Task,
    truth: GroundTruth | None = None,
    panel: Panel | None = None,
    track_truth: TrackTruth | None = None,
) -> Observations:
    """Count what was kept in every segment, at least one, at every point, and match it for average precision.

    All segments are at the same points, and were shown to the detectors of the panel, if there is one.
    """
    panel = panel or Panel()

    def table(value: Callable[[Cell], Any], *shape: int) -> NDArray[Any]:
        return np.array([[value(cell) for cell in row] for row in cells]).reshape(len(points), len(outcomes), *shape)

    points = list(outcomes[0].cells)
    cells = [[outcome.cells[point] for outcome in outcomes] for point in points]
    frames = np.repeat(np.arange(len(outcomes)), [len(outcome.names) for outcome in outcomes])
    views = [
        _View.of(
            task, [outcome.reference for outcome in outcomes], [[cell.detections for cell in row] for row in cells]
        )
    ]
    for number in range(len(outcomes[0].further)):
        sources = [outcome.further[number] for outcome in outcomes]
        views.append(_View.of(task, sources, [[cell.further[number] for cell in row] for row in cells]))
    counts = [view.counts() for view in views]
    kept = [Kept(*(sums(each, frames, len(outcomes)) for each in own)) for own in counts]
    wanted = [reference.detections for reference in views[0].references]
    tables = {"source": views[0].against_source(outcomes, detector, task)}
    if panel.second is not None:
        tables["second"] = views[1].against_source(outcomes, panel.second, task)
    annotated: list[int] = []
    if truth is not None:
        names = [truth_name(truth, name) for outcome in outcomes for name in outcome.names]
        annotated = [place for place, name in enumerate(names) if name is not None]
        found = [_by_frame(outcomes, row) for row in views[0].found]
        tables["truth"] = [ap_table(truth, in_truth(truth, each), detector.classes) for each in found]
    classes, members = _classes(wanted, detector.classes)
    sequences = list(dict.fromkeys(outcome.sequence for outcome in outcomes))
    sequence = [sequences.index(outcome.sequence) for outcome in outcomes]
    tracks, against = dict[str, Tracks](), list[list[CountedTracks]]()
    if isinstance(task, TrackingTask) and sequences != [""]:
        named = zip(("source", "second"), views[: 1 + (panel.second is not None)], strict=False)
        tracks = {name: view.tracks(task, sequence) for name, view in named}
        if track_truth is not None:
            against = track_truth.count(task, [(o.sequence, o.names) for o in outcomes], views[0].found)
    return Observations(
        names=[outcome.name for outcome in outcomes],
        frames=frames,
        sizes=np.array([(outcome.width, outcome.height) for outcome in outcomes], dtype=np.int64),
        classes=classes,
        members=members,
        points=points,
        bits=table(lambda cell: cell.bits),
        psnr_y=table(lambda cell: cell.psnr_y),
        split=table(lambda cell: cell.split or (-1, -1, -1), 3),
        trials=table(lambda cell: cell.trials or 0),
        objects=kept[0],
        tables=tables,
        annotated=np.array(annotated, dtype=np.int64),
        sequence=np.array(sequence, dtype=np.int64),
        sequences=[name for name in sequences if name],
        rate=np.array([float(outcome.rate or 1) for outcome in outcomes]),
        human={
            name: np.array([[cell.quality[name] for cell in row] for row in cells])
            for name in (cells[0][0].quality if cells else ())
        },
        further=kept[1:],
        second=panel.second is not None,
        satisfied=satisfied_share(counts, frames, len(outcomes)) if len(counts) > 1 else None,
        tracks=tracks,
        track_truth=against,
    )


class _View(NamedTuple):
    """A detector's: by segment, per frame, what it finds in the source, and what of it has to be kept; and by point and
    segment, per frame, what it finds in the version, and what of the latter that is.
    """

    sources: list[tuple[sv.Detections, ...]]
    references: list[Reference]
    found: list[list[tuple[sv.Detections, ...]]]
    comparisons: list[list[Comparison]]

    @classmethod
    def of(
        cls, task: Task, sources: list[tuple[sv.Detections, ...]], found: list[list[tuple[sv.Detections, ...]]]
    ) -> _View:
        """A view of so many segments and points."""
        references = [task.reference(source) for source in sources]
        pairs = [zip(references, row, strict=True) for row in found]
        return cls(sources, references, found, [[task.compare(own, each) for own, each in row] for row in pairs])

    def counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(F,) objects of every frame, and (P, F) those that are found again at every point."""
        total = [len(own) for reference in self.references for own in reference.detections]
        kept = [
            [
                int(own.sum())
                for reference, each in zip(self.references, row, strict=True)
                for own in reference.by_frame(each.kept)
            ]
            for row in self.comparisons
        ]
        return np.array(total, np.int64), np.array(kept, np.int64).reshape(len(self.found), len(total))

    def tracks(self, task: TrackingTask, sequence: Sequence[int]) -> Tracks:
        """What became of tracks."""
        return observe_tracks(task, self.sources, self.references, self.found, self.comparisons, sequence)

    def against_source(self, outcomes: Sequence[SegmentOutcome], detector: Detector, task: Task) -> list[ApTable]:
        """By point, what is found matched with what has to be kept of the sources, frame by frame."""
        wanted = [reference.detections for reference in self.references]
        if isinstance(task, TrackingTask):  # objects that are seen too shortly to be followed are none of its items
            wanted = [task.frames.reference(source).detections for source in self.sources]
        truth = pseudo_truth(_by_frame(outcomes, wanted), detector.classes, score=0.0)
        return [ap_table(truth, _by_frame(outcomes, row), detector.classes) for row in self.found]


def _by_frame(outcomes: Sequence[SegmentOutcome], found: Sequence[Sequence[sv.Detections]]) -> dict[str, sv.Detections]:
    """What is found in each frame, by its name."""
    pairs = zip(outcomes, found, strict=True)
    return {name: each for outcome, own in pairs for name, each in zip(outcome.names, own, strict=True)}


def in_truth(truth: GroundTruth, found: Mapping[str, sv.Detections]) -> dict[str, sv.Detections]:
    """What is found in the frames that the ground truth has, by what it calls them."""
    return {known: each for name, each in found.items() if (known := truth_name(truth, name)) is not None}


def _classes(
    wanted: Sequence[Sequence[sv.Detections]], names: Mapping[int, str]
) -> tuple[list[str], NDArray[np.int64]]:
    """The classes that occur, by their ids, and how many objects of each every segment holds."""
    ids = [
        np.concatenate([np.asarray(own.class_id if len(own) else [], dtype=np.int64) for own in frames])
        for frames in wanted
    ]
    present = sorted(set(np.concatenate(ids).tolist())) if ids else []
    members = np.array([[int((own == number).sum()) for number in present] for own in ids], dtype=np.int64)
    members = members.reshape(len(ids), len(present))
    empty = (members.sum(axis=1) == 0).astype(np.int64)
    if empty.any():
        members = np.concatenate([members, empty[:, None]], axis=1)
    return [names.get(number, str(number)) for number in present] + [NO_OBJECTS] * bool(empty.any()), members


def picture_results(observed: Observations, cheapest: NDArray[np.int64]) -> list[PictureResult]:
    """Every segment at every operating point.

    ``cheapest`` is (N,), the point whose version is the cheapest that keeps all objects; -1 where there is none.
    """
    tracks = observed.tracks.get("source")
    return [
        PictureResult(
            name=name,
            width=int(observed.sizes[i, 0]),
            height=int(observed.sizes[i, 1]),
            objects=int(observed.objects.total[i]),
            classes=tuple(
                own
                for own, count in zip(observed.classes, observed.members[i], strict=True)
                if count and observed.objects.total[i]
            ),
            bits=tuple(observed.bits[:, i].tolist()),
            kept=tuple(observed.objects.kept[:, i].tolist()),
            psnr_y=tuple(observed.psnr_y[:, i].tolist()),
            frames=int(observed.lengths[i]),
            sequence=observed.sequences[observed.sequence[i]] if observed.sequences else "",
            satisfied=_satisfied(observed.satisfied, i),
            cheapest=int(cheapest[i]) if cheapest[i] >= 0 else None,
            tracks=int(tracks.total[i]) if tracks else None,
            tracks_kept=tuple(tracks.kept[:, i].tolist()) if tracks else (),
            **{name: tuple(values[:, i].tolist()) for name, values in observed.human.items()},
        )
        for i, name in enumerate(observed.names)
    ]


def _satisfied(found: Satisfied | None, segment: int) -> tuple[float | None, ...]:
    """By point the mean over a segment's frames; None where none of them holds an object for any detector."""
    if found is None:
        return ()
    frames = int(found.frames[segment])
    return tuple(share / frames if frames else None for share in found.share[:, segment].tolist())
