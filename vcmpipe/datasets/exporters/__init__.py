"""Stores written in the layouts that others read."""

from vcmpipe.datasets.exporters.registry import export_dataset
from vcmpipe.datasets.exporters.report import ExportReport

__all__ = ["ExportReport", "export_dataset"]
