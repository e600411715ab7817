"""Reading and writing named syntax elements bit by bit (ITU-T H.266 clauses 7.2, 9.2).

``BitReader`` and ``BitWriter`` have the same methods, so that a syntax structure is written down once, as a function
of either of them (``Bits``): reading stores each element's value in ``fields`` under its name, writing takes it there.
"""

from __future__ import annotations

from collections.abc import Iterable

from vcmpipe.errors import BitstreamError

Fields = dict[str, int]
"""A structure's syntax elements in coded order; array elements are keyed as in ``sps_subpic_id[3]``."""

UE_MAX = 2**32 - 2
_WINDOW = 128  # bytes held as one integer: headers mostly fit, and shifting it stays cheap


class BitReader:
    """Reads syntax elements from a raw byte sequence payload (without emulation prevention bytes)."""

    __slots__ = ("_data", "_size", "_window", "_window_end", "fields", "position", "structure")

    def __init__(self, data: bytes, structure: str, fields: Fields | None = None) -> None:
        self._data = data
        self._size = len(data) * 8
        self._window = 0
        self._window_end = 0
        self.position = 0
        self.structure = structure
        self.fields: Fields = {} if fields is None else fields

    def _fill(self, name: str, bits: int) -> None:
        if self.position + bits > self._size:
            raise BitstreamError(f"{self.structure}: the data ends before or in {name} (truncated or damaged stream)")
        first = self.position >> 3
        chunk = self._data[first : first + _WINDOW]
        self._window = int.from_bytes(chunk, "big")
        self._window_end = (first + len(chunk)) * 8

    def u(self, name: str, bits: int, maximum: int | None = None) -> int:
        """An unsigned integer of ``bits`` bits (at most 64)."""
        end = self.position + bits
        if end > self._window_end:
            self._fill(name, bits)
        value = (self._window >> (self._window_end - end)) & ((1 << bits) - 1)
        if maximum is not None and value > maximum:
            raise self._range_error(name, value, 0, maximum)
        self.position = end
        self.fields[name] = value
        return value

    def _exp_golomb(self, name: str) -> int:
        left = self._window_end - self.position
        if left < 65 and self._window_end < self._size:
            self._fill(name, 1)
            left = self._window_end - self.position
        rest = self._window & ((1 << left) - 1) if left > 0 else 0
        length = rest.bit_length()
        zeros = left - length
        if zeros > 31 and left >= 32:
            raise BitstreamError(
                f"{self.structure}: {name} has an Exp-Golomb code of more than 63 bits (damaged stream)"
            )
        if length <= zeros:
            self._fill(name, self._size + 1)
        self.position += 2 * zeros + 1
        return (rest >> (length - zeros - 1)) - 1

    def ue(self, name: str, maximum: int = UE_MAX) -> int:
        """An unsigned Exp-Golomb code of at most ``maximum``."""
        value = self._exp_golomb(name)
        if value > maximum:
            raise self._range_error(name, value, 0, maximum)
        self.fields[name] = value
        return value

    def se(self, name: str, minimum: int = -(2**31) + 1, maximum: int = 2**31 - 1) -> int:
        """A signed Exp-Golomb code in ``minimum``..``maximum``."""
        code = self._exp_golomb(name)
        value = (code + 1) >> 1 if code & 1 else -(code >> 1)
        if not minimum <= value <= maximum:
            raise self._range_error(name, value, minimum, maximum)
        self.fields[name] = value
        return value

    def _range_error(self, name: str, value: int, minimum: int, maximum: int) -> BitstreamError:
        return BitstreamError(
            f"{self.structure}: {name} = {value} is outside {minimum}..{maximum} (damaged or unsupported stream)"
        )

    def align(self, name: str) -> None:
        """Zero bits up to the next byte."""
        bits = -self.position % 8
        if bits:
            if self.position + bits > self._window_end:
                self._fill(name, bits)
            if (self._window >> (self._window_end - self.position - bits)) & ((1 << bits) - 1):
                raise BitstreamError(f"{self.structure}: {name} is not 0 (damaged or unsupported stream)")
            self.position += bits

    def _last_one(self) -> int:
        """The position of the RBSP's last one bit, which is its rbsp_stop_one_bit; -1 without any."""
        stripped = self._data.rstrip(b"\0")
        return len(stripped) * 8 - 1 - ((stripped[-1] & -stripped[-1]).bit_length() - 1) if stripped else -1

    def rest(self, name: str) -> None:
        """All bits before rbsp_trailing_bits, kept behind a leading one so that their number is kept too."""
        bits = self._last_one() - self.position
        if bits < 0:
            self._fill(name, self._size + 1)
        self.payload_tail(name, bits)

    def payload_tail(self, name: str, bits: int) -> None:
        """``bits`` bits kept behind a leading one."""
        end = self.position + bits
        if end > self._size:
            self._fill(name, bits)
        whole = int.from_bytes(self._data[self.position >> 3 : (end + 7) >> 3], "big") >> (-end % 8)
        self.fields[name] = (1 << bits) | (whole & ((1 << bits) - 1))
        self.position = end

    def trailing(self, name: str) -> None:
        """A one and zeros up to the next byte."""
        self._fill(name, 1)
        bits = 8 - self.position % 8
        value = self._data[self.position >> 3] & ((1 << bits) - 1)
        if value != 1 << (bits - 1):
            raise BitstreamError(f"{self.structure}: {name} is not where it should be (damaged or unsupported stream)")
        self.position += bits

    def end(self, name: str = "rbsp_trailing_bits") -> None:
        """The trailing bits, with nothing but zero bytes behind."""
        self.trailing(name)
        if self._data[self.position >> 3 :].strip(b"\0"):
            raise BitstreamError(f"{self.structure}: there is data after {name} (damaged or unsupported stream)")


class BitWriter:
    """Writes the syntax elements found in ``fields``.

    One that is needed but absent is a ``BitstreamError``: a header was read with other parameter sets than it is
    written with, as those of a damaged stream may be exchanged in between.
    """

    __slots__ = ("_value", "fields", "position", "structure")

    def __init__(self, structure: str, fields: Fields) -> None:
        self._value = 0
        self.position = 0
        self.structure = structure
        self.fields = fields

    def _put(self, value: int, bits: int) -> None:
        self._value = (self._value << bits) | value
        self.position += bits

    def _element(self, name: str) -> int:
        try:
            return self.fields[name]
        except KeyError:
            raise BitstreamError(
                f"{self.structure}: {name} is missing (damaged stream: its parameter sets do not belong together)"
            ) from None

    def u(self, name: str, bits: int, maximum: int | None = None) -> int:
        """An unsigned integer of ``bits`` bits."""
        value = self._element(name)
        if value < 0 or value >> bits or (maximum is not None and value > maximum):
            raise BitstreamError(f"{self.structure}: {name} = {value} cannot be written with {bits} bits")
        self._put(value, bits)
        return value

    def ue(self, name: str, maximum: int = UE_MAX) -> int:
        """An unsigned Exp-Golomb code."""
        value = self._element(name)
        if not 0 <= value <= maximum:
            raise BitstreamError(f"{self.structure}: {name} = {value} is outside 0..{maximum}")
        self._put(value + 1, 2 * (value + 1).bit_length() - 1)
        return value

    def se(self, name: str, minimum: int = -(2**31) + 1, maximum: int = 2**31 - 1) -> int:
        """A signed Exp-Golomb code."""
        value = self._element(name)
        if not minimum <= value <= maximum:
            raise BitstreamError(f"{self.structure}: {name} = {value} is outside {minimum}..{maximum}")
        code = 2 * value if value > 0 else 1 - 2 * value
        self._put(code, 2 * code.bit_length() - 1)
        return value

    def align(self, name: str) -> None:
        """Zero bits up to the next byte."""
        self._put(0, -self.position % 8)

    def rest(self, name: str) -> None:
        """The bits kept by ``BitReader.rest``."""
        self.payload_tail(name, 0)

    def payload_tail(self, name: str, bits: int) -> None:
        """The bits kept by ``BitReader.payload_tail``, as many as were kept."""
        kept = self._element(name)
        size = kept.bit_length() - 1
        self._put(kept ^ (1 << size), size)

    def trailing(self, name: str) -> None:
        """A one and zeros up to the next byte."""
        self._put(1, 1)
        self._put(0, -self.position % 8)

    def data(self) -> bytes:
        """What was written; a whole number of bytes."""
        assert self.position % 8 == 0, f"{self.structure} is not byte-aligned"
        return self._value.to_bytes(self.position // 8, "big")


Bits = BitReader | BitWriter
"""What a syntax structure is described with: a reader or a writer of its elements."""


def flags(bits: Bits, names: Iterable[str]) -> None:
    """One-bit elements in a row."""
    for name in names:
        bits.u(name, 1)
