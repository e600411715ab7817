"""Objects of pictures with their labels by search, and what predictors go by; what was measured is kept on disk.

What ``transfer.py`` fits and judges with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import supervision as sv
from numpy.typing import NDArray

from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection import Detector
from vcmpipe.encoders import load_encoder
from vcmpipe.evaluation import MatchRule
from vcmpipe.frames import Frame, find_pictures, open_source
from vcmpipe.measurement import search_labels
from vcmpipe.process.content_cache import ContentCache, content_key
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.tasks import DetectionTask
from vcmpipe.thresholds.base import QP_COUNT


@dataclass(frozen=True, eq=False)
class Labelled:
    """A picture's objects, and the strings of found and lost that were measured."""

    name: str
    frame: Frame
    objects: sv.Detections
    found: NDArray[np.bool_]
    label: NDArray[np.int64]
    recognisable: NDArray[np.bool_]


def chosen(folders: Sequence[Path], bench_set: str) -> dict[str, Path]:
    """Files by ``FOLDER/NAME``, without the N pictures of a folder with the smallest names (``FOLDER:N``)."""
    left_out, _, count = bench_set.partition(":")
    found = {}
    for folder in folders:
        own = find_pictures(folder)
        parent = folder.resolve().parent.name
        first = int(count) if parent == left_out else 0
        found |= {f"{parent}/{name}": own[name] for name in sorted(own)[first:]}
    return found


def labelled(detector: Detector, files: dict[str, Path], cache: Path, jobs: int) -> list[Labelled]:
    """Measure, or look up, the labels of the pictures that have objects."""
    kept = ContentCache(cache)
    encoder, task = CachedEncoder(load_encoder("vvenc"), kept), DetectionTask(MatchRule())

    def measure(item: tuple[str, Path]) -> Labelled | None:
        name, path = item
        (frame,) = open_source(str(path))
        (objects,) = task.reference(detector.detect([frame])).detections
        if not len(objects):
            return None
        coder = SegmentCoder(encoder, frame)
        key = content_key(
            "searched labels", coder.source_digest, encoder.build, detector.digest, task.digest,
            objects.xyxy.tobytes(),
        )  # fmt: skip
        if (entry := kept.get(key)) is None:
            labels = search_labels(objects, coder.of_frame(0), detector, task)
            content = {
                "found": ["".join("01"[int(mark)] for mark in row) for row in labels.found],
                "label": labels.label.tolist(),
                "recognisable": labels.recognisable.tolist(),
                "coded": labels.coded,
            }
            entry = json.dumps(content).encode()
            kept.put(key, entry)
        content = json.loads(entry)
        found = np.array([[mark == "1" for mark in row] for row in content["found"]], bool).reshape(-1, QP_COUNT)
        return Labelled(
            name, frame, objects, found, np.array(content["label"], np.int64), np.array(content["recognisable"], bool)
        )

    pictures = []
    with worker_pool(jobs) as pool:
        for number, one in enumerate(in_order(pool, measure, files.items(), ahead=jobs + 1), 1):
            print(f"\r{number} of {len(files)}", end="", flush=True)
            pictures += [one] if one is not None else []
    print()
    return pictures
