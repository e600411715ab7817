"""Columns whose every cell is an array over one list of versions, in memory and in parquet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NOT_CODED = 255
"""What stands in an array of uint8 for a version that there is not; NaN in one of floats, null in a file."""


@dataclass(frozen=True)
class Kind:
    """What a column holds: numbers of a type, from 0 to the highest."""

    dtype: type[np.uint8] | type[np.float32]
    high: float

    @property
    def blank(self) -> float:
        """What stands for none."""
        return NOT_CODED if self.dtype is np.uint8 else np.nan


def column_of(rows: Sequence[NDArray[Any] | None]) -> NDArray[Any]:
    """Arrays, or None, as a column: numpy would make a matrix of arrays of one length."""
    column = np.empty(len(rows), object)
    column[:] = None
    for place, row in enumerate(rows):
        column[place] = row
    return column


def to_parquet(column: pd.Series[Any], kind: Kind) -> pa.Array:
    """A column as parquet has it: lists, with nulls for what stands for none."""
    import pyarrow as pa

    there = column.notna().to_numpy()
    own = [row for row in column if row is not None]
    flat = np.concatenate(own) if own else np.zeros(0, kind.dtype)
    sizes = np.where(there, len(own[0]) if own else 0, 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    values = pa.array(flat, mask=np.isnan(flat) | (flat == kind.blank))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~there))


def from_parquet(column: pa.ChunkedArray, width: int, kind: Kind, name: str) -> NDArray[Any]:
    """What ``to_parquet`` wrote.

    Args:
        column: The column.
        width: How many versions there are.
        kind: What it holds.
        name: What it is called, for the error.

    Raises:
        InputError: It holds something else, a list has another length, or a value lies outside its range.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.type != pa.list_(pa.from_numpy_dtype(kind.dtype)):
        raise InputError(f"column {name!r} holds {column.type}")
    rows: list[NDArray[Any] | None] = []
    for chunk in column.chunks:
        there: list[bool] = chunk.is_valid().to_pylist()
        if not pc.all(pc.equal(pc.list_value_length(chunk), width), min_count=0).as_py():
            raise InputError(f"column {name!r} has a list that is not of {width} versions")
        flat = chunk.flatten()
        known = flat.drop_null().to_numpy(zero_copy_only=False)
        if not ((known >= 0) & (known <= kind.high)).all():
            raise InputError(f"column {name!r} has a value outside 0..{kind.high:g}")
        values = iter(flat.fill_null(kind.blank).to_numpy(zero_copy_only=False).reshape(-1, width))
        rows += [next(values) if own else None for own in there]
    return column_of(rows)
