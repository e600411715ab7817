"""A sidecar's objects as a table of pandas, and as detections of supervision."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from vcmpipe.sidecar import FrameRecord, MapRecord, ObjectRecord, Sidecar

BOX = (1.0, 2.0, 30.0, 20.0)
THINGS = [
    ObjectRecord(BOX, 3, "car", 0.9, 31, True, True, 2),
    ObjectRecord((33.0, 40.0, 63.0, 64.0), 0, "person", 0.4, None, False, None),
]


@pytest.fixture
def sidecar(make_segment) -> Sidecar:
    (frame,) = make_segment().frames
    qps = MapRecord(32, [[30, 32], [34, 36]], [[30, 32], [34, 36]])
    still = make_segment(qp_map=qps, frames=[replace(frame, qp=30, objects=THINGS)])
    # Coded at half the size: one CTU for the whole frame; the second frame four steps coarser.
    shown: list[FrameRecord] = [
        replace(frame, index=n, source=f"v.mp4#{n}", timestamp=n / 25, qp=qp, objects=own)
        for n, (qp, own) in enumerate([(28, THINGS[:1]), (34, THINGS[:1]), (None, [])])
    ]
    small = MapRecord(32, [[30]], [[30]])
    video = make_segment(index=1, source_size=(128, 128), coded_size=(64, 64), qp_map=qps, frames=shown)
    video = replace(video, coded_size=(32, 32), qp_map=small)
    values = {"colour": {}, "configuration": {}, "provenance": {}}
    return Sidecar("a.bin", "0" * 64, 1, 1, 0, segments=[still, video], **values)


def test_a_row_per_object(sidecar: Sidecar) -> None:
    table = sidecar.to_pandas()
    assert table.picture.tolist() == ["a.png", "a.png", "v.mp4#0", "v.mp4#1"]
    assert table[["x1", "y1", "x2", "y2"]].iloc[0].tolist() == list(BOX)
    assert table.class_name.tolist() == ["car", "person", "car", "car"]
    assert table.confidence.tolist() == [0.9, 0.4, 0.9, 0.9]
    # The map at the object; in the video moved with its frame: 28 - 30 and 34 - 30.
    assert table.qp.tolist() == [30, 36, 28, 34]
    assert table.threshold.tolist()[0] == 31 and table.threshold.isna().tolist() == [False, True, False, False]
    assert table.kept.fillna(False).tolist() == [True, False, True, True] and table.kept.isna().tolist()[1]
    assert table.track.dropna().tolist() == [2, 2, 2]
    assert table.timestamp.dropna().tolist() == [0.0, 0.04] and table.segment.tolist() == [0, 0, 1, 1]


def test_detections_per_frame(sidecar: Sidecar) -> None:
    first, second, _, last = sidecar.to_supervision()
    assert first.xyxy.tolist()[0] == list(BOX) and first.class_id.tolist() == [3, 0] and first.tracker_id is None
    assert first.data["kept"].tolist() == [True, None] and first.data["threshold"].tolist() == [31, None]
    assert first.data["class_name"].tolist() == ["car", "person"] and first[first.confidence > 0.5].data["qp"] == [30]
    assert second.tracker_id.tolist() == [2] and len(last) == 0


def test_nothing_found(sidecar: Sidecar) -> None:
    empty = replace(sidecar, segments=[])
    assert list(empty.to_pandas().columns) == list(sidecar.to_pandas().columns) and empty.to_supervision() == []
    assert isinstance(empty.to_pandas(), pd.DataFrame)
