"""Detectors: the protocol, and adapters for ONNX files, ultralytics, torchvision and plugins."""

from vcmpipe.detection.base import DEFAULT_MIN_SCORE, Detector
from vcmpipe.detection.registry import ENVIRONMENT_VARIABLE, load_detector, plugin_detectors, resolve_detector_spec

__all__ = [
    "DEFAULT_MIN_SCORE",
    "ENVIRONMENT_VARIABLE",
    "Detector",
    "load_detector",
    "plugin_detectors",
    "resolve_detector_spec",
]
