"""Detectors that fail, with the picture that they failed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vcmpipe.detection.reason import reason
from vcmpipe.errors import VcmError
from vcmpipe.process.text import count

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection.base import Detector
    from vcmpipe.frames import Frame


# Frames that a detector is given at once: those of a long segment wait on the disk, and stay there until then.
_AT_ONCE = 16


def detect_named(detector: Detector, frames: Sequence[Frame]) -> list[sv.Detections]:
    """What a detector finds in each frame; of many it is given some at a time.

    Raises:
        VcmError: It failed; the message names the picture and the detector. An error of a kind of its own stays one.
    """
    if len(frames) <= _AT_ONCE:
        return _detect(detector, frames)
    starts = range(0, len(frames), _AT_ONCE)
    return [found for start in starts for found in _detect(detector, frames[start : start + _AT_ONCE])]


def _detect(detector: Detector, frames: Sequence[Frame]) -> list[sv.Detections]:
    try:
        found = detector.detect(frames)
    except MemoryError:
        raise
    except Exception as error:
        if len(frames) > 1:
            # One of them is to blame: one at a time shows which.
            return [_detect(detector, [frame])[0] for frame in frames]
        kind = type(error) if isinstance(error, VcmError) else VcmError
        raise kind(
            f"{frames[0].source}: detector {detector.name} failed on this picture ({reason(error)}): take the picture "
            "out, or name another detector"
        ) from error
    if len(found) != len(frames):
        raise VcmError(
            f"detector {detector.name} gave {count(len(found), 'answer')} for {count(len(frames), 'picture')} (the "
            f"first is {frames[0].source}): it must give one each"
        )
    return found
