"""Frames that wait on the disk come back as they were."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame
from vcmpipe.frames.spool import Spool

MakeVideo = Callable[..., list[Frame]]


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("size", [(32, 24), (33, 25)])
def test_frames_come_back(depth: int, size: tuple[int, int], make_video: MakeVideo) -> None:
    spool, frames = Spool(), make_video(*size, 5, depth=depth, matrix="bt601", range="full")
    for frame in frames:
        spool.append(frame)
    assert len(spool) == 5 and spool.nbytes == 5 * sum(array.nbytes for array in frames[0].planes.arrays)
    for place in (4, 0, 2, 2, -1):
        again, frame = spool[place], frames[place]
        assert (again.index, again.source, again.timestamp) == (frame.index, frame.source, frame.timestamp)
        assert again.planes.colour == ColourSpec("bt601", "full") and again.planes.depth == depth
        assert all(np.array_equal(*pair) for pair in zip(again.planes.arrays, frame.planes.arrays, strict=True))
    assert [frame.index for frame in spool[1:3]] == [1, 2]
    with pytest.raises(IndexError):
        spool[5]


def test_pictures_become_planes(make_frame) -> None:
    spool = Spool(colour=ColourSpec("bt601"))
    spool.append(make_frame(33, 25))
    assert spool[0].planes.depth == 10 and spool[0].planes.colour.matrix == "bt601" and spool[0].timestamp is None
    assert np.abs(spool[0].rgb.astype(int) - make_frame(33, 25).rgb).mean() < 12  # chroma was halved


def test_what_does_not_follow_is_refused(make_video: MakeVideo, make_frame) -> None:
    spool = Spool()
    spool.append(make_video(32, 24, 1)[0])
    others = [make_video(48, 24, 1), make_video(32, 24, 1, depth=10), make_video(32, 24, 1, matrix="bt601")]
    for other in others:
        assert not spool.takes(other[0])
        with pytest.raises(InputError, match="another size, bit depth or colour"):
            spool.append(other[0])
    assert len(spool) == 1 and spool.takes(make_video(32, 24, 1)[0])


def test_threads_read_side_by_side(make_video: MakeVideo) -> None:
    spool, frames = Spool(), make_video(64, 48, 12)
    for frame in frames:
        spool.append(frame)

    def read(place: int) -> bool:
        return bool(np.array_equal(spool[place % 12].planes.y, frames[place % 12].planes.y))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(400)))


def test_times_stay_exact(make_video: MakeVideo) -> None:
    spool = Spool()
    spool.append(Frame(3, None, "a", Fraction(1001, 30000), planes=make_video(32, 24, 1)[0].planes))
    assert spool[0].timestamp == Fraction(1001, 30000)
