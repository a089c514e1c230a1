"""Make ``original.json``: what the authors' own code says of tiny checkpoints in its own format.

    python tests/golden/make_original.py NAME...

It runs where the authors' libraries are installed, not in the tests. The weights are not stored: each
tensor is drawn from a generator that is seeded with its name, so the tests can draw the same ones from
the names and shapes alone. What each part needs:

    medsam           segment_anything
    radimagenet      torchvision
    biomedclip       open_clip_torch, timm
    medclip          MedCLIP's repository (medclip), transformers==4.24.0
    gigapath         timm, torchvision
    ct_fm            monai
    medimageinsight  the repository lion-ai/MedImageInsights (MedImageInsight), timm, mup, einops
"""

from __future__ import annotations

import importlib
import json
import sys
import types
import zlib
from pathlib import Path

import numpy as np
import torch

SIDE = 64
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "chest", "x", "-", "ray", "of", "a", "pleural", "effusion")
TEXTS = ("chest x-ray of a pleural effusion", "a chest")


def drawn(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The tensor of this name and shape, float32."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    values = rng.standard_normal(shape).astype(np.float32)
    if name.endswith("running_var"):
        return 0.5 + np.abs(values)
    if len(shape) < 2:
        return 0.1 * values + (1 if name.endswith(("norm.weight", "LayerNorm.weight")) else 0)
    return values / np.sqrt(np.prod(shape[1:])).astype(np.float32)


def pixels(side: int = SIDE) -> np.ndarray:
    """Two normalised pictures, (2, 3, side, side) float32."""
    y, x = np.mgrid[:side, :side]
    plane = np.stack([np.sin(x / 5), np.cos(y / 7), np.sin((x + y) / 11)])
    return np.stack([plane, plane[::-1, ::-1] ** 2]).astype(np.float32)


def fill(state: dict[str, torch.Tensor]) -> dict[str, list[int]]:
    """Draw every floating tensor anew; their shapes by name."""
    shapes = {name: list(tensor.shape) for name, tensor in state.items() if tensor.is_floating_point()}
    for name, shape in shapes.items():
        state[name].copy_(torch.from_numpy(np.asarray(drawn(name, tuple(shape)))))
    return shapes


def unit(rows: torch.Tensor) -> list[list[float]]:
    return [[round(float(v), 6) for v in row] for row in torch.nn.functional.normalize(rows)]


def medsam() -> dict:
    from segment_anything.modeling import ImageEncoderViT

    network = ImageEncoderViT(
        img_size=SIDE,
        patch_size=8,
        embed_dim=64,
        depth=2,
        num_heads=2,
        mlp_ratio=2,
        out_chans=16,
        qkv_bias=True,
        norm_layer=lambda width: torch.nn.LayerNorm(width, eps=1e-6),
        use_rel_pos=True,
        window_size=3,
        global_attn_indexes=[1],
    ).eval()
    whole = torch.nn.ModuleDict({"image_encoder": network})
    shapes = fill(whole.state_dict())
    return {"shapes": shapes, "images": unit(network(torch.from_numpy(pixels())).mean((2, 3)))}


def radimagenet() -> dict:
    from torchvision.models.resnet import Bottleneck, ResNet

    base = ResNet(Bottleneck, [1, 2, 1, 1]).eval()
    network = torch.nn.ModuleDict({"backbone": torch.nn.Sequential(*list(base.children())[:9])})
    shapes = fill(network.state_dict())
    rows = unit(network["backbone"](torch.from_numpy(pixels())).flatten(1))
    return {"shapes": shapes, "step": 32, "images": [row[::32] for row in rows]}


def biomedclip() -> dict:
    from open_clip.hf_model import HFTextEncoder
    from timm.models.vision_transformer import VisionTransformer
    from transformers import BertConfig

    trunk = VisionTransformer(SIDE, 16, embed_dim=128, depth=2, num_heads=2, num_classes=0)
    head = torch.nn.Sequential()
    head.add_module("proj", torch.nn.Linear(128, 32, bias=False))
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    text = HFTextEncoder("", 32, config, "cls_last_hidden_state_pooler", "mlp")
    network = torch.nn.ModuleDict({"visual": torch.nn.ModuleDict({"trunk": trunk, "head": head}), "text": text})
    network.register_parameter("logit_scale", torch.nn.Parameter(torch.tensor(4.4)))
    shapes = fill({name: t for name, t in network.eval().state_dict().items() if name != "logit_scale"})
    ids = torch.zeros(2, 16, dtype=torch.long)
    for row, words in zip(ids, token_ids(), strict=True):
        row[: len(words)] = torch.tensor(words)
    return {
        "shapes": shapes,
        "logit_scale": 4.4,
        "images": unit(head(trunk(torch.from_numpy(pixels())))),
        "texts": unit(text(ids)),
    }


def token_ids() -> list[list[int]]:
    """TEXTS as BERT's tokenizer splits them."""
    split = [text.replace("-", " - ").split() for text in TEXTS]
    return [[WORDS.index(word) for word in ("[CLS]", *words, "[SEP]")] for words in split]


def medclip() -> dict:
    import transformers
    from transformers.models.bert.modeling_bert import BertConfig, BertModel
    from transformers.models.swin.modeling_swin import SwinConfig, SwinModel

    sizes = {"num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 80}
    bert = BertModel(
        BertConfig(vocab_size=len(WORDS), hidden_size=128, num_hidden_layers=3, output_hidden_states=True, **sizes)
    )
    swin = SwinModel(SwinConfig(image_size=SIDE, embed_dim=64, depths=[1, 2], num_heads=[2, 4], window_size=4))
    package = types.ModuleType("medclip")
    package.__path__ = [str(Path(p) / "medclip") for p in sys.path if (Path(p) / "medclip").is_dir()]
    sys.modules["medclip"] = package
    authors = importlib.import_module("medclip.modeling_medclip")
    # The authors' classes load the two base models from the hub by name; here they get tiny ones.
    tiny = {"emilyalsentzer/Bio_ClinicalBERT": bert, "microsoft/swin-tiny-patch4-window7-224": swin}
    authors.AutoModel = types.SimpleNamespace(from_pretrained=lambda name, **_: tiny[name])
    authors.AutoTokenizer = types.SimpleNamespace(from_pretrained=lambda name: None)
    # Their projections are 768 -> 512; at the tiny widths 128 -> 32.
    linear = torch.nn.Linear
    authors.nn = types.SimpleNamespace(**{**vars(torch.nn), "Linear": lambda *_, bias: linear(128, 32, bias)})
    network = authors.MedCLIPModel(vision_cls=authors.MedCLIPVisionModelViT).eval()
    shapes = fill({name: t for name, t in network.state_dict().items() if name != "logit_scale"})
    texts = [network.text_model(torch.tensor([ids]), torch.ones(1, len(ids))) for ids in token_ids()]
    return {
        "shapes": shapes,
        "logit_scale": float(network.logit_scale),
        "transformers": transformers.__version__,
        "images": unit(network.vision_model(torch.from_numpy(pixels()))),
        "texts": unit(torch.cat(texts)),
    }


def medimageinsight() -> dict:
    from MedImageInsight.ImageEncoder.davit_v1 import DaViT
    from MedImageInsight.LangEncoder.transformer import Transformer

    davit = DaViT(
        num_classes=0,
        depths=[1, 1, 2, 1],
        embed_dims=[32, 64, 96, 128],
        num_heads=[1, 2, 3, 4],
        num_groups=[1, 2, 3, 4],
        patch_size=[7, 3, 3, 3],
        patch_stride=[4, 2, 2, 2],
        patch_padding=[3, 1, 1, 1],
        patch_prenorm=[False, True, True, True],
        window_size=12,
        img_size=SIDE,
    )
    davit.enable_checkpoint = False
    text = Transformer(context_length=16, vocab_size=40, width=64, layers=2, heads=1, autogressive=False)
    network = torch.nn.ModuleDict({"image_encoder": davit, "lang_encoder": text}).eval()
    network.register_parameter("image_projection", torch.nn.Parameter(torch.empty(128, 48)))
    network.register_parameter("lang_projection", torch.nn.Parameter(torch.empty(64, 48)))
    shapes = fill(network.state_dict())
    ids = torch.tensor([[38, 5, 6, 7, 8, 39, *[39] * 10], [38, 9, 39, *[39] * 13]])
    mask = torch.tensor([[1] * 6 + [0] * 10, [1] * 3 + [0] * 13])
    hidden = text(ids, mask)["last_hidden_state"]
    read = hidden[torch.arange(2), ids.argmax(-1)] @ network.lang_projection
    return {
        "shapes": shapes,
        "logit_scale": 4.5,
        "ids": ids.tolist(),
        "mask": mask.tolist(),
        "texts": unit(read),
        "images": unit(davit.forward_features(torch.from_numpy(pixels())) @ network.image_projection),
    }


def gigapath() -> dict:
    from timm.layers import SwiGLUPacked
    from timm.models.vision_transformer import VisionTransformer

    # As timm's vit_giant_patch14_dinov2; a third of 16 x 128 is not whole, so its ratio leads to the same rounding.
    network = VisionTransformer(
        SIDE,
        16,
        embed_dim=128,
        depth=2,
        num_heads=2,
        init_values=1e-5,
        mlp_ratio=5.375,
        mlp_layer=SwiGLUPacked,
        act_layer=torch.nn.SiLU,
        num_classes=0,
    )
    shapes = fill(network.eval().state_dict())
    return {"shapes": shapes, "images": unit(network(torch.from_numpy(pixels())))}


def ct_fm() -> dict:
    from monai.networks.nets.segresnet_ds import SegResEncoder

    network = SegResEncoder(spatial_dims=3, init_filters=4, in_channels=1, blocks_down=[1, 2, 2])
    shapes = fill(network.eval().state_dict())
    return {"shapes": shapes, "volumes": unit(network(torch.from_numpy(volumes()))[-1].mean((2, 3, 4)))}


def volumes() -> np.ndarray:
    """Two normalised volumes, (2, 1, 12, 16, 20) float32."""
    z, y, x = np.mgrid[:12, :16, :20]
    volume = (np.sin(x / 3) * np.cos(y / 4) + z / 12) / 2
    return np.stack([volume, volume[::-1, ::-1] ** 2]).astype(np.float32)[:, None]


def main(names: list[str]) -> None:
    path = Path(__file__).with_name("original.json")
    said = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    with torch.no_grad():
        for name in names:
            said[name] = globals()[name]()
    path.write_text(json.dumps(said, indent=None, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
