"""Run networks that take whole volumes: one volume in, one vector out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.runtimes import device
from lookalike.encoders.runtimes.onnx import Pooling
from lookalike.encoders.runtimes.vectors import as_vectors
from lookalike.slices import volume_input
from lookalike.types import EncoderSpec, Image, Preprocessing, Vectors

if TYPE_CHECKING:
    from torch import Tensor, nn

VolumeNetwork = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""(1, 1, depth, rows, columns), normalised -> (1, dim), or a map (1, dim, depth, rows, columns)."""


class VolumeEncoder:
    """An encoder of whole volumes (``spec.ndim`` 3). Volumes are run one by one: each fills a machine."""

    def __init__(self, spec: EncoderSpec, network: VolumeNetwork) -> None:
        self.spec, self._network = spec, network

    def encode_inputs(self, inputs: NDArray[Any]) -> Vectors:
        """Prepared volumes (n, depth, rows, columns) uint16 -> unit vectors (n, dim) float32."""
        if len(inputs) == 0:
            return np.empty((0, self.spec.dim), np.float32)
        recipe = self.spec.preprocessing
        rows = [self._network(normalised(volume, recipe)[None, None]) for volume in inputs]
        return as_vectors(np.concatenate(rows), self.spec)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Volumes -> unit vectors (n, dim) float32. Raises UnreadableImageError for an Image of one slice."""
        recipe = self.spec.preprocessing
        rows = [self.encode_inputs(volume_input(image, recipe)[None]) for image in images]
        return np.concatenate(rows) if rows else np.empty((0, self.spec.dim), np.float32)


def normalised(volume: NDArray[np.uint16], recipe: Preprocessing) -> NDArray[np.float32]:
    """0..65535 -> what the network sees: 0..255, less the first channel's mean, over its deviation."""
    scaled: NDArray[np.float32] = volume.astype(np.float32)
    scaled *= 255 / (65535 * recipe.std[0])
    scaled -= recipe.mean[0] / recipe.std[0]
    return scaled


def onnx_network(graph: Path, output: str, pooling: Pooling) -> VolumeNetwork:
    """A graph whose input is float32 (1, 1, depth, rows, columns). pooling "mean": over a map's space."""
    import onnxruntime as ort

    session = ort.InferenceSession(graph, providers=device.providers())
    device.runs_on(session)
    name = session.get_inputs()[0].name

    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = session.run([output], {name: pixels})[0]
        mean: NDArray[np.float32] = found.mean(axis=(2, 3, 4)) if pooling == "mean" and found.ndim == 5 else found
        return mean

    return run


def torch_network(network: nn.Module, read: Callable[[nn.Module, Tensor], Tensor]) -> VolumeNetwork:
    """A network in torch, on a CUDA device where there is one; read gives (1, dim)."""
    import torch

    on = device.torch_device()
    network = network.eval().requires_grad_(False).to(on)

    @torch.inference_mode()
    def run(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        # TF32 would make a GPU's vectors differ from a CPU's in the third digit.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            found: NDArray[np.float32] = read(network, torch.from_numpy(pixels).to(on)).float().cpu().numpy()
        return found

    return run
