"""explain: which patches of a query and of a record match each other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.masks import mask_over
from lookalike.asking.patches import (
    Source,
    chosen_view,
    encoded,
    frame_at,
    frames_of,
    mask_at,
    patches_at,
    source_of,
    vectors_of,
)
from lookalike.asking.rank_regions import SLICES, RegionQuery, alone, places_in, region_of
from lookalike.encoders.grid import Cells, cells_in_picture, grid_of, over_picture
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.ranking import best_pair, contributing_rows
from lookalike.store import BASE
from lookalike.store.packed import unpacked
from lookalike.store.patches import StoredPatches, read_patches
from lookalike.types import Box, Match, PatchMap, Region

_TOGETHER: Final = 16  # slices encoded at once


@dataclass(frozen=True, slots=True)
class Heat:
    """heat: (rows, columns) from 0 to 1 over the displayed picture, of the slice ``slice`` (0 in a picture).
    box: the region asked for, or the place that answers it; None without a region.
    """

    rows: int
    columns: int
    slice: int
    heat: tuple[tuple[float, ...], ...]
    box: Box | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """query, hit: how well each patch is answered by the other picture; 0 is the least and 1 the most that occurs
    in the two, so that heat is comparable between them and not between explanations. match: of volumes, which
    slices.
    """

    query: Heat
    hit: Heat
    match: Match | None


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One of the two pictures: its patches, its slice, its box."""

    patches: PatchMap
    slice: int
    box: Box | None = None


def explain(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    *,
    record: str,
    id: str | None = None,
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    space: str = BASE,
    context: bool = True,
) -> Explanation:
    """Why a record answers a query: the heat of both, from the cosines of their patches.

    query, id: as in ``search``; record: the hit's id. Without a region a patch's heat is its best cosine in the
    other picture. With box, mask and context (as in ``search_regions``) the query's heat is that of the region's
    patches, and the hit's box is the place that answers it best. Of volumes the most alike pair of slices is
    shown, by their vectors in ``space``, or the best place of the region; slice: the query's, if it is to be a
    certain one. An adapter changes which slices are shown, not the heat: patches are in the encoder's own space.

    Patches that are not stored are made from the record's file. Raises UsageError where it is gone, or where the
    encoder gives no patches; UnreadableImageError, NotFoundError (unknown id), DamagedFileError.
    """
    asked = source_of(gallery, query, id)
    return explain_each(gallery, asked, [record], box=box, mask=mask, slice=slice, space=space, context=context)[0]


def explain_each(
    gallery: Gallery,
    asked: Source,
    records: Iterable[str],
    *,
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    space: str = BASE,
    context: bool = True,
) -> list[Explanation]:
    """``explain`` of one query and several records: the query and its mask are read once."""
    hits = [source_of(gallery, None, record) for record in records]
    drawn = None if mask is None else mask_over(gallery, mask)
    if box is None and drawn is None:
        return [_of_pair(gallery, asked, hit, slice, space) for hit in hits]
    view = chosen_view(asked, slice, drawn)
    patches, _ = patches_at(gallery, asked, view)
    marked = None if drawn is None else mask_at(drawn, view, patches)
    region = region_of(gallery.spec.preprocessing, patches, box, marked)
    if not context:
        region = alone(gallery, region, frame_at(gallery, asked, view))
    explained = []
    for hit in hits:
        one = explain_region(gallery, region, patches, view, hit)
        explained.append(one if _volumes(asked, hit) else replace(one, match=None))
    return explained


def _of_pair(gallery: Gallery, asked: Source, hit: Source, slice_: int | None, space: str) -> Explanation:
    view, other, match = _pair(gallery, asked, hit, slice_, space)
    left, right = (_Side(patches_at(gallery, one, at)[0], at) for one, at in ((asked, view), (hit, other)))
    return Explanation(*_heats(gallery, left, right, None), match)


def explain_region(gallery: Gallery, region: RegionQuery, patches: PatchMap, view: int, hit: Source) -> Explanation:
    """``explain`` of a region of the picture with these patches, which is the slice ``view`` of the query."""
    place, maps, match = _answer(gallery, region, hit, view)
    left, right = _Side(patches, view, region.shown), _Side(maps, place.slice, place.box)
    return Explanation(*_heats(gallery, left, right, region), match)


def _volumes(asked: Source, hit: Source) -> bool:
    return len(asked.views) > 1 or len(hit.views) > 1


def _pair(
    gallery: Gallery, asked: Source, hit: Source, slice_: int | None, space: str
) -> tuple[int, int, Match | None]:
    """The most alike slices, and what a search would say of them."""
    gallery.space(space)  # an unknown one is a mistake also where nothing is to be chosen
    if slice_ is not None:
        chosen_view(asked, slice_, None)
    if not _volumes(asked, hit):
        return asked.views[0], hit.views[0], None
    rows = [i for i, view in enumerate(asked.views) if slice_ in (None, view)]
    ours = gallery.project(vectors_of(gallery, asked), space)[rows]
    theirs = gallery.project(vectors_of(gallery, hit), space)
    row, column, score = best_pair(ours, theirs)
    slices = tuple(hit.views[int(i)] for i in contributing_rows(ours, theirs))
    match = Match(asked.views[rows[row]], hit.views[column], score, slices)
    return match.query_slice, match.slice, match


def _answer(gallery: Gallery, region: RegionQuery, hit: Source, view: int) -> tuple[Region, PatchMap, Match]:
    """The best place of a region in a record, the patches there, and the best slices."""
    found: list[tuple[Region, PatchMap]] = []
    for part in _maps(gallery, hit):
        places = places_in(region, part, gallery.spec.preprocessing)
        found += zip(places, (one.patches for one in part), strict=True)
        found = sorted(found, key=lambda item: (-item[0].score, item[0].slice))[:SLICES]
    place, maps = found[0]
    slices = tuple(sorted(place.slice for place, _ in found))
    return place, maps, Match(view, place.slice, place.score, slices)


def _maps(gallery: Gallery, hit: Source) -> Iterator[list[StoredPatches]]:
    """All patches of a record, some at a time: stored ones, or made from its file."""
    if hit.record is None:
        raise UsageError("a hit is a record of the gallery")
    stored = list(read_patches(gallery.store, [hit.record.key]))
    if sum(map(len, stored)) == len(hit.views):
        yield from stored
        return
    frames = frames_of(gallery, hit.record)
    for start in range(0, len(frames), _TOGETHER):
        some = frames[start : start + _TOGETHER]
        yield [StoredPatches(hit.record.key, frame.view, encoded(gallery, frame)) for frame in some]


def _heats(gallery: Gallery, left: _Side, right: _Side, region: RegionQuery | None) -> tuple[Heat, Heat]:
    recipe = gallery.spec.preprocessing
    grids = [grid_of(side.patches.shown, recipe, *side.patches.codes.shape[:2]) for side in (left, right)]
    ours, theirs = (cells_in_picture(grid) for grid in grids)
    if region is not None:
        at = region.cells + np.array(region.first)
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
