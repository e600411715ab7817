"""A detector that sees every picture slightly changed: how it would answer had the camera stood a little elsewhere.

A search that asks one detector finds versions of a picture in which this detector happens to be lucky. What finds an
object in the mirrored picture, too, or in a slightly smaller one, did not see it by luck; and a detector that is not at
hand is more likely to see it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection.base import Detector
    from vcmpipe.frames import Frame

# What lies around a picture that was made smaller, or moved: the grey with which detectors pad.
_GREY = 114


@dataclass(frozen=True)
class View:
    """How a picture is changed; all of it can be undone on boxes.

    Attributes:
        name: What users call it.
        flip: Whether left and right are exchanged.
        scale: Factor on the picture, which stays in a frame of the same size; in (0, 1].
        shift: By which share of its width and height it is moved within the frame, 0..1; what leaves it is lost.
    """

    name: str
    flip: bool = False
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)

    def apply(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The changed picture, (height, width, 3), of the same size."""
        import cv2

        height, width = rgb.shape[:2]
        size, (x, y) = self._place(width, height)
        picture = rgb if size == (width, height) else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        if self.flip:
            picture = picture[:, ::-1]
        if (x, y) == (0, 0) and size == (width, height):
            return np.ascontiguousarray(picture)
        canvas = np.full_like(rgb, _GREY)
        canvas[y : y + size[1], x : x + size[0]] = picture[: height - y, : width - x]
        return canvas

    def undo(self, xyxy: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
        """(N, 4) boxes in the changed picture as boxes in the picture itself, of that size, clipped to it."""
        size, place = self._place(width, height)
        boxes = (np.asarray(xyxy, np.float64).reshape(-1, 4) - np.array(place * 2)) * (np.array([width, height] * 2))
        boxes /= np.array(size * 2)
        if self.flip:
            boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
        return np.asarray(np.clip(boxes, 0, [width, height] * 2), np.float32)

    def _place(self, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Size and upper left corner of the picture in its frame."""
        size = max(1, round(self.scale * width)), max(1, round(self.scale * height))
        return size, (round(self.shift[0] * width), round(self.shift[1] * height))


VIEWS = {
    view.name: view
    for view in (
        View("flip", flip=True),
        View("shift", shift=(0.06, 0.06)),
        View("shrink", scale=0.85),
        View("flip-shrink", flip=True, scale=0.85),
    )
}
"""The views that users can name."""


class ViewedDetector:
    """A detector that is shown a view of every frame, and answers in the pixels of the frame.

    Args:
        detector: The detector itself.
        view: How it sees the frames.
    """

    def __init__(self, detector: Detector, view: View) -> None:
        self._detector, self._view = detector, view
        self.name = f"{detector.name} ({view.name})"
        self.classes: Mapping[int, str] = detector.classes
        # Of its own: what is cached of the detector is not what is found in a view.
        self.digest = hashlib.sha256(f"{detector.digest}, {view}".encode()).hexdigest()

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """See ``Detector.detect``."""
        found = self._detector.detect([frame.with_rgb(self._view.apply(frame.rgb)) for frame in frames])
        return [self._undone(own, frame) for own, frame in zip(found, frames, strict=True)]

    def _undone(self, found: sv.Detections, frame: Frame) -> sv.Detections:
        found.xyxy = self._view.undo(found.xyxy, frame.width, frame.height)
        sides = found.xyxy[:, 2:] - found.xyxy[:, :2]
        # A box that lies in the padding alone is nothing of the picture.
        kept: sv.Detections = found[(sides > 0).all(axis=1)]
        return kept

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """See ``Detector.input_size``."""
        wide, high = self._detector.input_size(width, height)
        return max(1, round(self._view.scale * wide)), max(1, round(self._view.scale * high))


def viewed(detector: Detector, name: str) -> ViewedDetector:
    """A detector in the view of that name.

    Raises:
        InputError: There is no such view.
    """
    if name not in VIEWS:
        raise InputError(f"there is no view {name!r} of a detector: there are {', '.join(VIEWS)}")
    return ViewedDetector(detector, VIEWS[name])
