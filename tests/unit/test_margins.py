"""Uniform margins: planted ones are found to the pixel, pictures without any keep every line."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lookalike.encoders.preprocessing.grid import box_of_mask, grid_of, to_input
from lookalike.margins import GREY_TOLERANCE, WIDEST_MARGIN, inside_margins
from lookalike.pixels import fitted, from_array, picture
from lookalike.types import Preprocessing

CROPPED = Preprocessing(size=(64, 64), margins="crop")


def busy(seed: int, rows: int, columns: int, channels: int = 0) -> NDArray[np.uint8]:
    """A picture whose every line differs from any one level in more than 2 % of its pixels."""
    shape = (rows, columns, channels) if channels else (rows, columns)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def framed(inside: NDArray[np.uint8], sides: tuple[int, int, int, int], level: int, seed: int) -> NDArray[np.uint8]:
    """A picture with margins (top, left, bottom, right) of one level, with noise up to half of the tolerance."""
    top, left, bottom, right = sides
    widths = ((top, bottom), (left, right), (0, 0))[: inside.ndim]
    canvas = np.pad(np.ones_like(inside), widths)
    noise = np.random.default_rng(seed).integers(-GREY_TOLERANCE // 2, GREY_TOLERANCE // 2 + 1, canvas.shape)
    frame = np.clip(level + noise, 0, 255).astype(np.uint8)
    frame[canvas.astype(bool)] = inside.ravel()
    return frame


@given(
    st.integers(0, 1000),
    st.tuples(st.integers(40, 90), st.integers(40, 90)),
    st.tuples(*[st.integers(0, 20)] * 4),
    st.integers(0, 255),
    st.sampled_from([0, 3]),
)
def test_planted_margins_are_found(
    seed: int, size: tuple[int, int], sides: tuple[int, int, int, int], level: int, channels: int
) -> None:
    shown = framed(busy(seed, *size, channels), sides, level, seed)
    rows, columns = shown.shape[:2]
    found = inside_margins(shown)
    limits = int(WIDEST_MARGIN * rows), int(WIDEST_MARGIN * columns)
    taken = [found[0], found[1], rows - found[2], columns - found[3]]
    for side, (depth, limit) in enumerate(zip(sides, limits * 2, strict=True)):
        assert taken[side] == min(depth, limit)


@given(st.integers(0, 1000), st.integers(30, 200), st.integers(30, 200))
def test_a_picture_without_margins_stays_whole(seed: int, rows: int, columns: int) -> None:
    assert inside_margins(busy(seed, rows, columns)) == (0, 0, rows, columns)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_nothing_but_margin_stays_whole(level: int) -> None:
    blank = np.full((50, 70), level, np.uint8)
    assert inside_margins(blank) == (0, 0, 50, 70)
    blank[25, 30] = 255 - level  # a speck is no picture
    assert inside_margins(blank) == (0, 0, 50, 70)
    assert inside_margins(np.zeros((1, 1), np.uint8)) == (0, 0, 1, 1)


def test_margins_lie_in_one_another() -> None:
    """A white frame around a film whose collimation is black."""
    film = framed(busy(3, 120, 100), (9, 8, 7, 6), 0, 1)
    assert inside_margins(framed(film, (5, 5, 5, 5), 255, 2)) == (14, 13, 134, 113)


def test_the_level_of_a_margin_is_the_median_of_its_line() -> None:
    shown = np.random.default_rng(0).integers(0, 256, (60, 80), dtype=np.uint8)
    shown[:9] = np.tile([90, 110], 40)  # 10 levels from the median, 20 from each other
    assert inside_margins(shown) == (9, 0, 60, 80)


def test_letters_in_a_margin_do_not_keep_it_and_half_a_line_does() -> None:
    shown = framed(busy(4, 300, 300), (40, 0, 0, 0), 0, 1)
    shown[10:16, 5:11] = 255  # 2 % of a line of 300
    assert inside_margins(shown)[0] == 40
    shown[10:16, 5:40] = 255
    assert inside_margins(shown)[0] == 10


@given(
    st.integers(0, 1000),
    st.tuples(*[st.integers(0, 20)] * 4),
    st.tuples(*[st.integers(0, 30)] * 2),
    st.sampled_from([CROPPED, Preprocessing(size=(48, 80), resize="pad", margins="crop")]),
)
def test_a_box_lands_where_it_is_seen(
    seed: int, sides: tuple[int, int, int, int], at: tuple[int, int], recipe: Preprocessing
) -> None:
    """A bright box in a picture with margins is found in the input where the grid says it is."""
    dim = (busy(seed, 80, 70) // 4 + 20).astype(np.uint8)
    dim[at[0] : at[0] + 40, at[1] : at[1] + 30] = 255
    shown = PIL.Image.fromarray(framed(dim, sides, 0, seed))
    marked = np.asarray(shown) > 200
    ready, seen = fitted(shown, recipe)
    assert (seen.rows, seen.columns) == marked.shape
    high, wide = recipe.size
    left, top, right, bottom = to_input(grid_of(seen, recipe, 7, 7), box_of_mask(marked))
    lit = ready[..., 0] > 170
    ys, xs = np.flatnonzero(lit.mean(axis=1) > 0.1), np.flatnonzero(lit.mean(axis=0) > 0.1)
    expected = [left * wide, top * high, right * wide, bottom * high]
    np.testing.assert_allclose([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], expected, atol=1.6)


def test_a_white_frame_leaves_the_grey_levels_as_they_were() -> None:
    """Percentiles are taken again without the frame: it would have had the bright end to itself."""
    inside = (busy(5, 90, 90) // 2).astype(np.uint8)
    alone, _ = fitted(picture(from_array(inside), (1.0, 99.0)), CROPPED)
    around, _ = fitted(picture(from_array(framed(inside, (9, 9, 9, 9), 255, 0)), (1.0, 99.0)), CROPPED)
    assert np.abs(alone.astype(int) - around).mean() < 2


def test_recipes_of_before_keep_their_hash() -> None:
    assert "margins" not in Preprocessing().to_json()
    assert Preprocessing.from_fields(CROPPED.fields()) == CROPPED
    assert CROPPED.hash != Preprocessing(size=(64, 64)).hash
