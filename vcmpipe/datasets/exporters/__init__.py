"""Stores written in the layouts that others read."""

from vcmpipe.datasets.exporters.registry import EXPORTERS, ExportReport, export_dataset

__all__ = ["EXPORTERS", "ExportReport", "export_dataset"]
