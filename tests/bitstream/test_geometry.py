"""Region layouts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.bitstream import Rect, RegionLayout
from vcmpipe.bitstream.vvc.pps import expand_sizes, shortest_prefix
from vcmpipe.errors import InputError


def test_regions_come_in_slice_order_and_are_clipped():
    layout = RegionLayout(200, 136, 64, (1, 3), (2, 1), ((1, 1), (2,), (1,), (1,)))
    assert layout.regions() == (
        Rect(0, 0, 64, 64),
        Rect(0, 64, 64, 64),
        Rect(64, 0, 136, 128),
        Rect(0, 128, 64, 8),
        Rect(64, 128, 136, 8),
    )


def test_a_single_region_is_the_picture():
    assert RegionLayout.single(200, 136, 64).regions() == (Rect(0, 0, 200, 136),)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((64, 64, 48, (1,), (1,), ((1,),)), "CTU size"),
        ((60, 64, 64, (1,), (1,), ((1,),)), "width 60"),
        ((64, 0, 64, (1,), (1,), ((1,),)), "height 0"),
        ((64, 40000, 64, (1,), (625,), ((625,),)), "height 40000"),
        ((128, 64, 64, (1,), (1,), ((1,),)), "column widths"),
        ((128, 64, 64, (0, 2), (1,), ((1,), (1,))), "column widths"),
        ((64, 128, 64, (1,), (3,), ((3,),)), "row heights"),
        ((64, 128, 64, (1,), (2,), ((2,), (2,))), "bands"),
        ((64, 128, 64, (1,), (2,), ((1, 2),)), "band heights"),
        ((64, 128, 64, (1,), (2,), ((),)), "band heights"),
        ((72, 72, 64, (1, 1), (2,), ((2,), (1, 1))), "8x16"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        RegionLayout(*arguments)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_the_shortest_prefix_expands_to_all_sizes(sizes):
    prefix = shortest_prefix(tuple(sizes))
    assert expand_sizes(prefix, sum(sizes)) == sizes
    if len(prefix) > 1:
        assert expand_sizes(prefix[:-1], sum(sizes)) != sizes
