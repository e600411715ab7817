"""Thresholds found by coding and detecting, instead of predicted."""

from vcmpipe.measurement.labels import DEFAULT_RULE, RULES, fill, label
from vcmpipe.measurement.measured import MeasuredPredictor
from vcmpipe.measurement.search import search_qps
from vcmpipe.measurement.searched import SearchedLabels, search_labels
from vcmpipe.measurement.sweep import Recognition, best_step, recognise

__all__ = [
    "DEFAULT_RULE",
    "RULES",
    "MeasuredPredictor",
    "Recognition",
    "SearchedLabels",
    "best_step",
    "fill",
    "label",
    "recognise",
    "search_labels",
    "search_qps",
]
