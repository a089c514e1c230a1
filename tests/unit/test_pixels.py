"""From decoded pixels to what is shown, against slow oracles written from DICOM PS3.3 C.11."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from lookalike.errors import UnreadableImageError
from lookalike.pixels import (
    apply_lut,
    apply_window,
    display,
    from_array,
    model_input,
    picture,
    prepare,
    rescale,
    resize,
    stretch,
    thumbnail,
)
from lookalike.types import Image, Lut, Preprocessing

EVERYTHING = (0.0, 100.0)
USUAL = (1.0, 99.0)
SIZES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)


def image(pixels: Any, **fields: Any) -> Image:
    array = np.asarray(pixels)
    return Image(pixels=array[None, ..., None] if array.ndim == 2 else array[None], **fields)


# The window: PS3.3 C.11.2.1.2 (LINEAR) and C.11.2.1.3 (SIGMOID, LINEAR_EXACT), with output 0 to 1


def linear(x: float, center: float, width: float) -> float:
    if x <= center - 0.5 - (width - 1) / 2:
        return 0.0
    if x > center - 0.5 + (width - 1) / 2:
        return 1.0
    return (x - (center - 0.5)) / (width - 1) + 0.5


def linear_exact(x: float, center: float, width: float) -> float:
    if x <= center - width / 2:
        return 0.0
    if x > center + width / 2:
        return 1.0
    return (x - center) / width + 0.5


def sigmoid(x: float, center: float, width: float) -> float:
    power = -4 * (x - center) / width
    return 0.0 if power > 700 else 1 / (1 + math.exp(power))


ORACLES = {"LINEAR": linear, "LINEAR_EXACT": linear_exact, "SIGMOID": sigmoid}


@pytest.mark.parametrize("function", ORACLES)
@given(
    values=hnp.arrays(np.int16, SIZES),
    center=st.integers(-3000, 3000).map(lambda c: c / 2),
    width=st.integers(2, 10_000).map(lambda w: w / 2),
)
def test_window_equals_the_standard(function: str, values: NDArray[np.int16], center: float, width: float) -> None:
    shown = apply_window(values, center, width, function)
    wanted = [[ORACLES[function](float(x), center, width) for x in row] for row in values]
    assert shown.dtype == np.float32
    np.testing.assert_allclose(shown, wanted, atol=2e-4)


def test_a_linear_window_of_width_one_is_a_threshold() -> None:
    shown = apply_window(np.array([[98, 99, 100, 101]]), 100, 1)
    assert shown.tolist() == [[0, 0, 1, 1]]


def test_a_narrow_window_far_from_zero_keeps_its_steps() -> None:
    """32-bit data: a float32 would see one value where there are many."""
    values = np.arange(2_000_000_000, 2_000_000_011, dtype=np.int32)[None]
    np.testing.assert_allclose(
        apply_window(values, 2_000_000_005, 10, "LINEAR_EXACT")[0], np.arange(11) / 10, atol=1e-6
    )


@given(hnp.arrays(np.int32, SIZES), st.floats(0.01, 100), st.floats(-1e4, 1e4))
def test_rescale_is_the_line_of_the_standard(stored: NDArray[np.int32], slope: float, intercept: float) -> None:
    wanted = [[float(x) * slope + intercept for x in row] for row in stored]
    np.testing.assert_allclose(rescale(stored, slope, intercept), wanted, rtol=1e-6, atol=1e-3)


def test_rescale_by_one_and_nothing_keeps_integers() -> None:
    stored = np.array([[1, 2]], np.uint16)
    assert rescale(stored, 1, 0) is stored


# Look-up tables: PS3.3 C.11.1.1.1 and C.11.2.1.1


@given(
    values=hnp.arrays(st.sampled_from([np.uint8, np.int16, np.uint16, np.int32]), SIZES),
    first=st.integers(-70_000, 70_000),
    table=hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(0, 1, width=32)),
)
def test_lut_equals_the_standard(values: NDArray[Any], first: int, table: NDArray[np.float32]) -> None:
    def looked_up(value: int) -> float:
        if value < first:
            return float(table[0])
        if value >= first + len(table):
            return float(table[-1])
        return float(table[value - first])

    wanted = [[looked_up(int(x)) for x in row] for row in values]
    assert apply_lut(values, Lut(first, table)).tolist() == wanted


def test_lut_takes_the_nearest_entry_of_rescaled_values_and_none_for_none() -> None:
    lut = Lut(10, np.array([0.25, 0.5, 1.0], np.float32))
    values = np.array([[9.6, 10.4, 10.9999, 12.2, 99.0, -np.inf, np.inf, np.nan]], np.float32)
    np.testing.assert_array_equal(apply_lut(values, lut), [[0.25, 0.25, 0.5, 1.0, 1.0, 0.25, 1.0, np.nan]])


# display: modality -> VOI -> inversion


def test_inversion_comes_last() -> None:
    plane = np.arange(0, 400, 10, dtype=np.int16).reshape(4, 10)
    shown = display(image(plane, window=(100.0, 100.0), inverted=True))
    np.testing.assert_array_equal(shown, -apply_window(plane[..., None], 100, 100))
    # Inversion before the window would show 300 and above, not 50 and below, as white.
    assert shown.max() == shown[0, 0] > shown[0, 9]


def test_a_voi_lut_goes_before_a_window() -> None:
    plane = np.array([[0, 1, 2, 3]], np.uint8)
    lut = Lut(0, np.array([0, 1, 0.5, 0.25], np.float32))
    assert display(image(plane, voi_lut=lut, window=(2.0, 2.0)))[..., 0].tolist() == [[0, 1, 0.5, 0.25]]


def test_without_voi_the_units_stay() -> None:
    plane = np.array([[-1000, 40], [400, 3000]], np.int16)
    shown = display(image(plane))
    assert shown.dtype == np.int16
    assert shown[..., 0].tolist() == plane.tolist()


@pytest.mark.parametrize("window", [(9000.0, 10.0), (-9000.0, 10.0), (50.0, 0.0), (50.0, -3.0)])
def test_a_window_that_shows_nothing_is_passed_over(window: tuple[float, float]) -> None:
    plane = np.array([[0, 10], [20, 100]], np.int16)
    assert display(image(plane, window=window))[..., 0].tolist() == plane.tolist()


# stretch


ANY_VALUES = st.one_of(
    hnp.arrays(st.sampled_from([np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32]), SIZES),
    hnp.arrays(st.sampled_from([np.float16, np.float32, np.float64]), SIZES),
)


@given(ANY_VALUES, st.sampled_from([EVERYTHING, USUAL, (5.0, 95.0)]))
def test_stretch_gives_bytes_in_the_same_order(values: NDArray[Any], percentiles: tuple[float, float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns where a span overflows
        try:
            shown = stretch(values, percentiles)
        except UnreadableImageError:
            assert not np.isfinite(values).any()
            return
    assert shown.dtype == np.uint8
    assert shown.shape == values.shape
    flat, bytes_ = values.ravel(), shown.ravel()
    finite = np.isfinite(flat)
    order = np.argsort(flat[finite], kind="stable")
    assert (np.diff(bytes_[finite][order].astype(int)) >= 0).all()
    assert (bytes_[~finite] == bytes_[finite].min()).all()


@given(hnp.arrays(np.int16, SIZES, elements=st.integers(-1000, 1000)), st.integers(1, 12), st.integers(-4000, 4000))
def test_stretch_forgets_gain_and_offset(values: NDArray[np.int16], gain: int, offset: int) -> None:
    twin = values.astype(np.int32) * gain + offset
    difference = stretch(values, USUAL).astype(int) - stretch(twin, USUAL)
    assert np.abs(difference).max() <= 1  # rounding at .5


def test_stretch_is_the_formula() -> None:
    values = np.random.default_rng(0).integers(-500, 3000, (80, 90)).astype(np.int16)
    low, high = np.percentile(values, USUAL)
    wanted = [[min(255, max(0, math.floor((x - low) / (high - low) * 255 + 0.5))) for x in r] for r in values]
    assert np.abs(stretch(values, USUAL).astype(int) - wanted).max() <= 1


@pytest.mark.parametrize("value", [0, 7, -3, 2**31 - 1])
def test_one_value_everywhere_is_black(value: int) -> None:
    assert not stretch(np.full((5, 6), value, np.int32), USUAL).any()


def test_a_few_bright_pixels_on_a_flat_ground_stay_visible() -> None:
    values = np.zeros((100, 100), np.uint16)
    values[3, 4] = 4000
    shown = stretch(values, USUAL)
    assert shown[3, 4] == 255
    assert shown.sum() == 255


def test_what_is_not_finite_counts_as_the_lowest() -> None:
    shown = stretch(np.array([[np.nan, 0.0, 5.0], [np.inf, -np.inf, 10.0]]), EVERYTHING)
    assert shown.tolist() == [[0, 0, 128], [0, 0, 255]]


def test_no_finite_value_is_refused() -> None:
    with pytest.raises(UnreadableImageError, match="damaged-pixels"):
        stretch(np.full((3, 3), np.nan), USUAL)


def test_a_full_range_byte_picture_is_left_alone() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(stretch(values, EVERYTHING), values)


@pytest.mark.parametrize("dtype", [np.uint32, np.int32, np.float64])
def test_small_differences_between_large_values_are_kept(dtype: type) -> None:
    values = (np.arange(256).reshape(16, 16) + 2_000_000_000).astype(dtype)
    assert np.array_equal(stretch(values, EVERYTHING), np.arange(256).reshape(16, 16))


def test_percentiles_come_from_a_grid_of_large_pictures() -> None:
    """One bright column in five hundred stands above the 99th percentile, on the grid as in the whole."""
    values = np.tile(np.arange(1500, dtype=np.uint16), (1500, 1))
    exact = (values - np.percentile(values, 1)) / (np.percentile(values, 99) - np.percentile(values, 1))
    np.testing.assert_allclose(stretch(values, USUAL) / 255, np.clip(exact, 0, 1), atol=0.01)


# One path: the same picture in other clothes


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=30)))
def test_grey_as_rgb_equals_grey(values: NDArray[np.uint8]) -> None:
    grey = prepare(from_array(values), Preprocessing(size=(16, 16)))
    colour = prepare(from_array(np.repeat(values[..., None], 3, axis=-1)), Preprocessing(size=(16, 16)))
    assert np.array_equal(grey, colour)


def test_an_inverted_picture_equals_its_negative() -> None:
    plane = np.random.default_rng(3).integers(0, 4096, (40, 50)).astype(np.uint16)
    negative = prepare(image(4095 - plane), Preprocessing())
    inverted = prepare(image(plane, inverted=True), Preprocessing())
    assert np.abs(negative.astype(int) - inverted).max() <= 1


# resize


def corners(rows: int, columns: int) -> PIL.Image.Image:
    """White with a 20 % black frame on the left: enough to see what was cut or padded."""
    pixels = np.full((rows, columns), 255, np.uint8)
    pixels[:, : columns // 5] = 0
    return PIL.Image.fromarray(pixels)


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(["squash", "crop", "pad"]),
    st.sampled_from([(24, 24), (20, 32), (32, 20)]),
    st.sampled_from([None, 40]),
)
@settings(max_examples=60)
def test_every_fit_gives_the_recipe_s_size(
    rows: int, columns: int, fit: Any, size: tuple[int, int], edge: int | None
) -> None:
    shown = PIL.Image.new("L", (columns, rows), 200)
    resized = resize(shown, Preprocessing(size=size, resize=fit, shortest_edge=edge))
    assert resized.size == size[::-1]
    if fit == "squash":
        assert np.asarray(resized).min() == 200


def test_pad_keeps_the_aspect_and_centres_on_black() -> None:
    shown = resize(PIL.Image.new("L", (200, 100), 255), Preprocessing(size=(64, 64), resize="pad"))
    lit = np.asarray(shown) > 127
    assert np.flatnonzero(lit.any(axis=1)).tolist() == list(range(16, 48))
    assert lit.any(axis=0).all()


def test_crop_keeps_the_centre() -> None:
    plane = np.zeros((100, 200), np.uint8)
    plane[:, 50:150] = 255  # the centre square
    shown = resize(PIL.Image.fromarray(plane), Preprocessing(size=(50, 50), resize="crop"))
    assert (np.asarray(shown)[:, 1:-1] > 127).all()


def test_crop_cuts_from_a_larger_short_edge() -> None:
    plane = np.full((100, 100), 255, np.uint8)
    plane[20:80, 20:80] = 0
    recipe = Preprocessing(size=(30, 30), resize="crop", shortest_edge=50)
    assert not (np.asarray(resize(PIL.Image.fromarray(plane), recipe)) > 127).any()


def test_squash_ignores_the_aspect() -> None:
    shown = np.asarray(resize(corners(30, 100), Preprocessing(size=(50, 50), resample="nearest")))
    assert (shown[:, :10] == 0).all()
    assert (shown[:, 10:] == 255).all()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_model_input_has_three_channels(mode: str) -> None:
    shown = PIL.Image.new(mode, (33, 21))
    pixels = model_input(shown, Preprocessing(size=(8, 12)))
    assert pixels.shape == (8, 12, 3)
    assert pixels.dtype == np.uint8


# thumbnails


@pytest.mark.parametrize(("size", "wanted"), [((640, 320), (160, 80)), ((50, 400), (20, 160)), ((30, 20), (30, 20))])
def test_thumbnail_is_a_small_jpeg_of_the_same_shape(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    with PIL.Image.open(io.BytesIO(thumbnail(PIL.Image.new("L", size, 90)))) as small:
        assert small.format == "JPEG"
        assert small.size == wanted
        assert abs(int(np.asarray(small.convert("L")).mean()) - 90) <= 1


def test_thumbnail_shows_the_picture() -> None:
    with PIL.Image.open(io.BytesIO(thumbnail(corners(400, 400)))) as small:
        lit = np.asarray(small.convert("L")) > 127
    assert not lit[:, :30].any()
    assert lit[:, 34:].all()


# arrays


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4,)),
        np.zeros((4, 4, 2)),
        np.zeros((4, 4, 4)),
        np.zeros((2, 4, 4, 1)),
        np.zeros((0, 4)),
        np.zeros((4, 4), complex),
        np.full((4, 4), "a"),
        np.zeros((4, 4), "datetime64[s]"),
        np.full((4, 4), None),
    ],
    ids=str,
)
def test_arrays_that_are_no_picture_are_refused(array: NDArray[Any]) -> None:
    with pytest.raises(UnreadableImageError, match="unsupported-pixels"):
        from_array(array)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.float32, np.float64, ">u2"])
def test_arrays_become_images(shape: tuple[int, ...], dtype: Any) -> None:
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    made = from_array(array)
    assert made.pixels.shape == (1, 5, 7, 3 if len(shape) == 3 and shape[-1] == 3 else 1)
    assert picture(made, USUAL).size == (7, 5)
