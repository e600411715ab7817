"""Several detectors: how many of them a version is good for, and views of the first one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from bench_made import NamedClasses, boxes, make_outcomes
from numpy.typing import NDArray

from vcmpipe.bench import BenchResult, bench, breakdowns, files
from vcmpipe.bench.methods import Point
from vcmpipe.bench.observations import Observations, observe
from vcmpipe.bench.operating_points import Cell
from vcmpipe.bench.panel import Panel, load_panel, satisfied_share
from vcmpipe.bench.segments import SegmentOutcome
from vcmpipe.bench.statistics import summarise
from vcmpipe.config import BenchOptions
from vcmpipe.detection import load_detector
from vcmpipe.detection.views import VIEWS, viewed
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.tasks import DetectionTask

Make = Callable[..., BenchResult]


def test_a_share_per_frame_summed_over_segments() -> None:
    """Two segments of two frames and one; the last frame holds nothing for the second detector."""
    first = np.array([2, 0, 1]), np.array([[2, 0, 1], [1, 0, 1]])
    second = np.array([1, 0, 0]), np.array([[1, 0, 0], [1, 0, 0]])
    found = satisfied_share([first, second], np.array([0, 0, 1]), 2)
    assert found.frames.tolist() == [1, 1]
    assert found.share.tolist() == [[1.0, 1.0], [0.5, 1.0]]
    nothing = satisfied_share([(np.zeros(1, int), np.zeros((0, 1), int))] * 2, np.array([0]), 1)
    assert nothing.frames.tolist() == [0] and nothing.share.shape == (0, 1)


POINT = Point("plain", "a")


def outcome(name: str, kept: tuple[int, int, int], wanted: tuple[int, int, int]) -> SegmentOutcome:
    """A picture in which three detectors want and find so many objects."""
    own, *further = [(boxes(number),) for number in wanted]
    found, *others = [(boxes(number),) for number in kept]
    return SegmentOutcome((name,), 640, 480, own, tuple(further), {POINT: Cell(800, 40.0, found, tuple(others))})


@pytest.fixture
def three() -> Observations:
    """Pictures kept by 3 of 3, by 1 of 2 and by 0 of 1 detector, and one without objects."""
    outcomes = [
        outcome("a.png", (2, 1, 3), (2, 1, 3)),
        outcome("b.png", (4, 0, 2), (4, 0, 3)),
        outcome("c.png", (0, 1, 0), (0, 2, 0)),
        outcome("d.png", (0, 0, 0), (0, 0, 0)),
    ]
    return observe(outcomes, NamedClasses(), DetectionTask(), panel=Panel(NamedClasses(), [NamedClasses()]))  # type: ignore[arg-type, list-item]


def test_the_satisfied_ratio_is_a_mean_over_pictures(three: Observations) -> None:
    figures = summarise(three, ("plain",), resamples=200)
    (point,) = figures.points
    assert point.qualities["satisfied"].value == pytest.approx((1 + 0.5 + 0) / 3)
    assert point.qualities["satisfied"].low == 0.0 and point.qualities["satisfied"].high == 1.0
    assert [each.value for each in point.panel] == [1.0, pytest.approx(2 / 3), pytest.approx(5 / 6)]
    assert point.qualities["second_retention"] == point.panel[1]
    # AP against what the second detector sees in the sources: one of two boxes is not there.
    assert 0.4 < point.qualities["second_ap_source"].value < 1.0


def test_who_is_second_is_said_and_nobody_is_without_the_option(three: Observations) -> None:
    outcomes = make_outcomes(second=True)
    observed = observe(outcomes, NamedClasses(), DetectionTask(), panel=Panel(None, [NamedClasses()]))  # type: ignore[arg-type, list-item]
    qualities = summarise(observed, ("plain",), resamples=0).points[0].qualities
    assert "satisfied" in qualities and not {"second_retention", "second_ap_source"} & set(qualities)
    alone = observe(make_outcomes(), NamedClasses(), DetectionTask())  # type: ignore[arg-type]
    figures = summarise(alone, ("plain",), resamples=0)
    assert "satisfied" not in figures.points[0].qualities and figures.points[0].panel == []


def test_there_are_bd_rates_over_it_and_columns(bench_result: Make) -> None:
    result = bench_result(second=True)
    jrd = result.method("jrd")
    assert jrd is not None
    for quality in ("satisfied", "second_ap_source"):
        found = jrd.against["plain"].bd_rate[quality]
        assert found.value is not None and found.value < 0, quality
    records = files.point_records(result)
    assert {"satisfied", "satisfied_low", "second_ap_source"} <= records[0].keys()
    pictures = list(files.picture_records(result))
    assert {each["satisfied"] for each in pictures} == {0.0, 1.0}
    assert [each["name"] for each in result.to_dict()["panel"]] == ["first.onnx", "second.onnx"]
    assert len(result.to_dict()["points"][0]["panel"]) == 2
    assert breakdowns.other_detectors(bench_result()) is None


class HalfDetector:
    """Sees the left half of a picture, at a score that falls with its contrast."""

    name, digest, classes = "half", "3" * 64, {0: "texture"}

    def detect(self, frames: list[Frame]) -> list[sv.Detections]:
        return [self._one(frame.rgb) for frame in frames]

    def _one(self, rgb: NDArray[np.uint8]) -> sv.Detections:
        height, width = rgb.shape[:2]
        contrast = np.abs(np.diff(rgb[:, : width // 2].astype(float), axis=1)).mean()
        return sv.Detections(
            np.array([[0, 0, width // 2, height]], np.float32),
            confidence=np.array([min(contrast / 10, 0.9)], np.float32),
            class_id=np.array([0]),
        )

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


def test_views_take_part_as_detectors_of_their_own(picture_folder: Path, tmp_path: Path) -> None:
    options = BenchOptions(
        images=str(picture_folder), out=str(tmp_path / "report"), cache=str(tmp_path / "cache"), methods="plain",
        qps="22,46", panel="flip,shrink", resamples=20, jobs=1,
    )  # fmt: skip
    said: list[str] = []
    result = bench(options, detector=HalfDetector(), warn=said.append)
    assert [each.name for each in result.panel] == ["half", "half (flip)", "half (shrink)"]
    assert result.second_objects is None and set(result.provenance["panel"]) == {"half (flip)", "half (shrink)"}
    assert "half (flip)" in (tmp_path / "report" / "report.md").read_text()
    # What is cached of the detector is not taken for what is found in a view, and what is cached of a view is.
    again = bench(options, detector=HalfDetector(), warn=said.append)
    assert [point.panel for point in again.points] == [point.panel for point in result.points]
    alone = bench(dataclasses.replace(options, cache=str(tmp_path / "other")), detector=HalfDetector())
    assert [point.panel for point in alone.points] == [point.panel for point in result.points]


def test_a_panel_is_of_objects_or_of_names_and_has_nobody_twice() -> None:
    said: list[str] = []
    first, options = HalfDetector(), BenchOptions(panel="flip,demo,flip", second_detector="demo")
    panel = load_panel(options, first, load_detector, {}, said.append)
    assert [each.name for each in panel.further] == ["demo", "half (flip)"]
    assert [line.partition(" is ")[0] for line in said] == ["demo", "half (flip)"]
    given = load_panel(
        options, first, load_detector, {"panel": [viewed(first, "shift")], "second_detector": None}, print
    )
    assert [each.name for each in given.further] == ["demo", "half (shift)"]
    with pytest.raises(InputError, match="unknown detector 'flop'"):
        load_panel(BenchOptions(panel="flop"), first, load_detector, {}, print)
    with pytest.raises(InputError, match="--panel is empty"):
        BenchOptions(panel="")


def test_the_help_names_every_view() -> None:
    (panel,) = (each for each in dataclasses.fields(BenchOptions) if each.name == "panel")
    assert all(name in panel.metadata["help"] for name in VIEWS)
