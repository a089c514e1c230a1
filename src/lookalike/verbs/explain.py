"""explain: where a query and a record resemble each other, from the cosines of their patches."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.heat import Explanation, explain_pictures, explain_region
from lookalike.asking.one_encoder import of_one_encoder
from lookalike.asking.patches import small_picture
from lookalike.asking.query import Query, QueryPicture, of_record, open_query
from lookalike.asking.query_region import with_region
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.store import BASE
from lookalike.types import Box


@of_one_encoder
def explain(
    gallery: Gallery,
    query: QueryPicture | None = None,
    *,
    record: str,
    id: str | None = None,
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    slices: tuple[int, int] | None = None,
    space: str = BASE,
    context: bool = True,
) -> Explanation:
    """Why a record is a hit: the heat of the query and of the record, from the cosines of their patches.

    query, id: as in ``search``; record: the hit's id. Without a region a patch's heat is its best cosine in the
    other picture. With box, mask and context (as in ``search``) the query's heat is that of the region's
    patches, and the hit's box is the place that matches it best. Of volumes the most similar pair of slices is
    shown, by their vectors in ``space``, or the best place of the region; slice: chooses the query's slice.
    Of a box through several slices (slices) its middle one is shown, and where that lies in the hit. An adapter
    changes which slices are shown, not the heat: patches are in the encoder's own space.

    Patches that are not stored are computed from the record's file. Raises UsageError where it is gone, or where the
    encoder gives no patches; UnreadableImageError, NotFoundError (unknown id), DamagedFileError.
    """
    asking = _asking(gallery, query, id, box, mask, slice, slices, context)
    return _explained(gallery, asking, of_record(gallery, record), slice, space)


@dataclass(frozen=True, slots=True)
class Illustration:
    """Explanations of one query, and the small JPEGs to draw their heat on: of the query's slice in the first one, and
    of each hit's slice.
    """

    explanations: tuple[Explanation, ...]
    query: bytes
    hits: tuple[bytes, ...]


@of_one_encoder
def illustrate(
    gallery: Gallery,
    query: QueryPicture | None = None,
    *,
    records: Sequence[str],
    id: str | None = None,
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    slices: tuple[int, int] | None = None,
    space: str = BASE,
    context: bool = True,
) -> Illustration:
    """``explain`` for several records, with the pictures for a figure; the query and its mask are read once."""
    asking = _asking(gallery, query, id, box, mask, slice, slices, context)
    hits = [of_record(gallery, record) for record in records]
    explained = [_explained(gallery, asking, hit, slice, space) for hit in hits]
    ours = small_picture(gallery, asking, explained[0].query.slice) if explained else b""
    theirs = [small_picture(gallery, hit, one.hit.slice) for hit, one in zip(hits, explained, strict=True)]
    return Illustration(tuple(explained), ours, tuple(theirs))


def _asking(
    gallery: Gallery,
    query: QueryPicture | None,
    identity: str | None,
    box: Box | None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None,
    slice_: int | None,
    slices: tuple[int, int] | None,
    context: bool,
) -> Query:
    """The query, with its region if one is given."""
    if (query is None) == (identity is None):
        raise UsageError("give either a query (a file or an array) or the id of a record")
    asking = open_query(gallery, query) if identity is None else of_record(gallery, identity)
    if box is None and mask is None and slices is None:
        return asking
    return with_region(gallery, asking, box=box, mask=mask, slice=slice_, slices=slices, context=context)


def _explained(gallery: Gallery, asking: Query, hit: Query, slice_: int | None, space: str) -> Explanation:
    if asking.region is None:
        return explain_pictures(gallery, asking, hit, slice=slice_, space=space)
    explained = explain_region(gallery, asking.region, hit)
    return explained if len(asking.views) > 1 or len(hit.views) > 1 else replace(explained, match=None, pairs=())
