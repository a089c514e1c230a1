"""Where patches lie in the displayed picture: against what ``resize`` really does, and plain loops."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lookalike.encoders.preprocessing.grid import (
    Grid,
    box_of_mask,
    cells_in_box,
    cells_in_mask,
    cells_in_picture,
    check_box,
    grid_of,
    over_picture,
    to_input,
    to_picture,
)
from lookalike.errors import UsageError
from lookalike.pixels import resize
from lookalike.types import Displayed, Preprocessing

RECIPES = {
    "squash": Preprocessing((64, 64)),
    "squash and cut": Preprocessing((64, 64), shortest_edge=80),
    "crop": Preprocessing((64, 64), resize="crop", shortest_edge=72),
    "crop, not square": Preprocessing((48, 64), resize="crop"),
    "pad": Preprocessing((64, 64), resize="pad"),
    "pad, not square": Preprocessing((48, 80), resize="pad"),
    "corner": Preprocessing((64, 64), resize="corner"),
    "square": Preprocessing((64, 64), resize="square"),
    "square and cut": Preprocessing((64, 64), resize="square", shortest_edge=70),
}
sides = st.integers(20, 150)


@st.composite
def pictures_with_box(draw: st.DrawFn) -> tuple[tuple[int, int], tuple[int, int, int, int]]:
    """(rows, columns) of a picture and a box in its pixels, a fifth of each side or more."""
    rows, columns = draw(sides), draw(sides)
    left, top = draw(st.integers(0, columns * 3 // 4)), draw(st.integers(0, rows * 3 // 4))
    right = draw(st.integers(left + columns // 5, columns))
    bottom = draw(st.integers(top + rows // 5, rows))
    return (rows, columns), (left, top, right, bottom)


@pytest.mark.parametrize("name", RECIPES)
@given(drawn=pictures_with_box())
@settings(max_examples=60, deadline=None)
def test_a_box_lands_where_resize_puts_it(name: str, drawn: tuple[tuple[int, int], tuple[int, int, int, int]]) -> None:
    recipe, ((rows, columns), (left, top, right, bottom)) = RECIPES[name], drawn
    picture = np.zeros((rows, columns), np.uint8)
    picture[top:bottom, left:right] = 255
    shown = np.asarray(resize(PIL.Image.fromarray(picture), recipe).convert("L")) >= 128
    high, wide = recipe.size
    grid = grid_of(Displayed(rows, columns), recipe, 7, 7)
    box = (left / columns, top / rows, right / columns, bottom / rows)
    x0, y0, x1, y1 = to_input(grid, box)
    expected = [max(x0 * wide, 0), max(y0 * high, 0), min(x1 * wide, wide), min(y1 * high, high)]
    assume(expected[2] - expected[0] > 4 and expected[3] - expected[1] > 4)
    ys, xs = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    np.testing.assert_allclose([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1], expected, atol=1.6)


boxes = st.tuples(*[st.integers(0, 63)] * 4).map(
    lambda n: (min(n[0], n[2]) / 64, min(n[1], n[3]) / 64, (max(n[0], n[2]) + 1) / 64, (max(n[1], n[3]) + 1) / 64)
)
grids = st.builds(
    Grid,
    st.integers(1, 15),
    st.integers(1, 15),
    *[st.integers(-20, 30).map(lambda n: n / 64)] * 2,
    *[st.integers(20, 100).map(lambda n: n / 64)] * 2,
)


@given(grids, boxes)
def test_there_and_back(grid: Grid, box: tuple[float, float, float, float]) -> None:
    np.testing.assert_allclose(to_picture(grid, to_input(grid, box)), box, atol=1e-9)


def share(cell: int, cells: int, low: float, high: float) -> float:
    """The share of a cell of [0, 1] between two places."""
    return max(0.0, min(high, (cell + 1) / cells) - max(low, cell / cells)) * cells


@given(grids, boxes)
def test_the_cells_of_a_box_are_those_most_covered(grid: Grid, box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = to_input(grid, box)
    down = [share(row, grid.rows, y0, y1) for row in range(grid.rows)]
    across = [share(column, grid.columns, x0, x1) for column in range(grid.columns)]
    if max(down) <= 0 or max(across) <= 0:
        with pytest.raises(UsageError, match="sees nothing of this region"):
            cells_in_box(grid, box)
        return
    cells = cells_in_box(grid, box)
    assert cells.any()
    for row in range(grid.rows):
        for column in range(grid.columns):
            margins = abs(down[row] - max(down) / 2), abs(across[column] - max(across) / 2)
            if min(margins) > 1e-9:  # on the edge rounding decides
                chosen = down[row] > max(down) / 2 and across[column] > max(across) / 2
                assert cells[row, column] == chosen


@given(grids, st.integers(0, 1000), st.integers(1, 6), st.integers(1, 6))
def test_the_cells_of_a_mask_are_those_most_covered(grid: Grid, seed: int, rows: int, columns: int) -> None:
    mask = np.random.default_rng(seed).random((rows, columns)) < 0.4
    covered = np.zeros((grid.rows, grid.columns))
    for (row, column), marked in np.ndenumerate(mask):
        box = (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows)
        x0, y0, x1, y1 = to_input(grid, box)
        for (r, c), _ in np.ndenumerate(covered):
            covered[r, c] += marked * share(r, grid.rows, y0, y1) * share(c, grid.columns, x0, x1)
    if covered.max() <= 1e-12:
        with pytest.raises(UsageError):
            cells_in_mask(grid, mask)
        return
    clear = np.abs(covered - covered.max() / 2) > 1e-9
    np.testing.assert_array_equal(cells_in_mask(grid, mask)[clear], (covered > covered.max() / 2)[clear])


def test_a_mask_that_is_a_box_is_the_box() -> None:
    grid = grid_of(Displayed(100, 80), RECIPES["pad"], 14, 14)
    mask = np.zeros((100, 80), bool)
    mask[20:60, 8:48] = True
    assert box_of_mask(mask) == (0.1, 0.2, 0.6, 0.6)
    np.testing.assert_array_equal(cells_in_mask(grid, mask), cells_in_box(grid, box_of_mask(mask)))


def test_padding_is_no_picture() -> None:
    tall = grid_of(Displayed(200, 100), RECIPES["pad"], 8, 8)
    assert cells_in_picture(tall)[0].tolist() == [False, False, True, True, True, True, False, False]
    corner = grid_of(Displayed(100, 200), RECIPES["corner"], 8, 8)
    assert cells_in_picture(corner)[:, 0].tolist() == [True] * 4 + [False] * 4


@given(grids, st.integers(0, 1000))
def test_heat_over_the_picture_is_interpolated_between_centres(grid: Grid, seed: int) -> None:
    values = np.random.default_rng(seed).random((grid.rows, grid.columns))
    shown = over_picture(grid, values)
    rows, columns = shown.shape
    assert (rows, columns) == (max(1, round(grid.rows * grid.height)), max(1, round(grid.columns * grid.width)))
    for (row, column), value in np.ndenumerate(shown):
        y = grid.top + grid.height * (row + 0.5) / rows
        x = grid.left + grid.width * (column + 0.5) / columns
        if min(abs(y), abs(y - 1), abs(x), abs(x - 1)) < 1e-9:
            continue
        assert value == pytest.approx(bilinear(values, y, x) if 0 < y < 1 and 0 < x < 1 else 0, abs=1e-6)


def bilinear(values: np.ndarray, y: float, x: float) -> float:
    rows, columns = values.shape
    at = [min(max(place * n - 0.5, 0), n - 1) for place, n in ((y, rows), (x, columns))]
    low = [min(int(place), n - 1) for place, n in zip(at, (rows, columns), strict=True)]
    high = [min(place + 1, n - 1) for place, n in zip(low, (rows, columns), strict=True)]
    part = [place - start for place, start in zip(at, low, strict=True)]
    above = values[low[0], low[1]] * (1 - part[1]) + values[low[0], high[1]] * part[1]
    below = values[high[0], low[1]] * (1 - part[1]) + values[high[0], high[1]] * part[1]
    return float(above * (1 - part[0]) + below * part[0])


@pytest.mark.parametrize(
    "box", [(0, 0, 0, 1), (0.5, 0, 0.4, 1), (-0.1, 0, 1, 1), (0, 0, 1, 1.01), (float("nan"), 0, 1, 1)]
)
def test_no_box(box: tuple[float, float, float, float]) -> None:
    with pytest.raises(UsageError, match="fractions of the picture"):
        check_box(box)
