"""Stores written in the layouts that others read."""

from vcmpipe.datasets.exporters.registry import ExportReport, export_dataset

__all__ = ["ExportReport", "export_dataset"]
