"""The detector that is a file: what a model of the user's own found in the source, by picture."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.base import DEFAULT_MIN_SCORE, TRACK
from vcmpipe.detection.exchange.formats import ENDINGS, read_detections
from vcmpipe.detection.exchange.naming import PictureNames, shared_folders
from vcmpipe.detection.exchange.table import DetectionTable, Picture
from vcmpipe.detection.postprocess import build_detections
from vcmpipe.errors import InputError
from vcmpipe.process.text import count, one_line

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

KIND = "detections"
WAYS_FORWARD = "name a detector that runs (.onnx, .pt, torchvision:NAME)"
_ROUNDED = 0.01


def recorded_path(spec: str) -> Path | None:
    """The file or folder of ``detections:PATH``, of a name that ends as one, or of ``FOLDER/``; else None."""
    name, _, argument = spec.partition(":")
    if name == KIND and argument:
        return Path(argument)
    path = Path(spec)
    # A folder that is called like a detector is not meant by that name.
    return path if spec.lower().endswith(ENDINGS) or ("/" in spec and path.is_dir()) else None


class RecordedDetector:
    """Gives what a file says of each frame, whatever samples the frame has: it cannot detect in coded versions.

    Detections with less than the minimum score are left out, boxes are clipped to their picture.

    Args:
        path: The file or folder, for messages.
        table: What it holds.
        digest: SHA-256 of that.
        min_score: Least score that is reported.

    Raises:
        InputError: ``detect`` is given two frames that the file calls the same, or one of which it says two things.
    """

    def __init__(self, path: Path, table: DetectionTable, digest: str, *, min_score: float = DEFAULT_MIN_SCORE) -> None:
        self.name = f"{KIND}:{path.name}"
        self.digest = digest
        self.classes: Mapping[int, str] = table.classes
        self._path, self._table, self._min_score = path, table, min_score
        self._names = PictureNames(table.places, by_place=table.by_place)
        self._settled: dict[str, Picture | None] = {}
        self._lock = threading.Lock()
        self._matched: dict[Picture, str] = {}
        self._frames: dict[str, None] = {}
        self._clipped: set[int] = set()
        self._empty: set[int] = set()

    @classmethod
    def read(cls, path: Path, classes: str | None = None, *, min_score: float = DEFAULT_MIN_SCORE) -> RecordedDetector:
        """Read a file or folder of detections; ``classes`` is a file with the names of their classes.

        Raises:
            InputError: See ``read_detections``.
        """
        table, digest = read_detections(path, None if classes is None else Path(classes))
        return cls(path, table, digest, min_score=min_score)

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The size of the picture: at which size it was looked at, nobody knows."""
        return width, height

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """See ``Detector.detect``; a frame of which the file says nothing has no objects."""
        return [self._found(frame) for frame in frames]

    def _found(self, frame: Frame) -> sv.Detections:
        table, own = self._table, self._places(frame)
        limits = np.array([frame.width, frame.height] * 2, np.float64)
        boxes = table.xyxy[own] * limits if table.relative else table.xyxy[own]
        inside = np.clip(boxes, 0, limits).astype(np.float32)
        empty = (inside[:, 2] <= inside[:, 0]) | (inside[:, 3] <= inside[:, 1])
        # By less than a hundredth of a pixel corners are only rounded.
        beyond = ((boxes < -_ROUNDED) | (boxes > limits + _ROUNDED)).any(axis=1)
        with self._lock:
            self._clipped.update(own[beyond & ~empty].tolist())
            self._empty.update(own[empty].tolist())
        score = table.score[own].astype(np.float32)
        kept = np.flatnonzero(~empty & (score >= self._min_score))
        kept = kept[np.argsort(-score[kept], kind="stable")]
        found = build_detections(
            inside[kept], score[kept], table.class_id[own][kept], frame.width, frame.height, self._min_score
        )
        if (table.track[own] >= 0).any():
            found.data[TRACK] = table.track[own][kept]
        return found

    def _places(self, frame: Frame) -> NDArray[np.int64]:
        """Which of the detections are in a frame."""
        picture = self._picture(frame.source, frame.index)
        with self._lock:
            self._frames[frame.source] = None
            if picture is None:
                return np.zeros(0, np.int64)
            other = self._matched.setdefault(picture, frame.source)
        if other != frame.source:
            raise InputError(
                f"{self._shown}: {one_line(str(picture))} may be {one_line(other)} or {one_line(frame.source)}: name "
                "pictures with their folders there"
            )
        return self._table.places[picture]

    def _picture(self, source: str, index: int) -> Picture | None:
        if source in self._settled:
            return self._settled[source]
        try:
            return self._names.find(source, index)
        except ValueError as error:
            raise InputError(f"{self._shown}, {one_line(source)}: {error}") from error

    @property
    def _shown(self) -> str:
        return one_line(str(self._path))

    def settle(self, sources: Iterable[tuple[str, int]]) -> None:
        """Find out which picture each frame is, before any work.

        Of frames that have one name the one is meant whose folders are the picture's, as far as these go.

        Args:
            sources: Source and index of each, as ``Frame`` has them.

        Raises:
            InputError: The file knows none of them, and the message has a name of each side; or one may be one or
                another.
        """
        found = {source: self._picture(source, index) for source, index in sources}
        alike = {source: shared_folders(own, source) for source, own in found.items() if own is not None}
        if found and not alike:
            raise self._unknown(next(iter(found)))
        most: dict[Picture | None, int] = {}
        for source, shared in alike.items():
            most[found[source]] = max(most.get(found[source], 0), shared)
        self._settled = {
            source: picture if alike.get(source) == most.get(picture) else None for source, picture in found.items()
        }

    def settle_video(self, video: Path) -> None:
        """Refuse, before any work, a video of whose frames nothing can be known.

        Raises:
            InputError: No picture is called like one of its frames.
        """
        if not self._names.knows_video(video.name):
            raise self._unknown(f"{video.name}#0")

    def _unknown(self, source: str) -> InputError:
        known = next(iter(self._table.places), None)
        if known is None:
            return InputError(f"{self._shown} holds no detections: name another file")
        kind = "number " if isinstance(known, int) else ""
        # In the file's own counting.
        shown = known + 1 if isinstance(known, int) and self._table.by_place else known
        return InputError(
            f"{self._shown} has detections of none of the pictures: they are called such as {_name(source)}, and there "
            f"{kind}{one_line(str(shown))}; name the file that belongs to them"
        )

    def remarks(self) -> list[str]:
        """What the user should know once all frames of a run were looked up, a line each; the next one begins anew.

        Raises:
            InputError: None of the frames was known.
        """
        with self._lock:
            frames, matched, clipped, empty = self._frames, self._matched, self._clipped, self._empty
            self._frames, self._matched, self._clipped, self._empty = {}, {}, set(), set()
        if frames and not matched:
            raise self._unknown(next(iter(frames)))
        notes = []
        if len(frames) > len(matched):
            missing = f"{len(frames) - len(matched):,} of {count(len(frames), 'picture')}"
            notes.append(f"says nothing of {missing}, in which nothing was found, then")
        if others := [picture for picture in self._table.places if picture not in matched]:
            notes.append(f"{count(len(others), 'more picture')} in it, such as {one_line(str(others[0]))}, not used")
        if number := len(clipped):
            reach = "reaches beyond its picture and was" if number == 1 else "reach beyond their pictures and were"
            notes.append(f"{count(number, 'detection')} {reach} clipped to {'it' if number == 1 else 'them'}")
        if number := len(empty):
            left = "its picture was" if number == 1 else "their pictures were"
            notes.append(f"{count(number, 'detection')} without any area in {left} left out")
        return [f"{self._shown}: {note}" for note in notes]


def _name(source: str) -> str:
    return one_line(PurePath(source).name)
