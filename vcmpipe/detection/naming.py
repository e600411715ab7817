"""Detectors that fail, with the picture that they failed on."""

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
        VcmError: It failed; the message names the picture and the detector. An error of a kind of its own stays one.
    """
    try:
        found = detector.detect(frames)
    except MemoryError:
        raise
    except Exception as error:
        if len(frames) > 1:
            # One of them is to blame: one at a time shows which.
            return [detect_named(detector, [frame])[0] for frame in frames]
        kind = type(error) if isinstance(error, VcmError) else VcmError
        raise kind(
            f"{frames[0].source}: detector {detector.name} failed on this picture ({reason(error)}): take the picture "
            "out, or name another detector"
        ) from error
    if len(found) != len(frames):
        raise VcmError(
            f"detector {detector.name} gave {len(found)} answers for {len(frames)} pictures (the first is "
            f"{frames[0].source}): it must give one each"
        )
    return found
