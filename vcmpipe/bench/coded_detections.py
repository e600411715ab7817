"""What detectors find in coded segments, frame after frame as they are decoded, and detectors that fail on one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, cast

import numpy as np

from vcmpipe.bench.cached import pack, tool_versions, unpack
from vcmpipe.coding.detected import BATCH
from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import DecodedFrame, SegmentCoder
from vcmpipe.detection.reason import reason
from vcmpipe.errors import VcmError
from vcmpipe.frames import Frame, batches
from vcmpipe.process.content_cache import ContentCache, content_key
from vcmpipe.process.replaced import Replaced
from vcmpipe.process.text import count

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector


class DetectionError(VcmError):
    """A detector failed on one picture; exit code 1."""


def guarded_detector(detector: Detector) -> Detector:
    """A detector whose failures are told apart from all others: it raises ``DetectionError`` alone."""

    def detect(frames: Sequence[Frame]) -> list[sv.Detections]:
        try:
            found = detector.detect(frames)
        except MemoryError:
            raise
        except Exception as error:
            raise DetectionError(f"the detector {detector.name} failed: {reason(error)}") from error
        if len(found) != len(frames):
            answers = f"{count(len(found), 'answer')} for {count(len(frames), 'picture')}"
            raise DetectionError(f"the detector {detector.name} failed: {answers}")
        return found

    return cast("Detector", Replaced(detector, detect=detect))


@dataclass(frozen=True)
class PartDetections:
    """Consecutive frames of a coded segment.

    Attributes:
        psnr_y: Per frame the PSNR of its luma at the coded size, in dB.
        found: By detector, per frame what it finds, boxes in source pixels.
    """

    psnr_y: tuple[float, ...]
    found: tuple[tuple[sv.Detections, ...], ...]


def cached_detections(
    coder: SegmentCoder,
    coded: CodedSegment,
    detectors: Sequence[Detector],
    cache: ContentCache,
    parts: Sequence[range] | None = None,
) -> list[PartDetections | DetectionError]:
    """Detect in parts of a coded segment; what the cache does not know is decoded once, and never held as a whole.

    Args:
        coder: What coded it.
        coded: The stream.
        detectors: The detectors.
        cache: Keeps what they find.
        parts: Places of frames, one part after the other; frames between them are passed over. None: all frames.

    Returns:
        The detections of each part, or why a detector failed on it.
    """
    parts = parts or [range(len(coder.segment))]
    size = f"{coder.segment.width}x{coder.segment.height} {coder.size}"
    stream = content_key("detections", coded.data, size, coder.source_digest, tool_versions())
    keys = [
        [content_key(stream, f"{part.start}:{part.stop}", detector.digest) for detector in detectors] for part in parts
    ]
    known = [[_stored(cache, key, len(part)) for key in own] for part, own in zip(parts, keys, strict=True)]
    results: list[PartDetections | DetectionError] = []
    decoded, place = coder.decode(coded), 0
    for part, own, entries in zip(parts, keys, known, strict=True):
        found = [entry.found[0] if entry else () for entry in entries]
        psnr_y = next((entry.psnr_y for entry in entries if entry), ())
        if None in entries:
            missing = [number for number, entry in enumerate(entries) if entry is None]
            _pass_over(decoded, part.start - place)
            place = part.stop
            try:
                seen = _detect(decoded, len(part), [detectors[number] for number in missing])
            except DetectionError as error:
                results.append(error)
                continue
            psnr_y = seen.psnr_y
            for number, fresh in zip(missing, seen.found, strict=True):
                found[number] = fresh
                cache.put(own[number], _packed(psnr_y, fresh))
        results.append(PartDetections(psnr_y, tuple(found)))
    if place:
        _pass_over(decoded)  # that it ends where it should is seen at its end
    return results


def _pass_over(decoded: Iterator[DecodedFrame], count: int | None = None) -> None:
    for _ in islice(decoded, count):
        pass


def _detect(decoded: Iterator[DecodedFrame], count: int, detectors: Sequence[Detector]) -> PartDetections:
    """PartDetections at the next frames; all of them are taken, also where a detector fails.

    Raises:
        DetectionError: One fails.
    """
    psnr_y: list[float] = []
    found: list[list[sv.Detections]] = [[] for _ in detectors]
    part = islice(decoded, count)
    try:
        for batch in batches(part, BATCH, lambda each: each.frame.pixels):
            psnr_y += [each.psnr_y for each in batch]
            for own, detector in zip(found, detectors, strict=True):
                own += detector.detect([each.frame for each in batch])
    except DetectionError:
        _pass_over(part)
        raise
    return PartDetections(tuple(psnr_y), tuple(map(tuple, found)))


def _packed(psnr_y: Sequence[float], found: Sequence[sv.Detections]) -> bytes:
    parts = {name: np.concatenate([getattr(own, name) for own in found]) for name in ("xyxy", "confidence", "class_id")}
    frame = np.repeat(np.arange(len(found)), [len(own) for own in found])
    return pack(psnr=np.array(psnr_y, np.float64), frame=frame, **parts)


def _stored(cache: ContentCache, key: str, frames: int) -> PartDetections | None:
    """What the cache knows of one detector; None where it knows nothing, or something damaged."""
    import supervision as sv

    values = unpack(cache.get(key), "psnr", "frame", "xyxy", "confidence", "class_id")
    if values is None or values[0].shape != (frames,):
        return None
    rows = len(values[1])
    if [own.shape for own in values[1:]] != [(rows,), (rows, 4), (rows,), (rows,)]:
        return None
    everything = sv.Detections(values[2], confidence=values[3], class_id=values[4])
    found = tuple(everything[values[1] == place] for place in range(frames))
    return PartDetections(tuple(map(float, values[0])), (found,))
