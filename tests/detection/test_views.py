"""Views of a detector: boxes come back to where they are in the picture itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import supervision as sv

from vcmpipe.detection.views import VIEWS, viewed
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame


class BrightSpot:
    """Finds the bright rectangle."""

    name, digest, classes = "spot", "4" * 64, {0: "spot"}

    def detect(self, frames: list[Frame]) -> list[sv.Detections]:
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> sv.Detections:
        y, x = np.nonzero(frame.rgb.min(axis=2) > 180)
        if not len(x):
            return sv.Detections.empty()
        box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
        return sv.Detections(box, confidence=np.ones(1, np.float32), class_id=np.zeros(1, int))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


@pytest.mark.parametrize("name", VIEWS)
def test_boxes_are_those_of_the_picture(name: str, make_frame: Callable[..., Frame]) -> None:
    frame = make_frame(200, 120)
    frame.rgb[:] = 30
    frame.rgb[20:60, 40:100] = 250
    detector = viewed(BrightSpot(), name)
    (found,) = detector.detect([frame])
    assert np.abs(found.xyxy - [[40, 20, 100, 60]]).max() <= 1.5
    assert detector.name == f"spot ({name})" and dict(detector.classes) == {0: "spot"}
    assert np.array_equal(frame.rgb[20:60, 40:100], np.full((40, 60, 3), 250)), "the frame itself stays as it is"


def test_each_view_has_a_digest_of_its_own() -> None:
    """What is found in a view is kept apart from what the detector itself finds."""
    digests = {viewed(BrightSpot(), name).digest for name in VIEWS} | {BrightSpot.digest}
    assert len(digests) == len(VIEWS) + 1 and all(len(digest) == 64 for digest in digests)


def test_an_unknown_view_is_named() -> None:
    with pytest.raises(InputError, match=r"no view 'flop'.*flip, shift"):
        viewed(BrightSpot(), "flop")
