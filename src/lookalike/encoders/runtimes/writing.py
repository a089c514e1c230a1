"""Write networks as ONNX files: one in torch, and a file in eight bits.

int8 for onnxruntime: in a network of matrix products only the weights are stored in 8 bits and the inputs are scaled at
run time (dynamic); in a network of convolutions the ranges are measured on pictures beforehand (static). For OpenVINO:
weights of matrix products in 8 bits, which it multiplies as its session says.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lookalike.encoders.runtimes.torch import TorchEncoder

OPSET: Final = 18

_OPSET_OF_SCALES: Final = 13
_CALIBRATED: Final = 64  # pictures that ranges are measured on


def write_graph(network: nn.Module, example: Tensor, path: Path, outputs: Sequence[str], *, batches: bool) -> None:
    """Write a network as ONNX, with one input ``images``. batches: its first axis may be of any length."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    free = ({0: torch.export.Dim("n", min=1, max=1024)},) if batches else None
    with quiet():
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            verbose=False,
            input_names=["images"],
            output_names=list(outputs),
            dynamic_shapes=free,
        )
        assert program is not None
        program.save(str(path))


def write_encoder(encoder: TorchEncoder, path: Path) -> None:
    """Write the graph from prepared pictures, uint8, to ``vectors`` and ``patches``."""
    import torch

    rows, columns = encoder.spec.preprocessing.size
    example = torch.zeros((2, rows, columns, 3), dtype=torch.uint8, device=encoder.device)
    network = torch.nn.Sequential(encoder.normalise, encoder.tower)
    write_graph(network, example, path, ["vectors", "patches"], batches=True)


def of_products(graph: Path) -> bool:
    """Whether a network is one of matrix products rather than of convolutions."""
    import onnx

    kinds = [node.op_type for node in onnx.load(graph, load_external_data=False).graph.node]
    return kinds.count("Conv") <= kinds.count("MatMul") + kinds.count("Gemm")


def quantise(graph: Path, target: Path, inputs: NDArray[np.uint8]) -> None:
    """Write a graph in eight bits. inputs: prepared pictures, for the ranges in a network of convolutions."""
    from onnxruntime.quantization import QuantType, quantize_static

    target.parent.mkdir(exist_ok=True)
    if of_products(graph):
        quantise_weights(graph, target)
        return
    with quiet():
        quantize_static(
            graph,
            target,
            _Calibration(inputs),
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "MatMul", "Gemm", "Relu", "Add"],
        )


def quantise_weights(graph: Path, target: Path) -> None:
    """Write the matrix products of a graph in eight bits; what they multiply is scaled at run time."""
    from onnxruntime.quantization import quantize_dynamic

    with quiet():
        quantize_dynamic(graph, target, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True)


def store_in_eight_bits(graph: Path, target: Path) -> None:
    """Write a graph with the weights of its matrix products in eight bits, a scale for each column of the product.

    Raises UsageError for a graph of an older ONNX, which has no such scales.
    """
    import onnx

    model = onnx.load(graph)
    opset = max(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    if opset < _OPSET_OF_SCALES:
        raise UsageError(
            f"{graph.name} is of ONNX opset {opset}, eight bits need {_OPSET_OF_SCALES} or later; export it anew"
        )
    weights = {each.name: each for each in model.graph.initializer}
    stored: dict[tuple[str, int], str] = {}
    for node in list(model.graph.node):
        axis = _columns_of_product(node)
        if axis is None or node.input[1] not in weights or len(weights[node.input[1]].dims) != 2:
            continue
        key = node.input[1], axis
        if key not in stored:
            stored[key] = _eight_bits(model.graph, weights[node.input[1]], axis)
        node.input[1] = stored[key]
    used = {name for node in model.graph.node for name in node.input}
    kept = [each for each in model.graph.initializer if each.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.save(model, target)


def _columns_of_product(node: Any) -> int | None:
    """The axis of a node's weights that becomes the columns of its product; None for a node that is no product."""
    turned = any(each.name == "transB" and each.i for each in node.attribute)
    return {"MatMul": 1, "Gemm": 0 if turned else 1}.get(node.op_type)


def _eight_bits(graph: Any, weight: Any, axis: int) -> str:
    """Add a weight in eight bits to a graph, and what makes 32 of them; the name of the latter."""
    from onnx import helper, numpy_helper

    values = numpy_helper.to_array(weight).astype(np.float32)
    scales = np.maximum(np.abs(values).max(1 - axis, keepdims=True), np.finfo(np.float32).tiny) / np.float32(127)
    small, scale, whole = (f"{weight.name}:{axis}:{part}" for part in ("eight-bits", "scale", "whole"))
    graph.initializer.append(numpy_helper.from_array(np.rint(values / scales).astype(np.int8), small))
    graph.initializer.append(numpy_helper.from_array(scales.ravel(), scale))
    graph.node.insert(0, helper.make_node("DequantizeLinear", [small, scale], [whole], axis=axis))
    return whole


class _Calibration:
    """The data reader of onnxruntime's static quantisation: one feed after another, then None."""

    def __init__(self, inputs: NDArray[np.uint8]) -> None:
        step = max(1, len(inputs) // _CALIBRATED)
        self._feeds: Iterator[dict[str, Any]] = iter([{"images": picture[None]} for picture in inputs[::step]])

    def get_next(self) -> dict[str, Any] | None:
        """The next feed."""
        return next(self._feeds, None)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the libraries' advice to developers."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
