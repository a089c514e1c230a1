"""EfficientNet-Lite as a torch network: the same weights and vectors as the packaged graph, and trainable.

Each convolution has its batch normalisation folded in as it runs, with the published statistics, which stay: the scale
and shift are trained with the weights. From a gallery's few pictures statistics would be estimated badly, and a query
alone would be normalised otherwise than in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from lookalike.encoders.families.lite import Block, Lite, fold_batch_norm, published_state

_FIRST_TRAINED: Final = 3
"""The stage whose blocks are trained, with all that follow: of Lite0 these are blocks 5 to 14 (0-based)."""

_EPSILON: Final = 1e-3


class _Convolution(nn.Module):
    """A convolution and its batch normalisation, y = conv(x) scale + shift, with the padding of the weights."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, state: Mapping[str, NDArray[Any]], conv: str, norm: str, stride: int = 1) -> None:
        super().__init__()
        self.names, self.stride = (f"{conv}.weight", f"{norm}.weight", f"{norm}.bias"), stride
        weight, gamma, beta = (torch.from_numpy(np.array(state[name], np.float32)) for name in self.names)
        self.weight, self.gamma, self.beta = map(nn.Parameter, (weight, gamma, beta))
        variance = torch.from_numpy(np.array(state[f"{norm}.running_var"], np.float32))
        self.register_buffer("deviation", (variance + _EPSILON).sqrt())
        self.register_buffer("mean", torch.from_numpy(np.array(state[f"{norm}.running_mean"], np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, rows, columns) -> (n, outputs, rows / stride, columns / stride)."""
        scale = self.gamma / self.deviation
        weight, bias = self.weight * scale.view(-1, 1, 1, 1), self.beta - self.mean * scale
        groups = x.shape[1] // weight.shape[1]
        before, after = _padding(x.shape[-1], weight.shape[-1], self.stride)
        if before != after:
            x, before = functional.pad(x, (before, after, before, after)), 0
        return functional.conv2d(x, weight, bias, self.stride, before, groups=groups)

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The trained arrays by their published names."""
        values = (self.weight, self.gamma, self.beta)
        return {name: value.detach().cpu().numpy() for name, value in zip(self.names, values, strict=True)}


def _padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """The padding "same" of TensorFlow, which the weights come from: asymmetric for stride 2 on an even side."""
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class _Residual(nn.Module):
    """One inverted residual block."""

    def __init__(self, state: Mapping[str, NDArray[Any]], index: int, block: Block) -> None:
        super().__init__()
        name = f"_blocks.{index}"
        self.expand = _Convolution(state, f"{name}._expand_conv", f"{name}._bn0") if block.expand > 1 else nn.Identity()
        self.depthwise = _Convolution(state, f"{name}._depthwise_conv", f"{name}._bn1", block.stride)
        self.project = _Convolution(state, f"{name}._project_conv", f"{name}._bn2")
        self.expands, self.adds = block.expand > 1, block.stride == 1 and block.inputs == block.outputs

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        hidden = functional.relu6(self.expand(x), inplace=True) if self.expands else x
        hidden = self.project(functional.relu6(self.depthwise(hidden), inplace=True))
        result: Tensor = hidden + x if self.adds else hidden
        return result


class LiteTwin(nn.Module):
    """A network of the family with one of its readings: pixels (n, 3, rows, columns), normalised -> (n, dim)."""

    rate: Final = 4e-4  # the highest learning rate

    def __init__(self, entry: Lite) -> None:
        super().__init__()
        state, self.network, self.reading = published_state(entry.network), entry.network, entry.reading
        self.state, self.inner = state, frozenset(entry.network.inner())
        blocks = entry.network.blocks()[: entry.depth]
        self.stem = _Convolution(state, "_conv_stem", "_bn0", 2)
        self.blocks = nn.ModuleList(_Residual(state, i, block) for i, block in enumerate(blocks))
        self.head = _Convolution(state, "_conv_head", "_bn1") if self.reading == "last" else None
        self.frozen = sum(len(stage) for stage in entry.network.stages()[:_FIRST_TRAINED])
        for part in (self.stem, *self.blocks[: self.frozen]):
            part.requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Unit vectors, as the graph gives them."""
        pixels = pixels.contiguous(memory_format=torch.channels_last)  # depthwise convolutions take half as long
        x, parts = functional.relu6(self.stem(pixels), inplace=True), []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in self.inner:
                parts.append(functional.normalize(x.mean((2, 3))))
        if self.head is not None:
            parts = [functional.relu6(self.head(x)).mean((2, 3))]
        return functional.normalize(torch.cat(parts, 1))

    def changed(self) -> dict[str, NDArray[np.float32]]:
        """The weights of the trained layers as the graph has them, batch normalisation folded in."""
        trained = {name: array for layer in self._trained() for name, array in layer.arrays().items()}
        before = fold_batch_norm(self.network, self.state)
        after = fold_batch_norm(self.network, {**self.state, **trained})
        return {name: array for name, array in after.items() if not np.array_equal(array, before[name])}

    def _trained(self) -> Iterator[_Convolution]:
        for layer in self.modules():
            if isinstance(layer, _Convolution) and layer.weight.requires_grad:
                yield layer
