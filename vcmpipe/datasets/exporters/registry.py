"""Exporters by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vcmpipe.config import DatasetExportOptions
from vcmpipe.datasets.exporters import ow_jrd
from vcmpipe.datasets.exporters.report import ExportReport
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import SPLITS, write_label_table
from vcmpipe.errors import InputError
from vcmpipe.process.progress import Progress

__all__ = ["EXPORTERS", "ExportReport", "export_dataset"]


def _labels(options: DatasetExportOptions, progress: Progress) -> ExportReport:
    """The label table: boxes, strings and labels in one .parquet file."""
    out = Path(options.out)
    if out.suffix.lower() != ".parquet":
        raise InputError(f"--out {out}: name a file that ends in .parquet")
    samples = load_samples(options.store, options.rule)
    write_label_table(samples, out)
    table = samples.table
    return ExportReport(
        out=options.out,
        layout="labels",
        objects=len(table),
        pictures=int(table["picture"].nunique()),
        left_out=0,
        splits={split: int((table["split"] == split).sum()) for split in SPLITS},
        rule=samples.rule,
    )


EXPORTERS: dict[str, Callable[[DatasetExportOptions, Progress], ExportReport]] = {
    "ow-jrd": ow_jrd.write,
    "labels": _labels,
}


def export_dataset(options: DatasetExportOptions, *, progress: Progress = lambda done, total: None) -> ExportReport:
    """Write a store in a layout that others read.

    Args:
        options: Which store, which layout, and where to.
        progress: Called after every picture.

    Raises:
        InputError: There is no store, its pictures have gone, or ``--out`` is taken.
        OutputError: The place cannot be written to.
    """
    return EXPORTERS[options.layout](options, progress)
