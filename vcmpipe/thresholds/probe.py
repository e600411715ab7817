"""A cheap trial of how firmly a detector holds on to its objects: one more detection, in a JPEG of the picture.

The objects that survive a coarse JPEG are largely those that survive a coarse VVC; nothing is coded with VVC. It
costs as much as the first detection, so only pictures with several objects are worth it (see ``FROM_OBJECTS``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.evaluation.matching import match
from vcmpipe.frames import Frame
from vcmpipe.thresholds.features import logit

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector

NAMES = ("probe_logit", "probe_iou", "probe_drop")
QUALITY = 10
"""Of the JPEG: among 5 to 18, and among WebP, JPEG 2000 and coarse transforms, what told most about the thresholds."""
FROM_OBJECTS = 5
"""Pictures with fewer objects are not tried, so that the mean over photos stays under 3 ms per object."""
_IOU = 0.5
_FLOOR = 0.05  # what detectors report at least, by default


def probe(detector: Detector, frame: Frame, detections: sv.Detections) -> NDArray[np.float64]:
    """Look for a picture's objects, N detections of the same detector with confidences, in a JPEG of it.

    Returns:
        (N, 3): the log odds of the score that each object still has (that of 0.05 where it is not found), the overlap
        of the boxes (0 where not found), and the loss in log odds.
    """
    found = detector.detect([Frame(frame.index, jpeg(frame.rgb), frame.source)])[0]
    pairs = match(detections, found, iou=_IOU, min_score=_FLOOR)
    left = logit(np.maximum(pairs.score, _FLOOR))
    assert detections.confidence is not None
    return np.column_stack([left, pairs.iou, left - logit(detections.confidence)])


def jpeg(rgb: NDArray[np.uint8], quality: int = QUALITY) -> NDArray[np.uint8]:
    """A picture after JPEG, in the encoder's default 4:2:0."""
    import cv2

    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.ascontiguousarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), dtype=np.uint8)
