"""A version of a segment decoded for the detectors, and where a search's time goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection.naming import detect_named
from vcmpipe.frames import Frame, batches
from vcmpipe.tasks import Constraints

if TYPE_CHECKING:
    import supervision as sv

# Frames of a sequence that are decoded and looked at together.
_BATCH = 16


@dataclass
class Clock:
    """Seconds spent on one segment: on encodes and decodes of trials, on detection, and on choosing candidates."""

    coding: float = 0.0
    detecting: float = 0.0
    choosing: float = 0.0


def decode_candidate(coder: SegmentCoder, coded: CodedSegment) -> tuple[list[Frame], tuple[float, ...]]:
    """The decoded frames of a version, of the source's size, and the PSNR of the luma of each in dB."""
    frames, psnr_y = zip(*coder.decode(coded), strict=True)
    return list(frames), psnr_y


class Looked(NamedTuple):
    """What was found in a version of a sequence.

    Attributes:
        psnr_y: Per frame the PSNR of its luma, dB.
        found: By detector and frame what was found.
        whole: Whether all frames were looked at.
    """

    psnr_y: tuple[float, ...]
    found: tuple[tuple[sv.Detections, ...], ...]
    whole: bool


def look_through(
    coder: SegmentCoder,
    coded: CodedSegment,
    constraints: Constraints,
    hopeless: Callable[[Sequence[sv.Detections]], bool] = lambda found: False,
) -> Looked:
    """Decode a version some frames at a time, and have every detector look at them.

    Args:
        coder: What coded it.
        coded: The version.
        constraints: The detectors; a further one that saw nothing in the source is not asked.
        hopeless: Given per frame what the first one has found so far: whether to look no further.
    """
    psnr_y: list[float] = []
    found: list[list[sv.Detections]] = [[] for _ in constraints.each]
    decoded, due = coder.decode(coded), 0
    for batch in batches(decoded, _BATCH, lambda each: each.frame.pixels):
        first = len(psnr_y)
        psnr_y += [each.psnr_y for each in batch]
        for place, (one, own) in enumerate(zip(constraints.each, found, strict=True)):
            frames = [each.frame for each in batch[-first % one.stride :: one.stride]]
            if place == 0 or one.sees_something:
                own += detect_named(one.detector, frames)
            else:
                own += [source[:0] for source in one.source[len(own) : len(own) + len(frames)]]
        if len(psnr_y) < due:
            continue
        if hopeless(found[0]):
            return Looked(tuple(psnr_y), tuple(map(tuple, found)), False)
        # It looks at all frames so far: asked after every batch, a long segment would take the square of its length.
        due = len(psnr_y) * 5 // 4
    return Looked(tuple(psnr_y), tuple(map(tuple, found)), True)
