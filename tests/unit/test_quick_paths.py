"""What was made quick gives what the plain way gives."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike import encoders, pixels
from lookalike.types import Image

DTYPES = (np.uint8, np.int8, np.uint16, np.int16, np.int32, np.uint32)


@st.composite
def images(draw: st.DrawFn) -> Image:
    """Integer pictures of any range, windowed or not, inverted or not, grey or colour."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    low = max(int(np.iinfo(dtype).min), draw(st.integers(-3000, 3000)))
    span = draw(st.sampled_from([0, 1, 2, 10, 255, 4000, 70_000]))
    high = max(low, min(int(np.iinfo(dtype).max), low + span))
    shape = (1, draw(st.integers(1, 90)), draw(st.integers(1, 300)), draw(st.sampled_from([1, 1, 3])))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    stored = rng.integers(low, high, shape, endpoint=True).astype(dtype)
    if draw(st.booleans()):
        stored = np.repeat(stored[..., :1], shape[-1], axis=-1)  # grey, also where it is stored as RGB
    window = st.tuples(st.floats(-3000, 3000), st.floats(1, 5000))
    return Image(
        pixels=stored,
        window=draw(st.none() | window) if shape[-1] == 1 else None,
        window_function=draw(st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"])),
        inverted=draw(st.booleans()),
    )


@given(images())
@settings(max_examples=300, deadline=None)
def test_a_picture_worked_out_by_value_is_the_one_worked_out_by_pixel(image: Image) -> None:
    by_pixel = pixels.stretch(pixels.display(image), (1, 99))
    shown = np.asarray(pixels.picture(image, (1, 99)))
    assert np.array_equal(shown, by_pixel[..., 0] if by_pixel.shape[-1] == 1 else by_pixel)


@given(images(), st.sampled_from([(0.0, 100.0), (1.0, 99.0), (0.5, 99.5)]))
@settings(max_examples=200, deadline=None)
def test_eight_bits_are_stretched_as_the_same_values_in_sixteen(image: Image, percentiles: tuple[float, float]) -> None:
    values = image.pixels[0].astype(np.uint8)
    assert np.array_equal(pixels.stretch(values, percentiles), pixels.stretch(values.astype(np.int16), percentiles))


def test_a_vector_does_not_depend_on_how_many_are_encoded_at_once() -> None:
    encoder = encoders.load()
    inputs = np.random.default_rng(0).integers(0, 256, (7, 224, 224, 3), dtype=np.uint8)
    together = encoder.encode_inputs(inputs)
    alone = np.concatenate([encoder.encode_inputs(one[None]) for one in inputs])
    assert np.abs(together - alone).max() < 1e-6


def test_an_index_is_saved_and_loaded_after_simpleitk_was_imported() -> None:
    """SimpleITK and FAISS share SWIG's table of types; FAISS's own serialize_index then fails."""
    pytest.importorskip("SimpleITK", reason="the volumes extra is not installed")
    code = """
import numpy as np
from lookalike.indexes.flat import FlatIndex
vectors = np.eye(8, dtype=np.float32)
index = FlatIndex(8)
index.upsert(np.arange(8), vectors)
import SimpleITK
SimpleITK.Image(4, 4, SimpleITK.sitkUInt8)
loaded = FlatIndex.deserialise(np.frombuffer(index.serialise(), np.uint8))
print(loaded.search(vectors, 1)[0].ravel().tolist())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == str(list(range(8))), done.stderr
