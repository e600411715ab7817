"""A short video made of the demo's drawn scenes: a camera that pans over one, then stands still before another."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.scenes import HEIGHT, WIDTH, render_scene
from vcmpipe.frames import ColourSpec, Y4mWriter, rgb_to_yuv

SIZE = (384, 288)
"""(width, height): that of the demo detector's input."""
RATE = Fraction(10)
SEED = 910_000
"""Far from the seeds that the demo detector was trained and tested on."""
_NOISE = 1.5


def drawn_frames(seconds: float = 1.5, seed: int = SEED) -> Iterator[NDArray[np.uint8]]:
    """The frames, (288, 384, 3) uint8 RGB: ``seconds`` of panning over the seed's scene, and as many of the next one.

    Every frame has sensor noise of its own. The same arguments give the same frames.
    """
    rng = np.random.default_rng(seed)
    count = max(1, round(seconds * RATE))
    width, height = SIZE
    for number in range(2):
        scene = render_scene(seed + number).rgb
        for place in range(count):
            # Half a turn of a cosine: it starts and ends softly.
            way = 0.5 - 0.5 * np.cos(np.pi * place / max(count - 1, 1)) if number == 0 else 0.5
            left, top = round(way * (WIDTH - width)), round(way * (HEIGHT - height))
            view = scene[top : top + height, left : left + width].astype(np.float32)
            view += rng.normal(0.0, _NOISE, (height, width, 1)).astype(np.float32)
            yield np.clip(np.rint(view), 0, 255).astype(np.uint8)


def write_drawn_video(path: Path, seconds: float = 1.5, seed: int = SEED) -> Path:
    """Write the frames as y4m with 8 bits; OutputError where it cannot be written."""
    spec = ColourSpec()
    with Y4mWriter(path, SIZE, RATE, spec, depth=8) as writer:
        for rgb in drawn_frames(seconds, seed):
            writer.write(rgb_to_yuv(rgb, spec))
    return path
