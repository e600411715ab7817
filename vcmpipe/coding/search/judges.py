"""Who judges a segment of video besides its detector, where the user names nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcmpipe.coding.segment import Segment
from vcmpipe.detection.naming import detect_named
from vcmpipe.frames.on_demand import Strided
from vcmpipe.tasks import Constraint, Task

if TYPE_CHECKING:
    from vcmpipe.detection import Detector

SECOND_VIEW = "flip"
"""The view of the first detector that judges, too."""
# What its loss counts beside the first one's, and which frames it looks at: every third one.
_WEIGHT, _STRIDE = 0.5, 3


def second_view(mirrored: Detector, task: Task, segment: Segment) -> Constraint:
    """The second judge of a sequence where no other detector is: the first one, looking at mirrored frames.

    What it misses counts, and is not promised to be kept.
    """
    found = detect_named(mirrored, Strided(segment.frames, _STRIDE))
    return Constraint.of(mirrored, task, found, weight=_WEIGHT, binding=False, stride=_STRIDE)
