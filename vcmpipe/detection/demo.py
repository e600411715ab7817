"""The demo detector: a small single-shot network for the built-in scenes, with weights of our own in the package.

The network is ``weights/demo.onnx``; the model card beside it (``demo.json``, ``demo.md``) names the classes and the
digest and how it was made. It knows only the shapes of ``vcmpipe.datasets.scenes`` and is of no use on real pictures.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.detection.base import DEFAULT_MIN_SCORE
from vcmpipe.detection.postprocess import build_detections, suppress
from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

INPUT_SIZE: tuple[int, int] = (384, 288)
"""Width and height of the network's input in pixels; every picture is resized to it."""
NMS_IOU = 0.5
CANDIDATES = 200
"""Boxes of a class that are looked at, those of the highest scores."""
MAX_DETECTIONS = 100


def weights_folder() -> Traversable:
    """Where the shipped weights and their card lie."""
    return resources.files("vcmpipe.detection") / "weights"


class DemoDetector:
    """Detector of the demo scenes' shapes, on the CPU (see the ``Detector`` protocol).

    Each picture goes through the network alone and on one thread, several pictures at the same time: so an answer
    depends neither on the other pictures of a call nor on ``jobs``, and on a busy machine no thread waits for another.

    Args:
        jobs: Pictures at the same time; the machine's cores where absent.
        min_score: Least score that is reported, 0..1.
        folder: Where ``demo.onnx`` and ``demo.json`` lie; the package's own where absent.

    Raises:
        InputError: An argument is out of range, or a file is missing or damaged.
    """

    name = "demo"

    def __init__(
        self, *, jobs: int | None = None, min_score: float = DEFAULT_MIN_SCORE, folder: Traversable | None = None
    ) -> None:
        if not 0.0 <= min_score <= 1.0:
            raise InputError(f"the least score of a detection must be in 0..1, not {min_score}")
        if jobs is not None and jobs < 1:
            raise InputError(f"the number of jobs must be at least 1, not {jobs}")
        self._jobs = jobs or os.cpu_count() or 1
        self._min_score = min_score
        names, blob, self.digest = _read_files(folder if folder is not None else weights_folder())
        self.classes = dict(enumerate(names))
        self._session = _open_session(blob)

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture is resized to: always ``INPUT_SIZE``."""
        return INPUT_SIZE

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """Finds the demo shapes in each frame; see ``Detector``."""
        workers = min(self._jobs, len(frames))
        if workers < 2:
            return [self._detect_one(frame.rgb) for frame in frames]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(self._detect_one, (frame.rgb for frame in frames)))

    def _detect_one(self, rgb: NDArray[np.uint8]) -> sv.Detections:
        height, width = rgb.shape[:2]
        boxes, scores = self._session.run(["boxes", "scores"], {"picture": _resized(rgb)})
        places, labels = _candidates(scores, self._min_score)
        boxes, scores = np.clip(boxes[places], 0, np.array(INPUT_SIZE * 2, np.float32)), scores[places, labels]
        kept = suppress(boxes, scores, labels, NMS_IOU)[:MAX_DETECTIONS]
        factor = np.array([width / INPUT_SIZE[0], height / INPUT_SIZE[1]] * 2, dtype=np.float32)
        return build_detections(boxes[kept] * factor, scores[kept], labels[kept], width, height, self._min_score)


def _candidates(scores: NDArray[np.float32], min_score: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of (N, classes) scores above a limit, of each column only the ``CANDIDATES`` highest."""
    found = []
    for label, column in enumerate(scores.T):
        places = np.flatnonzero(column > min_score)
        if places.size > CANDIDATES:
            places = places[np.argsort(-column[places], kind="stable")[:CANDIDATES]]
        found.append((places, np.full(places.size, label)))
    return np.concatenate([place for place, _ in found]), np.concatenate([label for _, label in found])


def _open_session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _read_files(folder: Traversable) -> tuple[list[str], bytes, str]:
    """Class names, the model and its digest, which the card must name too."""
    try:
        card = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
        blob = (folder / "demo.onnx").read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the demo detector's files in {folder}: {error}; install vcmpipe again"
        ) from error
    digest = hashlib.sha256(blob).hexdigest()
    if card.get("sha256") != digest:
        raise InputError(f"the demo detector's model in {folder} does not match its card; install vcmpipe again")
    return [str(name) for name in card["classes"]], blob, digest


def _resized(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture at the network's size; area averaging where it shrinks, so that fine texture does not alias."""
    import cv2

    shrinks = rgb.shape[1] >= INPUT_SIZE[0] and rgb.shape[0] >= INPUT_SIZE[1]
    filtering = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(rgb, INPUT_SIZE, interpolation=filtering), dtype=np.uint8)
