from __future__ import annotations

import numpy as np
import pytest
import supervision as sv

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.qpmap.importance import GREY, occluded, spread


def test_worth_is_spread_over_what_a_box_covers() -> None:
    got = spread([(0, 0, 64, 32), (80, 40, 90, 50)], [2.0, 3.0], 128, 64, 32)
    assert got.tolist() == [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0]]


def test_no_boxes_are_worth_nothing() -> None:
    assert spread(np.zeros((0, 4)), [], 128, 64, 32).tolist() == [[0.0] * 4] * 2
    with pytest.raises(InputError, match="1 boxes but 2"):
        spread([(0, 0, 8, 8)], [1, 2], 64, 64, 32)


class Bright:
    """Finds one thing, as surely as it is bright."""

    def detect(self, frames: list[Frame]) -> list[sv.Detections]:
        return [
            sv.Detections(
                np.array([[40, 40, 60, 60]], np.float32),
                confidence=np.array([frame.rgb[40:60, 40:60].mean() / 255]),
                class_id=np.zeros(1, int),
            )
            for frame in frames
        ]


def test_what_a_detector_looks_at_is_worth_something() -> None:
    rgb = np.full((70, 100, 3), 10, np.uint8)
    rgb[40:60, 40:60] = 255
    boxes, losses = occluded(Bright(), Frame(0, rgb, "p.png"), lambda found: 1.0 - float(found.confidence[0]), tile=32)
    assert boxes.shape == (12, 4) and boxes[-1].tolist() == [96.0, 64.0, 100.0, 70.0]
    # The tile at (32, 32) holds all of it.
    assert losses.argmax() == 5 and losses[5] == pytest.approx(1 - GREY / 255, abs=1e-3)
    assert np.delete(losses, 5).max() == pytest.approx(0.0, abs=1e-6)


def test_tiles_have_a_size() -> None:
    with pytest.raises(InputError, match="tile of 4"):
        occluded(Bright(), Frame(0, np.zeros((64, 64, 3), np.uint8), "p.png"), lambda found: 0.0, tile=4)
