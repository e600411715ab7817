"""Tables of others: a few bytes may not grow to gigabytes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.parquet import read_table
from vcmpipe.errors import InputError


def test_a_table_of_one_value(tmp_path: Path) -> None:
    file = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"label": np.zeros(100_000_000, np.int64)}), file, row_group_size=100_000_000)
    assert file.stat().st_size < 1_000_000
    with pytest.raises(InputError, match=r"bomb.parquet states 0\.8 GB of values in [0-9,]+ bytes: it is forged"):
        load_samples(file)
    with pytest.raises(InputError, match="it is forged"):
        read_table(file.read_bytes())


def test_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="no regular file"):
        load_samples(tmp_path / "x.parquet")


def test_real_tables_repeat_themselves(tmp_path: Path) -> None:
    names = [f"picture {number // 1000}" for number in range(100_000)]
    pq.write_table(pa.table({"name": names, "judge": ["one"] * 100_000}), tmp_path / "x.parquet", compression="zstd")
    assert read_table(tmp_path / "x.parquet").num_rows == 100_000


@pytest.mark.parametrize("qps", ["[1e400]", "[Infinity]"])
def test_numbers_that_json_does_not_have(tmp_path: Path, qps: str) -> None:
    about = f'{{"kind": "samples", "version": 1, "qps": {qps}}}'
    table = pa.table({"sample": ["a"]}).replace_schema_metadata({b"vcmpipe": about})
    pq.write_table(table, tmp_path / "x.parquet")
    with pytest.raises(InputError, match=r"x\.parquet is damaged .*is no number"):
        load_samples(tmp_path / "x.parquet")
