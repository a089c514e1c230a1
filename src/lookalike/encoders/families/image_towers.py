"""Image towers from checkpoints in their authors' own format: SAM (MedSAM) and RadImageNet.

The networks are classes of transformers. Their sizes are read from the shapes of the weights; what the shapes do not
tell (the width of an attention head, epsilons, activations) is declared here, as published.

Sources: segment-anything (MedSAM), RadImageNet. Image and text towers together: ``two_towers``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import transformers

from lookalike.encoders.families.transformers_towers import Towers, read_map, saved_towers
from lookalike.encoders.runtimes.torch import ImageTower
from lookalike.encoders.weights.checkpoints import WEIGHTS
from lookalike.encoders.weights.state_dicts import RenamingRules, built, count, read_weights, renamed, under

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
