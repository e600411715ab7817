"""Reading parquet files of others: what a small file can grow to in memory is bounded before it is read."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.errors import InputError
from vcmpipe.process import one_line

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes that values may take, for each byte of the file and besides: real tables take a tenth of that.
_GROWTH, _BESIDES = 512, 1 << 26
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "FLOAT": 4, "INT96": 12}
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
    import pyarrow.parquet as pq

    if isinstance(source, bytes):
        size = len(source)
    else:
        found = source.stat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{one_line(str(source))} is no regular file: name a table (.parquet)")
        size = found.st_size
    with pq.ParquetFile(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
        groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
        columns = (group.column(place) for group in groups for place in range(group.num_columns))
        stated = sum(each.num_values * _WIDTHS.get(each.physical_type, _WIDEST) for each in columns)
        if max(stated, _WIDEST * file.metadata.num_rows) > _GROWTH * size + _BESIDES:
            name = "a table" if isinstance(source, bytes) else one_line(str(source))
            raise InputError(f"{name} states {stated / 1e9:,.1f} GB of values in {size:,} bytes: it is forged")
        return file.read()
