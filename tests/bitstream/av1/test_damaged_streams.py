"""Whatever the bytes are: AV1's readers give an answer or one error, and write what they read."""

from __future__ import annotations

import contextlib
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vcmpipe.bitstream import CODECS, StreamJoiner, Vui, count_pictures, inspect_stream, with_presentation
from vcmpipe.bitstream.av1.obu import DELIMITER, split_obus, write_leb128
from vcmpipe.bitstream.av1.sequence_header import _sequence_header, read_sequence_header, write_sequence_header
from vcmpipe.errors import BitstreamError

SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def try_all(data: bytes) -> None:
    for reads in (
        inspect_stream,
        count_pictures,
        CODECS["av1"].split,
        lambda data: with_presentation(data, rate=Fraction(25), vui=Vui(1, 1, 1, False, 0)),
        lambda data: StreamJoiner("av1").add(data),
    ):
        with contextlib.suppress(BitstreamError):
            reads(data)


@SETTINGS
@given(data=st.data())
def test_flipped_and_cut_streams(data, stream: bytes) -> None:
    changed = bytearray(stream[: data.draw(st.integers(2, len(stream)))])
    # Headers are short and lie in front: most flips fall on them.
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(2, min(len(changed), 60) - 1) if len(changed) > 2 else st.just(0))] ^= (
            1 << data.draw(st.integers(0, 7))
        )
    try_all(bytes(changed))


@SETTINGS
@given(payloads=st.lists(st.tuples(st.sampled_from([1, 3, 6, 7]), st.binary(max_size=40)), max_size=6))
def test_payloads_of_noise(payloads: list[tuple[int, bytes]]) -> None:
    try_all(DELIMITER + b"".join(bytes((kind << 3 | 2,)) + write_leb128(len(own)) + own for kind, own in payloads))


@SETTINGS
@given(heads=st.lists(st.binary(min_size=1, max_size=24), min_size=1, max_size=6))
def test_frame_headers_of_noise_behind_a_sound_sequence_header(heads: list[bytes], hidden: bytes) -> None:
    start = b"".join(unit.data for unit in split_obus(hidden)[:3])
    try_all(start + b"".join(DELIMITER + b"\x32" + write_leb128(len(own)) + own for own in heads))


@given(st.integers(0, 2**32 - 1), st.binary(max_size=3))
def test_sizes_are_read_as_they_are_written(value: int, behind: bytes) -> None:
    from vcmpipe.bitstream.av1.obu import _leb128

    written = write_leb128(value)
    assert _leb128(written + behind, 0) == (value, len(written))


class Drawer:
    """Takes the place of a reader of bits: every element has any value that fits."""

    def __init__(self, draw) -> None:
        self._draw, self.fields = draw, {}

    def u(self, name: str, bits: int, maximum: int | None = None) -> int:
        self.fields[name] = self._draw(st.integers(0, (1 << bits) - 1 if maximum is None else maximum))
        return self.fields[name]

    def ue(self, name: str) -> int:
        self.fields[name] = self._draw(st.integers(0, 2**32 - 2))
        return self.fields[name]


@given(data=st.data())
def test_sequence_headers_are_read_as_they_are_written(data) -> None:
    drawer = Drawer(data.draw)
    _sequence_header(drawer)
    assert read_sequence_header(write_sequence_header(drawer.fields)) == drawer.fields


def test_the_encoders_sequence_headers_are_written_as_they_were_read(stream: bytes) -> None:
    payloads = [unit.payload for unit in split_obus(stream) if unit.type == 1]
    assert payloads and [write_sequence_header(read_sequence_header(own)) for own in payloads] == payloads
    with pytest.raises(BitstreamError, match="sequence header: "):
        read_sequence_header(payloads[0][:-2])
