"""Verify that an encoder keeps the promises that the rest of the program relies on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from lookalike.encoders.catalogue.golden import GOLDEN, TOLERANCE, components, golden_picture
from lookalike.encoders.catalogue.lookup import describe, descriptions, entry, load
from lookalike.encoders.families.model import Model
from lookalike.encoders.families.published import read_processor
from lookalike.encoders.protocols import Encoder, TextEncoder
from lookalike.errors import LookalikeError
from lookalike.pixels import from_array, model_input, picture
from lookalike.plugins import Broken
from lookalike.slices import prepared
from lookalike.types import Image, Preprocessing

_BATCH_TOLERANCE: Final = 1e-5
_TEXTS: Final = ("chest x-ray", "magnetic resonance image of the brain with a tumor")


@dataclass(frozen=True, slots=True)
class Promise:
    """One promise. kept: None if it does not apply here. detail: what was measured."""

    name: str
    kept: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Verified:
    """An encoder's promises and whether it keeps them; sound: no promise is broken."""

    name: str
    revision: str
    sound: bool
    promises: tuple[Promise, ...]


def verify(name: str) -> Verified:
    """Load an encoder and check its promises on drawn pictures. Raises as ``encoders.load`` does."""
    encoder = load(name)
    promises = tuple(_promises(name, encoder))
    return Verified(name, encoder.spec.revision, all(p.kept is not False for p in promises), promises)


@dataclass(frozen=True, slots=True)
class Checked:
    """One encoder of all. state: "sound", "broken" (a promise, or the whole of it), or "needs" something that is not on
    this machine; detail: what was found, which promises, or what it needs, in one line.
    """

    name: str
    state: Literal["sound", "broken", "needs"]
    detail: str


def verify_all() -> Iterator[Checked]:
    """Verify every declared encoder that can be built here; of the others, say what they need."""
    for name, found in descriptions().items():
        if isinstance(found, Broken):
            yield Checked(name, "broken", found.reason)
            continue
        try:
            verified = verify(name)
        except LookalikeError as error:
            yield Checked(name, "broken" if found.facts.here else "needs", str(error))
            continue
        broken = ", ".join(promise.name for promise in verified.promises if promise.kept is False)
        kept = sum(promise.kept is True for promise in verified.promises)
        yield Checked(name, "sound" if verified.sound else "broken", broken or f"{kept} promises kept")


def _promises(name: str, encoder: Encoder) -> Iterator[Promise]:
    images = _pictures() if encoder.spec.ndim == 2 else _volumes()
    inputs = np.stack([prepared(image, encoder.spec.preprocessing) for image in images])
    vectors = encoder.encode_inputs(inputs)
    yield Promise("described", describe(name) == encoder.spec, "the description equals what was loaded")
    shape = vectors.shape == (len(images), encoder.spec.dim) and vectors.dtype == np.float32
    norms = float(np.abs(np.linalg.norm(vectors, axis=1) - 1).max())
    yield Promise(
        "unit rows", shape and norms < 1e-4, f"{vectors.dtype}, {vectors.shape[1]} numbers, norm 1 +- {norms:.0e}"
    )
    yield Promise("repeatable", np.array_equal(vectors, encoder.encode_inputs(inputs)), "the same bits again")
    yield _independent("independent of the batch", vectors, lambda i: encoder.encode_inputs(inputs[i : i + 1]))
    yield _in_eval_mode(encoder)
    yield _golden(name, encoder)
    yield _published(name, encoder.spec.preprocessing)
    if isinstance(encoder, TextEncoder):
        texts = encoder.encode_texts(_TEXTS)
        yield _independent("texts independent of the batch", texts, lambda i: encoder.encode_texts([_TEXTS[i]]))


def _volumes() -> list[Image]:
    drawn = golden_picture().pixels[0].astype(np.int16)
    deep = np.stack([drawn * share - 900 for share in range(1, 6)])
    return [Image(pixels, np.diag([2.0, 2.0, 2.0, 1.0])) for pixels in (deep, deep[::-1], deep[:3, ::2])]


def _pictures() -> list[Image]:
    drawn = golden_picture()
    plane = drawn.pixels[0, ..., 0].astype(np.uint16)
    return [
        drawn,
        from_array(plane[::-1, :200] * 16),
        from_array(np.dstack([plane, plane[:, ::-1], 255 - plane])),
        from_array((plane[::3, ::2] ** 2).astype(np.float32)),
        from_array(plane.T),
    ]


def _independent(name: str, vectors: Any, one: Callable[[int], Any]) -> Promise:
    worst = max(float(np.abs(one(i)[0] - vectors[i]).max()) for i in range(len(vectors)))
    return Promise(name, worst <= _BATCH_TOLERANCE, f"at most {worst:.0e} apart when alone")


def _in_eval_mode(encoder: Encoder) -> Promise:
    tower = getattr(encoder, "tower", None)
    if tower is None:
        return Promise("eval mode", None, "its graph has no other mode")
    training = sum(bool(module.training) for module in tower.modules())
    return Promise("eval mode", training == 0, f"{training} modules in training mode")


def _golden(name: str, encoder: Encoder) -> Promise:
    if name not in GOLDEN:
        return Promise("golden vector", None, "none is stored")
    found = components(encoder.encode_images([golden_picture()])[0])
    worst = float(np.abs(np.subtract(found, GOLDEN[name])).max())
    return Promise("golden vector", worst <= TOLERANCE, f"at most {worst:.0e} from the stored one")


def _published(name: str, recipe: Preprocessing) -> Promise:
    """Compare the preprocessing with the model's own image processor, on a drawn picture."""
    model = entry(name)
    folder = model.find() if isinstance(model, Model) and model.published else None
    if folder is None or read_processor(folder) is None:
        return Promise("published preprocessing", None, "no image processor is published with it")
    shown = picture(golden_picture(), recipe.percentiles).convert("RGB")
    ours = (model_input(shown, recipe) - np.array(recipe.mean)) / np.array(recipe.std)
    try:
        apart = np.abs(_processed(folder, shown) - ours.transpose(2, 0, 1))
    except ImportError:  # DINOv3's and others need torchvision
        return Promise("published preprocessing", None, "its image processor needs a package that is not installed")
    # Padding stands for the mean, which may lie between two grey levels; the encoder corrects that.
    worst = float(apart[:, (model_input(shown, recipe) != np.array(recipe.fill)).any(-1)].max())
    return Promise("published preprocessing", worst < 1e-4, f"at most {worst:.0e} from the published processor")


def _processed(folder: Path, shown: Any) -> Any:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    processor = transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return np.asarray(processor(shown, return_tensors="np")["pixel_values"][0])
