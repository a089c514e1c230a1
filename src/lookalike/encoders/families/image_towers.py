"""Image towers from checkpoints in their authors' own format: SAM (MedSAM), RadImageNet, Prov-GigaPath, Curia-2.

The networks are classes of transformers. Their sizes are read from the shapes of the weights; what the shapes do not
tell (the width of an attention head, epsilons, activations) is declared here, as published.

Sources: segment-anything (MedSAM), RadImageNet, timm (Prov-GigaPath), Curia's image processor. Image and text towers
together: ``two_towers``.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

import torch
import transformers
from torch import Tensor, nn

from lookalike.encoders.families.transformers_towers import Towers, read_cls, read_map, saved_towers
from lookalike.encoders.runtimes.torch import ImageTower
from lookalike.encoders.weights.checkpoints import WEIGHTS
from lookalike.encoders.weights.state_dicts import (
    TIMM_VIT_NAMES,
    RenamingRules,
    built,
    count,
    read_weights,
    renamed,
    split_qkv,
    under,
)

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


def sam(weights: Path, _tokenizer: Path) -> Towers:
    """The image encoder of a SAM checkpoint, the authors' or one that transformers saved.

    The vector is the mean over space of its 256-channel map.
    """
    if weights.name in WEIGHTS:
        return saved_towers(weights.parent)
    state = under(read_weights(weights), "image_encoder.")
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
    return Towers(ImageTower(built(transformers.SamVisionModel, config, renamed(state, _SAM_NAMES)), read_map))


# --- ResNet ---------------------------------------------------------------------------------------------

_RESNET_NAMES: Final[RenamingRules] = (
    (r"^backbone\.0\.", "embedder.embedder.convolution."),
    (r"^backbone\.1\.", "embedder.embedder.normalization."),
    (r"^backbone\.([4-7])\.(\d+)\.", lambda m: f"encoder.stages.{int(m[1]) - 4}.layers.{m[2]}."),
    (r"\.conv([123])\.", lambda m: f".layer.{int(m[1]) - 1}.convolution."),
    (r"\.bn([123])\.", lambda m: f".layer.{int(m[1]) - 1}.normalization."),
    (r"\.downsample\.0\.", ".shortcut.convolution."),
    (r"\.downsample\.1\.", ".shortcut.normalization."),
)


def radimagenet(weights: Path, _tokenizer: Path) -> Towers:
    """RadImageNet's ResNet-50: torchvision's layers numbered in a Sequential; the vector is the mean over space."""
    state = read_weights(weights)
    stages = range(4, 8)
    config = transformers.ResNetConfig(
        embedding_size=len(state["backbone.0.weight"]),
        hidden_sizes=[len(state[f"backbone.{i}.0.conv3.weight"]) for i in stages],
        depths=[count(state, rf"backbone\.{i}\.(\d+)\.") for i in stages],
    )
    return Towers(ImageTower(built(transformers.ResNetModel, config, renamed(state, _RESNET_NAMES)), read_map))


# --- Prov-GigaPath --------------------------------------------------------------------------------------

_SWIGLU_NAMES: Final[RenamingRules] = (
    (r"\.layernorm_before\.", ".norm1."),
    (r"\.layernorm_after\.", ".norm2."),
    (r"\.ls([12])\.gamma", r".layer_scale\1.lambda1"),
    (r"\.intermediate\.dense\.", ".mlp.weights_in."),
    (r"(layer\.\d+)\.output\.dense\.", r"\1.mlp.weights_out."),
)
_GIGAPATH_HEAD: Final = 64  # the width of an attention head


def gigapath(weights: Path, _tokenizer: Path) -> Towers:
    """Prov-GigaPath's tile encoder: timm's ViT-g/14 of DINOv2, with patches of 16; the vector is the class token."""
    state = split_qkv(renamed(read_weights(weights), (*TIMM_VIT_NAMES, *_SWIGLU_NAMES)))
    hidden, _, patch, _ = state["embeddings.patch_embeddings.projection.weight"].shape
    config = transformers.Dinov2Config(
        hidden_size=hidden,
        num_hidden_layers=count(state, r"encoder\.layer\.(\d+)\."),
        num_attention_heads=hidden // _GIGAPATH_HEAD,
        mlp_ratio=4,  # of which SwiGLU keeps two thirds
        use_swiglu_ffn=True,
        use_mask_token=False,
        image_size=math.isqrt(state["embeddings.position_embeddings"].shape[1] - 1) * patch,
        patch_size=patch,
    )
    return Towers(ImageTower(built(transformers.Dinov2Model, config, state), read_cls))


# --- Curia-2 --------------------------------------------------------------------------------------------

_CURIA_EPSILON: Final = 1e-6


def curia(weights: Path, _tokenizer: Path) -> Towers:
    """Curia's DINOv2, whose image processor gives each slice zero mean and unit deviation; the class token."""
    return Towers(ImageTower(saved_towers(weights.parent, "cls").image.network, _read_standardised))


def _read_standardised(network: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    grey = pixels.mean(1, keepdim=True)
    deviation, mean = torch.std_mean(grey, dim=(2, 3), keepdim=True, correction=0)
    channels = int(network.config.num_channels)  # type: ignore[arg-type,union-attr]
    return read_cls(network, ((grey - mean) / (deviation + _CURIA_EPSILON)).expand(-1, channels, -1, -1))
