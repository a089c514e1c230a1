"""Image and text towers from a folder that transformers saved (``config.json`` and weights)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
import transformers
from torch import Tensor, nn

from lookalike.encoders.runtimes.torch import ImageTower, TextTower
from lookalike.encoders.weights.checkpoints import has_tokenizer
from lookalike.errors import DamagedFileError, UsageError

transformers.utils.logging.disable_progress_bar()
# Its warnings concern training; what matters here (missing weights, processors) is checked below.
transformers.utils.logging.set_verbosity_error()

_WITHOUT_POOLER: Final = frozenset({"vit", "deit", "vit_msn", "ijepa", "beit", "data2vec-vision"})
"""Models whose pooling layer is trained for classification, or not at all: it is left out."""


class Towers(NamedTuple):
    """A loaded checkpoint: a tower for pictures, and one for texts if the model and the files have one."""

    image: ImageTower
    text: TextTower | None = None


def saved_towers(folder: Path, pooling: str = "") -> Towers:
    """The towers of a saved model, read by ``pooling`` ("" for the usual way).

    Raises UsageError if it is no image model, DamagedFileError if weights are missing.
    """
    config = _config(folder)
    if config.model_type in ("sam", "sam_vision_model"):
        return Towers(ImageTower(load_saved(transformers.SamVisionModel, folder), read_map))
    if config.model_type == "vit_mae":
        # The default hides 75 % of the patches at random, also in eval mode.
        config.mask_ratio = 0.0
        return Towers(ImageTower(load_saved(transformers.ViTMAEModel, folder, config=config), _read_mae))
    options = {"add_pooling_layer": False} if config.model_type in _WITHOUT_POOLER else {}
    model = load_saved(transformers.AutoModel, folder, **options)
    if hasattr(model, "get_image_features"):
        return Towers(ImageTower(model, _read_projection), _text_tower(model, folder))
    if model.main_input_name != "pixel_values":
        raise UsageError(f"a model of type {config.model_type!r} takes no pictures")
    return Towers(ImageTower(model, _READINGS[pooling or usual_pooling(model)]))


def usual_pooling(model: nn.Module) -> str:
    """How a network is read by default: at its class token, or by the mean over space if it has none."""
    return (
        "cls"
        if any("cls_token" in name or "class_embedding" in name for name, _ in model.named_parameters())
        else "mean"
    )


def _config(folder: Path) -> Any:
    try:
        return transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    except (ValueError, KeyError, OSError):
        raise UsageError(
            f"transformers {transformers.__version__} does not know the model in {folder}; a newer one may"
        ) from None


def load_saved(kind: Any, folder: Path, **options: Any) -> nn.Module:
    """A model in float32 from local files only. kind: a class of transformers. Raises DamagedFileError if it lacks
    weights.
    """
    try:
        model, info = kind.from_pretrained(
            folder, local_files_only=True, dtype=torch.float32, output_loading_info=True, **options
        )
    except Exception:  # the readers of weight files raise many types
        raise DamagedFileError(f"the weights in {folder} cannot be loaded; pull or copy the model again") from None
    if lacking := [*info["missing_keys"], *info["mismatched_keys"]]:
        raise DamagedFileError(
            f"the weights in {folder} lack {len(lacking)} tensors that the network needs, {lacking[0]!r} for one"
        )
    loaded: nn.Module = model
    return loaded


def read_map(network: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """A feature map (n, channels, rows, columns): its mean over space, and the map."""
    hidden = network(pixels).last_hidden_state
    return hidden.mean((2, 3)), hidden.permute(0, 2, 3, 1)


def _read_mean(network: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    output = network(pixels)
    hidden = output.last_hidden_state
    if hidden.ndim == 4:
        return hidden.mean((2, 3)), hidden.permute(0, 2, 3, 1)
    return hidden.mean(1), as_grid(hidden)


def read_cls(network: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """The class token, which comes first, and the patch tokens as a grid."""
    hidden = network(pixels).last_hidden_state
    return hidden[:, 0], as_grid(hidden)


def _read_mae(network: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    # The noise determines the order of the patches: ascending values keep it.
    patches = network.embeddings.patch_embeddings.num_patches
    noise = torch.arange(patches, device=pixels.device).expand(pixels.shape[0], -1)
    hidden = network(pixels, noise=noise).last_hidden_state
    return hidden[:, 0], as_grid(hidden)


def _read_projection(network: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    output = network.get_image_features(pixel_values=pixels)
    return output.pooler_output, as_grid(output.last_hidden_state)


_READINGS: Final = {"cls": read_cls, "mean": _read_mean}


def as_grid(tokens: Tensor) -> Tensor:
    """Tokens (n, tokens, channels) of a square picture -> (n, rows, columns, channels).

    The tokens that do not fill the square (class, registers) come first and are left out.
    """
    n, count, channels = tokens.shape
    side = math.isqrt(count)
    return tokens[:, count - side * side :].reshape(n, side, side, channels)


def _text_tower(model: Any, folder: Path) -> TextTower | None:
    if not has_tokenizer(folder):
        return None  # pictures can be encoded all the same
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    length = model.config.text_config.max_position_embeddings
    # SigLIP was trained on padded texts without a mask.
    masked = not model.config.model_type.startswith("siglip")

    def encode(texts: Sequence[str]) -> Tensor:
        tokens = tokenizer(texts, padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        mask = {"attention_mask": tokens["attention_mask"].to(model.device)} if masked else {}
        ids = tokens["input_ids"].to(model.device)
        features: Tensor = model.get_text_features(input_ids=ids, **mask).pooler_output
        return features

    bias = model.logit_bias.item() if hasattr(model, "logit_bias") else None
    return TextTower(encode, math.exp(model.logit_scale.item()), bias)
