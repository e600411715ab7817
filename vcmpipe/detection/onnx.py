"""Detectors in ONNX files, run by onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config.limits import MAX_PIXELS, MAX_SIDE
from vcmpipe.detection.base import DEFAULT_MIN_SCORE
from vcmpipe.detection.onnx_heads import PAD_VALUE, SUPPORTED, Fit, Head, ModelFacts, recognise_head
from vcmpipe.detection.postprocess import build_detections, file_digest, suppress
from vcmpipe.detection.reason import reason
from vcmpipe.errors import InputError, VcmError
from vcmpipe.process import interrupt
from vcmpipe.process.watched import watched

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

_GPU_BATCH = 8
# Seconds that a picture may take: many times what the largest detectors need on one core.
_PATIENCE = 120.0
_OPEN_CANVAS = 640  # what ultralytics and YOLOX train at; used where a model leaves its input size open
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}


class OnnxDetector:
    """A detector in an ONNX file; its family is recognised from the model (see ``onnx_heads``).

    One session with one thread per call serves ``jobs`` threads: no slower than a session each, faster than splitting
    one picture's work over the cores, and every answer is independent of the other pictures. On a GPU, models with an
    open batch axis take pictures in batches; models with a fixed batch are filled up.

    Args:
        path: The model.
        jobs: Pictures at the same time; the machine's cores where absent.
        device: ``auto`` (a GPU where onnxruntime has one), ``cpu`` or ``cuda``.
        min_score: Least score that is reported, above 0.
        nms_iou: Overlap above which the weaker of two boxes of a class is suppressed; the family's own where absent
            (YOLOX 0.45, ultralytics 0.7).

    Raises:
        InputError: The file is missing, no ONNX model, or its input or output is not understood.
    """

    def __init__(
        self,
        path: Path,
        *,
        jobs: int | None = None,
        device: str = "auto",
        min_score: float = DEFAULT_MIN_SCORE,
        nms_iou: float | None = None,
    ) -> None:
        self._path, self.name, self.digest = path, path.name, file_digest(path)
        self._jobs = max(1, jobs or os.cpu_count() or 1)
        self._min_score = min_score
        self._session, on_gpu = _open_session(path, device)
        self._canvas, batch, self._dtype = _read_input(path, self._session)
        self._batch = batch or (_GPU_BATCH if on_gpu else 1)
        self._fixed_batch = batch is not None
        self._input = self._session.get_inputs()[0].name
        # One run on plain grey tells the output sizes that a model may leave open, and a broken model fails here.
        grey = np.full((batch or 1, 3, self._canvas[1], self._canvas[0]), PAD_VALUE, self._dtype)
        outputs = self._run(grey)
        metadata = {str(k): str(v) for k, v in self._session.get_modelmeta().custom_metadata_map.items()}
        head = recognise_head(ModelFacts(outputs, self._canvas, metadata))
        if head is None:
            shapes = ", ".join("x".join(map(str, output.shape)) for output in outputs)
            raise InputError(f"{path}: unknown detector head with outputs {shapes}; understood are {SUPPORTED}")
        self._head: Head = head
        self.classes = head.classes
        self._nms_iou = head.nms_iou if nms_iou is None or head.nms_iou is None else nms_iou

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture's content has on the model's canvas."""
        return self._head.fit(width, height, self._canvas).content

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """Finds the objects in each frame; see ``Detector``."""
        groups = [frames[start : start + self._batch] for start in range(0, len(frames), self._batch)]
        if len(groups) > 1 and self._jobs > 1:
            with ThreadPoolExecutor(min(self._jobs, len(groups))) as pool:
                results = list(pool.map(self._detect_group, groups))
        else:
            results = [self._detect_group(group) for group in groups]
        return [detections for group in results for detections in group]

    def _detect_group(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """The detections of at most one batch of frames."""
        fits = [self._head.fit(frame.width, frame.height, self._canvas) for frame in frames]
        size = self._batch if self._fixed_batch else len(frames)
        batch = np.zeros((size, 3, self._canvas[1], self._canvas[0]), dtype=self._dtype)
        for slot, frame, fit in zip(batch, frames, fits, strict=False):
            self._prepare(slot, frame.rgb, fit)
        output = self._run(batch)[0]
        return [self._finish(*item) for item in zip(output, frames, fits, strict=False)]

    def _prepare(self, slot: NDArray[Any], rgb: NDArray[np.uint8], fit: Fit) -> None:
        """Writes a picture into its place (3, height, width) in the batch."""
        import cv2

        canvas = np.full((self._canvas[1], self._canvas[0], 3), PAD_VALUE, dtype=np.uint8)
        (x, y), (width, height) = fit.offset, fit.content
        canvas[y : y + height, x : x + width] = cv2.resize(rgb, fit.content, interpolation=cv2.INTER_LINEAR)
        planes = canvas[..., ::-1] if self._head.bgr else canvas
        slot[...] = planes.transpose(2, 0, 1)
        if self._head.divisor != 1.0:
            slot /= self._head.divisor

    def _run(self, batch: NDArray[Any]) -> list[NDArray[np.float32]]:
        import onnxruntime

        options = onnxruntime.RunOptions()

        def terminate() -> None:
            options.terminate = True

        try:
            # A model may hold a loop that never ends.
            with watched(_PATIENCE * len(batch), terminate) as watch:
                outputs = self._session.run(None, {self._input: batch}, options)
        except Exception as error:  # onnxruntime's own exceptions share no public base
            interrupt.check()
            if watch.expired:
                raise VcmError(
                    f"{self._path}: the detector gave no answer within {watch.seconds:.3g} s: take another model, or "
                    "give this one more time (VCMPIPE_TIMEOUT_FACTOR=4)"
                ) from error
            raise VcmError(f"{self._path}: the detector failed: {reason(error)}") from error
        return [np.asarray(output, dtype=np.float32) for output in outputs]

    def _finish(self, output: NDArray[np.float32], frame: Frame, fit: Fit) -> sv.Detections:
        """One picture's output to detections in its own pixels."""
        found = self._head.decode(output, self._canvas, self._min_score)
        xyxy, score, class_id = found.xyxy, found.score, found.class_id
        finite = np.isfinite(xyxy).all(axis=1) & np.isfinite(score)
        if not finite.all():
            xyxy, score, class_id = xyxy[finite], score[finite], class_id[finite]
        if self._nms_iou is not None:
            kept = suppress(xyxy, score, class_id, self._nms_iou)
            xyxy, score, class_id = xyxy[kept], score[kept], class_id[kept]
        offset = np.array(fit.offset * 2, dtype=np.float32)
        scale = np.array(fit.scale * 2, dtype=np.float32)
        return build_detections((xyxy - offset) / scale, score, class_id, frame.width, frame.height, self._min_score)


def _open_session(path: Path, device: str) -> tuple[Any, bool]:
    """The session, and whether it runs on a GPU."""
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device not in ("auto", "cpu") and not device.startswith("cuda"):
        raise InputError(f"ONNX detectors run on auto, cpu or cuda, not on {device!r}")
    on_gpu = device != "cpu" and "CUDAExecutionProvider" in available
    if device.startswith("cuda") and not on_gpu:
        raise InputError("this onnxruntime has no CUDA: install onnxruntime-gpu, or take the device cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # errors come as exceptions
    providers = (["CUDAExecutionProvider"] if on_gpu else []) + ["CPUExecutionProvider"]
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
        # Texts of a damaged model need not be any.
        _ = session.get_modelmeta().custom_metadata_map, [each.name for each in session.get_inputs()]
        return session, on_gpu
    except Exception as error:  # onnxruntime's own exceptions share no public base
        raise InputError(f"{path} is not an ONNX model that onnxruntime can load: {reason(error)}") from error


def _read_input(path: Path, session: Any) -> tuple[tuple[int, int], int | None, Any]:
    """The canvas (width, height), the fixed batch size (None where it is open), and the input's sample type."""
    inputs = session.get_inputs()
    shape = [_size(n) for n in inputs[0].shape] if inputs else []
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3 or inputs[0].type not in _FLOATS:
        text = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise InputError(f"{path}: a detector takes one float picture (batch, 3, height, width); this takes {text}")
    width, height, batch = shape[3] or _OPEN_CANVAS, shape[2] or _OPEN_CANVAS, shape[0]
    if max(width, height) > MAX_SIDE or width * height * (batch or 1) > MAX_PIXELS:
        raise InputError(f"{path} takes {batch or 1} pictures of {width}x{height} at once: no detector is so large")
    return (width, height), batch, _FLOATS[inputs[0].type]


def _size(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
