"""Opened ONNX graphs: what runs them, onnxruntime or OpenVINO.

OpenVINO runs on the processor. Left to itself it computes in bfloat16 where the processor can, which changes the order
of hits: here it does so only where that is asked for (https://docs.openvino.ai, "Precision Control"). Matrices whose
weights the graph stores in eight bits it multiplies in eight bits, where the processor can: what they are multiplied
with is scaled in groups of a row, so that one large number costs its group alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.runtimes import device
from lookalike.errors import MissingExtraError, UsageError
from lookalike.machine import usable_processors

Precision: TypeAlias = Literal["float32", "bf16", "int8"]

_OPENVINO_PRECISIONS: Final[Mapping[Precision, str]] = {"float32": "f32", "bf16": "bf16", "int8": "f32"}
_GROUP: Final = "64"  # numbers of a row that share a scale; as fast as rows of 768, and nearer to 32 bits

_FIRST: Final = threading.Lock()


class GraphSession(Protocol):
    """A graph with one image input that several threads may run at once.

    runtime: its name. device: "cpu" or "cuda". takes_bytes: the input is uint8 (n, rows, columns, 3); else float32
    (n, 3, rows, columns). batch: how many pictures are run at once.
    """

    runtime: str
    device: str
    takes_bytes: bool
    batch: int

    def run(self, outputs: Sequence[str], inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """The named outputs for some inputs."""
        ...


class OnnxRuntimeSession:
    """A graph, its bytes or its file, run by onnxruntime. weights: of a graph that leaves them out, by name."""

    runtime = "onnxruntime"

    def __init__(self, graph: bytes | Path, weights: Mapping[str, NDArray[np.float32]] | None = None) -> None:
        import onnxruntime as ort

        self.file = graph if isinstance(graph, Path) else None
        self._graph, self._weights = graph, weights or {}
        options = ort.SessionOptions()
        # One run per core in parallel: threads that share one run wait for each other at every layer.
        options.intra_op_num_threads = 1
        if weights is not None:
            # onnxruntime reads the arrays in place: they must outlive the session.
            self._held = [ort.OrtValue.ortvalue_from_numpy(array) for array in weights.values()]
            options.add_external_initializers(list(weights), self._held)
        self._session = ort.InferenceSession(graph, options, providers=device.providers())
        self.device = device.runs_on(self._session)
        self._input = self._session.get_inputs()[0].name
        self.takes_bytes = self._session.get_inputs()[0].type == "tensor(uint8)"
        # On a processor 2 pictures fit into a core's cache; with 16 a picture takes a fifth longer.
        self.batch = 32 if self.device == "cuda" else 2

    def save(self, path: Path) -> None:
        """Write a graph that was given as bytes, with its weights inside."""
        import onnx

        model = onnx.load_from_string(self._graph)
        for tensor in model.graph.initializer:
            if tensor.name in self._weights:
                tensor.CopyFrom(onnx.numpy_helper.from_array(self._weights[tensor.name], tensor.name))
        onnx.save(model, path)

    def run(self, outputs: Sequence[str], inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """The named outputs for some inputs."""
        result: list[NDArray[np.float32]] = self._session.run(list(outputs), {self._input: inputs})
        return result


class OpenVinoSession:
    """A graph's file, run by OpenVINO, one picture at a time: a batch of another size is computed by other code, whose
    last digits differ.

    Raises MissingExtraError; UsageError where the processor cannot compute in the precision, or a CUDA device is asked
    for.
    """

    runtime = "openvino"
    device = "cpu"
    batch = 1

    def __init__(self, graph: Path, precision: Precision = "float32") -> None:
        try:
            import openvino
        except ImportError:
            raise MissingExtraError("the runtime openvino", "openvino") from None
        if device.device_asked_for() == "cuda":
            raise UsageError("openvino runs on the processor; leave --device cuda out, or --runtime openvino")
        wanted, cores = _OPENVINO_PRECISIONS[precision], usable_processors()
        core = openvino.Core()
        _touch_tensors(core)
        model = core.read_model(graph)
        shape = model.input(0).partial_shape
        shape[0] = 1
        model.reshape(shape)
        settings = {"NUM_STREAMS": str(cores), "INFERENCE_NUM_THREADS": cores, "INFERENCE_PRECISION_HINT": wanted}
        if precision == "int8":
            settings["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = _GROUP
        self._model = core.compile_model(model, "CPU", settings)
        got = self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name()
        if got != wanted:
            raise UsageError(f"this processor does not compute in {precision} ({got}); take the encoder without it")
        self.takes_bytes = self._model.input(0).get_element_type().get_type_name() == "u8"
        self._outputs = {name: i for i, each in enumerate(self._model.outputs) for name in each.get_names()}
        self._requests = threading.local()

    def run(self, outputs: Sequence[str], inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """The named outputs for some inputs."""
        request = getattr(self._requests, "own", None)
        if request is None:
            request = self._requests.own = self._model.create_infer_request()
        taken: list[list[NDArray[np.float32]]] = [[] for _ in outputs]
        for each in inputs:
            request.infer({0: np.ascontiguousarray(each[None])})
            for rows, name in zip(taken, outputs, strict=True):
                rows.append(request.get_output_tensor(self._outputs[name]).data.copy())
        return [np.concatenate(rows) for rows in taken]


def _touch_tensors(core: Any) -> None:
    """Infer something once. OpenVINO's Python hangs for ever where two threads are the first of a process to look at a
    tensor's data (2026.4).
    """
    import openvino
    from openvino import opset8 as ops

    with _FIRST:
        whole, real = ops.parameter([1], np.uint8), ops.parameter([1], np.float32)
        model = openvino.Model([ops.add(ops.convert(whole, "f32"), real)], [whole, real])
        request = core.compile_model(model, "CPU").create_infer_request()
        request.infer({0: np.zeros(1, np.uint8), 1: np.zeros(1, np.float32)})
        request.get_output_tensor(0).data.copy()
