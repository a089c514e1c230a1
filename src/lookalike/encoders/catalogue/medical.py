"""Models of medical pictures, as data: what the checkpoints' own files do not tell.

``trained_on`` names what their authors say; "incomplete" among them says that the list is not all.
"""

from __future__ import annotations

from typing import Final

from lookalike.encoders.families.hosted import MEDIMAGEINSIGHT_INPUT, MEDIMAGEINSIGHT_SEEN
from lookalike.encoders.families.model import Model
from lookalike.encoders.preprocessing.normalisations import (
    CLIP,
    IMAGENET,
    MEDCLIP,
    PLUS_MINUS_ONE,
    RAD_DINO,
    ZERO_TO_ONE,
)
from lookalike.encoders.weights.checkpoints import WEIGHTS
from lookalike.types import Preprocessing

_CHEST: Final = ("mimic-cxr", "chexpert", "chestx-ray14")
_RAD_DINO: Final = Preprocessing(size=(518, 518), resize="crop", shortest_edge=518, resample="bicubic", **RAD_DINO)

MEDICAL: Final = (
    Model(
        "medsam",
        "flaviagiammarino/medsam-vit-base",
        "Apache-2.0",
        256,
        trained_on=("sa-1b", "medsam-1.5m"),
        parameters=90,
        gmacs=486.0,
        family="sam",
        files=("medsam_vit_b.pth", *WEIGHTS),
        published=False,
        # As in the authors' code; the checkpoint's processor file is a copy of SAM's.
        # Whole numbers: galleries that were made with them keep the hash of these.
        preprocessing=Preprocessing(size=(1024, 1024), resample="bicubic", mean=(0, 0, 0), std=(255, 255, 255)),
        note="segmentation of ten modalities; also reads the authors' medsam_vit_b.pth; the encoder in "
        "wanglab/medsam-vit-base is not MedSAM's",
    ),
    Model(
        "medsiglip",
        "google/medsiglip-448",
        "Health AI Developer Foundations terms",
        1152,
        trained_on=(
            "webli",
            "mimic-cxr",
            "slake",
            "pad-ufes-20",
            "scin",
            "tcga",
            "camelyon",
            "pmc-oa",
            "mendeley-knee",
        ),
        parameters=429,
        gmacs=489.6,
        text=True,
        preprocessing=Preprocessing(size=(448, 448), resample="bicubic", **PLUS_MINUS_ONE),
        gated=True,
        note="radiology, dermatology, ophthalmology, pathology",
    ),
    Model(
        "biomedclip",
        "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
        "MIT",
        512,
        trained_on=("pmc-15m",),
        parameters=86,
        gmacs=17.6,
        family="biomedclip",
        text=True,
        published=False,
        files=("open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
        preprocessing=Preprocessing(resize="crop", shortest_edge=224, resample="bicubic", **CLIP),
        note="figures and captions of PubMed Central",
    ),
    Model(
        "medclip",
        "https://storage.googleapis.com/pytrial/medclip-vit-pretrained.zip",
        "no licence file; its package is declared as BSD",
        512,
        trained_on=("chexpert", "mimic-cxr"),
        parameters=28,
        gmacs=4.5,
        family="medclip",
        text=True,
        files=("pytorch_model.bin",),
        published=False,
        tokenizer="emilyalsentzer/Bio_ClinicalBERT",
        preprocessing=Preprocessing(resize="square", resample="bicubic", **MEDCLIP),
        note="chest radiographs; MedCLIP-ViT 0.0.3",
    ),
    Model(
        "rad-dino",
        "microsoft/rad-dino",
        "MIT",
        768,
        trained_on=(*_CHEST, "padchest", "brax"),
        parameters=87,
        gmacs=151.6,
        pooling="cls",
        preprocessing=_RAD_DINO,
        note="chest radiographs; for research, not for clinical practice",
    ),
    Model(
        "rad-dino-maira-2",
        "microsoft/rad-dino-maira-2",
        "Microsoft Research licence (MSRLA)",
        768,
        trained_on=(*_CHEST, "padchest", "brax", "incomplete"),
        parameters=87,
        gmacs=151.6,
        pooling="cls",
        preprocessing=_RAD_DINO,
        note="chest radiographs, more of them than rad-dino; for research, not for clinical practice",
    ),
    Model(
        "curia-2",
        "raidium/curia-2",
        "research-only RAIL-M",
        768,
        trained_on=("incomplete",),
        parameters=86,
        gmacs=107.0,
        family="curia",
        published=False,
        # Its processor (code of its own) gives each slice zero mean and unit deviation: see image_towers.curia.
        preprocessing=Preprocessing(size=(512, 512), **ZERO_TO_ONE),
        gated=True,
        note="slices of CT and MR, of a hospital's archive that is not published; for research",
    ),
    Model(
        "prov-gigapath",
        "prov-gigapath/prov-gigapath",
        "Apache-2.0, for research",
        1536,
        trained_on=("prov-path",),
        parameters=1135,
        gmacs=228.2,
        family="gigapath",
        files=("model.safetensors", "pytorch_model.bin"),
        published=False,
        preprocessing=Preprocessing(resize="crop", shortest_edge=256, resample="bicubic", **IMAGENET),
        gated=True,
        note="tiles of stained tissue, 20x; the tile encoder alone, not the slide encoder",
    ),
    Model(
        "radimagenet",
        "Lab-Rasool/RadImageNet",
        "MIT",
        2048,
        trained_on=("radimagenet",),
        parameters=24,
        gmacs=4.1,
        family="radimagenet",
        files=("ResNet50.pt",),
        published=False,
        preprocessing=Preprocessing(**PLUS_MINUS_ONE),
        note="ResNet-50 on CT, MR and ultrasound; the licence is that of the card of who uploaded it again",
    ),
    Model(
        "medimageinsight",
        "lion-ai/MedImageInsights",
        "MIT",
        1024,
        trained_on=MEDIMAGEINSIGHT_SEEN,
        parameters=361,
        gmacs=312.7,
        text=True,
        family="medimageinsight",
        files=("2024.09.27/vision_model/medimageinsigt-v1.0.0.pt",),
        published=False,
        tokenizer_folder="2024.09.27/language_model/clip_tokenizer_4.16.2",
        preprocessing=MEDIMAGEINSIGHT_INPUT,
        note="14 medical domains; not for clinical use; the list of what it was trained on is incomplete",
    ),
)
