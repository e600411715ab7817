"""A sidecar's objects in the forms of other libraries: rows of a table, detections per frame."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.process.extras import need
from vcmpipe.sidecar.records import FrameRecord, ObjectRecord, SegmentRecord

if TYPE_CHECKING:
    import pandas as pd
    import supervision as sv

Placed = tuple[SegmentRecord, FrameRecord]

COLUMNS = {
    "picture": "string",
    "frame": "int64",
    "timestamp": "Float64",
    "segment": "int64",
    "x1": "float64",
    "y1": "float64",
    "x2": "float64",
    "y2": "float64",
    "class_id": "int64",
    "class_name": "string",
    "confidence": "float64",
    "threshold": "Int64",
    "qp": "Int64",
    "recognisable": "bool",
    "kept": "boolean",
    "track": "Int64",
}
"""Columns of the table, and what pandas calls their types; those with a capital may hold ``NA``."""


def qp_at(segment: SegmentRecord, frame: FrameRecord, thing: ObjectRecord) -> int:
    """The smallest QP that a frame has in the CTUs that an object touches.

    In a sequence it is the map's, moved as the whole frame is by its place in the hierarchy.
    """
    rows, ctu = segment.qp_map.actual, segment.qp_map.ctu
    across, down = (coded / of for coded, of in zip(segment.coded_size, segment.source_size, strict=True))
    x1, y1, x2, y2 = thing.bbox_xyxy
    columns = _touched(x1 * across, x2 * across, ctu, len(rows[0]))
    lines = _touched(y1 * down, y2 * down, ctu, len(rows))
    own = min(min(row[columns]) for row in rows[lines])
    return own if frame.qp is None else own + frame.qp - min(map(min, rows))


def _touched(first: float, last: float, ctu: int, count: int) -> slice:
    low = min(max(int(first // ctu), 0), count - 1)
    return slice(low, min(max(math.ceil(last / ctu), low + 1), count))


def rows_of(frames: Iterator[Placed]) -> Iterator[tuple[Any, ...]]:
    """A row per object, with ``COLUMNS``."""
    for segment, frame in frames:
        for each in frame.objects:
            about = (frame.source, frame.index, frame.timestamp, segment.index, *each.bbox_xyxy)
            thing = (each.class_id, each.class_name, each.score, each.threshold)
            yield (*about, *thing, qp_at(segment, frame, each), each.recognisable, each.kept, each.track)


def to_pandas(frames: Iterator[Placed]) -> pd.DataFrame:
    """The table of all objects; InputError where pandas is not installed."""
    need("a table of objects", "datasets")
    import pandas as pd

    table = pd.DataFrame(list(rows_of(frames)), columns=list(COLUMNS))
    return table.astype(COLUMNS)


def to_supervision(frames: Iterator[Placed]) -> list[sv.Detections]:
    """Per frame its objects, with the rest of what is known of them as ``data``."""
    return [_detections(segment, frame, frame.objects) for segment, frame in frames]


def _detections(segment: SegmentRecord, frame: FrameRecord, objects: Sequence[ObjectRecord]) -> sv.Detections:
    import supervision as sv

    if not objects:
        return sv.Detections.empty()
    tracks = [each.track for each in objects]
    data = {
        "class_name": np.array([each.class_name for each in objects]),
        "threshold": np.array([each.threshold for each in objects], object),
        "qp": np.array([qp_at(segment, frame, each) for each in objects]),
        "recognisable": np.array([each.recognisable for each in objects]),
        "kept": np.array([each.kept for each in objects], object),
    }
    return sv.Detections(
        xyxy=np.array([each.bbox_xyxy for each in objects], np.float32),
        confidence=np.array([each.score for each in objects], np.float32),
        class_id=np.array([each.class_id for each in objects], np.int64),
        tracker_id=None if None in tracks else np.array(tracks, np.int64),
        data=data,
    )
