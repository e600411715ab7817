"""Maps of several frames in the forms that encoders read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.encoders import Capabilities, CodingMode, Job
from vcmpipe.encoders.maps import MapForm, limits_of, write_map
from vcmpipe.errors import InputError
from vcmpipe.qpmap import QpMap, read_csv

FINE, COARSE, MIXED = (QpMap(np.array([row]), 64, 128, 64) for row in ([20, 20], [40, 40], [20, 40]))


def capable(form: MapForm) -> Capabilities:
    return Capabilities("vvc", (0, 63), native_map=True, map_limits=limits_of(form, 64, (0, 63), None))


def job_of(moving, *maps: QpMap) -> Job:
    return Job(moving(len(maps), 128, 64), maps, CodingMode())


def test_maps_are_written_in_the_order_in_which_they_are_read(tmp_path: Path, moving) -> None:
    job = job_of(moving, MIXED, FINE, COARSE)
    assert (job.lowest_qp, job.maps) == (20, (MIXED, FINE, COARSE))
    written = write_map(job, "csv", tmp_path / "maps.csv", capable("csv"), [0, 2, 1])
    assert (written.qp, written.background) == (20, 40)
    assert read_csv(written.path) == [MIXED, COARSE, FINE]
    text = write_map(job, "roi-text", tmp_path / "maps.txt", capable("roi-text"), [0, 2, 1]).path.read_text()
    assert text == "2 1\n0 20\n2 1\n20 20\n2 1\n0 0\n"


def test_a_mask_has_the_same_object_qp_in_every_frame(tmp_path: Path, moving) -> None:
    job = job_of(moving, MIXED, FINE, COARSE)
    masks = np.fromfile(write_map(job, "mask", tmp_path / "m", capable("mask")).path, np.uint8).reshape(3, 64, 128)
    assert masks[:, 0, ::64].tolist() == [[255, 0], [255, 255], [0, 0]]


def test_rectangles_share_their_background(tmp_path: Path, moving) -> None:
    capabilities = capable("rectangles")
    assert write_map(job_of(moving, MIXED, COARSE), "rectangles", tmp_path / "r", capabilities).qp == 40
    with pytest.raises(InputError, match="give all frames of a segment the same one"):
        write_map(job_of(moving, MIXED, FINE), "rectangles", tmp_path / "r", capabilities)


def test_filters_of_regions_count_from_the_smallest_qp(tmp_path: Path, moving) -> None:
    capabilities = Capabilities(
        "hevc", (0, 51), native_map=True, bit_depths=(10,), map_limits=limits_of("addroi", 64, (0, 51), None)
    )
    wide = QpMap(np.array([[20, 40, 40], [20, 40, 40], [20, 20, 51]]), 64, 160, 136)
    job = Job(moving(2, 160, 136), wide, CodingMode())
    written = write_map(job, "addroi", tmp_path / "m", capabilities)
    assert written.qp == 20
    assert written.path.read_text().split() == [
        "addroi=x=64:y=0:w=96:h=128:qoffset=20/63,",
        "addroi=x=128:y=128:w=32:h=8:qoffset=31/63",
    ]
    assert write_map(replace(job, qp=QpMap.uniform(30, 160, 136, 64)), "addroi", tmp_path / "m", capabilities).qp == 30
    assert (tmp_path / "m").read_text() == "null\n"
    with pytest.raises(InputError, match="one map for all 2 frames"):
        write_map(job_of(moving, MIXED, FINE), "addroi", tmp_path / "m", capabilities)


def test_one_qp_is_no_map(tmp_path: Path, moving) -> None:
    with pytest.raises(InputError, match="reads no QP maps"):
        write_map(Job(moving(1, 64, 64), 30, CodingMode()), "csv", tmp_path / "m", capable("csv"))
