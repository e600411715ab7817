"""The objects of a JRD store as ``detector_aware`` learns from them: features, strings, labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.measurement.labels import DEFAULT_RULE, fill, label
from vcmpipe.thresholds import features, probe
from vcmpipe.thresholds.base import QP_COUNT

if TYPE_CHECKING:
    from vcmpipe.datasets.records import PictureRecord
    from vcmpipe.datasets.store import Store
    from vcmpipe.detection import Detector


@dataclass(frozen=True, eq=False)
class AwareData:
    """N recognisable objects.

    Attributes:
        features: (N, F) see ``features.describe``.
        probe: (N, 3) see ``probe.probe``.
        class_id: (N,) classes.
        found: (N, 64) bool; the strings.
        label: (N,) thresholds by the label rule.
        picture: (N,) names; objects of a picture stay together.
    """

    features: NDArray[np.float64]
    probe: NDArray[np.float64]
    class_id: NDArray[np.int64]
    found: NDArray[np.bool_]
    label: NDArray[np.int64]
    picture: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: npt.ArrayLike) -> AwareData:
        """Some of the objects."""
        return AwareData(*(getattr(self, field.name)[rows] for field in fields(self)))

    def relabelled(self, rule: str) -> AwareData:
        """The same objects under another label rule; what it calls unrecognisable is left out."""
        labels, recognisable = label(self.found, np.arange(QP_COUNT), rule)
        return replace(self, label=labels)[recognisable & (labels > 0)]


def collect(
    store: Store,
    detector: Detector,
    *,
    rule: str = DEFAULT_RULE,
    names: Collection[str] | None = None,
    images: Path | None = None,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> AwareData:
    """Describe the objects of a store.

    Args:
        store: What to learn from.
        detector: The store's own detector, for its input size and the probe.
        rule: The label rule.
        names: The pictures to take; all where absent.
        images: Where the folder of pictures is now, if it has moved.
        cache: A folder that keeps what was computed, picture by picture, for the next time.
        progress: Called with each picture's name.

    Raises:
        InputError: The detector is another than the store's, or no picture has an object with a threshold.
    """
    if detector.digest != store.manifest.detector_digest:
        raise InputError(f"{store.path} was made with {store.manifest.detector}; {detector.name} is another detector")
    parts = []
    for name in store.names():
        if names is not None and name not in names:
            continue
        record = store.record(name)
        if not len(record.xyxy):
            continue
        if progress is not None:
            progress(name)
        rows, probed = _described(store, record, detector, images, cache)
        found = fill(record.found, record.qps, np.arange(QP_COUNT))
        labels, _ = label(found, np.arange(QP_COUNT), rule)
        parts.append(AwareData(rows, probed, record.class_id, found, labels, np.full(len(rows), name)))
    if not parts:
        raise InputError(f"{store.path} has no objects to learn from: there are no labels")
    every = AwareData(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(AwareData)))
    kept = every.relabelled(rule)
    if not len(kept):
        raise InputError(f"{store.path} has no objects to learn from: none has a threshold")
    return kept


def _described(
    store: Store,
    record: PictureRecord,
    detector: Detector,
    images: Path | None,
    cache: Path | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features and probe of a picture's objects."""
    import supervision as sv

    boxes = hashlib.sha256(record.xyxy.tobytes() + record.score.tobytes()).hexdigest()
    key = f"{record.source_sha256[:32]}-{store.manifest.detector_digest[:16]}-{boxes[:16]}-probed.npz"
    file = cache / key if cache else None
    if file is not None and file.is_file():
        with np.load(file) as kept:
            if kept["names"].tolist() == [*features.NAMES, *probe.NAMES] and len(kept["rows"]) == len(record.xyxy):
                return kept["rows"], kept["probed"]
    frame = store.source(record.name, images)
    found = sv.Detections(record.xyxy, confidence=record.score, class_id=record.class_id)
    rows = features.describe(frame, found, detector.input_size(frame.width, frame.height))
    probed = probe.probe(detector, frame, found)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        names: Any = np.array([*features.NAMES, *probe.NAMES])
        np.savez(file, rows=rows, probed=probed, names=names)
    return rows, probed


def picture_mark(digest: str) -> str:
    """What a card knows a picture by that was learned from: the first 16 digits of its file's SHA-256."""
    return digest[:16]
