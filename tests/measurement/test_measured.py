"""Thresholds read off 0/1 strings, and measured on coded pictures."""

from __future__ import annotations

import sys
import weakref

import numpy as np
import pytest
import supervision as sv
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.measurement import MeasuredPredictor, Recognition, best_step, recognise
from vcmpipe.measurement.searched import search_labels
from vcmpipe.tasks import DetectionTask
from vcmpipe.thresholds import load_predictor


def strings(*rows: str) -> Recognition:
    """One string per object, 1 = found, over the QPs 20, 22, 24, ..."""
    found = np.array([[c == "1" for c in row] for row in rows]).T.reshape(-1, len(rows))
    return Recognition(20 + 2 * np.arange(len(found)), found)


@pytest.mark.parametrize(
    ("row", "threshold", "recognisable"),
    [
        ("11100", 24, True),
        ("11111", 28, True),
        ("10000", 20, True),
        ("11011", 22, True),  # as many finds above as a loss weighs: the lower step
        ("110111", 30, True),  # one flicker does not outweigh three finds
        ("011111", 30, True),  # lost at the lowest QP by accident
        ("111000001", 24, True),  # a lucky find far out promises nothing
        ("00000", 0, False),
        ("00100", 0, False),  # found once by accident
    ],
)
def test_the_step_that_contradicts_the_string_least(row: str, threshold: int, recognisable: bool) -> None:
    result = best_step(strings(row))
    assert (result.argmax()[0], result.recognisable[0]) == (threshold, recognisable)


@given(st.lists(st.text("01", min_size=6, max_size=6), min_size=1, max_size=4))
def test_no_other_step_contradicts_less(rows: list[str]) -> None:
    result = best_step(strings(*rows))
    for row, label, recognisable in zip(rows, result.argmax(), result.recognisable, strict=True):
        costs = [2 * row[:k].count("0") + row[k:].count("1") for k in range(7)]
        kept = (label - 20) // 2 + 1 if recognisable else 0
        assert costs[kept] == min(costs) and kept == costs.index(min(costs))


def test_objects_keep_their_order_and_none_is_fine() -> None:
    assert best_step(strings("100", "110", "111")).argmax().tolist() == [20, 22, 24]
    assert len(best_step(Recognition(np.arange(3), np.zeros((3, 0), bool)))) == 0


class QualityDetector:
    """Finds its object as long as the picture differs little from the source: a detector with a known threshold."""

    name, digest, classes = "quality", "1" * 64, {0: "thing"}

    def __init__(self, source: np.ndarray, tolerance: float) -> None:
        self.source, self.tolerance = source.astype(int), tolerance

    def detect(self, frames):
        one = sv.Detections(np.array([[8.0, 8, 60, 60]]), confidence=np.array([0.8]), class_id=np.array([0]))
        return [
            one if np.abs(frame.rgb.astype(int) - self.source).mean() <= self.tolerance else sv.Detections.empty()
            for frame in frames
        ]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


def test_a_known_threshold_is_found_by_coding(make_frame) -> None:
    frame = make_frame(96, 80)
    coder = SegmentCoder(load_encoder("vvenc"), frame).of_frame(0)
    ladder = [24, 30, 36, 42, 48]
    errors = [np.abs(f.rgb.astype(int) - frame.rgb.astype(int)).mean() for f in coder.many(ladder)]
    assert errors == sorted(errors)
    detector = QualityDetector(frame.rgb, (errors[2] + errors[3]) / 2)
    source = detector.detect([frame])[0]
    seen = recognise(source, coder, detector, ladder, DetectionTask())
    assert seen.found[:, 0].tolist() == [True, True, True, False, False]
    predictor = load_predictor("measured:24:48:6", detector=detector)
    assert isinstance(predictor, MeasuredPredictor) and predictor.name == "measured:24:48:6"
    assert predictor.predict(frame, source, coder).quantile(0.1).tolist() == [36]
    assert len(predictor.predict(frame, sv.Detections.empty(), coder)) == 0


def test_large_versions_are_not_in_memory_all_at_once(monkeypatch: pytest.MonkeyPatch, make_frame) -> None:
    frame = make_frame(96, 80)
    monkeypatch.setattr(sys.modules["vcmpipe.frames.batches"], "MOST_BYTES", 3 * 6 * frame.pixels)
    alive: weakref.WeakSet[Frame] = weakref.WeakSet()
    most = []

    class Versions:
        def many(self, qps):
            for _ in qps:
                version = frame.with_rgb(frame.rgb)
                alive.add(version)
                most.append(len(alive))
                yield version

    detector = QualityDetector(frame.rgb, 1)
    source = detector.detect([frame])[0]
    assert recognise(source, Versions(), detector, range(20, 41), DetectionTask()).found.all()
    labels = search_labels(source, Versions(), detector, DetectionTask())
    assert labels.label.tolist() == [63]
    assert len(most) > 21 and max(most) == 6  # a batch of three, and the next one while that was looked at


@pytest.mark.parametrize("spec", ["measured:a", "measured:5:1", "measured:0:64"])
def test_bad_ladders(spec: str) -> None:
    with pytest.raises(InputError, match="ladder"):
        load_predictor(spec, detector=QualityDetector(np.zeros((1, 1, 3)), 1))


def test_it_needs_a_detector() -> None:
    with pytest.raises(InputError, match="needs a detector"):
        load_predictor("measured")
