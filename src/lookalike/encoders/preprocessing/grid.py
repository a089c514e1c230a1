"""Where an encoder's patches lie in the displayed picture: pure geometry.

Patches divide the network's input evenly; ``pixels.placement`` says where the picture lies in the input. So
every resize is one shift and one scale along each axis, and boxes go both ways.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UnseenRegionError, UsageError
from lookalike.pixels import placement
from lookalike.types import Box, Displayed, Preprocessing

Cells = NDArray[np.bool_]  # (rows, columns) of the grid
_ROUNDING: Final = 1e-6  # of a patch: a region that ends where the picture begins covers none


@dataclass(frozen=True, slots=True)
class Grid:
    """rows, columns: of patches in the input. left, top, width, height: the picture's place in the input, in
    fractions of it. margins: whether the picture lost its margins before.
    """

    rows: int
    columns: int
    left: float
    top: float
    width: float
    height: float
    margins: bool = False


def grid_of(shown: Displayed, recipe: Preprocessing, rows: int, columns: int) -> Grid:
    """The patches (rows, columns) of a displayed picture."""
    return Grid(rows, columns, *placement(shown, recipe), margins=shown.inside is not None)


def check_box(box: Box) -> None:
    """Raise UsageError unless it is a box in fractions of the picture."""
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise UsageError(
            f"a box is left,top,right,bottom in fractions of the picture, 0 to 1, left below right and top below "
            f"bottom; got {','.join(f'{edge:g}' for edge in box)}"
        )


def to_input(grid: Grid, box: Box) -> Box:
    """A box of the picture in fractions of the input."""
    left, top, right, bottom = box
    return (
        grid.left + grid.width * left,
        grid.top + grid.height * top,
        grid.left + grid.width * right,
        grid.top + grid.height * bottom,
    )


def to_picture(grid: Grid, box: Box) -> Box:
    """A box of the input in fractions of the picture; what lies outside of the picture is cut off."""
    left, top, right, bottom = (
        (edge - start) / length
        for edge, start, length in zip(box, (grid.left, grid.top) * 2, (grid.width, grid.height) * 2, strict=True)
    )
    return min(max(left, 0), 1), min(max(top, 0), 1), min(max(right, 0), 1), min(max(bottom, 0), 1)


def cells_in_box(grid: Grid, box: Box) -> Cells:
    """The patches that a box of the picture covers: a full rectangle, at least one patch.

    Along each axis those that are covered at least half as much as the most covered one. Raises UnseenRegionError if
    the encoder sees nothing of the box, because it takes margins off or crops the picture.
    """
    left, top, right, bottom = box
    down = overlaps(grid.rows, grid.top, grid.height, np.array([top, bottom]))[:, 0]
    across = overlaps(grid.columns, grid.left, grid.width, np.array([left, right]))[:, 0]
    if down.max() <= _ROUNDING or across.max() <= _ROUNDING:
        raise _unseen(grid)
    cells: Cells = np.outer(down >= down.max() / 2, across >= across.max() / 2)
    return cells


def cells_in_mask(grid: Grid, mask: NDArray[np.bool_]) -> Cells:
    """The patches that a mask (any rows, any columns) laid over the picture covers, at least one.

    Those that are covered at least half as much as the most covered one. Raises as ``cells_in_box``.
    """
    down = overlaps(grid.rows, grid.top, grid.height, np.linspace(0, 1, mask.shape[0] + 1))
    across = overlaps(grid.columns, grid.left, grid.width, np.linspace(0, 1, mask.shape[1] + 1))
    covered = down @ mask.astype(np.float64) @ across.T
    if covered.max() <= _ROUNDING**2:
        raise _unseen(grid)
    cells: Cells = covered >= covered.max() / 2
    return cells


def box_of_mask(mask: NDArray[np.bool_]) -> Box:
    """The smallest box that holds a mask (rows, columns). Raises UsageError if it marks nothing."""
    if not mask.any():
        raise UsageError("the mask marks nothing; values above 0 are the region")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    return (
        float(columns[0] / width),
        float(rows[0] / height),
        float((columns[-1] + 1) / width),
        float((rows[-1] + 1) / height),
    )


def cells_in_picture(grid: Grid) -> Cells:
    """The patches that show the picture and not the padding."""
    return cells_in_box(grid, (0.0, 0.0, 1.0, 1.0))


def overlaps(cells: int, start: float, length: float, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of each cell of [0, 1] that each interval between ``edges`` covers: (cells, intervals).

    edges: ascending, in fractions of the picture, which lies at ``start`` and is ``length`` long.
    """
    at = start + length * edges
    low = np.arange(cells)[:, None] / cells
    shared = np.minimum(at[1:], low + 1 / cells) - np.maximum(at[:-1], low)
    result: NDArray[np.float64] = np.clip(shared, 0, None) * cells
    return result


def over_picture(grid: Grid, values: NDArray[np.floating]) -> NDArray[np.float32]:
    """Values of the patches (rows, columns) as a grid over the displayed picture alone, with cells as large.

    Bilinear between the patches' centres; 0 where the encoder does not see the picture.
    """
    rows, columns = max(1, round(grid.rows * grid.height)), max(1, round(grid.columns * grid.width))
    down = _between(grid.rows, grid.top + grid.height * (np.arange(rows) + 0.5) / rows)
    across = _between(grid.columns, grid.left + grid.width * (np.arange(columns) + 0.5) / columns)
    result: NDArray[np.float32] = (down @ values @ across.T).astype(np.float32)
    return result


def _between(cells: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights (places, cells) of linear interpolation between the cells' centres; none outside of [0, 1]."""
    at = np.clip(places * cells - 0.5, 0, cells - 1)
    weights: NDArray[np.float64] = np.clip(1 - np.abs(at[:, None] - np.arange(cells)), 0, None)
    weights[(places < 0) | (places > 1)] = 0
    return weights


def _unseen(grid: Grid) -> UnseenRegionError:
    if grid.margins:
        return UnseenRegionError(
            "this region lies in a margin of the picture (a frame, a border, collimation) that the encoder takes off "
            "and does not see; choose one inside, or use an encoder that sees margins: "
            "lookalike gallery migrate --encoder lite0-inner"
        )
    return UnseenRegionError(
        "the encoder cuts the picture's edges off and sees nothing of this region; choose one nearer the middle"
    )
