"""What a detector is to the rest of vcmpipe: the protocol that every adapter and plugin fulfils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

DEFAULT_MIN_SCORE = 0.05
"""The score under which a box is not reported at all.

Average precision needs the weak boxes too, so this lies far below the 0.2 and 0.3 at which objects are counted as
found.
"""

TRACK = "track"
"""In the ``data`` of detections that come with tracks: (N,) the number of each one's, -1 where it is in none."""


@runtime_checkable
class Detector(Protocol):
    """Finds objects in pictures."""

    @property
    def name(self) -> str:
        """What the user requested, made unambiguous; shown in reports and kept in the sidecar."""
        ...

    @property
    def classes(self) -> Mapping[int, str]:
        """Class names by ``class_id``."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 (64 hexadecimal digits) of the weights: it ties results and predictors to them."""
        ...

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """Finds the objects in each frame.

        Args:
            frames: Pictures of any sizes, RGB uint8 (height, width, 3). May be empty.

        Returns:
            One ``supervision.Detections`` per frame: ``xyxy`` (N, 4) float32 in pixels of the frame, clipped to it;
            ``confidence`` (N,) float32 in 0..1, descending, none below the detector's minimum score; ``class_id``
            (N,) int, keys of ``classes``. What is found in a frame does not depend on the other frames of the call,
            and on a CPU the same frame always gives the same answer.
        """
        ...

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture's content is resized to before the network sees it, without padding."""
        ...
