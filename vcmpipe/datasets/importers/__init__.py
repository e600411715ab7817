"""Published data sets, read into samples."""

from vcmpipe.datasets.importers.registry import IMPORTERS, ImportReport, import_dataset

__all__ = ["IMPORTERS", "ImportReport", "import_dataset"]
