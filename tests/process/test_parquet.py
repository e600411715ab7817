"""Tables of others: a few bytes may not grow to gigabytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vcmpipe.datasets.label_table import load_samples
from vcmpipe.errors import InputError
from vcmpipe.process.parquet import read_table
from vcmpipe.process.parquet_footer import StatedValues, stated_values


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
    with pytest.raises(InputError, match="not a regular file"):
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
    with pytest.raises(InputError, match=r"x\.parquet is damaged .*is not a number"):
        load_samples(tmp_path / "x.parquet")


def footer(file: Path) -> bytes:
    data = file.read_bytes()
    return data[-8 - int.from_bytes(data[-8:-4], "little") : -8]


def test_what_a_footer_states_is_what_pyarrow_reads_in_it(tmp_path: Path) -> None:
    columns = {
        "flag": [True, None, False] * 5,
        "small": pa.array(range(15), pa.int32()),
        "real": pa.array([0.5] * 15, pa.float32()),
        "text": ["a", "bc", None] * 5,
        "list": [[1, 2, 3], [], None] * 5,
        "struct": [{"x": 1, "y": [{"z": "a"}, {"z": "b"}]}] * 15,
    }
    file = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns).replace_schema_metadata({b"vcmpipe": b"{}" * 9}), file, row_group_size=4)
    with pq.ParquetFile(file) as table:
        groups = [table.metadata.row_group(number) for number in range(table.metadata.num_row_groups)]
        expected = [(each.physical_type, each.num_values) for group in groups for each in map(group.column, range(7))]
    names = ["BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"]
    assert [(names[each.physical_type], each.number) for each in stated_values(footer(file))] == expected
    assert expected


def field(number: int, kind: int, value: bytes) -> bytes:
    return bytes([number << 4 | kind]) + value


ONE_INT64 = field(1, 5, b"\x04") + field(4, 6, b"\x14") + b"\0"  # type 2, then 1 + 4 = 5: ten values (zigzag)


def of_columns(chunk: bytes) -> bytes:
    """Metadata of one row group with one column chunk."""
    return field(4, 9, b"\x1c" + field(1, 9, b"\x1c" + chunk + b"\0") + b"\0") + b"\0"


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (b"\0", []),
        (of_columns(field(3, 12, ONE_INT64)), [(2, 10)]),
        (of_columns(field(3, 12, ONE_INT64) + b"\x0c\x06" + ONE_INT64), [(2, 10)] * 2),  # field 3 twice
        (field(4, 9, b"\x15\x02") + field(1, 1, b"") + b"\0", []),  # a list of numbers; a boolean
        (b"", "cut"),
        (b"\x15", "cut"),
        (b"\x15" + b"\xff" * 11, "64 bits"),
        (b"\x19\xfc\xff\xff\x01", "longer than it is itself"),
        (b"\x18\x7fabc", "cut"),
        (b"\x1c" * 200, "nested too deep"),
        (b"\x1d\0", "of type 13"),
    ],
)
def test_footers_of_a_stranger(metadata: bytes, expected: list[tuple[int, int]] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected):
            stated_values(metadata)
    else:
        assert stated_values(metadata) == [StatedValues(*each) for each in expected]


def test_forged_size_statistics_do_not_end_the_process(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    pq.write_table(pa.table({"list": [[1, 2], [3]] * 50}), file)
    data = bytearray(file.read_bytes())
    length = int.from_bytes(data[-8:-4], "little")
    script = (
        "import sys, pyarrow as pa; from vcmpipe.process.parquet import read_table\n"
        "for each in sys.stdin.buffer.read().split(b'END'):\n"
        "    try: read_table(each)\n"
        "    except (pa.ArrowException, OSError): pass\n"
    )
    spoiled = []
    for place in range(len(data) - 8 - length, len(data) - 8):
        forged = bytearray(data)
        forged[place] ^= 0x06
        spoiled.append(bytes(forged))
    done = subprocess.run([sys.executable, "-c", script], input=b"END".join(spoiled), capture_output=True, check=False)
    assert (done.returncode, done.stderr[-500:]) == (0, b"")
