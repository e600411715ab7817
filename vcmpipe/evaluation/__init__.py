"""What was kept and what it cost: matching and retention, COCO accuracy, rate-quality figures and their intervals."""

from vcmpipe.evaluation.average_precision import ApTable, ap_table
from vcmpipe.evaluation.bootstrap import Estimate, draw, estimate
from vcmpipe.evaluation.coco import Accuracy, GroundTruth, coco_accuracy, load_ground_truth, pseudo_truth
from vcmpipe.evaluation.curves import REASONS, Curves, Reason, bd_rates, rate_at, saved_at
from vcmpipe.evaluation.matching import Matches, MatchRule, Retention, match, picture_retention, retention
from vcmpipe.evaluation.rd import Outcome, RdPoint, bd_rate, bits_at, bits_saved, envelope

__all__ = [
    "REASONS",
    "Accuracy",
    "ApTable",
    "Curves",
    "Estimate",
    "GroundTruth",
    "MatchRule",
    "Matches",
    "Outcome",
    "RdPoint",
    "Reason",
    "Retention",
    "ap_table",
    "bd_rate",
    "bd_rates",
    "bits_at",
    "bits_saved",
    "coco_accuracy",
    "draw",
    "envelope",
    "estimate",
    "load_ground_truth",
    "match",
    "picture_retention",
    "pseudo_truth",
    "rate_at",
    "retention",
    "saved_at",
]
