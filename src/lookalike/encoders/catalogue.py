"""The encoders of the papers, as data: where each checkpoint lies, what it was trained on, how it is read.

Only what cannot be read from the checkpoint's own files stands here. Where a checkpoint publishes its
preprocessing, the file beside the weights counts; what is declared here is shown until it is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lookalike.encoders.checkpoints import WEIGHTS
from lookalike.encoders.endpoint import ENDPOINT
from lookalike.encoders.model import Entry, Model
from lookalike.encoders.optional import DREAMSIM, LITEMEDSAM
from lookalike.encoders.whole import WHOLE
from lookalike.types import Preprocessing

_IMAGENET: Final[dict[str, Any]] = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
_CLIP: Final[dict[str, Any]] = {
    "mean": (122.770938, 116.746013, 104.093736),
    "std": (68.500533, 66.632155, 70.323163),
}
_HALF: Final[dict[str, Any]] = {"mean": (127.5, 127.5, 127.5), "std": (127.5, 127.5, 127.5)}

_PHOTOGRAPHS: Final = "trained on photographs, not on medical images"
_CHEST: Final = ("mimic-cxr", "chexpert", "chestx-ray14")
_DINOV2: Final = Preprocessing(resize="crop", shortest_edge=256, resample="bicubic", **_IMAGENET)
_CLIP_CROP: Final = Preprocessing(resize="crop", shortest_edge=224, resample="bicubic", **_CLIP)

MODELS: Final = (
    Model("resnet50", "microsoft/resnet-50", "Apache-2.0", 2048, trained_on=("imagenet-1k",), parameters=24,
          gmacs=4.1, preprocessing=Preprocessing(resize="crop", shortest_edge=256, resample="bicubic", **_IMAGENET),
          pooling="mean", note=_PHOTOGRAPHS + "; pooled features, not the 1000 logits"),
    Model("vit-b16", "google/vit-base-patch16-224-in21k", "Apache-2.0", 768, trained_on=("imagenet-21k",),
          parameters=86, gmacs=17.6, preprocessing=Preprocessing(**_HALF), pooling="cls", note=_PHOTOGRAPHS),
    Model("swin-b", "microsoft/swin-base-patch4-window7-224", "Apache-2.0", 1024, trained_on=("imagenet-1k",),
          parameters=87, gmacs=15.4, preprocessing=Preprocessing(resample="bicubic", **_IMAGENET), pooling="mean",
          note=_PHOTOGRAPHS),
    Model("dino-b16", "facebook/dino-vitb16", "Apache-2.0", 768, trained_on=("imagenet-1k",), parameters=86,
          gmacs=17.6, preprocessing=Preprocessing(**_IMAGENET), pooling="cls", note=_PHOTOGRAPHS),
    Model("dinov2-s", "facebook/dinov2-small", "Apache-2.0", 384, trained_on=("lvd-142m",), parameters=22,
          gmacs=6.1, preprocessing=_DINOV2, pooling="cls", note=_PHOTOGRAPHS),
    Model("dinov2-b", "facebook/dinov2-base", "Apache-2.0", 768, trained_on=("lvd-142m",), parameters=87,
          gmacs=23.2, preprocessing=_DINOV2, pooling="cls", note=_PHOTOGRAPHS),
    Model("dinov2-l", "facebook/dinov2-large", "Apache-2.0", 1024, trained_on=("lvd-142m",), parameters=304,
          gmacs=81.0, preprocessing=_DINOV2, pooling="cls", note=_PHOTOGRAPHS),
    Model("mae-b16", "facebook/vit-mae-base", "Apache-2.0", 768, trained_on=("imagenet-1k",), parameters=86,
          gmacs=17.6, preprocessing=Preprocessing(**_IMAGENET), pooling="cls",
          note=_PHOTOGRAPHS + "; mask ratio 0"),
    Model("sam-b", "facebook/sam-vit-base", "Apache-2.0", 256, trained_on=("sa-1b",), parameters=90, gmacs=486.0,
          preprocessing=Preprocessing(size=(1024, 1024), resize="corner", fill=(124, 116, 104), **_IMAGENET),
          note=_PHOTOGRAPHS + "; mean over space of the encoder's map"),
    Model("medsam", "wanglab/medsam-vit-base", "Apache-2.0", 256, trained_on=("sa-1b", "medsam-1.5m"),
          parameters=90, gmacs=486.0, family="sam", files=("medsam_vit_b.pth", *WEIGHTS), published=False,
          # As in the authors' code; the checkpoint's processor file is a copy of SAM's.
          preprocessing=Preprocessing(size=(1024, 1024), resample="bicubic", mean=(0, 0, 0), std=(255, 255, 255)),
          note="segmentation of ten modalities; also reads the authors' medsam_vit_b.pth"),
    Model("clip-l14", "openai/clip-vit-large-patch14", "MIT", 768, trained_on=("webimagetext",), parameters=304,
          gmacs=81.0, preprocessing=_CLIP_CROP, text=True, note=_PHOTOGRAPHS),
    Model("clip-b32", "openai/clip-vit-base-patch32", "MIT", 512, trained_on=("webimagetext",), parameters=88,
          gmacs=4.4, preprocessing=_CLIP_CROP, text=True, note=_PHOTOGRAPHS),
    Model("siglip-b16", "google/siglip-base-patch16-224", "Apache-2.0", 768, trained_on=("webli",), parameters=93,
          gmacs=17.7, preprocessing=Preprocessing(resample="bicubic", **_HALF), text=True, note=_PHOTOGRAPHS),
    Model("medsiglip", "google/medsiglip-448", "Health AI Developer Foundations terms", 1152,
          trained_on=("webli", "mimic-cxr", "slake", "pad-ufes-20"), parameters=429, gmacs=489.6, text=True,
          preprocessing=Preprocessing(size=(448, 448), **_HALF),
          note="its terms must be accepted on the hub; radiology, dermatology, ophthalmology, pathology"),
    Model("biomedclip", "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224", "MIT", 512,
          trained_on=("pmc-15m",), parameters=86, gmacs=17.6, family="biomedclip", text=True, published=False,
          files=("open_clip_model.safetensors", "open_clip_pytorch_model.bin"), preprocessing=_CLIP_CROP,
          note="figures and captions of PubMed Central"),
    Model("medclip", "https://storage.googleapis.com/pytrial/medclip-vit-pretrained.zip", "BSD", 512,
          trained_on=("chexpert", "mimic-cxr"), parameters=28, gmacs=4.5, family="medclip", text=True,
          files=("pytorch_model.bin",), published=False, tokenizer="emilyalsentzer/Bio_ClinicalBERT",
          preprocessing=Preprocessing(resize="square", resample="bicubic", mean=(149.503109,) * 3,
                                      std=(71.272727,) * 3),
          note="chest radiographs; MedCLIP-ViT 0.0.3"),
    Model("rad-dino", "microsoft/rad-dino", "MIT", 768, trained_on=(*_CHEST, "padchest", "brax"), parameters=87,
          gmacs=151.6, pooling="cls",
          preprocessing=Preprocessing(size=(518, 518), resize="crop", shortest_edge=518, resample="bicubic",
                                      mean=(135.3285,) * 3, std=(65.8665,) * 3),
          note="chest radiographs; for research, not for clinical practice"),
    Model("radimagenet", "Lab-Rasool/RadImageNet", "not stated with the weights", 2048, trained_on=("radimagenet",),
          parameters=24, gmacs=4.1, family="radimagenet", files=("ResNet50.pt",), published=False,
          preprocessing=Preprocessing(**_HALF), note="ResNet-50 on CT, MR and ultrasound"),
    Model("medimageinsight", "lion-ai/MedImageInsights", "MIT", 1024,
          trained_on=(*_CHEST, "irma-2009", "rsna-bone-age", "mura"), parameters=361, gmacs=312.7, text=True,
          family="medimageinsight", files=("2024.09.27/vision_model/medimageinsigt-v1.0.0.pt",), published=False,
          tokenizer_folder="2024.09.27/language_model/clip_tokenizer_4.16.2",
          preprocessing=Preprocessing(size=(480, 480), resample="bicubic", **_IMAGENET),
          note="14 medical domains; not for clinical use"),
)  # fmt: skip

CATALOGUE: Final[Mapping[str, Entry]] = {
    entry.name: entry for entry in (*MODELS, DREAMSIM, LITEMEDSAM, ENDPOINT, *WHOLE)
}
