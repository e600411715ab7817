"""What every file of detections is read into, and what every format is written from."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.frames import Frame

if TYPE_CHECKING:
    import supervision as sv

Picture = str | int
"""What a file calls a picture: its name, with or without folders and ending, or a number."""
NO_TRACK = -1
# Numbers beyond those of any detector or tracker.
_MOST_CLASSES, _MOST_TRACKS = 1_000_000, 1 << 53


class Rows:
    """Detections as they are read from a file, one after the other."""

    def __init__(self) -> None:
        self.pictures: list[Picture] = []
        self._boxes, self._scores = array("d"), array("d")
        self._classes, self._tracks = array("q"), array("q")

    def add(
        self, picture: Picture, box_xyxy: Sequence[float], class_id: int, score: float = 1.0, track: int = NO_TRACK
    ) -> None:
        """Take a detection.

        Args:
            picture: In which picture.
            box_xyxy: Corners, in the unit of the table that the rows become.
            class_id: Its class, 0 or more.
            score: Its confidence, 0..1.
            track: The object that it is an instance of; -1: not known.

        Raises:
            ValueError: A value is not one; the message says which.
        """
        if not all(map(math.isfinite, box_xyxy)):
            raise ValueError(f"the box {_numbers(box_xyxy)} is not finite")
        left, top, right, bottom = box_xyxy
        if right < left or bottom < top:
            raise ValueError(f"a box {right - left:g} wide and {bottom - top:g} high")
        if not 0.0 <= score <= 1.0:
            raise ValueError(f"a confidence of {score:g}: it is 0 to 1")
        if not 0 <= class_id < _MOST_CLASSES:
            raise ValueError(f"class {class_id}: classes are numbered from 0 to {_MOST_CLASSES - 1:,}")
        if not NO_TRACK <= track < _MOST_TRACKS:
            raise ValueError(f"track {track}: tracks are numbered from 0, and -1 is none")
        self._boxes.extend(box_xyxy)
        self._scores.append(score)
        self._classes.append(class_id)
        self._tracks.append(track)
        self.pictures.append(picture)

    def table(
        self,
        classes: Mapping[int, str],
        *,
        empty: Iterable[Picture] = (),
        relative: bool = False,
        by_place: bool = False,
    ) -> DetectionTable:
        """The table of all of them, and of pictures that may have none; for the rest see there."""
        places: dict[Picture, list[int]] = {picture: [] for picture in empty}
        for place, picture in enumerate(self.pictures):
            places.setdefault(picture, []).append(place)
        return DetectionTable(
            classes=dict(sorted(classes.items())),
            places={picture: np.array(own, np.int64) for picture, own in places.items()},
            xyxy=np.frombuffer(self._boxes, np.float64).reshape(-1, 4),
            score=np.frombuffer(self._scores, np.float64),
            class_id=np.frombuffer(self._classes, np.int64),
            track=np.frombuffer(self._tracks, np.int64),
            relative=relative,
            by_place=by_place,
        )


def _numbers(values: Sequence[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


@dataclass(frozen=True, eq=False)
class DetectionTable:
    """N detections of a file.

    Attributes:
        classes: Class names by ``class_id``.
        places: By picture, as the file calls it, which of the detections are in it; none may be.
        xyxy: (N, 4) corners: pixels, the first one's left edge being 0, or shares of width and height.
        score: (N,) confidences, 0..1.
        class_id: (N,) keys of ``classes``.
        track: (N,) tracks; -1 where none is known.
        relative: Whether boxes are shares of the picture's size.
        by_place: Whether a number is a picture's place in its source, from 0, rather than the number that it is named
            by.
    """

    classes: Mapping[int, str]
    places: Mapping[Picture, NDArray[np.int64]]
    xyxy: NDArray[np.float64]
    score: NDArray[np.float64]
    class_id: NDArray[np.int64]
    track: NDArray[np.int64]
    relative: bool = False
    by_place: bool = False

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, eq=False)
class FrameDetections:
    """What was found in one frame.

    Attributes:
        source: The frame's source, as ``Frame`` has it.
        index: Its place there, from 0.
        size: Its width and height.
        detections: Boxes in its pixels, with confidences and classes.
        track: (N,) the track of each; -1: none.
    """

    source: str
    index: int
    size: tuple[int, int]
    detections: sv.Detections
    track: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, frame: Frame, detections: sv.Detections, track: NDArray[np.int64] | None = None) -> FrameDetections:
        """What was found in a frame, of which only the name and the size are held on to."""
        own = np.full(len(detections), NO_TRACK, np.int64) if track is None else track
        return cls(frame.source, frame.index, (frame.width, frame.height), detections, own)

    def rows(self) -> list[tuple[tuple[float, float, float, float], int, float, int]]:
        """Box (corners), class, confidence and track of each."""
        found = self.detections
        if not len(found):
            return []
        assert found.confidence is not None and found.class_id is not None
        # Confidences of 32 bits in as few digits as tell them apart.
        scores = [float(str(value)) for value in np.asarray(found.confidence, np.float32)]
        boxes = np.asarray(found.xyxy, np.float64).tolist()
        classes, tracks = found.class_id.tolist(), self.track.tolist()
        return [(tuple(box), *rest) for box, *rest in zip(boxes, classes, scores, tracks, strict=True)]
