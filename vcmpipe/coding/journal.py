"""The journal of an encode: what it has finished, so that the same command goes on there and gives the same bytes.

Beside the output (see ``process.work_folder``) it keeps what detectors found in each source frame, and each finished
segment, by all that decides them. What another configuration, or another build of an encoder, left there fits no key.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from vcmpipe.coding.finished import FinishedSegment
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.segment import Segment
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.process.content_cache import content_key
from vcmpipe.process.replaced import Replaced
from vcmpipe.process.text import count
from vcmpipe.process.work_folder import WorkFolder

if TYPE_CHECKING:
    import supervision as sv
    from numpy.typing import NDArray

    from vcmpipe.detection import Detector

KINDS = ("picture", "segment")
"""What is kept of a run: pictures that were coded one by one, or segments of video."""
_FOUND = "found"


class Journal:
    """Finished segments and detections of one configuration.

    Args:
        folder: Where they are kept.
        configuration: All that decides what becomes of a segment, besides its frames and the choice that its search
            begins with: options, and the tools with their digests.
        kind: One of ``KINDS``.
    """

    def __init__(self, folder: WorkFolder, configuration: Mapping[str, Any], kind: str) -> None:
        self._folder, self._kind = folder, kind
        folder.configuration = content_key(json.dumps(configuration, sort_keys=True, default=str))

    def greeting(self) -> str:
        """What there is to say of an earlier run's work; empty where there is none."""
        if done := self._folder.count(self._kind):
            return f"going on from an earlier run, which finished {count(done, self._kind)}; --fresh starts over"
        if others := sum(map(self._folder.count_others, KINDS)):
            return (
                f"an earlier run to the same place, which finished {count(others, 'part')}, had another input, other "
                "options or other tools: what it kept is not used, and goes when this run is done"
            )
        return ""

    def get(self, segment: Segment, start: Choice | None) -> FinishedSegment | None:
        """A segment that was finished before, from the same start; None where none was, or the entry is damaged."""
        entry = self._folder.get(self._kind, _segment_key(segment, start))
        try:
            return None if entry is None else FinishedSegment.from_bytes(entry)
        except InputError:
            return None

    def put(self, segment: Segment, start: Choice | None, done: FinishedSegment) -> None:
        """Keep a finished segment.

        Raises:
            OutputError: The disk is full.
        """
        self._folder.put(self._kind, _segment_key(segment, start), done.to_bytes())

    def detecting(self, detector: Detector) -> Detector:
        """A detector that is run once on each batch of the source's frames, in all runs together."""

        def detect(frames: Sequence[Frame]) -> list[sv.Detections]:
            key = content_key(detector.digest, *map(_frame_digest, frames))
            found = _unpacked(self._folder.get(_FOUND, key), len(frames))
            if found is None:
                found = detector.detect(frames)
                if len(found) == len(frames) and (packed := _packed(found)) is not None:
                    self._folder.put(_FOUND, key, packed)
            return found

        return cast("Detector", Replaced(detector, detect=detect))


def _segment_key(segment: Segment, start: Choice | None) -> str:
    about = (segment.structure, segment.rate, segment.intra_period, segment.sample_aspect, start)
    return content_key(repr(about), *map(_frame_digest, segment.frames))


def _frame_digest(frame: Frame) -> str:
    """A digest of a frame's samples, and of what records say of it."""
    planes = frame.planes
    arrays: Sequence[NDArray[Any]] = (frame.rgb,) if planes is None else planes.arrays
    colour = "RGB" if planes is None else f"{planes.depth} {planes.colour}"
    digest = hashlib.sha256(f"{colour} {[array.shape for array in arrays]}".encode())
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    about = f"{frame.index} {frame.timestamp} {Path(frame.source).name}".encode("utf-8", "surrogateescape")
    return content_key(about, digest.hexdigest())


# What detections are made of; those of a detector that reports more are not kept.
_PARTS = ("xyxy", "confidence", "class_id")


def _packed(found: Sequence[sv.Detections]) -> bytes | None:
    if any(own.mask is not None or own.tracker_id is not None or own.data for own in found):
        return None
    arrays = {f"{name} {place}": np.asarray(getattr(own, name)) for place, own in enumerate(found) for name in _PARTS}
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def _unpacked(entry: bytes | None, frames: int) -> list[sv.Detections] | None:
    import supervision as sv

    if entry is None:
        return None
    try:
        with np.load(io.BytesIO(entry), allow_pickle=False) as values:
            return [sv.Detections(**{name: values[f"{name} {place}"] for name in _PARTS}) for place in range(frames)]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
