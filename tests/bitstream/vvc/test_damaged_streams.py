"""Damaged and foreign data raise BitstreamError, or are said to be a problem; nothing else escapes, nothing hangs."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vcmpipe.bitstream import (
    RegionLayout,
    concatenate,
    count_pictures,
    ctu_qps,
    extract_subpicture,
    inspect_stream,
    merge_regions,
    split_access_units,
)
from vcmpipe.errors import InputError

QUICK = settings(max_examples=150, deadline=2000, derandomize=True, suppress_health_check=list(HealthCheck))


def use(data):
    """Everything that can be done with a stream; only errors for the user may come out of it."""
    for action in (
        count_pictures,
        split_access_units,
        lambda d: [ctu_qps(picture) for picture in inspect_stream(d).pictures],
        lambda d: extract_subpicture(d, 1),
        lambda d: concatenate([d, d]),
        lambda d: merge_regions([d], RegionLayout.single(200, 136, 64), display_size=(100, 100)),
    ):
        try:
            action(data)
        except InputError as error:
            assert str(error) and "\n" not in str(error)


def flipped(data, flips):
    broken = bytearray(data)
    for place, bit in flips:
        broken[int(place * len(broken))] ^= 1 << bit
    return bytes(broken)


PLACES = st.floats(0, 1, exclude_max=True)
# Half of the flips hit the headers in front, where they do most.
FLIPS = st.lists(st.tuples(st.one_of(PLACES, PLACES.map(lambda p: p / 20)), st.integers(0, 7)), min_size=1, max_size=6)


@pytest.mark.parametrize("kind", ["slices", "subpictures", "inter"])
@QUICK
@given(flips=FLIPS)
def test_flipped_bits(sample, kind, flips):
    data = sample.inter if kind == "inter" else merge_regions(sample.streams, sample.layout, form=kind)
    use(flipped(data, flips))


@QUICK
@given(flips=FLIPS, region=st.integers(0, 2), form=st.sampled_from(["slices", "subpictures"]))
def test_flipped_bits_in_a_region(sample, flips, region, form):
    streams = list(sample.streams)
    streams[region] = flipped(streams[region], flips)
    try:
        merge_regions(streams, sample.layout, form=form)
    except InputError as error:
        assert "\n" not in str(error)


@QUICK
@given(head=st.sampled_from([b"", b"\0\0\1\0\x79", b"\0\0\1\0\x81", b"\0\0\1\0\x41"]), tail=st.binary(max_size=300))
def test_random_bytes(head, tail):
    use(head + tail)


@QUICK
@given(place=PLACES)
def test_cut_streams(sample, place):
    data = merge_regions(sample.streams, sample.layout)
    use(data[: int(place * len(data))])


def test_a_large_file_that_is_no_stream_is_refused_at_once():
    began = time.monotonic()
    for data in (b"\0" * 20_000_000, b"\0\0\1\0\x79" + b"\0" * 20_000_000, b"\0\0\1" * 3_000_000):
        use(data)
    assert time.monotonic() - began < 20
