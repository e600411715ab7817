"""The predictor that does not predict: it codes the picture at a ladder of QPs and asks the detector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcmpipe.config import parse_range
from vcmpipe.errors import InputError
from vcmpipe.measurement.sweep import best_step, recognise
from vcmpipe.tasks import DetectionTask, Task
from vcmpipe.thresholds import Calibration, Coder, Thresholds, needed
from vcmpipe.thresholds.calibration import COUNTED_WITH, YOLOX_NANO

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.frames import Frame

DEFAULT_LADDER = "18:58:2"
CALIBRATION = Calibration(
    ((-12, 0.9842), (-9, 0.9657), (-6, 0.942), (-3, 0.8285)),
    "77 photos with 379 objects, yolox_nano",
    YOLOX_NANO,
    COUNTED_WITH,
)
"""Of the default ladder, by ``benchmarks/calibrate_margin.py``."""


class MeasuredPredictor:
    """Thresholds read off the detector's own answers: slow and exact to the ladder's step, the yardstick for others.

    They are edges, exact for the very pictures that were coded to find them. In any other picture an object at its edge
    is as easily lost as kept, so maps are made with a margin; docs/studies/thresholds-in-a-map.md shows it.

    Args:
        argument: The ladder as FIRST:LAST[:STEP]; empty: 18:58:2.
        detector: The detector whose losses are measured.
        task: When an object counts as found; None: detection with the default rule.

    Raises:
        InputError: The ladder is malformed or there is no detector.
    """

    calibration = CALIBRATION
    sequence_margin = -8

    def __init__(self, argument: str = "", *, detector: Detector | None = None, task: Task | None = None) -> None:
        if detector is None:
            raise InputError("the predictor measured needs a detector: name one with --detector")
        self.qps = parse_range(argument or DEFAULT_LADDER, low=0, high=63, what="the ladder of measured")
        self.detector = detector
        self.task = task or DetectionTask()
        self.name = f"measured:{argument or DEFAULT_LADDER}"
        # All that the answers depend on besides picture and encoder: they can be cached by it.
        self.digest = f"{self.name}, {self.task.digest}, {self.detector.digest}"

    def predict(self, frame: Frame, detections: sv.Detections, coder: Coder | None = None) -> Thresholds:
        """A mass of one at the QP up to which each object is found; see ``best_step``."""
        if len(detections) == 0:
            return Thresholds.empty()
        return best_step(recognise(detections, needed(coder, self.name), self.detector, self.qps, self.task))
