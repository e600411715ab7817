"""Models that do harm, for tests of what keeps them in bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def endless_model(path: Path) -> Path:
    """A detector of the end-to-end form that answers grey at once, and never answers any other picture."""
    onnx = pytest.importorskip("onnx")
    helper, numpy_helper, kinds = onnx.helper, onnx.numpy_helper, onnx.TensorProto
    same = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("go_on", "value")]
    body = helper.make_graph(
        same,
        "body",
        [
            helper.make_tensor_value_info("turn", kinds.INT64, []),
            helper.make_tensor_value_info("go_on", kinds.BOOL, []),
            helper.make_tensor_value_info("value", kinds.FLOAT, [None, None, None]),
        ],
        [
            helper.make_tensor_value_info("go_on_out", kinds.BOOL, []),
            helper.make_tensor_value_info("value_out", kinds.FLOAT, [None, None, None]),
        ],
    )
    constants = {
        "answer": np.zeros((1, 1, 6), np.float32),
        "axes": np.array([0, 1, 2, 3]),
        "grey": np.float32(114),
        "little": np.float32(1),
    }
    nodes = [
        helper.make_node("ReduceMean", ["images", "axes"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["mean", "grey"], ["off"]),
        helper.make_node("Abs", ["off"], ["distance"]),
        helper.make_node("Greater", ["distance", "little"], ["forever"]),
        helper.make_node("Loop", ["", "forever", "answer"], ["output"], body=body),
    ]
    graph = helper.make_graph(
        nodes,
        "endless",
        [helper.make_tensor_value_info("images", kinds.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("output", kinds.FLOAT, [None, None, None])],
        [numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), str(path))
    return path
