"""Write networks as ONNX files: one in torch, and a file in eight bits.

int8: in a network of matrix products only the weights are stored in 8 bits and the inputs are scaled at run time
(dynamic); in a network of convolutions the ranges are measured on pictures beforehand (static).
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

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lookalike.encoders.runtimes.torch import TorchEncoder

OPSET: Final = 18

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
