"""The loss of accuracy: what it counts, and that it adds up."""

from __future__ import annotations

import numpy as np
import pytest
import supervision as sv
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.tasks import AccuracyLoss, DetectionTask

BOX = (0.0, 0.0, 100.0, 100.0)


def found(*boxes: tuple[float, float, float, float, float, int]) -> sv.Detections:
    """Detections from (x1, y1, x2, y2, score, class)."""
    values = np.array(boxes, np.float64).reshape(-1, 6)
    return sv.Detections(
        values[:, :4].astype(np.float32), confidence=values[:, 4].astype(np.float32), class_id=values[:, 5].astype(int)
    )


PLAIN = AccuracyLoss(power=2.0, false_alarm=0.5, score_power=0.5, full_iou=0.9)
SOURCE = found((*BOX, 0.8, 0))


@pytest.mark.parametrize(
    ("source", "version", "loss"),
    [
        (SOURCE, SOURCE, 0.0),
        (SOURCE, found(), 0.64),
        (SOURCE, found((*BOX, 0.9, 0)), 0.0),
        # A fourth of the score is half of it by its root.
        (SOURCE, found((*BOX, 0.2, 0)), 0.64 * 0.5),
        # IoU 0.7 is half of the way from 0.5 to 0.9.
        (SOURCE, found((0, 0, 100, 70, 0.8, 0)), 0.64 * 0.5),
        # Another class is a false alarm besides.
        (SOURCE, found((*BOX, 0.8, 1)), 0.64 + 0.5 * 0.64),
        # So is what overlaps too little, and what is found twice.
        (SOURCE, found((0, 0, 100, 40, 0.5, 0)), 0.64 + 0.5 * 0.25),
        (SOURCE, found((*BOX, 0.8, 0), (0, 0, 100, 95, 0.4, 0)), 0.5 * 0.16),
        (found(), found((*BOX, 0.6, 0)), 0.5 * 0.36),
        # Too weak to count, in the source or in the version.
        (found((*BOX, 0.04, 0)), found(), 0.0),
        (found(), found((*BOX, 0.04, 0)), 0.0),
        (found(), found(), 0.0),
    ],
)
def test_what_is_lost(source: sv.Detections, version: sv.Detections, loss: float) -> None:
    assert PLAIN.of(source, version) == pytest.approx(loss, abs=1e-6)


def test_the_surer_of_two_gets_what_both_could_be() -> None:
    source = found((*BOX, 0.9, 0), (0, 0, 100, 90, 0.3, 0))
    assert PLAIN.of(source, found((*BOX, 0.9, 0))) == pytest.approx(0.09, abs=1e-6)


boxes = st.tuples(
    st.floats(0, 50), st.floats(0, 50), st.floats(60, 100), st.floats(60, 100), st.floats(0.05, 1), st.integers(0, 2)
)


@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
def test_the_loss_is_bounded_and_nothing_is_lost_by_no_change(first: list, second: list) -> None:
    source, version = found(*first), found(*second)
    most = PLAIN.total(source) + 0.5 * PLAIN.total(version)
    assert -1e-9 <= PLAIN.of(source, version) <= most + 1e-6
    assert PLAIN.of(source, source) == pytest.approx(0.0, abs=1e-4 * len(first))
    assert PLAIN.of(source, found()) == pytest.approx(PLAIN.total(source), abs=1e-6)


def test_losses_of_frames_add_up_and_other_classes_do_not_count() -> None:
    task = DetectionTask(accuracy_loss=PLAIN)
    source, version = [SOURCE, found((*BOX, 0.5, 1))], [found(), found()]
    assert task.loss(source, version) == pytest.approx(0.64 + 0.25)
    assert DetectionTask(classes=frozenset({1}), accuracy_loss=PLAIN).loss(source, version) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="zip"):
        task.loss(source, version[:1])
    assert "score_power" in task.digest
