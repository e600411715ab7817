"""The bench's items are segments: of several frames each, under every method, with the real encoder."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from vcmpipe.bench.cached import cached_prediction
from vcmpipe.bench.coded_detections import guarded_detector
from vcmpipe.bench.meter import Meter
from vcmpipe.bench.methods import Point, Sweep
from vcmpipe.bench.observations import observe
from vcmpipe.bench.operating_points import Album, Setting
from vcmpipe.bench.panel import Panel
from vcmpipe.bench.segments import SegmentOutcome, SourceSegment, detect_sources, run_segment
from vcmpipe.bench.statistics import summarise
from vcmpipe.coding.pipeline import Pipeline
from vcmpipe.coding.segment import Segment
from vcmpipe.config import BenchOptions
from vcmpipe.frames import Frame
from vcmpipe.plugins import METHODS
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.tasks import Reference
from vcmpipe.thresholds import Thresholds

NAMES = ("plain", "roi", "frame", "jrd", "verified")


class Bright:
    """Finds a picture's left half, and in odd frames its right half, too, unless it was coded coarsely."""

    name, digest, classes = "bright", "1" * 64, {0: "half"}

    def detect(self, frames: list[Frame]) -> list[sv.Detections]:
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> sv.Detections:
        half, height = frame.width // 2, frame.height
        boxes = [[0, 0, half, height], [half, 0, frame.width, height]][: 1 + frame.index % 2]
        detail = np.abs(np.diff(frame.rgb.astype(int), axis=1)).mean()
        score = np.full(len(boxes), 0.9 if detail > 2 else 0.1, np.float32)
        return sv.Detections(np.array(boxes, np.float32), confidence=score, class_id=np.zeros(len(boxes), int))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


@pytest.fixture(scope="module")
def segments() -> list[Segment]:
    """Two segments, of two frames and of one."""
    from tests.conftest import textured

    frames = [Frame(n, textured(128, 96, n), f"f{n}.png") for n in range(3)]
    return [Segment(0, frames[:2]), Segment(1, frames[2:])]


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    cache = ContentCache(tmp_path_factory.mktemp("cache"))
    pipeline = Pipeline(BenchOptions(images="unused", out="unused", predictor="constant:30"), detector=Bright())
    methods = {name: METHODS.load(name) for name in NAMES}
    sweep = Sweep(qps=(24, 40), margins=(0,), scales=(1.0,))
    return Setting(pipeline, Panel(Bright()), methods, sweep, cache, Album(1 << 20))


@pytest.fixture(scope="module")
def outcomes(setting: Setting, segments: list[Segment]) -> list[SegmentOutcome]:
    sources = list(detect_sources(setting.pipeline.detector, setting.panel.further, segments))
    assert all(isinstance(source, SourceSegment) for source in sources)
    return [run_segment(setting, source) for source in sources]


def test_every_frame_of_a_segment_is_judged(outcomes: list[SegmentOutcome], setting: Setting) -> None:
    first, second = outcomes
    assert (first.names, second.names) == (("f0.png", "f1.png"), ("f2.png",))
    assert [len(own) for own in first.reference] == [1, 2] and [len(own) for own in second.reference] == [1]
    for outcome in outcomes:
        for point, cell in outcome.cells.items():
            assert len(cell.detections) == len(cell.further[0]) == len(outcome.names), point
            assert cell.bits == outcome.versions[point].coded.bits
    fine, coarse = (first.cells[Point("plain", f"QP {qp}")] for qp in (24, 40))
    assert fine.bits > coarse.bits and fine.psnr_y > coarse.psnr_y
    # What is cached is told apart by frame again.
    again = run_segment(
        setting, SourceSegment(Segment(0, _frames(first)), first.names, first.reference, first.further, 0.0)
    )
    for point, cell in again.cells.items():
        for one, other in zip(cell.detections, first.cells[point].detections, strict=True):
            assert np.array_equal(one.xyxy, other.xyxy) and np.array_equal(one.confidence, other.confidence)


def _frames(outcome: SegmentOutcome) -> list[Frame]:
    from tests.conftest import textured

    return [Frame(int(name[1]), textured(128, 96, int(name[1])), name) for name in outcome.names]


def test_figures_count_segments_and_frames(outcomes: list[SegmentOutcome], setting: Setting) -> None:
    observed = observe(outcomes, Bright(), setting.pipeline.task)
    assert observed.names == ["f0.png", "f2.png"] and observed.frames.tolist() == [0, 0, 1]
    assert observed.objects.total.tolist() == [3, 1]
    assert observed.pixels.tolist() == [2 * 128 * 96, 128 * 96]
    plain = observed.points.index(Point("plain", "QP 24"))
    assert observed.objects.kept[plain].tolist() == [3, 1]
    figures = summarise(observed, ("plain",), "pictures", 50, 0)
    point = figures.points[plain]
    assert point.kept == point.total == 4 and point.qualities["ap_source"].value == pytest.approx(1.0)


def test_a_segment_that_a_detector_fails_on_is_left_out(segments: list[Segment]) -> None:
    class Failing(Bright):
        def detect(self, frames: list[Frame]) -> list[sv.Detections]:
            if any(frame.index == 1 for frame in frames):
                raise RuntimeError("no second frame")
            return super().detect(frames)

    found = list(detect_sources(guarded_detector(Failing()), (), segments))
    assert [type(each).__name__ for each in found] == ["LeftOut", "SourceSegment"]
    assert found[0].name == "f0.png" and "no second frame" in found[0].reason  # type: ignore[union-attr]


def test_predictions_are_kept_by_the_frame_of_each_object(segments: list[Segment], setting: Setting) -> None:
    class ByFrame:
        name = digest = "by-frame"

        def predict(self, frame: Frame, detections: sv.Detections, coder: object) -> Thresholds:
            return Thresholds.from_qps(np.full(len(detections), 20 + frame.index))

    one, none = setting.pipeline.detector.detect([segments[0].frames[0]])[0], sv.Detections.empty()
    coder = setting.pipeline.coder(segments[0])
    for found, qp in (((one, none), 20), ((none, one), 21)):
        answer = cached_prediction(ByFrame(), coder, Reference.of(found), setting.cache, Meter())
        assert answer.thresholds.decide("argmax", 0.1, 0, 0, 63).tolist() == [qp]
