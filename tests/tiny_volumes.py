"""A tiny real network that takes whole volumes, as an ONNX file with its description beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DIM = 12
INPUT = (8, 16, 16)
PREPROCESSING = {
    "size": [16, 16],
    "mean": [127.5] * 3,
    "std": [127.5] * 3,
    "volume": {"depth": 8, "axes": "SRA", "spacing": [6.0, 3.0, 3.0], "values": [-1000.0, 1000.0]},
}


def write(path: Path, **volume: object) -> Path:
    """Two 3-D convolutions with a ReLU between them: (n, 1, 8, 16, 16) -> "map" (n, 12, 4, 8, 8)."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(6, 1, 3, 3, 3)).astype(np.float32)
    second = rng.normal(size=(DIM, 6, 3, 3, 3)).astype(np.float32)
    model = helper.make_model(
        helper.make_graph(
            [
                helper.make_node("Conv", ["volume", "first"], ["a"], pads=[1] * 6),
                helper.make_node("Relu", ["a"], ["b"]),
                helper.make_node("Conv", ["b", "second"], ["c"], pads=[1] * 6, strides=[2, 2, 2]),
                helper.make_node("Relu", ["c"], ["map"]),
            ],
            "tiny",
            [helper.make_tensor_value_info("volume", TensorProto.FLOAT, [1, 1, *INPUT])],
            [helper.make_tensor_value_info("map", TensorProto.FLOAT, [1, DIM, 4, 8, 8])],
            [numpy_helper.from_array(first, "first"), numpy_helper.from_array(second, "second")],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.save(model, path)
    recipe = {**PREPROCESSING, "volume": {**PREPROCESSING["volume"], **volume}}  # type: ignore[dict-item]
    said = {"dim": DIM, "output": "map", "pooling": "mean", "license": "MIT", "preprocessing": recipe}
    path.with_suffix(".json").write_text(json.dumps(said))
    return path
