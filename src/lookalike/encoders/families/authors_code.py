"""Networks that their authors' own packages build, for ``encoders export``: once, where the package is installed.

Each function takes the folder of the checkpoint and gives a network from prepared volumes, normalised, float32
(1, 1, depth, rows, columns), to vectors (1, dim). It was read before it was written down here, and it reads weights
without running code in them; what a hub repository brings as code is never run. options: what the package is told
beyond its defaults.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from lookalike.encoders.weights.state_dicts import filled, linear_layer, read_weights, under


class _Read(nn.Module):
    """A network, and how it is read."""

    def __init__(self, network: nn.Module, read: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self._read = network, read

    def forward(self, pixels: Tensor) -> Tensor:
        """See the class."""
        return self._read(self.network, pixels)


def colipri(folder: Path, **options: Any) -> nn.Module:
    """COLIPRI's image encoder (Wald et al., arXiv 2510.15042), projected and pooled by attention: 768."""
    model = importlib.import_module("colipri").get_model(pretrained=False, image_only=True, **options)
    filled(model, read_weights(folder / "model.safetensors"))
    return _Read(model.image_encoder, lambda encoder, x: encoder(x, project=True, pool=True, normalize=False))


def spectre(folder: Path, size: str = "large") -> nn.Module:
    """SPECTRE (Claessens et al., arXiv 2511.17209): a ViT of each crop, and one over the crops, its class token read.

    Prepared volumes have the axes S, R, A; the package's crops R, A, S, the last axis fastest.
    """
    presets = importlib.import_module("spectre.presets")
    model = importlib.import_module("spectre").SpectreImageFeatureExtractor(
        f"vit_{size}_patch16_128",
        dict(presets.BACKBONE_KWARGS),
        feature_combiner_name=f"feat_vit_{size}",
        feature_combiner_kwargs=dict(presets.COMBINER_KWARGS),
    )
    filled(model.backbone, read_weights(folder / f"spectre_backbone_vit_{size}_patch16_128.pt"))
    filled(model.feature_combiner, read_weights(folder / f"spectre_combiner_feature_vit_{size}.pt"))
    return _Read(model, _read_crops)


def _read_crops(model: Any, pixels: Tensor) -> Tensor:
    scan = pixels[0].permute(0, 2, 3, 1)
    down, across, deep = model.crop_size
    grid = scan.shape[1] // down, scan.shape[2] // across, scan.shape[3] // deep
    cut = scan.reshape(1, grid[0], down, grid[1], across, grid[2], deep)
    crops = cut.permute(1, 3, 5, 0, 2, 4, 6).reshape(-1, 1, down, across, deep)
    tokens: Tensor = model(crops, grid_size=grid)
    return tokens[:1]


def ct_clip(folder: Path, **options: Any) -> nn.Module:
    """CT-CLIP's image tower (Hamamci et al., arXiv 2403.17834): the encoded tokens' mean over time (the depth),
    flattened, through ``to_visual_latent``.
    """
    sizes = {"dim": 512, "codebook_size": 8192, "image_size": 480, "patch_size": 20, "temporal_patch_size": 10}
    layers = {"spatial_depth": 4, "temporal_depth": 4, "dim_head": 32, "heads": 8}
    tower = importlib.import_module("transformer_maskgit").CTViT(**{**sizes, **layers, **options})
    state = read_weights(folder / "models" / "CT-CLIP-Related" / "CT-CLIP_v2.pt")
    filled(tower, under(state, "visual_transformer."))
    network = nn.ModuleDict({"tower": tower, "latent": linear_layer(state["to_visual_latent.weight"])})
    return _Read(network, _read_latent)


def _read_latent(network: Any, pixels: Tensor) -> Tensor:
    tokens: Tensor = network["tower"](pixels, return_encoded_tokens=True)
    vectors: Tensor = network["latent"](tokens.mean(dim=1).flatten(1))
    return torch.nn.functional.normalize(vectors)


ADAPTERS: Final[Mapping[str, Callable[..., nn.Module]]] = {"colipri": colipri, "spectre": spectre, "ct-clip": ct_clip}
"""By the name of the catalogue's entry."""
