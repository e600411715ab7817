"""Pictures coded by the open loop: at the scale and the map that should cost least, in bits and in accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.coding.open_loop import choose_open
from vcmpipe.coding.pipeline import EncodedSegment, Objects, Pipeline, checked_segment
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.frames import scaled_size

if TYPE_CHECKING:
    import supervision as sv


def encode_weighed(
    pipeline: Pipeline,
    segment: Segment,
    detections: Sequence[sv.Detections],
    *,
    factor: float,
    scales: Sequence[float],
    check: bool,
) -> EncodedSegment:
    """Code one picture with its detections, weak ones included; with ``check`` the detector looks at the result.

    Args:
        pipeline: How segments are coded.
        segment: The picture.
        detections: All that the detector finds in it.
        factor: Lambda, bytes for each unit of loss.
        scales: Scales to choose from.
        check: Whether the detector looks at what was coded.
    """
    coders: dict[float, SegmentCoder] = {}

    def coder_at(scale: float) -> SegmentCoder:
        if scale not in coders:
            coders[scale] = pipeline.coder(segment, scaled_size(segment.width, segment.height, scale))
        return coders[scale]

    choice = choose_open(pipeline, coder_at, detections, factor, scales=sorted({1.0, *scales}, reverse=True))
    coded = choice.coder.by_map(choice.qp_map, pipeline.options.realise)
    reference = pipeline.task.reference(detections)
    qps = reference.by_frame(choice.coder.qps_at(pipeline.task.footprint(reference), choice.qp_map))
    objects = [
        Objects(own, bears, np.ones(len(own), np.bool_)) for own, bears in zip(reference.detections, qps, strict=True)
    ]
    return checked_segment(pipeline, choice.coder, coded, choice.qp_map, objects, detections, check=check)
