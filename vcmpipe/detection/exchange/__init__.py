"""Detections in files: one module per format, read and written side by side, and the table between them."""

from vcmpipe.detection.exchange.formats import ENDINGS, FORMATS, Format, format_of, read_detections
from vcmpipe.detection.exchange.naming import PictureNames
from vcmpipe.detection.exchange.table import DetectionTable, FrameDetections

__all__ = [
    "ENDINGS",
    "FORMATS",
    "DetectionTable",
    "Format",
    "FrameDetections",
    "PictureNames",
    "format_of",
    "read_detections",
]
