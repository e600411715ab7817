"""Labels of one picture's objects from the few encodes that settle them (see ``search_qps``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.frames.batches import batches
from vcmpipe.measurement.labels import DEFAULT_RULE, fill, label
from vcmpipe.measurement.search import search_qps
from vcmpipe.tasks import Reference, Task
from vcmpipe.thresholds import QP_COUNT, Coder

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector

# Versions decoded and detected in together.
_BATCH = 8


@dataclass(frozen=True, eq=False)
class SearchedLabels:
    """What N objects of a picture bear, as measured.

    Attributes:
        found: (N, 64) bool; the strings, completed where nothing was coded (see ``fill``).
        label: (N,) thresholds by the label rule; 0 where there is none.
        recognisable: (N,) bool; whether there is a threshold.
        coded: How many versions it took.
    """

    found: NDArray[np.bool_]
    label: NDArray[np.int64]
    recognisable: NDArray[np.bool_]
    coded: int


def search_labels(
    objects: sv.Detections,
    coder: Coder,
    detector: Detector,
    task: Task,
    *,
    qps: Sequence[int] = range(QP_COUNT),
    rule: str = DEFAULT_RULE,
) -> SearchedLabels:
    """Code a picture at few QPs, look at each version once, and derive every object's label.

    Args:
        objects: N objects of the picture.
        coder: Gives its coded versions.
        detector: Whose objects they are.
        task: When an object counts as found.
        qps: The QPs that may be coded, ascending; no label is above them.
        rule: The label rule.

    Raises:
        VcmError: A version cannot be coded.
    """
    reference = Reference.of([objects])
    seen: dict[int, NDArray[np.bool_]] = {}

    def found(some: Sequence[int]) -> NDArray[np.bool_]:
        missing = [qp for qp in some if qp not in seen]
        versions = (
            version
            for batch in batches(coder.many(missing), _BATCH, lambda frame: frame.pixels)
            for version in detector.detect(batch)
        )
        for qp, version in zip(missing, versions, strict=True):
            seen[qp] = np.asarray(task.compare(reference, [version]).kept, dtype=np.bool_)
        return np.stack([seen[qp] for qp in some], axis=1)

    coded = search_qps(len(objects), qps, found)
    ladder = np.arange(QP_COUNT)
    strings = fill(found(coded.tolist()) if len(objects) else np.zeros((0, 0), np.bool_), coded, ladder)
    labels, recognisable = label(strings, ladder, rule)
    labels = np.minimum(labels, max(qps))
    # A label of 0 is that of an object which the lowest QP does not keep reliably, either.
    return SearchedLabels(strings, labels, recognisable & (labels > 0), len(coded))
