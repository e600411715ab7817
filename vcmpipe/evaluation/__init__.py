"""What was kept and what it cost: matching and retention, COCO accuracy, and rate-quality figures."""

from vcmpipe.evaluation.coco import Accuracy, GroundTruth, coco_accuracy, load_ground_truth, pseudo_truth
from vcmpipe.evaluation.matching import Matches, MatchRule, Retention, match, picture_retention, retention
from vcmpipe.evaluation.rd import Outcome, RdPoint, bd_rate, bits_at, bits_saved, envelope

__all__ = [
    "Accuracy",
    "GroundTruth",
    "MatchRule",
    "Matches",
    "Outcome",
    "RdPoint",
    "Retention",
    "bd_rate",
    "bits_at",
    "bits_saved",
    "coco_accuracy",
    "envelope",
    "load_ground_truth",
    "match",
    "picture_retention",
    "pseudo_truth",
    "retention",
]
