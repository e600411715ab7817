"""Reading and writing named elements."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.bitstream.bits import BitReader, BitWriter
from vcmpipe.errors import BitstreamError

ELEMENTS = st.lists(
    st.one_of(
        st.tuples(st.just("u"), st.integers(0, 2**13 - 1)),
        st.tuples(st.just("ue"), st.integers(0, 2**32 - 2)),
        st.tuples(st.just("se"), st.integers(-(2**31) + 1, 2**31 - 1)),
        st.tuples(st.just("align"), st.just(0)),
    ),
    max_size=80,
)


@given(ELEMENTS)
def test_what_was_written_is_read(elements):
    fields = {f"{kind}[{i}]": value for i, (kind, value) in enumerate(elements)}
    writer = BitWriter("test", fields)
    for i, (kind, _) in enumerate(elements):
        _code(writer, kind, f"{kind}[{i}]")
    writer.trailing("trailing")
    reader = BitReader(writer.data(), "test")
    for i, (kind, _) in enumerate(elements):
        _code(reader, kind, f"{kind}[{i}]")
    reader.end()
    assert reader.fields == {name: value for name, value in fields.items() if not name.startswith("align")}


def _code(bits, kind, name):
    bits.u(name, 13) if kind == "u" else getattr(bits, kind)(name)


@pytest.mark.parametrize(
    ("bits", "value"),
    [("1", 0), ("010", 1), ("011", 2), ("00100", 3), ("0001111", 14), ("0" * 31 + "1" * 32, 2**32 - 2)],
)
def test_ue_codes_are_those_of_the_standard(bits, value):
    reader = BitReader(int(bits.ljust(64, "0"), 2).to_bytes(8, "big"), "test")
    assert reader.ue("x") == value
    assert reader.position == len(bits)


@pytest.mark.parametrize(("bits", "value"), [("1", 0), ("010", 1), ("011", -1), ("00100", 2), ("00101", -2)])
def test_se_codes_are_those_of_the_standard(bits, value):
    assert BitReader(int(bits.ljust(8, "0"), 2).to_bytes(1, "big"), "test").se("x") == value


@pytest.mark.parametrize(
    ("data", "read", "message"),
    [
        (b"", lambda r: r.u("first", 1), "first"),
        (b"\xff", lambda r: r.u("wide", 9), "wide"),
        (b"\x00", lambda r: r.ue("cut", 5), "cut"),
        (b"\x00" * 40, lambda r: r.ue("endless"), "endless"),
        (b"\x02", lambda r: r.ue("half"), "half"),
        (b"\x30", lambda r: r.ue("five", 4), "five = 5 is outside 0..4"),
        (b"\x30", lambda r: r.se("low", 0, 4), None),
        (b"\x28", lambda r: r.se("negative", 0, 4), "negative = -2 is outside 0..4"),
        (b"\xff", lambda r: r.u("large", 3, 6), "large = 7 is outside 0..6"),
        (b"\x00", lambda r: r.end(), "rbsp_trailing_bits"),
        (b"\x80\x01", lambda r: r.end(), "after rbsp_trailing_bits"),
    ],
)
def test_bad_data_is_refused_with_the_elements_name(data, read, message):
    reader = BitReader(data, "test")
    if message is None:
        read(reader)
        return
    with pytest.raises(BitstreamError, match=message):
        read(reader)


def test_alignment_bits_must_be_zero():
    reader = BitReader(b"\xff", "test")
    reader.u("x", 3)
    with pytest.raises(BitstreamError, match="reserved_zero"):
        reader.align("reserved_zero")


@pytest.mark.parametrize(
    ("write", "value"), [(lambda w: w.u("x", 3), 8), (lambda w: w.ue("x", 5), 6), (lambda w: w.u("x", 3), -1)]
)
def test_a_value_that_does_not_fit_is_not_written(write, value):
    with pytest.raises(BitstreamError, match="x = "):
        write(BitWriter("test", {"x": value}))


@pytest.mark.parametrize(
    "write", [lambda s: s.u("x", 3), lambda s: s.ue("x"), lambda s: s.se("x"), lambda s: s.rest("x")]
)
def test_an_element_that_is_not_there_is_the_streams_fault(write) -> None:
    with pytest.raises(BitstreamError, match=r"test: x is missing .*parameter sets do not belong together"):
        write(BitWriter("test", {}))
