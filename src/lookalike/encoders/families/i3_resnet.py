"""The inflated 3-D ResNet-152 (I3ResNet) of Merlin and Astra.

A ResNet-152 (He et al., arXiv 1512.03385, the stride at the 3 x 3 convolution), its convolutions inflated to three axes
(Carreira and Zisserman, arXiv 1705.07750), as Merlin uses it (Blankemeier et al., arXiv 2406.06512): the first
convolution is 3 x 7 x 7 and keeps the depth, the 3 x 3 ones are 3 x 3 x 3, strided along depth too. Names are those
of the published checkpoints.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from lookalike.errors import DamagedFileError

_BLOCKS: Final = (3, 8, 36, 3)
_PREFIXES: Final = ("visual_encoder.model.encode_image.i3_resnet.", "encode_image.i3_resnet.", "")
_HEADS: Final = ("classifier.", "contrastive_head.", "fc.")


class Bottleneck(nn.Module):
    """1, 3 and 1 voxels wide; (n, channels, depth, rows, columns) -> (n, 4 width, ...)."""

    def __init__(self, channels: int, width: int, stride: int, *, first: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(channels, width, 1, bias=False), nn.BatchNorm3d(width)
        self.conv2 = nn.Conv3d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm3d(width)
        self.conv3, self.bn3 = nn.Conv3d(width, 4 * width, 1, bias=False), nn.BatchNorm3d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Sequential()
        if first:
            self.downsample.append(nn.Conv3d(channels, 4 * width, 1, stride, bias=False))
            self.downsample.append(nn.BatchNorm3d(4 * width))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        inner = self.relu(self.bn1(self.conv1(x)))
        inner = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(inner)))))
        result: Tensor = self.relu(inner + self.downsample(x))
        return result


class InflatedResNet(nn.Module):
    """(n, 1, depth, rows, columns) -> the last map (n, 32 width, depth / 16, rows / 32, columns / 32)."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(3, width, (3, 7, 7), (1, 2, 2), padding=(1, 3, 3), bias=False)
        self.bn1, self.relu = nn.BatchNorm3d(width), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool3d(3, 2, padding=1)
        channels = width
        for number, blocks in enumerate(_BLOCKS):
            inner, stride = width << number, 2 if number else 1
            layer = [Bottleneck(channels, inner, stride, first=True)]
            layer += [Bottleneck(4 * inner, inner, 1, first=False) for _ in range(blocks - 1)]
            setattr(self, f"layer{number + 1}", nn.Sequential(*layer))
            channels = 4 * inner

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x.expand(-1, 3, -1, -1, -1)))))
        for number in range(len(_BLOCKS)):
            x = getattr(self, f"layer{number + 1}")(x)
        return x


def inflated_resnet(path: Path) -> InflatedResNet:
    """The network with the image tower of a checkpoint, whatever else is in the file; no code in it is run.

    Raises DamagedFileError if the tower is missing or is another network.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        state = state.get("state_dict", state)
        prefix = next(start for start in _PREFIXES if f"{start}conv1.weight" in state)
        tower = {
            name[len(prefix) :]: tensor.float()
            for name, tensor in state.items()
            if name.startswith(prefix) and not name[len(prefix) :].startswith(_HEADS)
        }
        network = InflatedResNet(len(tower["bn1.weight"]))
        network.load_state_dict(tower)
    except Exception:  # the readers of weight files raise many types
        raise DamagedFileError(
            f"{path.name} is not a checkpoint with an I3ResNet-152 image tower; copy it again"
        ) from None
    return network
