"""What was kept and what it cost: matching and retention, COCO accuracy, rate-quality figures and their intervals."""

from vcmpipe.evaluation.average_precision import ApTable, ap_table
from vcmpipe.evaluation.bootstrap import Estimate, draw, estimate
from vcmpipe.evaluation.coco import Accuracy, GroundTruth, coco_accuracy, load_ground_truth, pseudo_truth
from vcmpipe.evaluation.curves import REASONS, Curves, Reason, bd_rates, rate_at, saved_at
from vcmpipe.evaluation.matching import Matches, MatchRule, Retention, match, retention
from vcmpipe.evaluation.rd import bd_rate

__all__ = [
    "REASONS",
    "Accuracy",
    "ApTable",
    "Curves",
    "Estimate",
    "GroundTruth",
    "MatchRule",
    "Matches",
    "Reason",
    "Retention",
    "ap_table",
    "bd_rate",
    "bd_rates",
    "coco_accuracy",
    "draw",
    "estimate",
    "load_ground_truth",
    "match",
    "pseudo_truth",
    "rate_at",
    "retention",
    "saved_at",
]
