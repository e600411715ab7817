"""Ground truth of tracks: which file is whose, which of its frames is which, and what a detector is judged by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.errors import InputError
from vcmpipe.evaluation.mot import MotBox, read_mot
from vcmpipe.evaluation.tracking import CountedTracks, TrackAccuracy, count_tracks, track_accuracy
from vcmpipe.process.progress import Warn

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.tasks.tracking import TrackingTask

Frames = Sequence["sv.Detections"]

# In names of videos' frames, which count from 0, and of pictures, which count as the truth does.
_OF_VIDEO = re.compile(r".+#(\d+)")
_OF_PICTURE = re.compile(r".*?(\d+)(\.\w+)?")


@dataclass(frozen=True)
class TrackTruth:
    """What moves through sequences.

    Attributes:
        files: By the sequence's name, by frame from 1, the objects.
        source: Where it comes from, for messages.
        classes: The detector's class names by number.
    """

    files: Mapping[str, Mapping[int, Sequence[MotBox]]]
    source: str
    classes: Mapping[int, str]

    def count(
        self,
        task: TrackingTask,
        segments: Sequence[tuple[str, Sequence[str]]],
        found: Sequence[Sequence[Frames]],
    ) -> list[list[CountedTracks]]:
        """By point and sequence (those without annotations left aside) what HOTA and the others are counted from.

        Args:
            task: Who follows.
            segments: (N) the sequence of each and the names of its frames.
            found: (P, N) per frame what is found in them.
        """
        names = list(dict.fromkeys(name for name, _ in segments))
        views = {
            name: self._view(name, [frame for own, each in segments if own == name for frame in each]) for name in names
        }
        counted = []
        for row in found:
            counts = []
            for name in names:
                frames = [frame for (own, _), each in zip(segments, row, strict=True) if own == name for frame in each]
                view = views[name]
                counts.append(count_tracks(view.objects, view.judged(task.followed(frames)), view.ignored))
            counted.append(counts)
        return counted

    def of_sources(
        self, task: TrackingTask, segments: Sequence[tuple[str, Sequence[str]]], found: Sequence[Frames]
    ) -> TrackAccuracy:
        """The figures of the sources themselves."""
        (counts,) = self.count(task, segments, [found])
        return track_accuracy(counts)

    def _view(self, name: str, frames: Sequence[str]) -> _View:
        boxes = self.files.get(name)
        if boxes is None:
            # Nothing is known of it: no object, and nothing that is found is wrong.
            return _View([_detections([], [], [])] * len(frames), [_detections([], [], [])] * len(frames), frozenset())
        own = [boxes.get(frame_number(frame), ()) for frame in frames]
        known = {label: number for number, label in self.classes.items()}
        everything = [box for each in boxes.values() for box in each if box.counts]
        blind = any(box.name not in known for box in everything)
        classes = None if blind else frozenset(known[box.name] for box in everything if box.name is not None)
        objects, ignored = [], []
        for each in own:
            counting = [box for box in each if box.counts]
            kinds = [0 if classes is None else known[box.name or ""] for box in counting]
            objects.append(_detections([box.xyxy for box in counting], kinds, [box.track for box in counting]))
            # What may be found or not may be so as any class.
            pairs = [(box, kind) for box in each if not box.counts for kind in sorted(classes or {0})]
            ignored.append(_detections([box.xyxy for box, _ in pairs], [kind for _, kind in pairs], [-1] * len(pairs)))
        return _View(objects, ignored, classes)


@dataclass(frozen=True)
class _View:
    """A sequence: per frame its objects, and what may be found or not; and by which classes, None: by none."""

    objects: list[sv.Detections]
    ignored: list[sv.Detections]
    classes: frozenset[int] | None

    def judged(self, found: Sequence[sv.Detections]) -> list[sv.Detections]:
        """What is found of the classes that are annotated."""
        if self.classes is not None:
            return [
                own[np.isin(np.asarray(own.class_id, np.int64), list(self.classes))] if len(own) else own
                for own in found
            ]
        return [
            _detections(own.xyxy, [0] * len(own), [-1] * len(own) if own.tracker_id is None else own.tracker_id)
            for own in found
        ]


def _detections(boxes: object, classes: Sequence[int], tracks: object) -> sv.Detections:
    import supervision as sv

    corners = np.asarray(boxes, np.float32).reshape(-1, 4)
    score = np.ones(len(corners), np.float32)
    ids = np.asarray(tracks, np.int64).reshape(-1)
    return sv.Detections(corners, confidence=score, class_id=np.asarray(classes, np.int64), tracker_id=ids)


def frame_number(name: str) -> int:
    """The number of a frame in a ground truth, 1 being the first: that of a picture is in its name.

    Raises:
        InputError: It is a picture without a number in its name.
    """
    if found := _OF_VIDEO.fullmatch(name):
        return int(found[1]) + 1
    if found := _OF_PICTURE.fullmatch(name):
        return int(found[1])
    raise InputError(f"{name}: which frame of the annotations it is, is not clear: let its name end in its number")


def is_track_truth(path: Path) -> bool:
    """Whether annotations are of tracks: a folder, or a text file."""
    return path.is_dir() or path.suffix.lower() == ".txt"


def load_track_truth(
    path: Path, sequences: Sequence[str], classes: Mapping[int, str], warn: Warn = lambda message: None
) -> TrackTruth:
    """Read the annotations of sequences.

    Args:
        path: A file for a single sequence, or a folder of ``NAME.txt`` or ``NAME/gt/gt.txt``, by the videos' names
            without their endings; for a single sequence ``gt.txt`` or ``gt/gt.txt``, too.
        sequences: Their names.
        classes: The detector's class names by number.
        warn: Told of sequences without any beside others that have some.

    Raises:
        InputError: There is none for any sequence, one cannot be read or is damaged, or nothing here has tracks.
    """
    where = f"--annotations {path}"
    if not sequences:
        raise InputError(f"{where}: annotations of tracks are for sequences; pictures take COCO's instances.json")
    files, missing = {}, []
    for name in sequences:
        found = path if path.is_file() else _file_of(path, name, alone=len(sequences) == 1)
        if found is None:
            missing.append(name)
        else:
            files[name] = read_mot(found)
    stem = Path(sequences[0]).stem
    if not path.is_dir() and (len(sequences) > 1 or not files):
        what = "is there for" if files else "cannot be read: it is to be for"
        raise InputError(f"{where}: one file {what} one sequence: name a folder with {stem}.txt or {stem}/gt/gt.txt")
    if not files:
        raise InputError(f"{where}: there is neither {stem}.txt nor {stem}/gt/gt.txt in it")
    if missing:
        warn(f"{where}: it has nothing for {', '.join(missing)}, which figures against it leave out")
    return TrackTruth(files, str(path), classes)


def _file_of(folder: Path, sequence: str, *, alone: bool) -> Path | None:
    names = [name for name in dict.fromkeys((sequence, Path(sequence).stem)) if name]
    places = [place for name in names for place in (folder / f"{name}.txt", folder / name / "gt" / "gt.txt")]
    places += [folder / "gt.txt", folder / "gt" / "gt.txt"] if alone else []
    return next((place for place in places if place.is_file()), None)
