"""The footer of a parquet file, as far as it states how many values there are.

The file ends with the metadata, their length in four bytes (little endian) and ``PAR1``. The metadata are Thrift's
compact protocol (apache/parquet-format, ``parquet.thrift``: FileMetaData 4 row_groups, RowGroup 1 columns, ColumnChunk
3 meta_data, ColumnMetaData 1 type, 5 num_values). pyarrow's own view of a column chunk ends the process (SIGABRT) where
its size statistics are forged, so it cannot be asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAGIC = b"PAR1"
TAIL = 8
"""Bytes after the metadata."""
# Thrift's compact protocol: types of fields and of elements.
_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(13)
_DEEPEST = 32
"""Structures within each other; those of parquet are eight deep."""


class FooterError(ValueError):
    """The footer is no parquet footer, or it is damaged."""


@dataclass(frozen=True)
class StatedValues:
    """Values of one column in one row group.

    Attributes:
        physical_type: Number of the type, as in ``parquet.thrift`` (0 BOOLEAN, 1 INT32, 2 INT64, 3 INT96, 4 FLOAT, 5
            DOUBLE, 6 BYTE_ARRAY, 7 FIXED_LEN_BYTE_ARRAY); -1 where none is stated.
        number: How many, nulls included.
    """

    physical_type: int
    number: int


def footer_length(tail: bytes) -> int:
    """Return the bytes of metadata that a file's last eight bytes state.

    Raises:
        FooterError: It does not end as a parquet file (one with an encrypted footer among them).
    """
    if len(tail) < TAIL or tail[-4:] != MAGIC:
        raise FooterError("it does not end with PAR1, as Parquet files do")
    return int.from_bytes(tail[-TAIL:-4], "little")


def stated_values(metadata: bytes) -> list[StatedValues]:
    """Read how many values each column chunk has by a footer's metadata.

    What is stated twice counts twice: a reader may take either.

    Raises:
        FooterError: The metadata are damaged.
    """
    reader = _Compact(metadata)
    return [
        _column(reader)
        for field, kind in reader.fields()
        for _ in reader.structures(field == 4, kind)  # row groups
        for inner, inner_kind in reader.fields()
        for _ in reader.structures(inner == 1, inner_kind)  # column chunks
        for part, part_kind in reader.fields()
        if reader.entered(part == 3, part_kind)  # its metadata
    ]


def _column(reader: _Compact) -> StatedValues:
    physical_type, number = -1, 0
    for field, kind in reader.fields():
        if field == 1 and kind == _I32:
            physical_type = reader.signed()
        elif field == 5 and kind == _I64:
            number += max(0, reader.signed())
        else:
            reader.skip(kind)
    return StatedValues(physical_type, number)


class _Compact:
    """A place in bytes of Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise FooterError("the footer is cut")
        self.at += 1
        return self.data[self.at - 1]

    def unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value
            if shift > 63:
                raise FooterError("the footer holds a number of more than 64 bits")

    def signed(self) -> int:
        value = self.unsigned()
        return value >> 1 ^ -(value & 1)

    def fields(self) -> Iterator[tuple[int, int]]:
        """Number and type of each field of a structure; the caller reads or skips its value before the next one."""
        number = 0
        while (head := self.byte()) & 0x0F != _STOP:
            number = number + (head >> 4) if head >> 4 else self.signed()
            yield number, head & 0x0F

    def structures(self, wanted: bool, kind: int) -> Iterator[int]:
        """Stand at each structure of a list; the caller reads it. What is not wanted, or no such list, is skipped."""
        if not wanted or kind != _LIST:
            self.skip(kind)
            return
        size, element = self.list_head()
        for place in range(size):
            if element == _STRUCT:
                yield place
            else:
                self.skip_element(element)

    def entered(self, wanted: bool, kind: int) -> bool:
        """Whether the place is now at the beginning of a structure that is wanted; anything else is skipped."""
        if wanted and kind == _STRUCT:
            return True
        self.skip(kind)
        return False

    def list_head(self) -> tuple[int, int]:
        head = self.byte()
        size = head >> 4 if head >> 4 != 15 else self.unsigned()
        if size > len(self.data) - self.at:
            raise FooterError("the footer states a list that is longer than it is itself")
        return size, head & 0x0F

    def skip(self, kind: int, depth: int = 0) -> None:
        """Go past a field's value."""
        if kind not in (_TRUE, _FALSE):  # a field's type is its value; an element of a list has a byte
            self.skip_element(kind, depth)

    def skip_element(self, kind: int, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise FooterError("the footer's structures are nested too deep")
        if kind in (_TRUE, _FALSE, _BYTE):
            self.byte()
        elif kind in (_I16, _I32, _I64):
            self.unsigned()
        elif kind == _DOUBLE:
            self.advance(8)
        elif kind == _BINARY:
            self.advance(self.unsigned())
        elif kind in (_LIST, _SET):
            size, element = self.list_head()
            for _ in range(size):
                self.skip_element(element, depth + 1)
        elif kind == _MAP:
            if size := self.unsigned():
                kinds = self.byte()
                if size > len(self.data) - self.at:
                    raise FooterError("the footer states a map that is longer than it is itself")
                for _ in range(size):
                    self.skip_element(kinds >> 4, depth + 1)
                    self.skip_element(kinds & 0x0F, depth + 1)
        elif kind == _STRUCT:
            for _, inner in self.fields():
                self.skip(inner, depth + 1)
        else:
            raise FooterError(f"the footer holds a value of type {kind}, which there is none of")

    def advance(self, count: int) -> None:
        if count > len(self.data) - self.at:
            raise FooterError("the footer is cut")
        self.at += count
