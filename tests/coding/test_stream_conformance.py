"""``inspect --verify-map``: a stream that keeps its map, and every way of breaking it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vcmpipe.bitstream import inspect_stream
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.coding.stream_conformance import check_map
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.qpmap import QpMap
from vcmpipe.sidecar.schema import MapRecord, PictureRecord, Sidecar


@pytest.fixture
def coded(make_frame):
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(160, 96))
    qp = np.full((3, 5), 44)
    qp[:, :2] = 30
    requested = QpMap(qp, 32, 160, 96)
    return coder.by_map(requested, "regions"), requested


def sidecar_for(requested: list[list[int]], count: int = 1) -> Sidecar:
    record = PictureRecord(
        0, "a.png", None, (160, 96), (160, 96), 0, "regions", None, [], MapRecord(32, requested, requested), []
    )
    return Sidecar("s", "", 0, None, None, {}, {}, {}, [record] * count)


def test_a_stream_that_keeps_its_map(coded) -> None:
    picture, requested = coded
    check = check_map(inspect_stream(picture.data), sidecar_for(requested.qp.tolist()))
    assert check.honoured and (check.pictures, check.ctus) == (1, 15)
    assert check.regions == len(picture.qps) > 1


def test_one_ctu_that_was_asked_for_better_is_found(coded) -> None:
    picture, requested = coded
    better = requested.qp.tolist()
    better[2][4] = 43
    check = check_map(inspect_stream(picture.data), sidecar_for(better))
    assert not check.honoured
    assert [fault.reason for fault in check.faults] == ["QP 44 where 43 was requested"]


def test_enabled_cu_level_deltas_are_a_fault(coded) -> None:
    picture, requested = coded
    info = inspect_stream(picture.data)
    info = replace(info, pictures=type(info.pictures)([replace(info.pictures[0], cu_qp_delta_possible=True)]))
    check = check_map(info, sidecar_for(requested.qp.tolist()))
    assert not check.honoured and "CU-level" in check.faults[0].reason


def test_a_missing_region_is_a_fault(coded) -> None:
    picture, requested = coded
    info = inspect_stream(picture.data)
    first = info.pictures[0]
    info = replace(info, pictures=type(info.pictures)([replace(first, regions=first.regions[1:])]))
    check = check_map(info, sidecar_for(requested.qp.tolist()))
    assert "do not cover" in check.faults[-1].reason


def test_a_sidecar_of_another_stream(coded) -> None:
    picture, requested = coded
    info = inspect_stream(picture.data)
    with pytest.raises(InputError, match="holds 1 pictures and the sidecar 2"):
        check_map(info, sidecar_for(requested.qp.tolist(), count=2))
    with pytest.raises(InputError, match="does not fit"):
        check_map(info, sidecar_for([[30]]))
