"""The pipeline of Microsoft's MedImageInsight search tutorial, written anew as the reference.

SimpleITK reads a DICOM file, NumPy clips it to its 1st to 99th percentile and makes it 8-bit, scikit-image
resizes it (cubic, anti-aliased), torch encodes it in eager mode, one image at a time, and FAISS's
``IndexFlatL2`` keeps the vector. The model is the one that lookalike bundles, EfficientNet-Lite0, built in
torch from the same weights; as in the tutorial the vector is what the model puts out, here 1280 numbers.
The tutorial's PNG and base64 on the way to a remote model are left out.

    python -m benchmarks.reference FOLDER THREADS      # prints how many vectors it made
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from lookalike.encoders.families.lite import LITE0, Block, weights_path

DIM = 1280
_EPSILON = 1e-3  # of the batch normalisation, as in the published weights


class Convolution(nn.Sequential):
    """TensorFlow's "same" padding, a convolution, batch normalisation and, unless linear, ReLU6."""

    def __init__(
        self,
        channels: tuple[int, int],
        kernel: int,
        side: int,
        *,
        stride: int = 1,
        group: int = 1,
        linear: bool = False,
    ) -> None:
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        before, after = total // 2, total - total // 2
        super().__init__(
            nn.ZeroPad2d((before, after, before, after)),
            nn.Conv2d(*channels, kernel, stride, groups=group, bias=False),
            nn.BatchNorm2d(channels[1], eps=_EPSILON),
            nn.Identity() if linear else nn.ReLU6(),
        )

    def load(self, weights: dict[str, Tensor], convolution: str, norm: str) -> None:
        """Take the weights by their published names."""
        self[1].load_state_dict({"weight": weights[f"{convolution}.weight"]})
        self[2].load_state_dict(
            {name: weights[f"{norm}.{name}"] for name in ("weight", "bias", "running_mean", "running_var")},
            strict=False,
        )


class InvertedResidual(nn.Module):
    """Expand, convolve by channel, project; the input is added where the shapes allow."""

    def __init__(self, block: Block, side: int) -> None:
        super().__init__()
        hidden, after = block.inputs * block.expand, -(-side // block.stride)
        self.parts = nn.ModuleDict()
        if block.expand > 1:
            self.parts["_expand_conv"] = Convolution((block.inputs, hidden), 1, side)
        self.parts["_depthwise_conv"] = Convolution(
            (hidden, hidden), block.kernel, side, stride=block.stride, group=hidden
        )
        self.parts["_project_conv"] = Convolution((hidden, block.outputs), 1, after, linear=True)
        self.adds = block.stride == 1 and block.inputs == block.outputs

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, rows, columns) -> the same, smaller by the stride."""
        y = x
        for part in self.parts.values():
            y = part(y)
        return x + y if self.adds else y

    def load(self, weights: dict[str, Tensor], prefix: str) -> None:
        """Take the weights by their published names."""
        norms = ["_bn0", "_bn1", "_bn2"][3 - len(self.parts) :]
        for (name, part), norm in zip(self.parts.items(), norms, strict=True):
            part.load(weights, f"{prefix}.{name}", f"{prefix}.{norm}")  # type: ignore[operator]


class Network(nn.Module):
    """EfficientNet-Lite0 without its classifier: (n, 3, 224, 224) -> unit vectors (n, 1280)."""

    def __init__(self) -> None:
        super().__init__()
        weights: dict[str, Tensor] = torch.load(weights_path(LITE0), weights_only=True)
        stem = Convolution((3, 32), 3, LITE0.side, stride=2)
        stem.load(weights, "_conv_stem", "_bn0")
        self.layers = nn.Sequential(stem)
        side = -(-LITE0.side // 2)
        for i, block in enumerate(LITE0.blocks()):
            built = InvertedResidual(block, side)
            built.load(weights, f"_blocks.{i}")
            self.layers.append(built)
            side = -(-side // block.stride)
        head = Convolution((block.outputs, DIM), 1, side)
        head.load(weights, "_conv_head", "_bn1")
        self.layers.append(head)
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        """The pooled feature before the classifier, of unit length."""
        return normalize(self.layers(x).mean((2, 3)))


def encode(network: Network, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(224, 224, 3) uint8 -> (1, 1280) float32."""
    with torch.inference_mode():
        scaled = (torch.from_numpy(picture).float() - 127) / 128
        vector: NDArray[np.float32] = network(scaled.permute(2, 0, 1)[None]).numpy()
        return vector


def prepared(path: Path) -> NDArray[np.uint8]:
    """A DICOM file -> (224, 224, 3) uint8, as the toolkit does it."""
    sitk, transform = (import_module(name) for name in ("SimpleITK", "skimage.transform"))
    pixels = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float32)[0]
    low, high = np.percentile(pixels, 1), np.percentile(pixels, 99)
    shown = ((np.clip(pixels, low, high) - low) / (high - low) * 255).astype(np.uint8)
    side = (LITE0.side, LITE0.side)
    small = transform.resize(shown, side, order=3, mode="constant", preserve_range=True, anti_aliasing=True)
    picture: NDArray[np.uint8] = np.clip(np.stack([small] * 3, axis=2), 0, 255).astype(np.uint8)
    return picture


def index(network: Network, folder: Path) -> Any:
    """Every DICOM file of a folder -> an ``IndexFlatL2`` of their vectors."""
    import faiss

    kept = faiss.IndexFlatL2(DIM)
    for path in sorted(folder.rglob("*.dcm")):
        kept.add(encode(network, prepared(path)))
    return kept


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    print(index(Network(), Path(sys.argv[1])).ntotal)
