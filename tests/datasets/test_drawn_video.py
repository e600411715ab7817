"""The demo's drawn video: the same every time, with one cut in it; and what encode makes of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from vcmpipe import EncodeOptions, encode
from vcmpipe.coding.cutting import Cutting
from vcmpipe.datasets.drawn_video import RATE, drawn_frames, write_drawn_video
from vcmpipe.frames import open_source


def test_it_is_the_same_every_time_and_has_one_cut(tmp_path: Path) -> None:
    first, again = (list(drawn_frames(0.8)) for _ in range(2))
    assert len(first) == 16 and all(np.array_equal(*pair) for pair in zip(first, again, strict=True))
    source = open_source(write_drawn_video(tmp_path / "v.y4m", 0.8))
    frames = list(source)
    assert source.info.rate == RATE and frames[-1].timestamp == Fraction(15, 10) and frames[0].planes.depth == 8
    segments = list(Cutting("random-access", 10, RATE).segments((frame, 0) for frame in frames))
    assert [len(segment) for segment, _ in segments] == [8, 8]


def test_encode_takes_it_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    sidecar = encode(EncodeOptions(input="demo", out="v.mp4", qp=40), warn=said.append)
    assert len(sidecar.frames) == 30 and said[0].startswith("the built-in drawn video")
    # A folder of that name is what is meant where there is one.
    (tmp_path / "demo").mkdir()
    with pytest.raises(Exception, match="holds no pictures"):
        encode(EncodeOptions(input="demo", out="w.mp4", qp=40))
