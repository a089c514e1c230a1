"""A published image processor -> Preprocessing.

The preprocessing is part of a model. It is taken from what its authors publish beside the weights, in the format
of Hugging Face transformers, and never guessed: what Preprocessing cannot express exactly is refused.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from lookalike.errors import UsageError
from lookalike.types import Preprocessing

_Resample = Literal["nearest", "bilinear", "bicubic", "lanczos", "box"]
_RESAMPLE: Final[dict[int, _Resample]] = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}


class _Kind(NamedTuple):
    """A processor's defaults for what its file leaves out, as older files do."""

    resample: int
    crop: bool = False


# "size" as a plain number means the short side for processors that crop and a square for the others.
_KINDS: Final = {
    "Bit": _Kind(3, crop=True),
    "Blip": _Kind(3),
    "CLIP": _Kind(3, crop=True),
    "ConvNext": _Kind(3),
    "DINOv3ViT": _Kind(2),
    "DeiT": _Kind(3, crop=True),
    "Sam": _Kind(2),
    "Siglip": _Kind(3),
    "ViT": _Kind(2),
}

# As transformers chooses where a file names no processor. Of 2021 and 2022, some do not.
_OF_MODELS: Final = {
    "blip": "Blip",
    "clip": "CLIP",
    "convnext": "ConvNext",
    "convnextv2": "ConvNext",
    "deit": "DeiT",
    "dinov2": "Bit",
    "dinov3_vit": "DINOv3ViT",
    "ijepa": "ViT",
    "regnet": "ConvNext",
    "resnet": "ConvNext",
    "sam": "Sam",
    "siglip": "Siglip",
    "swin": "ViT",
    "swinv2": "ViT",
    "vit": "ViT",
    "vit_mae": "ViT",
    "vit_msn": "ViT",
}


def preprocessing_of(published: Mapping[str, Any], model_type: str = "") -> Preprocessing:
    """The Preprocessing equivalent to an image processor; model_type: of ``config.json``, for a file without a type.

    Raises UsageError if there is none, or its values cannot be understood.
    """
    try:
        return _preprocessing(published, model_type)
    except (TypeError, ValueError, KeyError, AttributeError, ZeroDivisionError):
        raise UsageError(
            "the values of the image processor's file cannot be understood; pull or copy the model again"
        ) from None


def on_255(mean: float | Sequence[float], std: float | Sequence[float], factor: float = 1 / 255) -> dict[str, Any]:
    """Mean and std as published, one or three numbers for values times ``factor`` -> those of Preprocessing, 0..255."""
    scaled = _three(std, factor)
    if min(scaled) <= 0:
        raise ValueError("a deviation of nothing")
    return {"mean": _three(mean, factor), "std": scaled}


def _preprocessing(published: Mapping[str, Any], model_type: str) -> Preprocessing:
    name, kind = _kind(published, model_type)
    resample = _RESAMPLE.get(published.get("resample", kind.resample))
    if resample is None:
        raise _unsayable(name, f"resample {published['resample']}")
    if not published.get("do_resize", True):
        raise _unsayable(name, "it does not resize")
    common: dict[str, Any] = {"resample": resample, **_normalisation(published)}
    size = published.get("size", 224)
    if name == "ConvNext":
        return _convnext(size, float(published.get("crop_pct") or 224 / 256), common)
    if name == "Sam":
        return _sam(published, size, common)
    if published.get("do_pad"):
        raise _unsayable(name, "it pads")
    if published.get("do_center_crop", kind.crop):
        return _cropped(name, size, _square(published.get("crop_size", 224)), common)
    if isinstance(size, dict) and "shortest_edge" in size:
        raise _unsayable(name, "its inputs differ in size")
    return Preprocessing(size=_square(size), resize="squash", **common)


def _kind(published: Mapping[str, Any], model_type: str) -> tuple[str, _Kind]:
    declared = str(published.get("image_processor_type") or published.get("feature_extractor_type") or "")
    name = declared or _OF_MODELS.get(model_type, "")
    for ending in ("Fast", "Pil", "ImageProcessor", "FeatureExtractor"):
        name = name.removesuffix(ending)
    if name not in _KINDS:
        raise UsageError(
            f"the image processor {declared or 'without a name'!r} is not known; known: {', '.join(sorted(_KINDS))}. "
            "Export the model to ONNX and write its preprocessing file"
        )
    return name, _KINDS[name]


def _normalisation(published: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and std on the 0..255 scale: (x f - m) / s = (x - m / f) / (s / f)."""
    factor = float(published.get("rescale_factor", 1 / 255)) if published.get("do_rescale", True) else 1.0
    if not published.get("do_normalize", True):
        return {"mean": (0.0, 0.0, 0.0), "std": (1 / factor, 1 / factor, 1 / factor)}
    mean, std = published.get("image_mean"), published.get("image_std")
    if mean is None or std is None:
        raise UsageError("the image processor normalises but its file names no image_mean and image_std")
    return on_255(mean, std, factor)


def _three(values: float | Sequence[float], factor: float) -> tuple[float, float, float]:
    red, green, blue = values if isinstance(values, Sequence) else [values] * 3
    # Rounded, so that 0.485 * 255 and 0.485 / 0.00392156862745098 are the same number and hash alike.
    three = round(red / factor, 6), round(green / factor, 6), round(blue / factor, 6)
    if not all(map(math.isfinite, three)):
        raise ValueError("a number that is none")
    return three


def _square(size: int | Mapping[str, int]) -> tuple[int, int]:
    if isinstance(size, Mapping):
        pair = ("height", "width") if "height" in size and "width" in size else ("shortest_edge",) * 2
        rows, columns = (int(size[name]) for name in pair)
    else:
        rows = columns = int(size)
    if min(rows, columns) < 1:
        raise ValueError("a picture without pixels")
    return rows, columns


def _cropped(
    name: str, size: int | Mapping[str, int], crop: tuple[int, int], common: Mapping[str, Any]
) -> Preprocessing:
    if name == "DeiT" or (isinstance(size, Mapping) and "height" in size):
        rows, columns = _square(size)
        if rows != columns:
            raise _unsayable(name, f"it resizes to {rows} x {columns} before it crops")
        return Preprocessing(size=crop, resize="squash", shortest_edge=rows, **common)
    return Preprocessing(size=crop, resize="crop", shortest_edge=_square(size)[0], **common)


def _convnext(size: int | Mapping[str, int], crop_pct: float, common: Mapping[str, Any]) -> Preprocessing:
    side = _square(size)[0]
    if side >= 384:
        return Preprocessing(size=(side, side), resize="squash", **common)
    return Preprocessing(size=(side, side), resize="crop", shortest_edge=int(side / crop_pct), **common)


def _sam(published: Mapping[str, Any], size: Mapping[str, int], common: Mapping[str, Any]) -> Preprocessing:
    pad = _square(published.get("pad_size", 1024))
    if pad != (size["longest_edge"],) * 2:
        raise _unsayable("Sam", f"it pads {size['longest_edge']} to {pad[0]} x {pad[1]}")
    # It pads with zeros after normalising: the mean colour, here rounded to one of 256 levels.
    red, green, blue = (round(value) for value in common["mean"])
    return Preprocessing(size=pad, resize="corner", fill=(red, green, blue), **common)


def _unsayable(name: str, what: str) -> UsageError:
    return UsageError(
        f"the {name} image processor of this model does what no Preprocessing can say ({what}); "
        "export the model to ONNX and write its preprocessing file"
    )
