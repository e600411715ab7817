"""Exporters by name, and what an export did."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.config import DatasetExportOptions
from vcmpipe.plugins import EXPORTERS
from vcmpipe.process.progress import Progress


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        left_out: Objects that were not written because they are never recognised.
        splits: Objects by split.
        rule: The rule of the labels, None where they came without strings.
        crops: Files of crops, originals and coded versions.
    """

    out: str
    layout: str
    objects: int
    pictures: int
    left_out: int
    splits: dict[str, int]
    rule: str | None
    crops: int = 0


def export_dataset(options: DatasetExportOptions, *, progress: Progress = lambda done, total: None) -> ExportReport:
    """Write a store in a layout that others read.

    Raises:
        InputError: There is no store, its pictures have gone, or ``--out`` is taken.
        OutputError: The place cannot be written to.
    """
    report: ExportReport = EXPORTERS.load(options.layout)(options, progress)
    return report
