"""What the code applies equals what the published image processors of transformers apply."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import transformers

from lookalike.encoders.families.published import read_processor
from lookalike.encoders.preprocessing.processors import preprocessing_of
from lookalike.errors import UsageError
from lookalike.pixels import model_input
from lookalike.types import Preprocessing

IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}

PUBLISHED = {
    "google/vit-base-patch16-224-in21k": ("ViTImageProcessorPil", {"size": 224, "resample": 2}),
    "facebook/dino-vitb16": ("ViTImageProcessorPil", {"size": 224, "resample": 2, **IMAGENET}),
    "microsoft/swin-base-patch4-window7-224": ("ViTImageProcessorPil", {"size": 224, "resample": 3, **IMAGENET}),
    "facebook/dinov2-base": (
        "BitImageProcessorPil",
        {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "resample": 3, **IMAGENET},
    ),
    "microsoft/rad-dino": (
        "BitImageProcessorPil",
        {
            "size": {"shortest_edge": 518},
            "crop_size": {"height": 518, "width": 518},
            "resample": 3,
            "image_mean": [0.5307, 0.5307, 0.5307],
            "image_std": [0.2583, 0.2583, 0.2583],
        },
    ),
    "openai/clip-vit-base-patch32": ("CLIPImageProcessorPil", {}),
    "google/siglip-base-patch16-224": ("SiglipImageProcessorPil", {"size": {"height": 224, "width": 224}}),
    "microsoft/resnet-50": ("ConvNextImageProcessorPil", {"size": 224, "crop_pct": 0.875, "resample": 3, **IMAGENET}),
    "facebook/convnext-384": ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 384}}),
    "facebook/deit-base-patch16-224": ("DeiTImageProcessorPil", {}),
    "facebook/sam-vit-base": ("SamImageProcessorPil", {}),
    "Salesforce/blip": ("BlipImageProcessorPil", {}),
}


def picture(width: int, height: int) -> PIL.Image.Image:
    """Edges, ramps and colours, so that a wrong filter, crop or order shows."""
    y, x = np.mgrid[:height, :width]
    plane = np.stack([(x * 3 + y) % 256, (x * y // 7) % 256, 255 * ((x // 9 + y // 5) % 2)], -1)
    return PIL.Image.fromarray(plane.astype(np.uint8))


@pytest.mark.parametrize("size", [(300, 217), (217, 300), (224, 224), (49, 130), (641, 640)])
@pytest.mark.parametrize("name", PUBLISHED)
def test_equals_the_published_processor(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    kind, settings = PUBLISHED[name]
    published = getattr(transformers, kind)(**settings)
    published.save_pretrained(tmp_path)
    recipe = read_processor(tmp_path)
    assert recipe is not None
    shown = picture(*size)
    theirs = np.asarray(published(shown, return_tensors="np")["pixel_values"][0])
    ours = (model_input(shown, recipe).astype(np.float32) - np.array(recipe.mean, np.float32)) / np.array(
        recipe.std, np.float32
    )
    # The colour that SAM pads with is not a whole grey level: half a level is allowed there, nowhere else.
    allowed = 0.5 / min(recipe.std) if recipe.resize == "corner" else 1e-5
    assert np.abs(ours.transpose(2, 0, 1) - theirs).max() <= allowed
    if recipe.resize == "corner":
        filled = (model_input(shown, recipe) != np.array(recipe.fill)).any(-1)
        assert np.abs(ours.transpose(2, 0, 1) - theirs)[:, filled].max() <= 1e-5


def test_old_files_say_less() -> None:
    """As published in 2021: no rescaling named, sizes as plain numbers."""
    old = {
        "feature_extractor_type": "CLIPFeatureExtractor",
        "size": 224,
        "crop_size": 224,
        "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    }
    assert preprocessing_of(old).hash == preprocessing_of(transformers.CLIPImageProcessorPil().to_dict()).hash
    vit = {
        "feature_extractor_type": "ViTFeatureExtractor",
        "size": 224,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    assert preprocessing_of(vit) == Preprocessing(mean=(127.5,) * 3, std=(127.5,) * 3)


def test_combined_processor_file(tmp_path: Path) -> None:
    inner = {"image_processor_type": "ViTImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": inner}))
    assert read_processor(tmp_path) == preprocessing_of(inner)


def test_nothing_published_is_nothing(tmp_path: Path) -> None:
    assert read_processor(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_processor_type": "LayoutLMv3ImageProcessor"}, "is not known"),
        ({"do_resize": False}, "does not resize"),
        ({"resample": 5}, "resample 5"),
        ({"do_pad": True}, "pads"),
        ({"image_mean": None}, "no image_mean"),
        ({"size": {"shortest_edge": 224}}, "differ in size"),
    ],
)
def test_what_cannot_be_said_is_refused(change: dict, said: str) -> None:
    published = {"image_processor_type": "ViTImageProcessor", "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    with pytest.raises(UsageError, match=said):
        preprocessing_of({**published, **change})
