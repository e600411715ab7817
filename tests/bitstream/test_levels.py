"""Levels by picture size, slices, tiles and rate (H.266 tables A.1 and A.2)."""

import pytest

from vcmpipe.bitstream.levels import level_for
from vcmpipe.errors import BitstreamError


@pytest.mark.parametrize(
    ("picture", "level"),
    [
        ((176, 144, 1, 1, 1, None), 16),
        ((352, 288, 1, 1, 1, None), 32),
        ((640, 360, 20, 1, 1, None), 35),
        ((640, 360, 21, 1, 1, None), 48),
        ((640, 360, 4, 2, 1, None), 48),
        ((640, 480, 8, 3, 1, None), 51),
        ((640, 480, 1, 1, 1, 25.0), 48),
        ((640, 480, 1, 1, 1, 100.0), 51),
        ((1920, 1080, 8, 5, 1, 25.0), 64),
        ((1920, 1080, 8, 5, 1, 60.0), 67),
        ((1920, 1080, 76, 5, 1, 25.0), 80),
        ((3840, 2160, 8, 11, 1, None), 96),
        ((2048, 16, 1, 1, 1, None), 48),
    ],
)
def test_the_lowest_level_that_holds_a_picture(picture, level):
    assert level_for(*picture) == level


def test_a_picture_too_large_for_every_level_is_refused():
    with pytest.raises(BitstreamError, match="general_level_idc"):
        level_for(32768, 32768, 1, 1, 1, None)
