from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.bitstream import split_nal_units
from vcmpipe.bitstream.length_prefixed import to_annex_b
from vcmpipe.errors import BitstreamError

SETS = (b"\x00\x79an SPS", b"\x00\x81a PPS")
SLICE = b"\x00\x39a slice"


def prefixed(*units: bytes, size: int = 4) -> bytes:
    return b"".join(len(unit).to_bytes(size, "big") + unit for unit in units)


def arrays(*sets: bytes, kinds: tuple[int, ...]) -> bytes:
    return bytes([len(sets)]) + b"".join(
        bytes([0x80 | kind]) + b"\0\1" + prefixed(each, size=2) for kind, each in zip(kinds, sets, strict=True)
    )


def vvcc(*sets: bytes, size: int = 4, sublayers: int = 3) -> bytes:
    """A record with profile, one byte of constraints, the levels of two sub-layers and one sub-profile."""
    head = bytes([0xF8 | (size - 1) << 1 | 1])
    layers = (sublayers << 4 | 1 << 2 | 1).to_bytes(2, "big") + b"\x5f"  # chroma 4:2:0, 10 bits
    level = b"\x01\x02\x33\x80" + b"\xc0\x20\x23" + b"\x01\0\0\0\x07"
    return head + layers + level + bytes([0, 128, 0, 96, 0, 0]) + arrays(*sets, kinds=(15, 16))


def hvcc(*sets: bytes, size: int = 4) -> bytes:
    return b"\1" + bytes(20) + bytes([0xFC | (size - 1)]) + arrays(*sets, kinds=(33, 34))


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize(("record", "codec"), [(vvcc, "vvc"), (hvcc, "hevc")])
def test_parameter_sets_kept_apart_come_in_front(record, codec: str, size: int) -> None:
    packets = [prefixed(SLICE, size=size), prefixed(SLICE, size=size)]
    stream = to_annex_b(record(*SETS, size=size), packets, codec)
    assert stream == b"".join(b"\0\0\0\1" + unit for unit in (*SETS, SLICE, SLICE))


@pytest.mark.parametrize(("record", "codec"), [(vvcc, "vvc"), (hvcc, "hevc")])
def test_parameter_sets_in_the_first_packet_stay_where_they_are(record, codec: str) -> None:
    stream = to_annex_b(record(*SETS), [prefixed(*SETS, SLICE), prefixed(*SETS, SLICE)], codec)
    assert stream == b"".join(b"\0\0\0\1" + unit for unit in (*SETS, SLICE) * 2)


DAMAGED = [
    (vvcc(*SETS)[:-3], [], "vvcC: the data ends"),
    (b"", [], "vvcC: the data ends"),
    (vvcc(*SETS), [prefixed(SLICE)[:-1]], "packet 0: a NAL unit is longer than the packet"),
    (vvcc(*SETS), [prefixed(SLICE), b"\0\0"], "packet 1: a NAL unit is longer"),
    (vvcc(*SETS), [prefixed(b"")], "packet 0: it holds no NAL units"),
    (vvcc(*SETS), [prefixed(b"\0\x39\0\0\1\0\x39")], "packet 0: it holds no NAL units"),
]


@pytest.mark.parametrize(("record", "packets", "named"), DAMAGED)
def test_damage_is_named(record: bytes, packets: list[bytes], named: str) -> None:
    with pytest.raises(BitstreamError, match=named):
        to_annex_b(record, packets, "vvc")
    with pytest.raises(BitstreamError, match="hvcC"):
        to_annex_b(record[:20], packets, "hevc")


@given(st.binary(max_size=80), st.lists(st.binary(max_size=40), max_size=4), st.sampled_from(["vvc", "hevc"]))
def test_any_bytes_are_a_stream_or_an_error(record: bytes, packets: list[bytes], codec) -> None:
    try:
        stream = to_annex_b(record, packets, codec)
    except BitstreamError:
        return
    assert stream.count(b"\0\0\0\1") >= sum(map(bool, packets))


def test_what_is_put_together_can_be_split_again() -> None:
    stream = to_annex_b(vvcc(*SETS), [prefixed(SLICE)], "vvc")
    assert [unit.data for unit in split_nal_units(stream)] == [*SETS, SLICE]
