"""Run networks in torch: prepared pictures in, unit vectors out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lookalike.encoders.runtimes.device import torch_device
from lookalike.encoders.runtimes.vectors import as_vectors, prepared_pictures, unit
from lookalike.pixels import prepare
from lookalike.types import EncoderSpec, Image, Preprocessing, Vectors

_BATCH: Final = 8


class Normalise(nn.Module):
    """Prepared pictures (n, rows, columns, 3) uint8 -> the network's pixels (n, 3, rows, columns) float32."""

    mean: Tensor
    std: Tensor
    fill: Tensor

    def __init__(self, recipe: Preprocessing) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(recipe.mean).view(3, 1, 1))
        self.register_buffer("std", torch.tensor(recipe.std).view(3, 1, 1))
        self.register_buffer("fill", torch.tensor(recipe.fill).view(3, 1, 1))
        self.filled = recipe.resize == "corner"

    def forward(self, inputs: Tensor) -> Tensor:
        """See the class."""
        pixels = inputs.permute(0, 3, 1, 2).float()
        scaled: Tensor = (pixels - self.mean) / self.std
        if self.filled:
            # SAM pads with zeros after normalising; the colour that stands for zero is off by half a level.
            scaled = scaled.masked_fill(torch.eq(pixels, self.fill).all(dim=1, keepdim=True), 0.0)
        return scaled


class ImageTower(nn.Module):
    """pixels (n, 3, rows, columns), normalised -> vectors (n, dim), patches (n, rows, columns, channels)."""

    def __init__(self, network: nn.Module, read: Callable[[nn.Module, Tensor], tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.network, self.read = network, read

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """See the class."""
        return self.read(self.network, pixels)


@dataclass(frozen=True, slots=True, eq=False)
class TextTower:
    """texts -> vectors (n, dim), not yet of unit length; zero-shot probability: softmax(logit_scale * cosine), or
    sigmoid(logit_scale * cosine + logit_bias)."""

    encode: Callable[[Sequence[str]], Tensor]
    logit_scale: float
    logit_bias: float | None = None


class TorchEncoder:
    """An image encoder that runs in torch, on a CUDA device where there is one."""

    runtime = "torch"

    def __init__(self, spec: EncoderSpec, tower: ImageTower) -> None:
        self.spec = spec
        self.device = torch_device()
        self.tower = tower.eval().requires_grad_(False).to(self.device)
        self.normalise = Normalise(spec.preprocessing).to(self.device)

    def encode_inputs(self, inputs: NDArray[np.uint8]) -> Vectors:
        """Prepared pictures (n, rows, columns, 3) uint8 -> unit vectors (n, dim) float32."""
        if not len(inputs):
            return np.empty((0, self.spec.dim), np.float32)
        chunks = [self._run(inputs[i : i + _BATCH])[0] for i in range(0, len(inputs), _BATCH)]
        return as_vectors(np.concatenate(chunks), self.spec)

    def encode_images(self, images: Sequence[Image]) -> Vectors:
        """Images -> unit vectors (n, dim) float32."""
        return self.encode_inputs(prepared_pictures(images, self.spec.preprocessing))

    def encode_patches(self, image: Image) -> NDArray[np.float32]:
        """One Image -> (rows, columns, channels) float32, a unit vector for each patch."""
        return unit(self._run(prepare(image, self.spec.preprocessing)[None])[1][0])

    def encode_inputs_with_patches(self, inputs: NDArray[np.uint8]) -> tuple[Vectors, NDArray[np.float32]]:
        """Vectors, as ``encode_inputs`` gives them, and patches of at least one prepared picture, in one pass."""
        runs = [self._run(inputs[i : i + _BATCH]) for i in range(0, len(inputs), _BATCH)]
        vectors, patches = (np.concatenate(parts) for parts in zip(*runs, strict=True))
        return as_vectors(vectors, self.spec), unit(patches)

    @torch.inference_mode()
    def _run(self, inputs: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        pixels = self.normalise(torch.tensor(inputs, device=self.device))
        # TF32 would make a GPU's vectors differ from a CPU's in the third digit.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            vectors, patches = self.tower(pixels)
        return vectors.float().cpu().numpy(), patches.float().cpu().numpy()


class TorchTextEncoder(TorchEncoder):
    """An encoder of pictures and texts in one space."""

    def __init__(self, spec: EncoderSpec, tower: ImageTower, text: TextTower) -> None:
        super().__init__(spec, tower)
        self._text = text
        self.logit_scale, self.logit_bias = text.logit_scale, text.logit_bias

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts -> unit vectors (n, dim) float32; texts longer than the tower's context are truncated."""
        if not texts:
            return np.empty((0, self.spec.dim), np.float32)
        chunks = [self._text.encode(list(texts[i : i + _BATCH])) for i in range(0, len(texts), _BATCH)]
        return as_vectors(torch.cat(chunks).float().cpu().numpy(), self.spec)
