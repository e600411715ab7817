"""The order in which frames are coded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.encoders.order import check_order, coding_order, whole_groups
from vcmpipe.errors import ProcessError

SIXTEEN = [16, 8, 4, 2, 1, 3, 6, 5, 7, 12, 10, 9, 11, 14, 13, 15]


@pytest.mark.parametrize(
    ("frames", "group", "expected"),
    [
        (1, 16, [0]),
        (2, 16, [0, 1]),
        (5, 16, [0, 4, 2, 1, 3]),
        (16, 16, [0, *SIXTEEN[1:]]),
        (17, 16, [0, *SIXTEEN]),
        (20, 16, [0, *SIXTEEN, 18, 17, 19]),
        (6, 1, [0, 1, 2, 3, 4, 5]),
        (10, 8, [0, 8, 4, 2, 1, 3, 6, 5, 7, 9]),
    ],
)
def test_orders(frames: int, group: int, expected: list[int]) -> None:
    assert coding_order(frames, group) == expected


@given(st.integers(1, 200), st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_every_frame_is_coded_once(frames: int, group: int) -> None:
    order = coding_order(frames, group)
    assert order[0] == 0 and sorted(order) == list(range(frames))


@pytest.mark.parametrize(
    ("period", "group", "expected"), [(1, 16, 16), (16, 16, 16), (17, 16, 32), (10, 1, 10), (0, 8, 8)]
)
def test_intra_periods_are_whole_groups(period: int, group: int, expected: int) -> None:
    assert whole_groups(period, group) == expected


def test_another_order_than_the_maps_is_refused(moving) -> None:
    encoder = load_encoder("kvazaar")
    (stream,) = encoder.encode([Job(moving(6, 64, 64), 40, CodingMode(), structure="random-access")])
    check_order(stream, coding_order(6, 16), "kvazaar")
    with pytest.raises(ProcessError, match="kvazaar coded frame 4 as number 1, not frame 1 whose map it read then"):
        check_order(stream, coding_order(6, 1), "kvazaar")
