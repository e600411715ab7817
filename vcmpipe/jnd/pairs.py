"""Pairs of a pristine picture and the same one at its critical perceptual level, out of a folder of samples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vcmpipe.datasets.importers.reading import and_more
from vcmpipe.datasets.samples import Samples, read_samples
from vcmpipe.errors import InputError
from vcmpipe.process.parquet import read_table

FILE = "pairs.parquet"


@dataclass(frozen=True)
class PairSet:
    """Pairs.

    Attributes:
        table: A row per pair: ``sample``, ``picture``, ``split``, ``width``, ``height``, ``path`` (pristine) and
            ``critical``, both below ``root``.
        root: Where the paths start.
    """

    samples: Samples
    table: pd.DataFrame
    root: Path

    def split(self, name: str) -> pd.DataFrame:
        """The rows of a split: train, val, test."""
        return self.table[self.table["split"] == name]


def read_pairs(folder: Path, root: Path | None = None) -> PairSet:
    """Open what ``vcmpipe dataset import cpl-set`` wrote.

    ``root`` is where the pictures are now, if they have moved.

    Raises:
        InputError: It is no such folder, is damaged, or a picture is not there.
    """
    import pyarrow as pa

    file = folder / FILE
    if not file.is_file():
        raise InputError(f"{folder} has no {FILE}: name a folder that vcmpipe dataset import cpl-set made")
    samples = read_samples(folder)
    try:
        pairs = read_table(file).to_pandas()[["sample", "critical"]].astype("string")
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise InputError(f"{file} is damaged: {' '.join(str(error).split())}") from error
    own = samples.table[["sample", "picture", "split", "width", "height", "path"]]
    table = own.merge(pairs, on="sample", how="left", validate="one_to_one") if pairs["sample"].is_unique else own
    if len(pairs) != len(own) or "critical" not in table or table[["path", "critical"]].isna().any(axis=None):
        raise InputError(f"{file} is damaged: it should have one pair for each of the {len(own):,} samples")
    base = root or Path(samples.root or folder)
    for name in ("path", "critical"):
        absent = [path for path in table[name] if not (base / path).is_file()]
        if absent:
            raise InputError(
                f"{absent[0]!r}{and_more(len(absent) - 1)} is not below {base}: give their folder with --images"
            )
    return PairSet(samples, table, base)
