"""Any image encoder that is an ONNX graph, run by onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.pixels import prepare
from lookalike.types import EncoderSpec, Image, Vectors

_BATCH: Final = 16  # larger batches leave the cache of a core and are slower


class OnnxEncoder:
    """A graph with one image input and the outputs ``vectors`` (n, dim) and, if it has them, ``patches``.

    The input is uint8 (n, rows, columns, 3), normalised in the graph, or float32
    (n, 3, rows, columns), normalised here by the spec's mean and std.
    """

    def __init__(
        self, spec: EncoderSpec, graph: bytes, weights: Mapping[str, NDArray[np.float32]] | None = None
    ) -> None:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = len(os.sched_getaffinity(0))
        # Spinning threads would take the cores from the processes that decode.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if weights is not None:
            # onnxruntime reads the arrays in place: they must outlive the session.
            self._weights = {name: ort.OrtValue.ortvalue_from_numpy(w) for name, w in weights.items()}
            options.add_external_initializers(list(self._weights), list(self._weights.values()))
        self.spec = spec
        self._session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0]

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8 -> unit vectors (n, dim) float32."""
        chunks = [self._run("vectors", inputs[i : i + _BATCH]) for i in range(0, len(inputs), _BATCH)]
        if not chunks:
            return np.empty((0, self.spec.dim), np.float32)
        return unit(np.concatenate(chunks))

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, dim) float32."""
        if not images:
            return np.empty((0, self.spec.dim), np.float32)
        return self.encode_inputs(np.stack([prepare(image, self.spec.preprocessing) for image in images]))

    def encode_patches(self, image: Image) -> NDArray[np.float32]:
        """One Image -> (rows, columns, channels) float32, a unit vector for each patch."""
        patches = self._run("patches", prepare(image, self.spec.preprocessing)[None])[0]
        return unit(patches)

    def _run(self, output: str, inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        feed = inputs if self._input.type == "tensor(uint8)" else self._normalised(inputs)
        result: NDArray[np.float32] = self._session.run([output], {self._input.name: feed})[0]
        return result

    def _normalised(self, inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        recipe = self.spec.preprocessing
        mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
        scaled = (inputs.astype(np.float32) - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (last axis) scaled to unit L2 norm; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    result: NDArray[np.float32] = vectors / np.maximum(norms, np.float32(1e-12))
    return result
