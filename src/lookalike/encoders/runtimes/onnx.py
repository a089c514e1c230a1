"""Any image encoder that is an ONNX graph, run by onnxruntime or another runtime (``sessions``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.runtimes.sessions import GraphSession, OnnxRuntimeSession
from lookalike.encoders.runtimes.vectors import as_vectors, prepared_pictures, unit
from lookalike.machine import usable_processors
from lookalike.pixels import prepare
from lookalike.types import EncoderSpec, Image, Vectors

if TYPE_CHECKING:
    from lookalike.encoders.runtimes.torch import TorchTextEncoder

Pooling: TypeAlias = Literal["none", "cls", "mean"]


class OnnxEncoder:
    """A graph with one image input and an output that is, or is pooled to, vectors (n, dim).

    The input is uint8 (n, rows, columns, 3), normalised in the graph, or float32
    (n, 3, rows, columns), normalised here by the spec's mean and std. graph: its bytes, its file where
    the weights lie in another file beside it, or opened. batch: how many pictures are run at once; None: what suits the
    runtime.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        graph: bytes | Path | GraphSession,
        weights: Mapping[str, NDArray[np.float32]] | None = None,
        output: str = "vectors",
        pooling: Pooling = "none",
        batch: int | None = None,
    ) -> None:
        self.spec = spec
        self._output, self._pooling = output, pooling
        self.session = OnnxRuntimeSession(graph, weights) if isinstance(graph, bytes | Path) else graph
        self.runtime, self.device = self.session.runtime, self.session.device
        self._given_batch, self._batch = batch, batch or self.session.batch
        self._threads = ThreadPoolExecutor(1 if self.device == "cuda" else usable_processors(), "encoder")

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8 -> unit vectors (n, dim) float32."""
        if len(inputs) == 0:
            return np.empty((0, self.spec.dim), np.float32)
        (outputs,) = self._run_all([self._output], inputs)
        return as_vectors(pooled(outputs, self._pooling), self.spec)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, dim) float32."""
        return self.encode_inputs(prepared_pictures(images, self.spec.preprocessing))

    def run_by(self, session: GraphSession) -> OnnxEncoder:
        """The same network, run by something else."""
        return type(self)(self.spec, session, output=self._output, pooling=self._pooling, batch=self._given_batch)

    def _run_all(self, outputs: list[str], inputs: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Each named output of all the inputs, at least one, a few pictures a run."""
        chunks = (inputs[i : i + self._batch] for i in range(0, len(inputs), self._batch))
        runs = list(self._threads.map(partial(self._run, outputs), chunks))
        return [np.concatenate(parts) for parts in zip(*runs, strict=True)]

    def _run(self, outputs: list[str], inputs: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        return self.session.run(outputs, inputs if self.session.takes_bytes else self._normalised(inputs))

    def _normalised(self, inputs: NDArray[np.uint8]) -> NDArray[np.float32]:
        recipe = self.spec.preprocessing
        mean, std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
        scaled = (inputs.astype(np.float32) - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))


class OnnxPatchEncoder(OnnxEncoder):
    """A graph that has the output ``patches`` (n, rows, columns, channels) too."""

    def encode_patches(self, image: Image) -> NDArray[np.float32]:
        """One Image -> (rows, columns, channels) float32, a unit vector for each patch."""
        return unit(self._run(["patches"], prepare(image, self.spec.preprocessing)[None])[0][0])

    def encode_inputs_with_patches(self, inputs: NDArray[np.uint8]) -> tuple[Vectors, NDArray[np.float32]]:
        """Vectors, as ``encode_inputs`` gives them, and patches of at least one prepared picture, in one pass."""
        outputs, patches = self._run_all([self._output, "patches"], inputs)
        return as_vectors(pooled(outputs, self._pooling), self.spec), unit(patches)


class OnnxTextEncoder(OnnxPatchEncoder):
    """A graph for pictures, beside the encoder in torch that it is of, which encodes the texts."""

    def __init__(self, spec: EncoderSpec, graph: GraphSession, torch: TorchTextEncoder) -> None:
        super().__init__(spec, graph)
        self.encode_texts = torch.encode_texts
        self.logit_scale, self.logit_bias = torch.logit_scale, torch.logit_bias


def pooled(outputs: NDArray[np.float32], pooling: Pooling) -> NDArray[np.float32]:
    """(n, dim), tokens (n, tokens, dim) or a map (n, dim, rows, columns) -> (n, dim)."""
    if pooling == "cls" and outputs.ndim == 3:
        return outputs[:, 0]
    if pooling == "mean" and outputs.ndim > 2:
        mean: NDArray[np.float32] = outputs.mean(1 if outputs.ndim == 3 else (2, 3))
        return mean
    return outputs
