"""The detector ``none``: nothing is detected, for coding at one QP without any model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame


class NoDetector:
    """Finds nothing in any picture."""

    name = "none"
    digest = "none"
    classes: dict[int, str] = {}  # noqa: RUF012

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The size of the picture: it looks at none of its samples."""
        return width, height

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """An empty answer per frame."""
        import supervision as sv

        return [sv.Detections.empty() for _ in frames]
