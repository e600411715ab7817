"""The label table: boxes, strings and labels in one .parquet file."""

from __future__ import annotations

from pathlib import Path

from vcmpipe.config import DatasetExportOptions
from vcmpipe.datasets.exporters.registry import ExportReport
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import write_label_table
from vcmpipe.process.progress import Progress


def write(options: DatasetExportOptions, progress: Progress) -> ExportReport:
    """Write it."""
    out = Path(options.out)
    samples = load_samples(options.store, options.rule)
    write_label_table(samples, out)
    table = samples.table
    return ExportReport(
        out=options.out,
        layout="labels",
        objects=len(table),
        pictures=int(table["picture"].nunique()),
        left_out=0,
        splits=samples.split_sizes(),
        rule=samples.rule,
    )
