"""Files of detections that commands write beside their results: what was found, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.exchange import FrameDetections, format_of
from vcmpipe.detection.exchange.yolo import CLASSES, label_files
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.process import only_writer, publish
from vcmpipe.process.extras import need
from vcmpipe.process.folders import publish_folder, same_file
from vcmpipe.process.text import one_line
from vcmpipe.sidecar import refuse_sidecar

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.tasks import Task


class DetectionLog:
    """What was found in frames, in their order, until it is written.

    Attributes:
        classes: Class names by ``class_id``: those of the detector, once there is one.
        frames: What was found in each.
    """

    def __init__(self) -> None:
        self.classes: Mapping[int, str] = {}
        self.frames: list[FrameDetections] = []
        self._tracks = 0

    def add(self, frames: Iterable[Frame], detections: Sequence[sv.Detections], task: Task | None = None) -> None:
        """Take what was found in a segment; ``task`` says what follows objects through it."""
        tracks = self._followed(detections, task)
        for frame, found, track in zip(frames, detections, tracks, strict=True):
            self.frames.append(FrameDetections.of(frame, found, track))

    def _followed(self, detections: Sequence[sv.Detections], task: Task | None) -> Sequence[NDArray[np.int64] | None]:
        """Per frame the track of each detection, by numbers that no earlier segment has."""
        reference = None if task is None or len(detections) < 2 else task.reference(detections)
        if reference is None or reference.track is None:
            return [None] * len(detections)
        found = [np.full(len(own), -1, np.int64) for own in detections]
        parts = zip(found, reference.by_frame(reference.position), reference.by_frame(reference.track), strict=True)
        for tracks, position, track in parts:
            tracks[position] = track + self._tracks
        self._tracks += int(reference.track.max(initial=-1)) + 1
        return found


@contextmanager
def detections_file(name: str | None) -> Iterator[DetectionLog | None]:
    """A file or folder of detections that appears when the block ends without error; None where no name is given.

    The name's ending says in which format it is written.

    Raises:
        InputError: It is a folder of others' texts, which would count as labels, or the format cannot hold it.
        OutputError: The place cannot be written to.
    """
    if name is None:
        yield None
        return
    path, log = Path(name), DetectionLog()
    form = format_of(path)
    if form.extra is not None:
        need(one_line(name), form.extra)
    if form.is_folder and path.is_dir() and not (path / CLASSES).is_file() and (others := label_files(path)):
        raise InputError(
            f"{one_line(name)} holds {one_line(others[0].name)}, which would count as labels: name another folder"
        )
    with publish_folder(path) if form.is_folder else _alone(path) as part:
        yield log
        form.write(log.frames, log.classes, part)


@contextmanager
def _alone(path: Path) -> Iterator[Path]:
    with only_writer(path), publish(path) as part:
        yield part


def check_detections_places(given: Mapping[str, str | None], others: Mapping[str, str | None], source: Path) -> None:
    """Refuse files of detections in the place of another file that a command reads or writes.

    Args:
        given: The files of detections by the options that name them.
        others: Other files likewise.
        source: The input.

    Raises:
        InputError: Two are one, it is the input, or the sidecar of a stream would be lost.
    """
    taken = {flag: Path(name) for flag, name in others.items() if name is not None}
    for flag, name in given.items():
        if name is None:
            continue
        path = Path(name)
        for other, place in taken.items():
            if same_file(path, place) or path.absolute() == place.absolute():
                raise InputError(f"{flag} {one_line(name)} is the place of {other}: name another file")
        if same_file(path, source):
            raise InputError(f"{flag} {one_line(name)} is the input: name another place")
        refuse_sidecar(path, flag)
        taken[flag] = path
