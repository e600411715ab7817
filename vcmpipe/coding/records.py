"""What the sidecar says of a coded segment, its frames and their objects."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.sidecar import (
    Conformance,
    FrameRecord,
    MapRecord,
    ObjectRecord,
    RegionRecord,
    SegmentRecord,
    TrackRecord,
    VerificationRecord,
)

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.coding.segment import CodedSegment
    from vcmpipe.coding.segment_coder import SegmentCoder
    from vcmpipe.detection import Detector
    from vcmpipe.qpmap import QpMap
    from vcmpipe.tasks import TrackOutcome


def segment_record(
    coder: SegmentCoder,
    coded: CodedSegment,
    requested: QpMap,
    objects: Sequence[list[ObjectRecord]],
    *,
    psnr_y: Sequence[float],
    conformance: Conformance,
    verification: VerificationRecord | None = None,
) -> SegmentRecord:
    """The record of one segment; its bits are those of a stream of its own (see ``joined``).

    Args:
        coder: What coded it.
        coded: The stream.
        requested: The map.
        objects: Per frame the records of its objects.
        psnr_y: Per frame the PSNR of the luma at the coded size, dB.
        conformance: Whether the stream carries the map.
        verification: What a search promised.
    """
    segment = coder.segment
    units = sorted(coded.units, key=lambda unit: unit.presentation)
    return SegmentRecord(
        index=segment.index,
        structure=segment.structure,
        source_size=(segment.width, segment.height),
        coded_size=coder.size,
        bits=coded.bits,
        realisation=coded.realisation,
        qp_map=MapRecord(requested.ctu, requested.qp.tolist(), coded.actual(requested).qp.tolist()),
        regions=[
            RegionRecord(rect.x, rect.y, rect.width, rect.height, qp, bits)
            for rect, qp, bits in zip(coded.layout.regions(), coded.qps, coded.region_bits, strict=True)
        ],
        conformance=conformance,
        notes=list(coded.notes),
        verification=verification,
        frames=[
            FrameRecord(
                index=frame.index,
                source=Path(frame.source).name,
                timestamp=None if frame.timestamp is None else float(frame.timestamp),
                poc=unit.poc,
                slice_type=unit.slice_type,
                temporal_layer=unit.temporal_layer,
                qp=unit.qp,
                bits=unit.bits,
                psnr_y=round(psnr, 3),
                objects=own,
            )
            for frame, unit, psnr, own in zip(segment.frames, units, psnr_y, objects, strict=True)
        ],
    )


def joined(record: SegmentRecord, first: int, index: int, saved_bits: int) -> SegmentRecord:
    """The record of a segment that was appended to a stream.

    Args:
        record: As of a stream of its own.
        first: The place of the frame that is decoded first, from 0 in order of presentation.
        index: The segment's place in the stream.
        saved_bits: What was left out since the stream has it already: parameter sets, all in front of the frame that is
            decoded first.
    """
    frames = list(record.frames)
    frames[first] = replace(frames[first], bits=frames[first].bits - saved_bits)
    return replace(record, index=index, bits=record.bits - saved_bits, frames=frames)


def track_records(
    detector: Detector, outcomes: Sequence[TrackOutcome], lost_everywhere: Collection[int]
) -> list[TrackRecord]:
    """Records of the tracks of a segment, of which some were lost in every version."""
    return [
        TrackRecord(
            track=each.track,
            class_name=detector.classes.get(each.class_id, str(each.class_id)),
            first=each.first,
            frames=each.frames,
            found=each.found,
            gap=each.gap,
            identity=each.identity,
            kept=each.kept,
            recoverable=each.track not in lost_everywhere,
        )
        for each in outcomes
    ]


def object_records(
    detector: Detector,
    found: sv.Detections,
    thresholds: NDArray[np.int64],
    recognisable: NDArray[np.bool_],
    kept: Sequence[bool | None],
) -> list[ObjectRecord]:
    """Records of N objects of one frame.

    Args:
        detector: Whose they are.
        found: The objects in the source.
        thresholds: (N,) QPs decided for them.
        recognisable: (N,) False where no QP keeps one.
        kept: N values: whether each was found again; None where nobody looked.
    """
    return [
        ObjectRecord(
            bbox_xyxy=(round(x1, 2), round(y1, 2), round(x2, 2), round(y2, 2)),
            class_id=int(found.class_id[i]),
            class_name=detector.classes.get(int(found.class_id[i]), str(found.class_id[i])),
            score=round(float(found.confidence[i]), 4),
            threshold=int(thresholds[i]) if recognisable[i] else None,
            recognisable=bool(recognisable[i]),
            kept=kept[i],
            track=None if found.tracker_id is None else int(found.tracker_id[i]),
        )
        for i, (x1, y1, x2, y2) in enumerate(found.xyxy.tolist())
    ]
