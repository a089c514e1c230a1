"""The encoder of SegResNet, as CT-FM uses it.

SegResNet: Myronenko, arXiv 1810.11654, with batch normalisation, as in MONAI. CT-FM: Pai et al., arXiv 2501.09001.
Names are those of the published checkpoint.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from lookalike.encoders.weights.state_dicts import StateDict, count, filled, read_weights
from lookalike.errors import DamagedFileError


class ResidualBlock(nn.Module):
    """Twice normalisation, ReLU and a convolution, added to the input: (n, channels, ...) -> the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.BatchNorm3d(channels), nn.BatchNorm3d(channels)
        self.conv1 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv3d(channels, channels, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        inner: Tensor = self.conv2(self.relu(self.norm2(self.conv1(self.relu(self.norm1(x))))))
        return inner.add_(x)


class SegResEncoder(nn.Module):
    """(n, 1, depth, rows, columns) -> the last map (n, filters 2^(levels - 1), ..., each axis / 2^(levels - 1))."""

    def __init__(self, filters: int, blocks: list[int]) -> None:
        super().__init__()
        self.conv_init = nn.Conv3d(1, filters, 3, padding=1, bias=False)
        self.layers = nn.ModuleList()
        for level, repeats in enumerate(blocks):
            parts = {"blocks": nn.Sequential(*(ResidualBlock(filters << level) for _ in range(repeats)))}
            if level + 1 < len(blocks):
                wider = nn.Conv3d(filters << level, filters << level + 1, 3, 2, padding=1, bias=False)
                parts["downsample"] = wider  # type: ignore[assignment]
            self.layers.append(nn.ModuleDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.conv_init(x)
        for level in self.layers:
            for part in level.values():  # type: ignore[operator]
                x = part(x)
        return x


def seg_res_encoder(path: Path) -> SegResEncoder:
    """The network with the weights of a checkpoint; its sizes are read from their shapes.

    Raises DamagedFileError if the file is not of this network.
    """
    state = read_weights(path)
    if "conv_init.weight" not in state:
        raise DamagedFileError(f"{path.name} is not a checkpoint of a SegResEncoder; pull or copy the model again")
    return filled(SegResEncoder(len(state["conv_init.weight"]), _blocks(state)), state)  # type: ignore[return-value]


def _blocks(state: StateDict) -> list[int]:
    """How many blocks each level has."""
    return [count(state, rf"layers\.{i}\.blocks\.(\d+)\.") for i in range(count(state, r"layers\.(\d+)\."))]
