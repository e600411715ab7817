"""Detectors of the ultralytics package, from a ``.pt`` file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.detection.base import DEFAULT_MIN_SCORE
from vcmpipe.detection.postprocess import build_detections, detect_by_size, file_digest
from vcmpipe.detection.reason import reason
from vcmpipe.detection.weights_ultralytics import import_ultralytics
from vcmpipe.errors import InputError, VcmError

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

_TASKS = ("detect", "segment", "pose")
_GPU_BATCH = 16


class UltralyticsDetector:
    """Any ultralytics model that gives upright boxes: its own preprocessing, suppression (IoU 0.7) and classes.

    Pictures of one size go through together on a GPU; on a CPU one by one with all cores, so that an answer never
    depends on its neighbours.

    Args:
        path: The weights; loaded with ultralytics' restricted loader, so that a file cannot run code.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        min_score: Least score that is reported, above 0.

    Raises:
        InputError: The file is missing or damaged, holds other things than an ultralytics detector, or the device is
            not there.
    """

    def __init__(self, path: Path, *, device: str = "auto", min_score: float = DEFAULT_MIN_SCORE) -> None:
        self._path, self.name, self.digest = path, path.name, file_digest(path)
        ultralytics = import_ultralytics(path.name)
        self._device = pick_torch_device(device)
        self._min_score = min_score
        try:
            # Resolved, so that nothing is looked for elsewhere or fetched.
            self._model: Any = ultralytics.YOLO(str(path.resolve()), verbose=False)
            self._task = str(self._model.task)
        except Exception as error:  # ultralytics lets through whatever its loader meets
            raise InputError(f"{path} holds no ultralytics model that can be loaded safely: {reason(error)}") from error
        if self._task not in _TASKS:
            raise InputError(f"{path} is an ultralytics model for {self._task!r}, not one that finds upright boxes")
        self.classes = {int(index): str(name) for index, name in self._model.names.items()}
        size = self._model.overrides.get("imgsz", 640)
        self._input = (max(size), max(size)) if isinstance(size, (list, tuple)) else (int(size), int(size))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that the letterbox gives a picture's content."""
        scale = min(self._input[0] / width, self._input[1] / height)
        return max(1, round(width * scale)), max(1, round(height * scale))

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """Finds the objects in each frame; see ``Detector``."""
        return detect_by_size(frames, 1 if self._device == "cpu" else _GPU_BATCH, self._predict)

    def _predict(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        pictures = [np.ascontiguousarray(frame.rgb[..., ::-1]) for frame in frames]
        try:
            results = self._model.predict(
                pictures,
                conf=self._min_score,
                imgsz=self._input[0],
                device=self._device,
                verbose=False,
                save=False,
            )
        except Exception as error:  # torch and ultralytics share no base for their errors
            raise VcmError(f"{self._path}: the detector failed: {reason(error)}") from error
        every = [result.boxes.cpu().numpy() for result in results]
        return [
            build_detections(boxes.xyxy, boxes.conf, boxes.cls, frame.width, frame.height, self._min_score)
            for frame, boxes in zip(frames, every, strict=True)
        ]


def pick_torch_device(device: str) -> str:
    """The torch device that ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps`` means on this machine.

    Raises:
        InputError: The device is unknown or not there.
    """
    import torch

    if device == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = "cuda:0"
    here = device == "cpu" or (device == "mps" and torch.backends.mps.is_available())
    if device.startswith("cuda:") and device[5:].isdecimal():
        here = int(device[5:]) < torch.cuda.device_count()
    if not here:
        raise InputError(f"the device {device!r} is unknown or not on this machine; take auto or cpu")
    return device
