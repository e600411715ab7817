"""Detectors that fail, told with the picture that they failed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vcmpipe.detection.reason import reason
from vcmpipe.errors import VcmError

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection.base import Detector
    from vcmpipe.frames import Frame


def detect_named(detector: Detector, frames: Sequence[Frame]) -> list[sv.Detections]:
    """What a detector finds in each frame.

    Raises:
        VcmError: It failed; the message names the picture and the detector.
    """
    try:
        found = detector.detect(frames)
    except Exception as error:
        if len(frames) == 1:
            raise _blamed(detector, frames[0], error) from error
        # One of them is to blame: asked singly, the detector shows which.
        return [detect_named(detector, [frame])[0] for frame in frames]
    if len(found) != len(frames):
        raise VcmError(
            f"detector {detector.name} answered {len(found)} times for {len(frames)} pictures, "
            f"the first of them {frames[0].source}: the detector is broken"
        )
    return found


def _blamed(detector: Detector, frame: Frame, error: Exception) -> VcmError:
    text = str(error) if isinstance(error, VcmError) else reason(error)
    return VcmError(
        f"{frame.source}: detector {detector.name} failed on this picture ({text}): take the picture out, or name "
        "another detector"
    )
