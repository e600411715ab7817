"""Parquet files of others: what a small file can grow to in memory is bounded before it is read."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import IO, TYPE_CHECKING

from vcmpipe.errors import InputError
from vcmpipe.process.parquet_footer import TAIL, FooterError, StatedValues, footer_length, stated_values
from vcmpipe.process.text import one_line

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes that values may take, for each byte of the file and besides: real tables take a tenth of that.
_GROWTH, _BESIDES = 512, 1 << 26
# Bytes of a value in memory, by the type's number; the others take eight and more.
_WIDTHS = {0: 1, 1: 4, 3: 12, 4: 4}
_WIDEST = 8


def read_table(source: Path | bytes) -> pa.Table:
    """A parquet table, from a file or from what a file held.

    A column of one value takes a few bytes however many rows there are: the numbers of values that the footer states
    are held against the file's size.

    Raises:
        InputError: It is no regular file, or states far more values than such a file can hold.
        OSError: It cannot be read.
        pyarrow.ArrowException: It is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if isinstance(source, bytes):
        size = len(source)
    else:
        found = source.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{one_line(str(source))} is not a regular file: name a table (.parquet)")
        size = found.st_size
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        try:
            columns = _stated(file, size)
        except FooterError as error:
            raise pa.ArrowInvalid(f"{error}") from error
        stated = sum(each.number * _WIDTHS.get(each.physical_type, _WIDEST) for each in columns)
        name = "a table" if isinstance(source, bytes) else one_line(str(source))
        _refuse_growth(name, stated, size)
        with pq.ParquetFile(file) as table:
            _refuse_growth(name, _WIDEST * table.metadata.num_rows, size)
            return table.read()


def _stated(file: IO[bytes], size: int) -> list[StatedValues]:
    file.seek(max(0, size - TAIL))
    length = footer_length(file.read(TAIL))
    if length > size - TAIL:
        raise FooterError(f"the footer states {length:,} bytes of {size:,}")
    file.seek(size - TAIL - length)
    found = stated_values(file.read(length))
    file.seek(0)
    return found


def _refuse_growth(name: str, stated: int, size: int) -> None:
    if stated > _GROWTH * size + _BESIDES:
        raise InputError(f"{name} states {stated / 1e9:,.1f} GB of values in {size:,} bytes: it is forged")
