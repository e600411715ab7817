"""Published data sets, read into samples."""

from vcmpipe.datasets.importers.registry import ImportReport, import_dataset

__all__ = ["ImportReport", "import_dataset"]
