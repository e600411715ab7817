"""Fixtures of the encoders' tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vcmpipe.frames import ColourSpec, Frame, Yuv, rgb_to_yuv


@pytest.fixture
def moving(make_frame: Callable[..., Frame]) -> Callable[[int, int, int], list[Yuv]]:
    """Makes sequences: ``moving(frames, width, height)``, a pan over one picture with noise of each frame's own."""

    def make(frames: int, width: int, height: int) -> list[Yuv]:
        whole = make_frame(width + 2 * frames, height + frames).rgb
        rng = np.random.default_rng(0)
        made = []
        for i in range(frames):
            view = whole[i : i + height, 2 * i : 2 * i + width].astype(np.float32) + rng.normal(
                0, 5, (height, width, 1)
            )
            made.append(rgb_to_yuv(np.clip(view, 0, 255).astype(np.uint8), ColourSpec()))
        return made

    return make
