"""The demo detector's network: built for training in torch, and written as the ONNX model that the package ships."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from onnx import TensorProto, checker, helper, numpy_helper
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.ssd import SSD
from torchvision.models.detection.ssdlite import SSDLiteHead

from vcmpipe.detection.demo import CANDIDATES, INPUT_SIZE, MAX_DETECTIONS, NMS_IOU

MEAN, STD = (0.48, 0.47, 0.46), (0.22, 0.22, 0.22)
"""Normalisation of RGB in 0..1."""
WIDTHS = (64, 112, 176)
"""Channels of the three stages."""
BLOCKS = (1, 2, 2)
"""Residual blocks in each of them."""
DEPTH = 80
"""Channels of every map of the pyramid."""
HEAD_EPSILON = 0.001
STRIDES = (8, 16, 32)
_ANCHORS = ((18, 26), (38, 56), (80, 118))  # Sides in pixels of the input, at each stride.
_RATIOS = (0.5, 1.0, 2.0)
_IR_VERSION, _OPSET = 8, 17  # Old enough for every onnxruntime that there is for these versions of Python.


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
    """A narrow residual net with a top-down pyramid: three maps of equal depth at ``STRIDES``."""

    def __init__(self) -> None:
        super().__init__()
        self.out_channels = DEPTH
        # One wide stride-4 convolution: a third of the time of two stride-2 ones.
        self.stem = _unit(3, 48, stride=4, kernel=7)
        self.stages = nn.ModuleList()
        for below, width, blocks in zip((48, *WIDTHS), WIDTHS, BLOCKS, strict=False):
            self.stages.append(nn.Sequential(_unit(below, width, stride=2), *(_Residual(width) for _ in range(blocks))))
        self.lateral = nn.ModuleList([_unit(width, DEPTH, kernel=1, act=False) for width in WIDTHS])
        self.smooth = nn.ModuleList([_unit(DEPTH, DEPTH) for _ in WIDTHS])

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
    anchors = AnchorGenerator(_ANCHORS, (_RATIOS,) * len(_ANCHORS))
    head = SSDLiteHead(
        [DEPTH] * len(_ANCHORS),
        anchors.num_anchors_per_location(),
        class_count + 1,
        partial(nn.BatchNorm2d, eps=HEAD_EPSILON, momentum=0.03),
    )
    return SSD(
        _Backbone(),
        anchors,
        INPUT_SIZE,
        class_count + 1,
        image_mean=list(MEAN),
        image_std=list(STD),
        head=head,
        score_thresh=min_score,
        nms_thresh=NMS_IOU,
        detections_per_img=MAX_DETECTIONS,
        topk_candidates=CANDIDATES,
    )


class _Graph:
    """An ONNX graph that grows node by node; every method gives the name of what it has added."""

    def __init__(self, state: Mapping[str, Tensor]) -> None:
        self._state = state
        self.nodes: list[Any] = []
        self.tensors: dict[str, Any] = {}

    def node(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, name: str, values: Any, kind: Any = np.float32) -> str:
        self.tensors[name] = numpy_helper.from_array(np.asarray(values, dtype=kind), name)
        return name

    def weight(self, key: str) -> str:
        """A value of the state under its own name, stored in half precision; its single-precision form."""
        single = f"{key}:single"
        if key not in self.tensors:
            self.constant(key, self._state[key].float().numpy(), np.float16)
            self.node("Cast", key, name=single, to=TensorProto.FLOAT)
        return single

    def convolution(self, x: str, prefix: str, *, bias: bool = False, stride: int = 1, groups: int = 1) -> str:
        kernel = self._state[f"{prefix}.weight"].shape[-1]
        weights = [self.weight(f"{prefix}.{part}") for part in (("weight", "bias") if bias else ("weight",))]
        pads, strides = [kernel // 2] * 4, [stride] * 2
        return self.node("Conv", x, *weights, kernel_shape=[kernel] * 2, pads=pads, strides=strides, group=groups)

    def normalised(self, x: str, prefix: str, epsilon: float = 1e-5) -> str:
        parts = [self.weight(f"{prefix}.{part}") for part in ("weight", "bias", "running_mean", "running_var")]
        return self.node("BatchNormalization", x, *parts, epsilon=epsilon)

    def unit(self, x: str, prefix: str, *, stride: int = 1, act: bool = True) -> str:
        x = self.normalised(self.convolution(x, f"{prefix}.0", stride=stride), f"{prefix}.1")
        return self.node("Relu", x) if act else x

    def residual(self, x: str, prefix: str) -> str:
        inner = self.unit(self.unit(x, f"{prefix}.body.0"), f"{prefix}.body.1", act=False)
        return self.node("Relu", self.node("Add", x, inner))


def _pyramid(graph: _Graph, x: str) -> list[str]:
    """The maps of ``_Backbone``, the finest first."""
    x = graph.unit(x, "backbone.stem", stride=4)
    rising = []
    for level, blocks in enumerate(BLOCKS):
        x = graph.unit(x, f"backbone.stages.{level}.0", stride=2)
        for block in range(blocks):
            x = graph.residual(x, f"backbone.stages.{level}.{block + 1}")
        rising.append(x)
    top, maps = "", []
    twice = graph.constant("twice", [1, 1, 2, 2])
    for level in (2, 1, 0):
        side = graph.unit(rising[level], f"backbone.lateral.{level}", act=False)
        if top:
            larger = graph.node(
                "Resize", top, "", twice, mode="nearest", coordinate_transformation_mode="asymmetric",
                nearest_mode="floor",
            )  # fmt: skip
            side = graph.node("Add", side, larger)
        top = side
        maps.append(graph.unit(graph.node("Relu", top), f"backbone.smooth.{level}"))
    return maps[::-1]


def _head(graph: _Graph, maps: Sequence[str], name: str, columns: int) -> str:
    """(anchors, columns) of what a head says, in the order of the anchors."""
    anchors = len(_ANCHORS[0]) * len(_RATIOS)
    six, nothing = graph.constant("six", 6), graph.constant("nothing", 0)
    said = []
    for level, (x, stride) in enumerate(zip(maps, STRIDES, strict=True)):
        prefix = f"head.{name}.module_list.{level}"
        x = graph.normalised(graph.convolution(x, f"{prefix}.0.0", groups=DEPTH), f"{prefix}.0.1", HEAD_EPSILON)
        x = graph.convolution(graph.node("Clip", x, nothing, six), f"{prefix}.1", bias=True)
        height, width = INPUT_SIZE[1] // stride, INPUT_SIZE[0] // stride
        apart = graph.constant(f"apart {level} {columns}", [anchors, columns, height, width], np.int64)
        x = graph.node("Transpose", graph.node("Reshape", x, apart), perm=[2, 3, 0, 1])
        said.append(graph.node("Reshape", x, graph.constant(f"rows {columns}", [-1, columns], np.int64)))
    return graph.node("Concat", *said, axis=0)


def _anchors(network: Any) -> np.ndarray:
    """(anchors, 4) of a picture of the input's size: centre x, y, width, height, in pixels."""
    width, height = INPUT_SIZE
    maps = [torch.zeros(1, 1, height // stride, width // stride) for stride in STRIDES]
    boxes = network.anchor_generator(ImageList(torch.zeros(1, 3, height, width), [(height, width)]), maps)[0].numpy()
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.hstack([boxes[:, :2] + sides / 2, sides])


def onnx_model(state: Mapping[str, Tensor], class_count: int) -> bytes:
    """The network as an ONNX model, from the picture's pixels to boxes and scores; no library need know of torch.

    Args:
        state: Of a network of ``build_network``. Weights keep their names and are stored in half precision; computed
            is in single precision.
        class_count: Number of classes without the background.

    Returns:
        A model with the input ``picture``, uint8 of shape (288, 384, 3), RGB, and the outputs ``boxes``, float32 of
        shape (N, 4), corners in pixels that may lie outside the picture, and ``scores``, (N, classes).
    """
    network, graph = build_network(class_count), _Graph(state)
    x = graph.node("Cast", "picture", to=TensorProto.FLOAT)
    x = graph.node("Div", x, graph.constant("full scale", 255))
    x = graph.node("Div", graph.node("Sub", x, graph.constant("mean", MEAN)), graph.constant("deviation", STD))
    x = graph.node("Transpose", x, perm=[2, 0, 1])
    x = graph.node("Unsqueeze", x, graph.constant("first", [0], np.int64))
    maps = _pyramid(graph, x)
    logits = _head(graph, maps, "classification_head", class_count + 1)
    scores = graph.node("Softmax", logits, axis=1)
    begin, end = graph.constant("begin", [1], np.int64), graph.constant("end", [class_count + 1], np.int64)
    graph.node("Slice", scores, begin, end, begin, name="scores")
    coder = network.box_coder
    offsets = graph.node("Div", _head(graph, maps, "regression_head", 4), graph.constant("weights", coder.weights))
    halves = graph.constant("halves", [2, 2], np.int64)

    def split(x: str, name: str) -> tuple[str, str]:
        graph.nodes.append(helper.make_node("Split", [x, halves], [f"{name} place", f"{name} size"], axis=1))
        return f"{name} place", f"{name} size"

    graph.constant("anchors", _anchors(network), np.float16)  # whole and half numbers, which it holds exactly
    (middle, side), (shift, growth) = (
        split(graph.node("Cast", "anchors", to=TensorProto.FLOAT), "anchor"),
        split(offsets, "offset"),
    )
    middle = graph.node("Add", graph.node("Mul", shift, side), middle)
    limited = graph.node("Min", growth, graph.constant("most growth", coder.bbox_xform_clip))
    side = graph.node("Mul", graph.node("Mul", graph.node("Exp", limited), side), graph.constant("half", 0.5))
    graph.node("Concat", graph.node("Sub", middle, side), graph.node("Add", middle, side), name="boxes", axis=1)
    count = len(_anchors(network))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "demo",
            [helper.make_tensor_value_info("picture", TensorProto.UINT8, [INPUT_SIZE[1], INPUT_SIZE[0], 3])],
            [
                helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [count, 4]),
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, [count, class_count]),
            ],
            list(graph.tensors.values()),
        ),
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        producer_name="vcmpipe",
    )
    checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def state_of(model: Any) -> dict[str, Tensor]:
    """The state that a model of ``onnx_model`` was made from, as far as it is in the model: for ``load_state_dict``."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    known = build_network(1).state_dict()
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items() if name in known}
