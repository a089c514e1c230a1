"""What every encoder promises, run over every one that this machine can build."""

from __future__ import annotations

import numpy as np
import pytest

import tiny_checkpoints
import tiny_volumes
from lookalike import encoders
from lookalike.encoders import Encoder, PatchEncoder, TextEncoder
from lookalike.encoders.catalogue.golden import GOLDEN, TOLERANCE, components, golden_picture
from lookalike.pixels import from_array, prepare
from lookalike.slices import prepared
from lookalike.types import Image

BUNDLED = ("lite0", "lite1", "lite2", "lite0-inner", "lite0-last", "lite1-inner", "lite2-inner")
ENSEMBLE = "lite0-inner+0.5*lite1-inner"
WHOLE, WHOLES = "whole-volumes", "whole-volumes-together"


@pytest.fixture(scope="module", params=(*BUNDLED, "lite012", ENSEMBLE, WHOLE, WHOLES, *tiny_checkpoints.FAMILIES))
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """The bundled encoders, an ensemble, one of whole volumes and an ensemble of two, and every family of transformers
    from a tiny checkpoint.
    """
    name = request.param
    if name == WHOLE:
        name = str(tiny_volumes.write(tmp_path_factory.mktemp(name) / "tiny.onnx"))
    if name == WHOLES:
        folder = tmp_path_factory.mktemp(name)
        other = tiny_volumes.write(folder / "other.onnx", axes="LPS", spacing=None, values=(0.0, 500.0))
        name = f"{tiny_volumes.write(folder / 'tiny.onnx')}+0.5*{other}"
    if name in tiny_checkpoints.FAMILIES:
        name = str(tiny_checkpoints.FAMILIES[name](tmp_path_factory.mktemp(name)))
    return encoders.load(name)


def images(encoder: Encoder, count: int, seed: int = 0) -> list:
    """What the encoder takes: pictures, or whole volumes."""
    return pictures(count, seed) if encoder.spec.ndim == 2 else volumes(count, seed)


def volumes(count: int, seed: int = 0) -> list:
    """Volumes of several sizes and spacings, in Hounsfield units."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        shape = rng.integers(3, 12, 3)
        coarse = rng.integers(-1000, 1000, shape)
        spacing = tuple(float(n) for n in rng.uniform(1, 4, 3))
        drawn.append(Image(np.kron(coarse, np.ones((2, 4, 4)))[..., None], np.diag([*spacing, 1.0]), spacing))
    return drawn


def pictures(count: int, seed: int = 0) -> list:
    """Pictures of several sizes, depths and channel counts."""
    rng = np.random.default_rng(seed)
    drawn = []
    for number in range(count):
        rows, columns = rng.integers(20, 300, 2)
        coarse = rng.integers(0, 4096, (rows // 10 + 1, columns // 10 + 1, 3 if number % 3 == 0 else 1))
        plane = np.kron(coarse, np.ones((10, 10, 1), np.int64))[:rows, :columns]
        drawn.append(from_array(plane.astype(np.uint16 if number % 2 else np.float32)))
    return drawn


def test_is_an_encoder(encoder: Encoder) -> None:
    assert isinstance(encoder, Encoder)
    assert encoder.spec.ndim == (2 if encoder.spec.preprocessing.volume is None else 3)
    assert encoder.spec.license
    assert encoder.spec.revision


def test_unit_float32_rows(encoder: Encoder) -> None:
    vectors = encoder.encode_images(images(encoder, 5))
    assert vectors.shape == (5, encoder.spec.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_pictures_give_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_images([]).shape == (0, encoder.spec.dim)


def test_repeatable_to_the_bit(encoder: Encoder) -> None:
    drawn = images(encoder, 4)
    assert np.array_equal(encoder.encode_images(drawn), encoder.encode_images(drawn))


def test_independent_of_the_batch(encoder: Encoder) -> None:
    drawn = images(encoder, 11)
    alone = np.concatenate([encoder.encode_images([image]) for image in drawn])
    order = np.random.default_rng(1).permutation(len(drawn))
    together = encoder.encode_images([drawn[i] for i in order])
    np.testing.assert_allclose(together, alone[order], atol=1e-5)


def test_inputs_are_what_prepare_makes(encoder: Encoder) -> None:
    drawn, recipe = images(encoder, 3), encoder.spec.preprocessing
    inputs = np.stack([prepared(image, recipe) for image in drawn])
    whole = recipe.volume and (3, recipe.volume.depth, *recipe.size)
    assert inputs.shape == (whole or (3, *recipe.size, 3))
    assert inputs.dtype == (np.uint16 if whole else np.uint8)
    assert np.array_equal(encoder.encode_inputs(inputs), encoder.encode_images(drawn))


def test_different_pictures_differ(encoder: Encoder) -> None:
    vectors = encoder.encode_images(images(encoder, 6))
    cosines = vectors @ vectors.T
    assert np.all(cosines[~np.eye(6, dtype=bool)] < 0.9999)


def test_a_black_picture_has_a_vector(encoder: Encoder) -> None:
    black = from_array(np.zeros((50, 40), np.uint8)) if encoder.spec.ndim == 2 else Image(np.zeros((5, 9, 9, 1)))
    vectors = encoder.encode_images([black])
    assert np.isfinite(vectors).all()
    np.testing.assert_allclose(np.linalg.norm(vectors), 1, atol=1e-5)


def test_patches_are_unit_vectors(encoder: Encoder) -> None:
    assert isinstance(encoder, PatchEncoder) == (not encoder.spec.preprocessing.parts and encoder.spec.ndim == 2)
    if not isinstance(encoder, PatchEncoder):
        return
    patches = encoder.encode_patches(golden_picture())
    assert patches.ndim == 3
    np.testing.assert_allclose(np.linalg.norm(patches, axis=-1), 1, atol=1e-5)


def test_one_pass_gives_vectors_and_patches(encoder: Encoder) -> None:
    if not isinstance(encoder, PatchEncoder):
        return
    drawn = pictures(3)
    inputs = np.stack([prepare(image, encoder.spec.preprocessing) for image in drawn])
    vectors, patches = encoder.encode_inputs_with_patches(inputs)
    np.testing.assert_allclose(vectors, encoder.encode_inputs(inputs), atol=1e-6)
    np.testing.assert_allclose(patches, [encoder.encode_patches(image) for image in drawn], atol=1e-5)


def test_texts_lie_in_the_same_space(encoder: Encoder) -> None:
    assert encoder.spec.text == isinstance(encoder, TextEncoder)
    if not isinstance(encoder, TextEncoder):
        return
    texts = ["chest x-ray of a pleural effusion", "no finding", "no finding " * 50]
    vectors = encoder.encode_texts(texts)
    assert vectors.shape == (3, encoder.spec.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode_texts([text]) for text in texts])
    np.testing.assert_allclose(vectors, alone, atol=1e-5)
    assert vectors[0] @ vectors[1] < 0.9999
    assert encoder.encode_texts([]).shape == (0, encoder.spec.dim)
    assert encoder.logit_scale > 0


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_components(name: str) -> None:
    if not encoders.entry(name).here:
        pytest.skip(f"the package with the weights of {name} is not installed")
    vector = encoders.load(name).encode_images([golden_picture()])[0]
    np.testing.assert_allclose(components(vector), GOLDEN[name], atol=TOLERANCE)
