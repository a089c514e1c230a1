"""A box that goes through several slices of a volume, and the most similar place of that kind in other volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from lookalike.asking.query import Query
from lookalike.asking.region import RegionPatches, moved_to, scores_in
from lookalike.errors import UsageError
from lookalike.hits import Region
from lookalike.store.patches import StoredPatches
from lookalike.types import Preprocessing

MOST_LEVELS: Final = 100  # slices of a box


def views_between(query: Query, slices: tuple[int, int]) -> list[int]:
    """The slices of a query from the first to the last of these, as far as they are searched. Raises UsageError."""
    first, last = slices
    views = [view for view in query.views if first <= view <= last]
    if query.depth == 1:
        raise UsageError("slices grow a box through a volume; the query is one picture")
    if not views:
        raise UsageError(
            f"no slice from {first} to {last} is searched; the query has {len(query.views)} from {query.views[0]} to "
            f"{query.views[-1]} (blank ones are left out)"
        )
    if len(views) > MOST_LEVELS:
        raise UsageError(f"a box goes through at most {MOST_LEVELS} slices, got {len(views)}; give fewer")
    return views


def grown(levels: Sequence[RegionPatches]) -> RegionPatches:
    """The region of one box on several slices, ascending: the middle one, which knows all."""
    middle = levels[len(levels) // 2]
    return replace(middle, levels=tuple(levels)) if len(levels) > 1 else middle


def solid_place(region: RegionPatches, slices: list[StoredPatches], recipe: Preprocessing) -> Region:
    """The place in one volume, given by all its stored slices in order, that is most similar to a region's levels.

    The levels are laid over every run of as many slices, all at the same place of the picture; the score is the mean of
    the levels' scores (``ranking.window_scores``). Where the volume has fewer slices than the region, levels without a
    slice count 0, as padding does, and so does a picture for a box of many slices.
    """
    deep, many = len(region.levels), len(slices)
    starts = range(min(0, many - deep), max(0, many - deep) + 1)
    total: np.ndarray | None = None
    for level, own in enumerate(region.levels):
        scores, grids = scores_in(own, slices, recipe)
        if total is None:
            total = np.zeros((len(starts), *scores.shape[1:]), np.float32)
        for row, start in enumerate(starts):
            if 0 <= start + level < many:
                total[row] += scores[start + level]
    assert total is not None
    total /= deep
    row, down, across = (int(at) for at in np.unravel_index(total.argmax(), total.shape))
    first = starts[row]
    there = [patched.view for patched in slices[max(first, 0) : first + deep]]
    middle = min(max(first + deep // 2, 0), many - 1)
    place = moved_to(region, grids[middle], down, across)
    return Region(slices[middle].view, place, float(total[row, down, across]), tuple(there))
