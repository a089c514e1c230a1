"""A region of a picture as patches, and the most similar place in other pictures: geometry without a gallery."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.preprocessing.grid import (
    Grid,
    box_of_mask,
    cells_in_box,
    cells_in_mask,
    cells_in_picture,
    check_box,
    grid_of,
    to_input,
    to_picture,
)
from lookalike.errors import ManifestMismatchError, UsageError
from lookalike.hits import Region
from lookalike.ranking import window_scores
from lookalike.store.packed import unpacked
from lookalike.store.patches import StoredPatches
from lookalike.types import Box, PatchMap, Preprocessing


@dataclass(frozen=True, slots=True, eq=False)
class RegionPatches:
    """The patches (m, channels) of a region, unit vectors; cells (m, 2): row and column of each from the region's
    first; first: where that is in the grid. box: in fractions of the network's input; shown: of the picture.

    slice: of a volume, 0 in a picture. picture: all patches of that slice. levels: of a box that goes through several
    slices, the region in each of them, ascending; it is itself the middle one (``asking.solid``).
    """

    vectors: NDArray[np.float32]
    cells: NDArray[np.int64]
    first: tuple[int, int]
    box: Box
    shown: Box
    slice: int
    picture: PatchMap
    levels: tuple[RegionPatches, ...] = ()

    @property
    def places(self) -> NDArray[np.int64]:
        """Row and column (m, 2) of each patch in the grid of the whole picture."""
        places: NDArray[np.int64] = self.cells + np.array(self.first)
        return places


def region_of(
    recipe: Preprocessing, patches: PatchMap, box: Box | None, mask: NDArray[np.bool_] | None, slice_: int = 0
) -> RegionPatches:
    """The patches of a picture, the slice ``slice_``, that a box or a mask over it covers. Raises UsageError."""
    rows, columns, _ = patches.codes.shape
    grid = grid_of(patches.shown, recipe, rows, columns)
    if box is not None and mask is None:
        check_box(box)
        cells = cells_in_box(grid, box)
    elif mask is not None and box is None:
        box, cells = box_of_mask(mask), cells_in_mask(grid, mask)
    else:
        raise UsageError("give either a box or a mask: the region that is searched for")
    at = np.argwhere(cells)
    first = at.min(axis=0)
    vectors = unpacked(patches.codes[cells])
    place = (int(first[0]), int(first[1]))
    return RegionPatches(vectors, at - first, place, to_input(grid, box), box, slice_, patches)


def places_in(region: RegionPatches, part: list[StoredPatches], recipe: Preprocessing) -> list[Region]:
    """The best place in each of some pictures. Patches that show padding match nothing: their cosine is 0."""
    scores, grids = scores_in(region, part, recipe)
    at = scores.reshape(len(part), -1).argmax(axis=1)
    places = zip(*np.unravel_index(at, scores.shape[1:]), strict=True)
    return [
        Region(patched.view, moved_to(region, grid, int(row), int(column)), float(score[row, column]))
        for patched, grid, score, (row, column) in zip(part, grids, scores, places, strict=True)
    ]


def scores_in(
    region: RegionPatches, part: list[StoredPatches], recipe: Preprocessing
) -> tuple[NDArray[np.float32], list[Grid]]:
    """The region laid over every place of some pictures: scores (pictures, rows, columns), and the pictures' grids."""
    shapes = {patched.patches.codes.shape for patched in part}
    if len(shapes) > 1 or next(iter(shapes))[2] != region.vectors.shape[1]:
        raise ManifestMismatchError(
            "some stored patches are of another shape than the query's; "
            "run `lookalike index --patches` on the same sources into a new gallery"
        )
    vectors = unpacked(np.stack([patched.patches.codes for patched in part]))
    pictures, rows, columns, channels = vectors.shape
    similar = (region.vectors @ vectors.reshape(-1, channels).T).reshape(-1, pictures, rows, columns)
    grids = [grid_of(patched.patches.shown, recipe, rows, columns) for patched in part]
    seen: dict[Grid, NDArray[np.bool_]] = {grid: cells_in_picture(grid) for grid in set(grids)}
    similar *= np.stack([seen[grid] for grid in grids])
    return window_scores(similar, region.cells), grids


def moved_to(region: RegionPatches, grid: Grid, row: int, column: int) -> Box:
    """The region's box where its first patch lies at (row, column), in fractions of the other picture."""
    down, across = (row - region.first[0]) / grid.rows, (column - region.first[1]) / grid.columns
    left, top, right, bottom = region.box
    return to_picture(grid, (left + across, top + down, right + across, bottom + down))
