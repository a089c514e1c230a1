"""Two-tower models, for pictures and texts, from checkpoints in their authors' own format (see ``image_towers``).

Sources: open_clip with timm (BiomedCLIP), MedCLIP 0.0.3, UniCL with DaViT (MedImageInsight).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
import transformers
from torch import Tensor, nn

from lookalike.encoders.families.transformers_towers import Towers, as_grid, read_cls
from lookalike.encoders.runtimes.torch import ImageTower, TextTower
from lookalike.encoders.weights.checkpoints import has_tokenizer
from lookalike.encoders.weights.state_dicts import (
    TIMM_VIT_NAMES,
    StateDict,
    built,
    count,
    filled,
    linear_layer,
    read_weights,
    renamed,
    split_qkv,
    under,
)

# --- BiomedCLIP -----------------------------------------------------------------------------------------

_HEAD: Final = 64  # the width of an attention head in ViT-B and BERT-base


def biomedclip(weights: Path, tokenizer: Path) -> Towers:
    """open_clip's timm ViT and BERT, each with its projection."""
    state = read_weights(weights)
    vit = _timm_vit(under(state, "visual.trunk."))
    vit.add_module("projection", linear_layer(state["visual.head.proj.weight"]))
    bert = _bert(under(state, "text.transformer."))
    first, second = linear_layer(state["text.proj.0.weight"]), linear_layer(state["text.proj.2.weight"])
    bert.add_module("projection", nn.Sequential(first, nn.GELU(), second))
    text = _bert_tower(tokenizer, bert, _bert_cls, float(state["logit_scale"]), length=256)
    return Towers(ImageTower(vit, _read_projected_cls), text)


def _timm_vit(state: StateDict) -> nn.Module:
    hidden, _, patch, _ = state["patch_embed.proj.weight"].shape
    config = transformers.ViTConfig(
        hidden_size=hidden,
        num_hidden_layers=count(state, r"blocks\.(\d+)\."),
        num_attention_heads=hidden // _HEAD,
        intermediate_size=len(state["blocks.0.mlp.fc1.weight"]),
        image_size=math.isqrt(state["pos_embed"].shape[1] - 1) * patch,
        patch_size=patch,
        layer_norm_eps=1e-6,
    )
    return built(transformers.ViTModel, config, split_qkv(renamed(state, TIMM_VIT_NAMES)), add_pooling_layer=False)


def _bert(state: StateDict) -> nn.Module:
    vocabulary, hidden = state["embeddings.word_embeddings.weight"].shape
    config = transformers.BertConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=count(state, r"encoder\.layer\.(\d+)\."),
        num_attention_heads=hidden // _HEAD,
        intermediate_size=len(state["encoder.layer.0.intermediate.dense.weight"]),
        max_position_embeddings=len(state["embeddings.position_embeddings.weight"]),
    )
    return built(transformers.BertModel, config, state, add_pooling_layer=False)


def _read_projected_cls(network: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    vectors, patches = read_cls(network, pixels)
    return network.projection(vectors), patches


def _bert_cls(network: nn.Module, tokens: Mapping[str, Tensor]) -> Tensor:
    hidden: Tensor = network(**tokens).last_hidden_state
    return hidden[:, 0]


def _bert_tower(folder: Path, network: Any, read: Any, log_scale: float, *, length: int) -> TextTower | None:
    if not has_tokenizer(folder):
        return None
    tokenizer = transformers.BertTokenizer.from_pretrained(folder, local_files_only=True)
    network.eval()

    def encode(texts: Sequence[str]) -> Tensor:
        rows = []
        for text in texts:  # one by one: MedCLIP's mean runs over the padding too
            tokens = tokenizer([text], truncation=True, max_length=length, return_tensors="pt")
            rows.append(network.projection(read(network, tokens)))
        return torch.cat(rows)

    return TextTower(encode, math.exp(log_scale))


# --- MedCLIP --------------------------------------------------------------------------------------------


def medclip(weights: Path, tokenizer: Path) -> Towers:
    """MedCLIP's Swin-T and BERT, each with its projection."""
    state = read_weights(weights)
    swin = _swin(under(state, "vision_model.model."))
    swin.add_module("projection", linear_layer(state["vision_model.projection_head.weight"]))
    bert = _bert(under(state, "text_model.model."))
    bert.add_module("projection", linear_layer(state["text_model.projection_head.weight"]))
    scale = min(max(float(state["logit_scale"]), 0.0), 4.6052)  # as the authors clamp it
    text = _bert_tower(tokenizer, bert, _bert_layers, scale, length=77)
    return Towers(ImageTower(swin, _read_projected_mean), text)


def _swin(state: StateDict) -> nn.Module:
    width, _, patch, _ = state["embeddings.patch_embeddings.projection.weight"].shape
    stages = range(count(state, r"encoder\.layers\.(\d+)\."))
    block = "encoder.layers.{}.blocks.0."
    tables = [state[block.format(i) + "attention.self.relative_position_bias_table"] for i in stages]
    config = transformers.SwinConfig(
        embed_dim=width,
        patch_size=patch,
        depths=[count(state, rf"encoder\.layers\.{i}\.blocks\.(\d+)\.") for i in stages],
        num_heads=[table.shape[1] for table in tables],
        window_size=(math.isqrt(len(tables[0])) + 1) // 2,
        mlp_ratio=len(state[block.format(0) + "intermediate.dense.weight"]) / width,
    )
    kept = {name: tensor for name, tensor in state.items() if not name.endswith("relative_position_index")}
    return built(transformers.SwinModel, config, kept)


def _read_projected_mean(network: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    hidden = network(pixels).last_hidden_state
    return network.projection(hidden.mean(1)), as_grid(hidden)


def _bert_layers(network: nn.Module, tokens: Mapping[str, Tensor]) -> Tensor:
    """The mean over all tokens of the outputs of layers 1, 2 and the last."""
    hidden = network(**tokens, output_hidden_states=True).hidden_states
    return torch.stack([hidden[1], hidden[2], hidden[-1]]).mean(dim=(0, 2))


# --- MedImageInsight ------------------------------------------------------------------------------------

_DAVIT_NAMES: Final = (
    (r"^convs\.(\d+)\.proj\.", r"convs.\1.conv."),
    (r"\.conv([12])\.fn\.dw\.", r".conv\1."),
    (r"\.(window_attn|channel_attn)\.norm\.", ".norm1."),
    (r"\.ffn\.norm\.", ".norm2."),
    (r"\.(window_attn|channel_attn)\.fn\.", r".\1."),
    (r"\.ffn\.fn\.net\.", ".ffn."),
)
_UNICL_TEXT_NAMES: Final = (
    (r"^resblocks\.", "layers."),
    (r"\.attn\.", ".self_attn."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.mlp\.c_fc\.", ".linear1."),
    (r"\.mlp\.c_proj\.", ".linear2."),
)
_UNICL_WINDOW: Final = 12
_DAVIT_HEAD: Final = 32


def medimageinsight(weights: Path, tokenizer: Path) -> Towers:
    """MedImageInsight's DaViT and its text transformer, both projected to 1024."""
    state = read_weights(weights)
    davit = _davit(under(state, "image_encoder."))
    davit.add_module("projection", linear_layer(state["image_projection"].T))
    scale = math.exp(float(state["logit_scale"]))
    return Towers(ImageTower(davit, _read_davit), _unicl_text(tokenizer, state, scale))


def _davit(state: StateDict) -> nn.Module:
    from transformers.models.florence2.modeling_florence2 import Florence2VisionBackbone

    stages = range(count(state, r"convs\.(\d+)\."))
    convs = [state[f"convs.{i}.proj.weight"] for i in stages]
    widths = [len(conv) for conv in convs]
    config = transformers.Florence2VisionConfig(
        embed_dim=widths,
        depths=[count(state, rf"blocks\.{i}\.(\d+)\.") for i in stages],
        num_heads=[width // _DAVIT_HEAD for width in widths],
        num_groups=[width // _DAVIT_HEAD for width in widths],
        patch_size=[conv.shape[-1] for conv in convs],
        patch_prenorm=[len(state[f"convs.{i}.norm.weight"]) != width for i, width in enumerate(widths)],
        window_size=_UNICL_WINDOW,
    )
    network = filled(Florence2VisionBackbone(config), renamed(state, _DAVIT_NAMES))
    network.add_module("last_norm", filled(nn.LayerNorm(widths[-1]), under(state, "norms.")))
    return network


def _read_davit(network: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
    output = network(pixels)
    hidden = getattr(output, "last_hidden_state", output)
    vectors = network.projection(network.last_norm(hidden.mean((2, 3))))
    return vectors, hidden.permute(0, 2, 3, 1)


def _quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def _unicl_text(folder: Path, state: StateDict, scale: float) -> TextTower | None:
    if not has_tokenizer(folder):
        return None
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    network = _unicl_transformer(under(state, "lang_encoder."))
    network.add_module("projection", linear_layer(state["lang_projection"].T))

    def encode(texts: Sequence[str]) -> Tensor:
        length = len(state["lang_encoder.positional_embedding"])
        tokens = tokenizer(list(texts), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
        return _unicl_encode(network, tokens["input_ids"], tokens["attention_mask"])

    return TextTower(encode, scale)


def _unicl_transformer(state: StateDict) -> nn.Module:
    vocabulary, width = state["token_embedding.weight"].shape
    layer = nn.TransformerEncoderLayer(
        width, width // _HEAD, 4 * width, 0.0, _quick_gelu, layer_norm_eps=1e-12, batch_first=True, norm_first=True
    )
    layers = nn.TransformerEncoder(
        layer, count(state, r"resblocks\.(\d+)\."), nn.LayerNorm(width, eps=1e-12), enable_nested_tensor=False
    )
    named = renamed(state, (*_UNICL_TEXT_NAMES, (r"^ln_final\.", "norm.")))
    filled(layers, {name: tensor for name, tensor in named.items() if name.startswith(("layers.", "norm."))})
    tokens = filled(nn.Embedding(vocabulary, width), {"weight": state["token_embedding.weight"]})
    places = filled(nn.Embedding(*state["positional_embedding"].shape), {"weight": state["positional_embedding"]})
    return nn.ModuleDict({"tokens": tokens, "places": places, "layers": layers}).eval()


def _unicl_encode(network: Any, ids: Tensor, mask: Tensor) -> Tensor:
    """Every token sees every other; the vector is read at the end-of-text token, the highest number."""
    x = network.tokens(ids) + network.places.weight
    hidden = network.layers(x, src_key_padding_mask=mask == 0)
    vectors: Tensor = network.projection(hidden[torch.arange(len(ids)), ids.argmax(-1)])
    return vectors
