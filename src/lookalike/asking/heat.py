"""Heat maps: where two pictures resemble each other, from the cosines of their patches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.blank import blank_vector
from lookalike.asking.patches import all_patches, patches_at
from lookalike.asking.query import Query, in_space, with_vectors
from lookalike.asking.query_region import chosen_view
from lookalike.asking.rank_regions import SLICES
from lookalike.asking.rank_volumes import weighed_slices
from lookalike.asking.region import RegionPatches, places_in
from lookalike.asking.solid import solid_place
from lookalike.encoders.preprocessing.grid import Cells, cells_in_picture, grid_of, over_picture
from lookalike.gallery import Gallery
from lookalike.hits import Match, Region
from lookalike.ranking import best_pairs, contributing_rows
from lookalike.store import BASE
from lookalike.store.packed import unpacked
from lookalike.types import Box, PatchMap

PAIRS: Final = 5
_APART: Final = 20  # pairs lie at least this part of their volumes apart


@dataclass(frozen=True, slots=True)
class Heat:
    """heat: (rows, columns) from 0 to 1 over the displayed picture, of the slice ``slice`` (0 in a picture).
    box: the query's region, or the place that matches it; None without a region.
    """

    rows: int
    columns: int
    slice: int
    heat: tuple[tuple[float, ...], ...]
    box: Box | None


@dataclass(frozen=True, slots=True)
class SlicePair:
    """A slice of the query and one of the hit, numbered along the gallery's plane, with their cosine."""

    query_slice: int
    slice: int
    score: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """query, hit: how well each patch is matched in the other picture; 0 is the lowest and 1 the highest value in the
    two, so heat is comparable between them but not between explanations. match: of volumes, which slices. pairs: of
    volumes, the pairs of slices with the most in common, best first, at most ``PAIRS`` and some slices apart; of a
    region its best places, which may be neighbours. Without the pair that was chosen by a slice there are no others.
    """

    query: Heat
    hit: Heat
    match: Match | None
    pairs: tuple[SlicePair, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One of the two pictures: its patches, its slice, its box."""

    patches: PatchMap
    slice: int
    box: Box | None = None


def explain_pictures(
    gallery: Gallery, query: Query, hit: Query, *, slice: int | None = None, space: str = BASE
) -> Explanation:
    """Explain a record (``of_record``) for a whole picture; of volumes the most similar pair of slices, by their
    vectors in a space. slice: chooses the query's slice. Raises as ``explain``.
    """
    view, other, match, pairs = _pair(gallery, query, hit, slice, space)
    left, right = (_Side(patches_at(gallery, one, at)[0], at) for one, at in ((query, view), (hit, other)))
    return Explanation(*_heats(gallery, left, right, None), match, pairs)


def explain_region(gallery: Gallery, region: RegionPatches, hit: Query) -> Explanation:
    """Explain the place in a record (``of_record``) that matches a region best. Raises as ``explain``."""
    place, patches, match, pairs = _answer(gallery, region, hit)
    left, right = _Side(region.picture, region.slice, region.shown), _Side(patches, place.slice, place.box)
    return Explanation(*_heats(gallery, left, right, region), match, pairs)


def _pair(
    gallery: Gallery, query: Query, hit: Query, slice_: int | None, space: str
) -> tuple[int, int, Match | None, tuple[SlicePair, ...]]:
    """The pair of slices with the most in common, the match that a search would report, and the next pairs."""
    gallery.space(space)  # an unknown space is an error even where there is no slice to choose
    if slice_ is not None:
        chosen_view(query, slice_, None)
    if len(query.views) == 1 and len(hit.views) == 1:
        return query.views[0], hit.views[0], None, ()
    rows = [i for i, view in enumerate(query.views) if slice_ in (None, view)]
    ours, theirs = (in_space(gallery, with_vectors(gallery, each), space).vectors for each in (query, hit))
    apart = max(1, len(rows) // _APART), max(1, len(theirs) // _APART)
    best = best_pairs(ours[rows], theirs, blank_vector(gallery, space), count=PAIRS, apart=apart)
    pairs = tuple(SlicePair(query.views[rows[row]], hit.views[column], score) for row, column, score in best)
    slices = tuple(hit.views[int(i)] for i in contributing_rows(ours[rows], theirs))
    weights = weighed_slices(gallery, space, hit.views, hit.base)
    match = Match(pairs[0].query_slice, pairs[0].slice, pairs[0].score, slices, weights)
    return match.query_slice, match.slice, match, pairs


def _answer(
    gallery: Gallery, region: RegionPatches, hit: Query
) -> tuple[Region, PatchMap, Match, tuple[SlicePair, ...]]:
    """The best place of a region in a record, the patches there, and the best slices."""
    if region.levels:
        slices_of_hit = list(chain.from_iterable(all_patches(gallery, hit)))
        solid = solid_place(region, slices_of_hit, gallery.spec.preprocessing)
        patched = next(each.patches for each in slices_of_hit if each.view == solid.slice)
        match = Match(region.slice, solid.slice, solid.score, solid.slices)
        return solid, patched, match, (SlicePair(region.slice, solid.slice, solid.score),)
    found: list[tuple[Region, PatchMap]] = []
    for part in all_patches(gallery, hit):
        places = places_in(region, part, gallery.spec.preprocessing)
        found += zip(places, (patched.patches for patched in part), strict=True)
        found = sorted(found, key=lambda item: (-item[0].score, item[0].slice))[:SLICES]
    place, patches = found[0]
    slices = tuple(sorted(place.slice for place, _ in found))
    pairs = tuple(SlicePair(region.slice, place.slice, place.score) for place, _ in found)
    return place, patches, Match(region.slice, place.slice, place.score, slices), pairs


def _heats(gallery: Gallery, left: _Side, right: _Side, region: RegionPatches | None) -> tuple[Heat, Heat]:
    recipe = gallery.spec.preprocessing
    grids = [grid_of(side.patches.shown, recipe, *side.patches.codes.shape[:2]) for side in (left, right)]
    ours, theirs = (cells_in_picture(grid) for grid in grids)
    if region is not None:
        at = region.places
        ours = np.zeros_like(ours)
        ours[at[:, 0], at[:, 1]] = True
    similar = unpacked(left.patches.codes[ours]) @ unpacked(right.patches.codes[theirs]).T
    best = similar.max(axis=1), similar.max(axis=0)
    low, high = float(min(best[0].min(), best[1].min())), float(max(best[0].max(), best[1].max()))
    warm = [np.ones_like(values) if high - low < 1e-6 else (values - low) / (high - low) for values in best]
    maps = [_laid(cells, values) for cells, values in zip((ours, theirs), warm, strict=True)]
    first, second = (over_picture(grid, values) for grid, values in zip(grids, maps, strict=True))
    return _heat(first, left), _heat(second, right)


def _laid(cells: Cells, values: NDArray[np.float32]) -> NDArray[np.float32]:
    laid = np.zeros(cells.shape, np.float32)
    laid[cells] = values
    return laid


def _heat(values: NDArray[np.float32], side: _Side) -> Heat:
    rows, columns = values.shape
    numbers = tuple(tuple(round(float(value), 3) for value in row) for row in np.clip(values, 0, 1))
    return Heat(rows, columns, side.slice, numbers, side.box)
