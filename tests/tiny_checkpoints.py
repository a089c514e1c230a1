"""Tiny random checkpoints of every architecture, saved by the real libraries."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import sentencepiece
import torch
import transformers

# The networks are so small that threads only wait for each other.
torch.set_num_threads(1)

VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
SEEN = {"image_size": 32, "patch_size": 8}
LETTERS = "abcdefghijklmnopqrstuvwxyz-. "
SQUARE = {"size": {"height": 32, "width": 32}}
CROP = {"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}
PROCESSORS = {
    "ViT": SQUARE,
    "Bit": CROP,
    "CLIP": CROP,
    "Siglip": SQUARE,
    "ConvNext": {"size": {"shortest_edge": 32}},
    "Sam": {"size": {"longest_edge": 32}, "pad_size": {"height": 32, "width": 32}},
}


def save(model: transformers.PreTrainedModel, processor: str, folder: Path) -> Path:
    """The model as it would lie on the hub."""
    with torch.no_grad():
        for number, weights in enumerate(model.parameters()):
            # The libraries' own small weights would make every picture's vector nearly the same.
            noise = torch.randn(weights.shape, generator=torch.Generator().manual_seed(number))
            weights.add_(noise / max(1, weights[0].numel()) ** 0.5 if weights.ndim > 1 else 0.1 * noise)
    model.save_pretrained(folder)
    getattr(transformers, f"{processor}ImageProcessorPil")(**PROCESSORS[processor]).save_pretrained(folder)
    return folder


def vit(folder: Path) -> Path:
    config = transformers.ViTConfig(**VIT, **SEEN)
    return save(transformers.ViTModel(config), "ViT", folder)  # with a pooler, as the hub's has


def swin(folder: Path) -> Path:
    config = transformers.SwinConfig(
        image_size=32, patch_size=4, embed_dim=16, depths=[1, 1], num_heads=[1, 2], window_size=4
    )
    return save(transformers.SwinModel(config), "ViT", folder)


def resnet(folder: Path) -> Path:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[16, 32, 48, 64], depths=[1, 1, 1, 1])
    return save(transformers.ResNetModel(config), "ConvNext", folder)


def convnext(folder: Path) -> Path:
    config = transformers.ConvNextConfig(hidden_sizes=[8, 16, 24, 32], depths=[1, 1, 1, 1])
    return save(transformers.ConvNextModel(config), "ConvNext", folder)


def dinov2(folder: Path) -> Path:
    config = transformers.Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, **SEEN)
    return save(transformers.Dinov2Model(config), "Bit", folder)


def dinov3(folder: Path) -> Path:
    config = transformers.DINOv3ViTConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, num_register_tokens=4, **SEEN
    )
    save(transformers.DINOv3ViTModel(config), "ViT", folder)
    # transformers has its processor for torchvision alone; the file says the same.
    path = folder / "preprocessor_config.json"
    path.write_text(path.read_text("utf-8").replace("ViTImageProcessorPil", "DINOv3ViTImageProcessorFast"), "utf-8")
    return folder


def curia(folder: Path) -> Path:
    """One channel; its image processor is code of its own."""
    config = transformers.Dinov2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, num_channels=1, **SEEN
    )
    save(transformers.Dinov2Model(config), "Bit", folder)
    said = {"auto_map": {"AutoImageProcessor": "curia_image_processor.CuriaImageProcessor"}, "crop_size": 32}
    (folder / "preprocessor_config.json").write_text(json.dumps(said), "utf-8")
    return folder


def untyped(save_model: Callable[[Path], Path]) -> Callable[[Path], Path]:
    """The checkpoint with a processor file that names no type, as some of 2021 and 2022 are on the hub."""

    def saved(folder: Path) -> Path:
        path = save_model(folder) / "preprocessor_config.json"
        said = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({key: said[key] for key in said if key != "image_processor_type"}), "utf-8")
        return folder

    return saved


def dinov2_with_registers(folder: Path) -> Path:
    config = transformers.Dinov2WithRegistersConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, **SEEN)
    return save(transformers.Dinov2WithRegistersModel(config), "Bit", folder)


def mae(folder: Path) -> Path:
    config = transformers.ViTMAEConfig(
        **VIT,
        **SEEN,
        decoder_hidden_size=16,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=1,
        decoder_intermediate_size=16,
    )
    return save(transformers.ViTMAEForPreTraining(config), "ViT", folder)  # as on the hub, with the decoder


def sam(folder: Path) -> Path:
    vision = transformers.SamVisionConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        output_channels=24,
        mlp_dim=48,
        window_size=2,
        global_attn_indexes=[1],
        **SEEN,
    )
    prompt = transformers.SamPromptEncoderConfig(hidden_size=24, image_size=32, patch_size=8)
    mask = transformers.SamMaskDecoderConfig(hidden_size=24, num_attention_heads=2, mlp_dim=32, iou_head_hidden_dim=16)
    config = transformers.SamConfig(vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=mask)
    return save(transformers.SamModel(config), "Sam", folder)


def clip(folder: Path) -> Path:
    text = {
        **VIT,
        "vocab_size": 2 * len(LETTERS) + 2,
        "max_position_embeddings": 24,
        "eos_token_id": 1,
        "bos_token_id": 0,
        "projection_dim": 20,
    }
    config = transformers.CLIPConfig(text_config=text, vision_config={**VIT, **SEEN}, projection_dim=20)
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    vocabulary = {word: number for number, word in enumerate(words)}
    transformers.CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    return save(transformers.CLIPModel(config), "CLIP", folder)


def siglip(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["chest x-ray of a pleural effusion", "no finding", "enlarged heart"] * 9),
        model_writer=trained,
        vocab_size=40,
        hard_vocab_limit=False,
        minloglevel=2,
        pad_id=-1,
        bos_id=-1,
    )
    (folder / "spiece.model").write_bytes(trained.getvalue())
    transformers.SiglipTokenizer(str(folder / "spiece.model"), model_max_length=16).save_pretrained(folder)
    text = {**VIT, "vocab_size": 60, "max_position_embeddings": 16, "projection_size": 32}
    config = transformers.SiglipConfig(text_config=text, vision_config={**VIT, **SEEN})
    return save(transformers.SiglipModel(config), "Siglip", folder)


FAMILIES: dict[str, Callable[[Path], Path]] = {
    "vit": vit,
    "swin": swin,
    "resnet": resnet,
    "convnext": convnext,
    "dinov2": dinov2,
    "dinov2_with_registers": dinov2_with_registers,
    "dinov3": dinov3,
    "mae": mae,
    "sam": sam,
    "clip": clip,
    "siglip": siglip,
}
"""By name: what saves a checkpoint of the family into a folder."""

CATALOGUE = {
    "resnet50": resnet,
    "vit-b16": untyped(vit),
    "swin-b": swin,
    "dino-b16": vit,
    "dinov2-s": dinov2,
    "dinov2-b": dinov2,
    "dinov2-l": dinov2,
    "dinov3-s": dinov3,
    "dinov3-b": dinov3,
    "dinov3-l": dinov3,
    "mae-b16": untyped(mae),
    "sam-b": sam,
    "clip-l14": clip,
    "clip-b32": clip,
    "siglip-b16": siglip,
    "medsiglip": siglip,
    "rad-dino": dinov2,
    "rad-dino-maira-2": dinov2,
}
"""The catalogue's models that transformers alone builds, and the family of each."""


def shard(folder: Path) -> None:
    """Save the weights again as two shards with an index, as large models are."""
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    names = sorted(state)
    halves = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for file, part in halves.items():
        save_file({name: state[name] for name in part}, folder / file, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: file for file, part in halves.items() for name in part}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "model.safetensors").unlink()
