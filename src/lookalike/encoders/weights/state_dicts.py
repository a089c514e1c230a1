"""State dicts: read tensors from files without running code, rename them, and load them into a network (torch).

Renaming leads to the names of the checkpoints on the hub, which transformers promises to keep loading.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from lookalike.errors import DamagedFileError

StateDict: TypeAlias = Mapping[str, Tensor]
RenamingRules: TypeAlias = Sequence[tuple[str, str | Callable[[re.Match[str]], str]]]

TIMM_VIT_NAMES: Final[RenamingRules] = (
    (r"^cls_token", "embeddings.cls_token"),
    (r"^pos_embed", "embeddings.position_embeddings"),
    (r"^patch_embed\.proj\.", "embeddings.patch_embeddings.projection."),
    (r"^blocks\.", "encoder.layer."),
    (r"\.norm1\.", ".layernorm_before."),
    (r"\.norm2\.", ".layernorm_after."),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
    (r"^norm\.", "layernorm."),
)
"""timm's names of a ViT -> those of transformers; ``attn.qkv`` stays, see ``split_qkv``."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """The named tensors of a safetensors file or of a PyTorch file, without running code in it.

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


def under(state: StateDict, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, with it removed."""
    return {name[len(prefix) :]: tensor for name, tensor in state.items() if name.startswith(prefix)}


def renamed(state: StateDict, rules: RenamingRules) -> dict[str, Tensor]:
    """The tensors with every (pattern, replacement) applied to their names in turn."""
    result = {}
    for name, tensor in state.items():
        for pattern, replacement in rules:
            name = re.sub(pattern, replacement, name)  # noqa: PLW2901
        result[name] = tensor
    return result


def split_qkv(state: StateDict) -> dict[str, Tensor]:
    """The tensors with timm's fused ``attn.qkv`` as query, key and value."""
    split: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if ".attn.qkv." not in name:
            split[name] = tensor
            continue
        for part, third in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
            split[name.replace(".attn.qkv.", f".attention.attention.{part}.")] = third
    return split


def count(state: StateDict, pattern: str) -> int:
    """How many different values the pattern's group has at the beginning of the names."""
    return len({match[1] for name in state if (match := re.match(pattern, name))})


def built(kind: Any, config: Any, state: StateDict, **options: Any) -> nn.Module:
    """A network of transformers with these weights, all of them."""
    model, info = kind.from_pretrained(None, config=config, state_dict=dict(state), output_loading_info=True, **options)
    _complete([*info["missing_keys"], *info["mismatched_keys"]])
    network: nn.Module = model
    return network


def filled(network: nn.Module, state: StateDict) -> nn.Module:
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


def linear_layer(weight: Tensor) -> nn.Linear:
    """A layer without bias; weight: (outputs, inputs)."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    return filled(layer, {"weight": weight})  # type: ignore[return-value]
