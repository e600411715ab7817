"""Cheap trials of how firmly a detector holds on to what it found: more looks, at degraded copies of the picture.

What survives a coarse JPEG, a blur or a smaller copy is largely what survives a coarse VVC, and none of them takes an
encode. Each look costs as much as the first detection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.naming import detect_named
from vcmpipe.errors import InputError
from vcmpipe.evaluation.matching import match
from vcmpipe.frames import Frame
from vcmpipe.thresholds.features import logit

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector

FEATURES = ("logit", "iou", "drop")
"""Of each look: the log odds of the score that a detection still has (of 0.05 where it is not found), the overlap of
the boxes (0 where it is not found), and the loss in log odds."""
_IOU = 0.5
_FLOOR = 0.05  # what detectors report at least, by default


@dataclass(frozen=True)
class Look:
    """A degraded copy of a picture; what is not None is done, in this order.

    Attributes:
        scale: Width and height of a smaller copy by those of the picture; it is enlarged again at the end.
        blur: Standard deviation of a Gaussian blur, in pixels.
        quality: Of a JPEG, 1..100, in 4:2:0.

    Raises:
        InputError: A value is out of its range.
    """

    scale: float | None = None
    blur: float | None = None
    quality: int | None = None

    def __post_init__(self) -> None:
        good = self.scale is None or 0 < self.scale < 1
        good = good and (self.blur is None or 0 < self.blur <= 64)
        if not (good and (self.quality is None or self.quality in range(1, 101))):
            raise InputError(f"a look at a degraded picture is out of range: {asdict(self)}")

    @property
    def name(self) -> str:
        """As columns and cards call it: ``scale 0.5, quality 20``."""
        return ", ".join(f"{key} {value:g}" for key, value in asdict(self).items() if value is not None)

    def copy(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The degraded copy of a picture (H, W, 3), of its size."""
        import cv2

        height, width = rgb.shape[:2]
        shown: Any = rgb
        if self.scale is not None:
            size = max(1, round(width * self.scale)), max(1, round(height * self.scale))
            shown = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
        if self.blur is not None:
            shown = cv2.GaussianBlur(shown, (0, 0), self.blur)
        if self.quality is not None:
            shown = jpeg(shown, self.quality)
        if self.scale is not None:
            shown = cv2.resize(shown, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.ascontiguousarray(shown, dtype=np.uint8)

    def written(self) -> dict[str, float]:
        """As it stands in a card."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Look:
        """Read what ``written`` wrote; InputError where it is something else."""
        try:
            return cls(**content)
        except TypeError as error:
            raise InputError(f"a look at a degraded picture is damaged: {error}") from error


PROBE, PROBE_FROM = (Look(quality=10),), 5
"""What is looked at for thresholds, and the objects in a picture from which on: with ``LOOKS`` thresholds miss by less,
and maps by them need no fewer bytes (docs/studies/prediction.md)."""
LOOKS = (Look(scale=0.5, quality=20), Look(blur=4.0), Look(scale=0.65, quality=10))
"""Among JPEGs, smaller copies and blurs, three that together tell much (``benchmarks/looks.py``): for expected
losses, and thresholds that satisfy a panel."""


def names(looks: Sequence[Look]) -> tuple[str, ...]:
    """The columns of ``look_again``."""
    return tuple(f"{look.name}: {feature}" for look in looks for feature in FEATURES)


def look_again(
    detector: Detector, frame: Frame, detections: sv.Detections, looks: Sequence[Look] = LOOKS
) -> NDArray[np.float64]:
    """Look for a picture's N detections, of the same detector and with confidences, in degraded copies of it.

    Returns:
        (N, 3 K), columns as ``names``.
    """
    assert detections.confidence is not None
    own = logit(detections.confidence)
    columns = []
    for look in looks:
        (found,) = detect_named(detector, [Frame(frame.index, look.copy(frame.rgb), frame.source)])
        pairs = match(detections, found, iou=_IOU, min_score=_FLOOR)
        left = logit(np.maximum(pairs.score, _FLOOR))
        columns += [left, pairs.iou, left - own]
    return np.column_stack(columns) if columns else np.zeros((len(detections), 0))


def jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """A picture after JPEG, in the encoder's default 4:2:0."""
    import cv2

    done, data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return np.ascontiguousarray(cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB), dtype=np.uint8)
