"""Frames with what is detected in them, a batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from vcmpipe.detection.naming import detect_named
from vcmpipe.errors import VcmError
from vcmpipe.frames import Frame, batches
from vcmpipe.process.stopwatch import Stopwatch

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector

BATCH = 16
"""Pictures detected in one call of the detector, unless they are large."""


def detected(
    detector: Detector,
    frames: Iterable[Frame],
    watch: Stopwatch | None = None,
    leave_out: Callable[[Frame, VcmError], None] | None = None,
) -> Iterator[tuple[Frame, sv.Detections]]:
    """Frames with their detections, the detector being given a batch at a time, and what it takes counted.

    A frame on which it fails goes to ``leave_out``, where that is given, instead of ending the others.
    """
    watch = watch or Stopwatch()
    for batch in batches(frames, BATCH, lambda frame: frame.pixels):
        try:
            with watch.part("detect"):
                found = detect_named(detector, batch)
        except VcmError:
            if leave_out is None:
                raise
            yield from _one_by_one(detector, batch, watch, leave_out)
        else:
            yield from zip(batch, found, strict=True)


def _one_by_one(
    detector: Detector, frames: Sequence[Frame], watch: Stopwatch, leave_out: Callable[[Frame, VcmError], None]
) -> Iterator[tuple[Frame, sv.Detections]]:
    for frame in frames:
        try:
            with watch.part("detect"):
                (found,) = detect_named(detector, [frame])
        except VcmError as error:
            leave_out(frame, error)
        else:
            yield frame, found
