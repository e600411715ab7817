"""What the sidecar says of a coded picture and of its objects."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.sidecar.schema import MapRecord, ObjectRecord, PictureRecord, RegionRecord, VerificationRecord

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.coding.segment_coder import CodedSegment, SegmentCoder
    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame
    from vcmpipe.qpmap import QpMap


def picture_record(
    frame: Frame,
    coder: SegmentCoder,
    coded: CodedSegment,
    requested: QpMap,
    objects: list[ObjectRecord],
    *,
    psnr_y: float,
    honoured: str,
    verification: VerificationRecord | None = None,
) -> PictureRecord:
    """The record of one picture; its bits are those of a stream of its own.

    Args:
        frame: The source.
        coder: What coded it.
        coded: The stream.
        requested: The map requested.
        objects: Records of its objects.
        psnr_y: PSNR of the luma at the coded size, dB.
        honoured: What ``encoders.prove`` says of the map.
        verification: What a search promised.
    """
    return PictureRecord(
        index=frame.index,
        source=Path(frame.source).name,
        timestamp=frame.timestamp,
        source_size=(frame.width, frame.height),
        coded_size=coder.size,
        bits=coded.bits,
        realisation=coded.realisation,
        psnr_y=round(psnr_y, 3),
        objects=objects,
        qp_map=MapRecord(requested.ctu, requested.qp.tolist(), coded.actual(requested).qp.tolist()),
        regions=[
            RegionRecord(rect.x, rect.y, rect.width, rect.height, qp, bits)
            for rect, qp, bits in zip(coded.layout.regions(), coded.qps, coded.region_bits, strict=True)
        ],
        map_honoured=honoured,
        notes=list(coded.notes),
        verification=verification,
    )


def object_records(
    detector: Detector,
    found: sv.Detections,
    thresholds: NDArray[np.int64],
    recognisable: NDArray[np.bool_],
    kept: Sequence[bool | None],
) -> list[ObjectRecord]:
    """Records of N objects.

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
        )
        for i, (x1, y1, x2, y2) in enumerate(found.xyxy.tolist())
    ]
