"""Restrict a query to a region of one of its pictures: a box or a mask, on a slice, with its context or alone."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.masks import Mask, mask_over
from lookalike.asking.patches import encoded, frame_at, patches_at_each
from lookalike.asking.query import Query
from lookalike.asking.region import RegionPatches, region_of
from lookalike.asking.solid import grown, views_between
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.readers.events import Frame
from lookalike.store.packed import unpacked
from lookalike.types import Box, PatchMap

_ASPECT: Final = 0.02  # by how much the aspect ratios of a mask and its picture may differ


def with_region(
    gallery: Gallery,
    query: Query,
    *,
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    slices: tuple[int, int] | None = None,
    context: bool = True,
) -> Query:
    """The query restricted to a region; box, mask, slice, slices, context as in ``search``.

    Raises UsageError, UnreadableImageError (the mask), DamagedFileError.
    """
    if slices is not None and (box is None or mask is not None or slice is not None):
        raise UsageError("slices grow a box through a volume: give a box, and leave mask and slice out")
    drawn = None if mask is None else mask_over(gallery, mask, query.plane)
    views = [chosen_view(query, slice, drawn)] if slices is None else views_between(query, slices)
    levels = []
    for view, (patches, small) in zip(views, patches_at_each(gallery, query, views), strict=True):
        marked = None if drawn is None else mask_at(drawn, view, patches)
        region = region_of(gallery.spec.preprocessing, patches, box, marked, view)
        levels.append(region if context else _alone(gallery, region, frame_at(gallery, query, view)))
        if len(levels) == len(views) // 2 + 1:
            query = replace(query, thumbnail=small)
    return replace(query, region=grown(levels))


def chosen_view(query: Query, slice_: int | None, mask: Mask | None) -> int:
    """The number of the region's slice. Raises UsageError if there is no such slice, or the mask marks none of them."""
    if mask is not None and mask.depth not in (1, query.depth):
        raise UsageError(
            f"the mask has {mask.depth} slices and the query {query.depth}; give a mask of the same volume"
        )
    if slice_ is not None:
        if slice_ in query.views:
            return slice_
        raise UsageError(
            f"there is no slice {slice_}; it has {len(query.views)} from {query.views[0]} to {query.views[-1]} "
            "(blank ones are left out)"
        )
    if mask is not None and mask.depth > 1:
        marked = [view for view in query.views if view in mask.views]
        if not marked:
            raise UsageError("the mask marks no slice of the query that is searched; give the query's own mask")
        return max(marked, key=lambda view: int(mask.views[view].sum()))
    return query.views[len(query.views) // 2]


def mask_at(mask: Mask, view: int, patches: PatchMap) -> NDArray[np.bool_]:
    """The mask over one slice. Raises UsageError if it is empty there, or of another shape than the picture."""
    drawn = mask.views.get(view) if mask.depth > 1 else next(iter(mask.views.values()))
    if drawn is None:
        raise UsageError(f"the mask marks nothing in slice {view}; it marks {_some(sorted(mask.views))}")
    (rows, columns), (high, wide, _) = mask.shape, patches.shown
    if abs(rows * wide / (columns * high) - 1) > _ASPECT:
        raise UsageError(
            f"the mask is of {rows} x {columns} and the picture of {high} x {wide}; give a mask of the same shape"
        )
    return drawn


def _some(views: list[int]) -> str:
    return f"slices from {views[0]} to {views[-1]}"


def _alone(gallery: Gallery, region: RegionPatches, frame: Frame) -> RegionPatches:
    """The region with patches encoded without its surroundings, which are set to the picture's mean grey."""
    rows, columns = frame.input.shape[:2]
    left, right = (round(edge * columns) for edge in region.box[::2])
    top, bottom = (round(edge * rows) for edge in region.box[1::2])
    inside = np.s_[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)]
    pixels = np.full_like(frame.input, frame.input.mean())
    pixels[inside] = frame.input[inside]
    at = region.places
    codes = encoded(gallery, replace(frame, input=pixels)).codes
    return replace(region, vectors=unpacked(codes[at[:, 0], at[:, 1]]))
