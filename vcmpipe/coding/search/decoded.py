"""A version of a segment decoded for the detectors, and where a search's time goes."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.coding.segment import CodedSegment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.frames import Frame


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
