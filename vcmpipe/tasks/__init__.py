"""What counts: what of a segment has to be kept, when it is lost, where it lies, and the published figure."""

from vcmpipe.tasks.base import Comparison, Reference, Task
from vcmpipe.tasks.constraints import Constraint, Constraints, Judgement
from vcmpipe.tasks.detection import DetectionTask
from vcmpipe.tasks.loss import AccuracyLoss
from vcmpipe.tasks.registry import load_task
from vcmpipe.tasks.trackers import Tracker, load_tracker
from vcmpipe.tasks.tracking import TrackingTask, TrackOutcome, TrackRule

__all__ = [
    "AccuracyLoss",
    "Comparison",
    "Constraint",
    "Constraints",
    "DetectionTask",
    "Judgement",
    "Reference",
    "Task",
    "TrackOutcome",
    "TrackRule",
    "Tracker",
    "TrackingTask",
    "load_task",
    "load_tracker",
]
