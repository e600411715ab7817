"""Thresholds found by coding and looking, instead of predicted."""

from vcmpipe.measurement.measured import MeasuredPredictor
from vcmpipe.measurement.search import search_qps
from vcmpipe.measurement.sweep import Recognition, best_step, recognise

__all__ = ["MeasuredPredictor", "Recognition", "best_step", "recognise", "search_qps"]
