"""The demo detector: a small torchvision SSD for the built-in scenes, with weights of our own in the package.

The network is built without any pretrained weights and filled from ``weights/demo.safetensors``; the model card beside
it (``demo.json``, ``demo.md``) names the classes and the digest and how the weights were made. It knows only the
shapes of ``vcmpipe.datasets.scenes`` and is of no use on real pictures.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead

from vcmpipe.detection.base import DEFAULT_MIN_SCORE
from vcmpipe.detection.postprocess import build_detections
from vcmpipe.errors import InputError

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.frames import Frame

INPUT_SIZE: tuple[int, int] = (384, 288)
"""Width and height of the network's input in pixels; every picture is resized to it."""
MEAN, STD = (0.48, 0.47, 0.46), (0.22, 0.22, 0.22)
"""Normalisation of RGB in 0..1."""
NMS_IOU = 0.5
MAX_DETECTIONS = 100
_ANCHORS = ((18, 26), (38, 56), (80, 118))  # Sides in pixels of the input, at strides 8, 16 and 32.
_RATIOS = (0.5, 1.0, 2.0)


def _unit(inputs: int, outputs: int, *, stride: int = 1, kernel: int = 3, act: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if act else nn.Sequential(*layers)


class _Residual(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_unit(channels, channels), _unit(channels, channels, act=False))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.body(x))


class _Backbone(nn.Module):
    """A narrow residual net with a top-down pyramid: three maps of equal depth at strides 8, 16 and 32."""

    def __init__(self, widths: tuple[int, int, int] = (64, 112, 176), out_channels: int = 80) -> None:
        super().__init__()
        self.out_channels = out_channels
        a, b, c = widths
        # One wide stride-4 convolution: a third of the time of two stride-2 ones.
        self.stem = _unit(3, 48, stride=4, kernel=7)
        self.stages = nn.ModuleList(
            [
                nn.Sequential(_unit(48, a, stride=2), _Residual(a)),
                nn.Sequential(_unit(a, b, stride=2), _Residual(b), _Residual(b)),
                nn.Sequential(_unit(b, c, stride=2), _Residual(c), _Residual(c)),
            ]
        )
        self.lateral = nn.ModuleList([_unit(width, out_channels, kernel=1, act=False) for width in widths])
        self.smooth = nn.ModuleList([_unit(out_channels, out_channels) for _ in widths])

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        x = self.stem(x)
        rising = []
        for stage in self.stages:
            x = stage(x)
            rising.append(x)
        top: Tensor | None = None
        maps: list[Tensor] = []
        for level in (2, 1, 0):
            side = self.lateral[level](rising[level])
            top = side if top is None else side + nn.functional.interpolate(top, size=side.shape[-2:], mode="nearest")
            maps.append(self.smooth[level](torch.relu(top)))
        return OrderedDict((str(level), item) for level, item in enumerate(reversed(maps)))


def build_network(class_count: int, *, min_score: float = 0.05) -> Any:
    """Build the untrained network: torchvision's ``SSD`` with an SSDlite head on a small backbone.

    Args:
        class_count: Number of classes without the background; label 0 is the background, label ``i + 1`` class ``i``.
        min_score: Detections below are dropped before NMS, 0..1.

    Returns:
        A ``torchvision.models.detection.ssd.SSD`` for inputs of ``INPUT_SIZE``.
    """
    backbone = _Backbone()
    anchors = AnchorGenerator(_ANCHORS, (_RATIOS,) * len(_ANCHORS))
    head = SSDLiteHead(
        [backbone.out_channels] * len(_ANCHORS),
        anchors.num_anchors_per_location(),
        class_count + 1,
        partial(nn.BatchNorm2d, eps=0.001, momentum=0.03),
    )
    return SSD(
        backbone,
        anchors,
        INPUT_SIZE,
        class_count + 1,
        image_mean=list(MEAN),
        image_std=list(STD),
        head=head,
        score_thresh=min_score,
        nms_thresh=NMS_IOU,
        detections_per_img=MAX_DETECTIONS,
        topk_candidates=200,
    )


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
        folder: Where ``demo.safetensors`` and ``demo.json`` lie; the package's own where absent.

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
        # The initial weights, drawn in vain, must not shift the user's own draws.
        with torch.random.fork_rng(devices=[]):
            network = build_network(len(names), min_score=min_score)
        network.load_state_dict({key: value.float() for key, value in load_safetensors(blob).items()})
        self._network = network.eval().to(memory_format=torch.channels_last)

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        """The (width, height) that a picture is resized to: always ``INPUT_SIZE``."""
        return INPUT_SIZE

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        """Finds the demo shapes in each frame; see ``Detector``."""
        if not frames:
            return []
        workers = min(self._jobs, len(frames))
        before = torch.get_num_threads()
        try:
            with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
                return list(pool.map(self._detect_one, (frame.rgb for frame in frames)))
        finally:
            torch.set_num_threads(before)  # The workers' setting is also torch's default for threads to come.

    def _detect_one(self, rgb: NDArray[np.uint8]) -> sv.Detections:
        height, width = rgb.shape[:2]
        pixels = torch.from_numpy(_resized(rgb)).permute(2, 0, 1).float().div_(255.0)
        with torch.inference_mode():
            answer = self._network([pixels])[0]
        factor = np.array([width / INPUT_SIZE[0], height / INPUT_SIZE[1]] * 2, dtype=np.float32)
        boxes, scores, labels = (answer[key].numpy() for key in ("boxes", "scores", "labels"))
        return build_detections(boxes * factor, scores, labels - 1, width, height, self._min_score)


def _read_files(folder: Traversable) -> tuple[list[str], bytes, str]:
    """Class names, weights and the weights' digest, which the card must name too."""
    try:
        card = json.loads((folder / "demo.json").read_text(encoding="utf-8"))
        blob = (folder / "demo.safetensors").read_bytes()
    except (OSError, ValueError) as error:
        raise InputError(
            f"cannot read the demo detector's files in {folder}: {error}; install vcmpipe again"
        ) from error
    digest = hashlib.sha256(blob).hexdigest()
    if card.get("sha256") != digest:
        raise InputError(f"the demo detector's weights in {folder} do not match their card; install vcmpipe again")
    return [str(name) for name in card["classes"]], blob, digest


def _resized(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture at the network's size; area averaging where it shrinks, so that fine texture does not alias."""
    shrinks = rgb.shape[1] >= INPUT_SIZE[0] and rgb.shape[0] >= INPUT_SIZE[1]
    filtering = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.ascontiguousarray(cv2.resize(rgb, INPUT_SIZE, interpolation=filtering), dtype=np.uint8)
