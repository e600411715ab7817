"""Small clips with an object that moves, and a detector that finds it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import supervision as sv

from tests.conftest import textured
from vcmpipe.frames import ColourSpec, Frame, Y4mWriter, rgb_to_yuv

SIZE, RATE = (160, 96), 10


def picture(number: int, scene: int = 0) -> np.ndarray:
    """A texture under a yellow square that moves, with a grid on it that a coarse QP wipes out."""
    rgb = textured(*SIZE, seed=scene) // 2
    x = 8 + 3 * number % 100
    square = np.full((32, 32, 3), (250, 240, 10), np.uint8)
    square[::4] = square[:, ::4] = (120, 110, 10)
    rgb[40:72, x : x + 32] = square
    return rgb


class YellowDetector:
    """Finds the yellow square, the surer the more of its grid is left."""

    name, digest, classes = "yellow", "7" * 64, {0: "square", 1: "circle"}

    def __init__(self, fails_at: int | None = None) -> None:
        self.looks, self.largest, self.fails_at = 0, 0, fails_at

    def detect(self, frames):
        self.looks += len(frames)
        self.largest = max(self.largest, len(frames))
        return [self._one(frame) for frame in frames]

    def _one(self, frame: Frame) -> sv.Detections:
        if frame.index == self.fails_at:
            raise RuntimeError("no such kernel")
        rgb = frame.rgb.astype(int)
        yellow = (np.minimum(rgb[..., 0], rgb[..., 1]) - rgb[..., 2]) > 60
        if yellow.sum() < 50:
            return sv.Detections.empty()
        y, x = (round(float(np.median(places))) for places in np.nonzero(yellow))
        box = [x - 16, y - 16, x + 16, y + 16]
        contrast = rgb[y - 12 : y + 12, max(x - 12, 0) : x + 12, 0].std()
        score = np.array([np.clip((contrast - 44) / 30, 0.0, 1.0)], np.float32)
        return sv.Detections(np.array([box], np.float32), confidence=score, class_id=np.zeros(1, int))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


def write_clip(path: Path, frames: int, *, first: int = 0, scene: int = 0) -> None:
    with Y4mWriter(path, SIZE, RATE) as writer:
        for number in range(first, first + frames):
            writer.write(rgb_to_yuv(picture(number, scene), ColourSpec()))
