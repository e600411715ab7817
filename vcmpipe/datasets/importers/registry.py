"""Importers by name, and the one way from a published data set to a folder of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.samples import Samples, check_free, write_samples
from vcmpipe.errors import InputError
from vcmpipe.plugins import IMPORTERS


@dataclass(frozen=True)
class Imported:
    """What an importer hands over.

    Attributes:
        samples: The table of samples.
        companions: More tables by name, such as the answers of single subjects (``raters``).
    """

    samples: Samples
    companions: Mapping[str, pd.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True)
class ImportReport:
    """What an import yielded; ``missing`` is what the data set should hold and does not, a line each."""

    out: str
    name: str
    samples: int
    pictures: int
    labelled: int
    splits: dict[str, int]
    scale: str
    missing: tuple[str, ...]


def import_dataset(options: DatasetImportOptions) -> ImportReport:
    """Read a published data set and write it as a folder of samples.

    Raises:
        InputError: A file is missing, damaged, or contradicts another; the message names it.
        OutputError: The samples cannot be written.
    """
    if not Path(options.source).exists():
        raise InputError(f"{options.source} does not exist: name the folder of the data set")
    check_free(Path(options.out))
    imported: Imported = IMPORTERS.load(options.data_set)(options)
    samples = imported.samples
    write_samples(samples, Path(options.out), imported.companions)
    table = samples.table
    return ImportReport(
        out=options.out,
        name=samples.name,
        samples=len(samples),
        pictures=int(table["picture"].nunique()),
        labelled=int(table["label"].notna().sum()),
        splits=samples.split_sizes(),
        scale=samples.scale,
        missing=samples.missing,
    )
