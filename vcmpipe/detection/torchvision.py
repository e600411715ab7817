"""Detectors of torchvision, with its published weights or with a local state dict."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vcmpipe.detection.base import DEFAULT_MIN_SCORE
from vcmpipe.detection.postprocess import build_detections, detect_by_size, file_digest
from vcmpipe.detection.reason import reason
from vcmpipe.detection.ultralytics import pick_torch_device
from vcmpipe.errors import InputError, VcmError
from vcmpipe.process.extras import need
from vcmpipe.process.reading import LARGEST_WEIGHTS, check_file

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

_COCO_CLASSES = 91
_GPU_BATCH = 8
_UNUSED = ("__background__", "N/A")


class TorchvisionDetector:
    """A detection model of torchvision; its own preprocessing, suppression and labels.

    Args:
        spec: ``NAME`` as ``torchvision.models.get_model`` knows it, with its default weights (downloaded), or
            ``NAME@PATH`` with a state dict: ``.safetensors`` (its metadata may hold ``classes``, a JSON list of names
            that begins with the background) or ``.pth`` / ``.pt`` (loaded as data only).
        jobs: Threads on a CPU are torch's own; this is accepted for the sake of the protocol.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        min_score: Least score that is reported, above 0.

    Raises:
        InputError: The name is unknown, or the file is missing, damaged, or no state dict of that model.
        VcmError: The weights cannot be downloaded.
    """

    def __init__(
        self, spec: str, *, jobs: int | None = None, device: str = "auto", min_score: float = DEFAULT_MIN_SCORE
    ) -> None:
        name, _, file = spec.partition("@")
        need(f"detector torchvision:{name}", "torchvision")
        self.name = f"torchvision:{name}" + (f"@{Path(file).name}" if file else "")
        self._min_score = min_score
        self._device = pick_torch_device(device)
        _check_name(name)
        if file:
            model, self.classes, self.digest = _load_local(name, Path(file))
        else:
            model, self.classes, self.digest = _load_published(name)
        # The two-stage models keep the limit in their second stage.
        target = model.roi_heads if hasattr(model, "roi_heads") else model
        target.score_thresh = min_score
        self._model = model.eval().to(self._device)

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that the model's transform resizes a picture to."""
        transform = self._model.transform
        if transform.fixed_size is not None:
            return int(transform.fixed_size[0]), int(transform.fixed_size[1])
        scale = min(transform.min_size[-1] / min(width, height), transform.max_size / max(width, height))
        return max(1, int(width * scale)), max(1, int(height * scale))

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """Finds the objects in each frame; see ``Detector``."""
        return detect_by_size(frames, 1 if self._device == "cpu" else _GPU_BATCH, self._predict)

    def _predict(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        import torch

        planes = [torch.from_numpy(np.ascontiguousarray(frame.rgb.transpose(2, 0, 1))) for frame in frames]
        with torch.inference_mode():
            answers = self._model([plane.to(self._device) / 255.0 for plane in planes])
        detections = []
        for frame, answer in zip(frames, answers, strict=True):
            boxes, scores, labels = (answer[key].cpu().numpy() for key in ("boxes", "scores", "labels"))
            detections.append(build_detections(boxes, scores, labels, frame.width, frame.height, self._min_score))
        return detections


def _check_name(name: str) -> None:
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models.detection)
    if name not in known:
        raise InputError(f"torchvision has no detector {name!r}; it has {', '.join(known)}")


def _load_published(name: str) -> tuple[Any, dict[int, str], str]:
    """The model with its default weights, its classes, and the digest of the downloaded file."""
    import torch
    import torchvision

    weights = torchvision.models.get_model_weights(name).DEFAULT
    try:
        quiet = io.StringIO()
        # It announces the download even without a progress bar.
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            state = weights.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as error:  # the network, the disk and the server each fail in ways of their own
        raise VcmError(
            f"the weights of torchvision:{name} cannot be downloaded ({reason(error)}); "
            f"put {weights.url} somewhere yourself and give torchvision:{name}@PATH"
        ) from error
    model = torchvision.models.get_model(
        name, weights=None, weights_backbone=None, num_classes=len(weights.meta["categories"])
    )
    model.load_state_dict(state)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    return model, _named(weights.meta["categories"]), file_digest(cached) if cached.is_file() else _state_digest(state)


def _load_local(name: str, path: Path) -> tuple[Any, dict[int, str], str]:
    """The model with the weights of a file, its classes, and the file's digest."""
    import torch
    import torchvision

    check_file(path, LARGEST_WEIGHTS)
    digest = file_digest(path)
    names: list[str] | None = None
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(str(path), framework="pt") as file:
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a mapping)
                names = json.loads((file.metadata() or {}).get("classes", "null"))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
        state = {str(key): value.float() if value.is_floating_point() else value for key, value in state.items()}
    except (
        Exception
    ) as error:  # the two formats have many ways to be broken, and torch's message advises unsafe loading
        raise InputError(f"{path} is damaged or not a state dict (.safetensors, or .pth with tensors only)") from error
    count = _count_classes(name, state, path)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=count)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(f"{path} is not a state dict of torchvision's {name}: {reason(error)}") from error
    if names is None and count == _COCO_CLASSES:
        names = list(torchvision.models.get_model_weights(name).DEFAULT.meta["categories"])
    if names is None or len(names) != count:
        names = [_UNUSED[0], *(f"class {index}" for index in range(1, count))]
    return model, _named(names), digest


def _count_classes(name: str, state: Mapping[str, Any], path: Path) -> int:
    """The number of classes, background included, from the one kind of size that depends on it."""
    import torch
    import torchvision

    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=_COCO_CLASSES)
    counts = set()
    for key, value in model.state_dict().items():
        if key not in state:
            raise InputError(f"{path} is not a state dict of torchvision's {name}: it lacks {key}")
        if value.shape != state[key].shape:
            counts.add(state[key].shape[0] * _COCO_CLASSES / value.shape[0])
    if not counts:
        return _COCO_CLASSES
    count = counts.pop()
    if counts or count != int(count) or count < 2:
        raise InputError(f"{path} is not a state dict of torchvision's {name}: its shapes fit no number of classes")
    return int(count)


def _named(categories: Sequence[str]) -> dict[int, str]:
    return {index: str(name) for index, name in enumerate(categories) if name not in _UNUSED}


def _state_digest(state: Mapping[str, Any]) -> str:
    """SHA-256 over a state dict's values, for weights whose file cannot be found."""
    digest = hashlib.sha256()
    for key in sorted(state):
        digest.update(key.encode())
        digest.update(state[key].cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
