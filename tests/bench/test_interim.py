"""First figures while a bench still runs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import supervision as sv

from vcmpipe.bench.interim import due, interim
from vcmpipe.bench.methods import Point
from vcmpipe.bench.operating_points import Cell
from vcmpipe.bench.segments import SegmentOutcome
from vcmpipe.cli import show
from vcmpipe.tasks import DetectionTask


def objects(count: int) -> sv.Detections:
    corners = 40.0 * np.arange(count)[:, None] + np.array([0, 0, 30, 30])
    return sv.Detections(corners, confidence=np.full(count, 0.9), class_id=np.zeros(count, int))


def outcome(wanted: int, cells: Mapping[tuple[str, str], tuple[int, int]]) -> SegmentOutcome:
    """A picture with objects; by (method, label) its bytes and how many are found again."""
    made = {Point(*key): Cell(8 * size, 30.0, (objects(kept),)) for key, (size, kept) in cells.items()}
    return SegmentOutcome(("a.png",), 640, 480, (objects(wanted),), (), made)


@pytest.mark.parametrize(
    ("done", "total", "expected"),
    [(0, 4, False), (1, 4, True), (2, 4, True), (3, 4, False), (4, 4, False), (4, 9, True), (4, None, True)],
)
def test_figures_come_ever_more_rarely_and_not_after_the_last_picture(done: int, total: int | None, expected: bool):
    assert due(done, total) is expected


def test_bytes_at_which_enough_is_kept() -> None:
    first = {("plain", "QP 22"): (1000, 10), ("plain", "QP 42"): (100, 2), ("jrd", "margin 0"): (300, 10)}
    second = {("plain", "QP 22"): (3000, 10), ("plain", "QP 42"): (300, 2), ("jrd", "margin 0"): (500, 8)}
    found = interim([outcome(10, first), outcome(10, second)], DetectionTask())
    # 0.95 lies 15/16 of the way from 0.2 to 1, and the logarithm of the rate is linear between them.
    assert found.rows == [("plain", f"{200 * 10 ** (15 / 16):,.0f}", "anchor"), ("jrd", "not reached", "-")]
    assert interim([outcome(10, first)], DetectionTask()).rows[1][:2] == ("jrd", "300")
    nothing = {key: (size, 0) for key, (size, _) in first.items()}
    assert [row[1] for row in interim([outcome(0, nothing)], DetectionTask()).rows] == ["not reached"] * 2


def test_the_table_is_printed_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    cells = {("plain", "QP 32"): (2000, 10), ("jrd", "margin 0"): (500, 10), ("roi", "QP 32"): (400, 8)}
    figures = interim([outcome(10, cells)], DetectionTask())
    assert figures.rows == [("plain", "2,000", "anchor"), ("jrd", "500", "75.0 %"), ("roi", "not reached", "-")]
    show.bench_so_far(figures)
    out, err = capsys.readouterr()
    assert out == "" and "1 picture with 10 objects: bytes per picture that keep 95 % of the objects" in err
