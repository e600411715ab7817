"""Byte streams, NAL unit headers and emulation prevention."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.bitstream import NalType, split_nal_units
from vcmpipe.bitstream.nal import escape, join_nal_units, unescape
from vcmpipe.bitstream.vvc.nal import make_nal
from vcmpipe.errors import BitstreamError

# Mostly zeros and small values, where start codes and emulation prevention matter; a payload ends in its stop bit.
PAYLOADS = st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=60).map(lambda values: bytes([*values, 128]))


@given(PAYLOADS)
def test_emulation_prevention_is_undone_and_leaves_no_start_code(payload):
    escaped = escape(payload)
    assert unescape(escaped) == payload
    assert not any(code in escaped for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))
    assert not escaped.endswith(b"\0")


@pytest.mark.parametrize(
    ("payload", "escaped"),
    [
        (b"\x80\0\0", b"\x80\0\0\3"),
        (b"\0\0\0\1", b"\0\0\3\0\1"),
        (b"\0\0\1", b"\0\0\3\1"),
        (b"\0\0\3", b"\0\0\3\3"),
        (b"\0\0\4", b"\0\0\4"),
        (b"\0\0\0\0\1", b"\0\0\3\0\0\3\1"),
    ],
)
def test_emulation_prevention_bytes_stand_where_the_standard_has_them(payload, escaped):
    assert escape(payload) == escaped


@given(st.lists(PAYLOADS, min_size=1, max_size=6))
def test_units_are_split_as_they_were_joined(payloads):
    units = [make_nal(NalType.PREFIX_SEI, payload, temporal_id=2) for payload in payloads]
    found = split_nal_units(join_nal_units(units))
    assert [unit.data for unit in found] == [unit.data for unit in units]
    assert {unit.payload() for unit in found} == set(payloads)
    assert {unit.framing for unit in found} == {4}


def test_header_elements():
    (unit,) = split_nal_units(b"\0\0\1" + bytes((5, (15 << 3) | 3)))
    assert (unit.type, unit.type_name, unit.layer_id, unit.temporal_id) == (15, "SPS", 5, 2)


def test_three_byte_start_codes_and_trailing_zeros():
    found = split_nal_units(b"\0\0\1\x00\x79\xaa\0\0\0\0\1\x00\x81\xbb\0\0\0")
    assert [(unit.data, unit.framing) for unit in found] == [(b"\x00\x79\xaa", 3), (b"\x00\x81\xbb", 5)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "start code"),
        (b"no start code anywhere", "start code"),
        (b"\0\0\1\x40\x01\x0c\x01", "nuh_reserved_zero_bit"),
        (b"\0\0\1\x67\x64\x00\x1f", "nuh_reserved_zero_bit"),
        (b"\0\0\1\x80\x79\x00", "forbidden_zero_bit"),
        (b"\0\0\1\x00\x78\x00", "nuh_temporal_id_plus1"),
        (b"\0\0\1\x00", "header"),
    ],
)
def test_what_is_no_vvc_stream_is_refused(data, message):
    with pytest.raises(BitstreamError, match=message) as caught:
        split_nal_units(data)
    assert "\n" not in str(caught.value)
