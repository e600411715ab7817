from __future__ import annotations

from fractions import Fraction

import pytest

from vcmpipe.bitstream import concatenate, inspect_stream, split_access_units
from vcmpipe.coding.excerpt import Span, cut
from vcmpipe.coding.stored_streams import StoredStream
from vcmpipe.errors import InputError

SPANS = [
    ("1:2", 1, 2),
    ("1.5:", Fraction(3, 2), None),
    (":0.25", 0, Fraction(1, 4)),
    (":", 0, None),
    ("00:01:00:00:01:30.5", 60, Fraction(181, 2)),
    ("00:01:00:", 60, None),
    (":01:00:00", 0, 3600),
    ("30.5:00:01:00", Fraction(61, 2), 60),
]


@pytest.mark.parametrize(("text", "start", "end"), SPANS)
def test_spans(text: str, start: Fraction, end: Fraction | None) -> None:
    assert Span.parse(text) == Span(Fraction(start), None if end is None else Fraction(end))


WRONG = [
    ("", "give FROM:TO"),
    ("5", "give FROM:TO"),
    ("a:b", "give FROM:TO"),
    ("-1:2", "give FROM:TO"),
    ("1e9:", "give FROM:TO"),
    ("nan:", "give FROM:TO"),
    ("٣:٤", "give FROM:TO"),
    ("1:2:3", "give FROM:TO"),
    ("9" * 5000 + ":", "give FROM:TO"),
    ("2:1", "ends before it begins"),
    ("1:1", "ends before it begins"),
    ("10:00:01:20", "two ways"),
]


@pytest.mark.parametrize(("text", "named"), WRONG)
def test_what_is_no_span(text: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        Span.parse(text)


@pytest.fixture
def stored(coded_segment) -> StoredStream:
    """Segments of 20 frames at 10 per second: 0 to 2 s, 2 to 4 s (larger pictures), 4 to 6 s."""
    sizes = ("128x96", "192x128", "192x128")
    data = concatenate([coded_segment("random-access", 20, size, 2 * n) for n, size in enumerate(sizes)])
    places = {0: 0}
    order = []
    for first in (0, 20, 40):
        units = inspect_stream(data).pictures[first : first + 20]
        places = {poc: place for place, poc in enumerate(sorted(unit.poc for unit in units))}
        order += [first + places[unit.poc] for unit in units]
    return StoredStream(data, None, tuple(Fraction(place, 10) for place in order), Fraction(6))


CUTS = [
    ("0:0.05", (0, 0), 0, 2),
    ("1.9:2", (0, 0), 0, 2),
    ("1.9:2.01", (0, 1), 0, 4),
    ("2:4", (1, 1), 2, 4),
    ("4:", (2, 2), 4, 6),
    (":", (0, 2), 0, 6),
    ("5.95:100", (2, 2), 4, 6),
]


@pytest.mark.parametrize(("text", "segments", "start", "end"), CUTS)
def test_segments_that_overlap_a_span_are_cut_out(stored, text: str, segments, start: int, end: int) -> None:
    excerpt = cut(stored, None, Span.parse(text))
    assert (excerpt.segments, excerpt.start, excerpt.end) == (segments, start, end)
    whole = split_access_units(stored.data)[10 * start : 10 * end]
    own = split_access_units(excerpt.data)
    slices = [[unit.data for unit in each.nal_units if unit.is_slice] for each in own]
    assert slices == [[unit.data for unit in each.nal_units if unit.is_slice] for each in whole]
    # The third segment has the parameter sets of the second, which sent them.
    info = inspect_stream(excerpt.data)
    assert info.problems == () and len(info.pictures) == 10 * (end - start)
    assert [list(times) for times in excerpt.times] == [
        [Fraction(20 * number + n, 10) for n in range(20)] for number in range(segments[0], segments[1] + 1)
    ]


def test_a_span_behind_the_end_is_refused(stored) -> None:
    with pytest.raises(InputError, match=r"nothing is shown in that span: the stream has 6\.000 s"):
        cut(stored, None, Span.parse("6:"))


def test_without_times_nothing_is_cut(stored) -> None:
    with pytest.raises(InputError, match="neither a container nor the sidecar says when"):
        cut(StoredStream(stored.data), None, Span.parse(":1"))
