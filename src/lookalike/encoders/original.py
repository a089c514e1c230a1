"""Checkpoints in their authors' own format, run by the network classes of transformers.

The networks' sizes are read from the shapes of the weights; what shapes do not say (the width of an
attention head, epsilons, activations) stands here, as published. Renaming goes to the names that
checkpoints on the hub have, which transformers promises to keep loading.

Sources: segment-anything (MedSAM), RadImageNet. Pairs of an image and a text tower: ``pairs``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn

from lookalike.encoders.networks import read_map
from lookalike.encoders.torch_encoder import ImageTower
from lookalike.errors import DamagedFileError

State: TypeAlias = Mapping[str, Tensor]
Rules: TypeAlias = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]


def read_weights(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file or of a PyTorch file, in which no code is run.

    Raises DamagedFileError if it is neither.
    """
    with path.open("rb") as file:
        safe = file.read(9)[8:] == b"{"
    try:
        state = load_file(path) if safe else torch.load(path, map_location="cpu", weights_only=True)
        state = state.get("state_dict", state.get("model", state))
        return {name: tensor.float() for name, tensor in state.items() if isinstance(tensor, Tensor)}
    except Exception:  # the readers of weight files raise many types
        raise DamagedFileError(f"{path.name} is not a file of weights; pull or copy the model again") from None


def under(state: State, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, without it."""
    return {name[len(prefix) :]: tensor for name, tensor in state.items() if name.startswith(prefix)}


def renamed(state: State, rules: Rules) -> dict[str, Tensor]:
    """Every name after every (pattern, replacement) in turn."""
    result = {}
    for name, tensor in state.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)  # noqa: PLW2901
        result[name] = tensor
    return result


def count(state: State, pattern: str) -> int:
    """How many values the pattern's group takes at the beginning of the names."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})


def built(kind: Any, config: Any, state: State, **options: Any) -> nn.Module:
    """A network of transformers with these weights, all of them."""
    model, info = kind.from_pretrained(None, config=config, state_dict=dict(state), output_loading_info=True, **options)
    _complete([*info["missing_keys"], *info["mismatched_keys"]])
    network: nn.Module = model
    return network


def filled(network: nn.Module, state: State) -> nn.Module:
    """The network with these weights, all of them. Raises DamagedFileError if some are missing."""
    try:
        _complete(network.load_state_dict(dict(state), strict=False).missing_keys)
    except RuntimeError:
        raise DamagedFileError("the weights do not fit the network; pull or copy the model again") from None
    return network


def _complete(missing: Sequence[Any]) -> None:
    # Counters of training steps, which some checkpoints leave out, play no part.
    lacking = [name for name in missing if not str(name).endswith("num_batches_tracked")]
    if lacking:
        raise DamagedFileError(
            f"the weights lack {len(lacking)} tensors that the network needs, {lacking[0]!r} for one; "
            "pull or copy the model again"
        )


def linear(weight: Tensor) -> nn.Linear:
    """A layer without bias; weight: (outputs, inputs)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    return filled(layer, {"weight": weight})  # type: ignore[return-value]


# --- SAM ------------------------------------------------------------------------------------------------

_SAM_NAMES: Final = (
    (r"^", "vision_encoder."),
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"\.blocks\.", ".layers."),
    (r"\.norm([12])\.", r".layer_norm\1."),
    (r"neck\.0\.", "neck.conv1."),
    (r"neck\.1\.", "neck.layer_norm1."),
    (r"neck\.2\.", "neck.conv2."),
    (r"neck\.3\.", "neck.layer_norm2."),
)


def sam(path: Path) -> ImageTower:
    """The image encoder of a SAM checkpoint: the mean over space of its 256-channel map."""
    state = under(read_weights(path), "image_encoder.")
    _, side, _, hidden = state["pos_embed"].shape
    depth = count(state, r"blocks\.(\d+)\.")
    patch = state["patch_embed.proj.weight"].shape[-1]
    spans = [(len(state[f"blocks.{i}.attn.rel_pos_h"]) + 1) // 2 for i in range(depth)]
    config = transformers.SamVisionConfig(
        hidden_size=hidden,
        num_hidden_layers=depth,
        num_attention_heads=hidden // state["blocks.0.attn.rel_pos_h"].shape[1],
        image_size=side * patch,
        patch_size=patch,
        mlp_dim=len(state["blocks.0.mlp.lin1.weight"]),
        window_size=min(spans),
        global_attn_indexes=[i for i, span in enumerate(spans) if span == side],
        output_channels=len(state["neck.0.weight"]),
    )
    return ImageTower(built(transformers.SamVisionModel, config, renamed(state, _SAM_NAMES)), read_map)


# --- ResNet ---------------------------------------------------------------------------------------------

_RESNET_NAMES: Final[Rules] = (
    (r"^backbone\.0\.", "embedder.embedder.convolution."),
    (r"^backbone\.1\.", "embedder.embedder.normalization."),
    (r"^backbone\.([4-7])\.(\d+)\.", lambda m: f"encoder.stages.{int(m[1]) - 4}.layers.{m[2]}."),
    (r"\.conv([123])\.", lambda m: f".layer.{int(m[1]) - 1}.convolution."),
    (r"\.bn([123])\.", lambda m: f".layer.{int(m[1]) - 1}.normalization."),
    (r"\.downsample\.0\.", ".shortcut.convolution."),
    (r"\.downsample\.1\.", ".shortcut.normalization."),
)


def radimagenet(path: Path) -> ImageTower:
    """RadImageNet's ResNet-50: torchvision's layers numbered in a Sequential; read by the mean over space."""
    state = read_weights(path)
    stages = range(4, 8)
    config = transformers.ResNetConfig(
        embedding_size=len(state["backbone.0.weight"]),
        hidden_sizes=[len(state[f"backbone.{i}.0.conv3.weight"]) for i in stages],
        depths=[count(state, rf"backbone\.{i}\.(\d+)\.") for i in stages],
    )
    return ImageTower(built(transformers.ResNetModel, config, renamed(state, _RESNET_NAMES)), read_map)
