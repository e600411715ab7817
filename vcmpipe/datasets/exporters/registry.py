"""Exporters by name."""

from __future__ import annotations

from vcmpipe.config import DatasetExportOptions
from vcmpipe.datasets.exporters.report import ExportReport
from vcmpipe.plugins import EXPORTERS
from vcmpipe.process.progress import Progress


def export_dataset(options: DatasetExportOptions, *, progress: Progress = lambda done, total: None) -> ExportReport:
    """Write a store in a layout that others read.

    Args:
        options: Which store, which layout, and where to.
        progress: Called after every picture.

    Raises:
        InputError: There is no store, its pictures have gone, or ``--out`` is taken.
        OutputError: The place cannot be written to.
    """
    report: ExportReport = EXPORTERS.load(options.layout)(options, progress)
    return report
