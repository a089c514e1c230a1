"""explain: which patches of a query and of a record match each other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.heat import Explanation, explain_pictures, explain_region
from lookalike.asking.patches import small_picture
from lookalike.asking.query import Query, of_record, open_query
from lookalike.asking.query_region import with_region
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.store import BASE
from lookalike.types import Box


def explain(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | Query | None = None,
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
    other picture. With box, mask and context (as in ``search``) the query's heat is that of the region's
    patches, and the hit's box is the place that answers it best. Of volumes the most alike pair of slices is
    shown, by their vectors in ``space``, or the best place of the region; slice: the query's, if it is to be a
    certain one. An adapter changes which slices are shown, not the heat: patches are in the encoder's own space.

    Patches that are not stored are made from the record's file. Raises UsageError where it is gone, or where the
    encoder gives no patches; UnreadableImageError, NotFoundError (unknown id), DamagedFileError.
    """
    asked = _asked(gallery, query, id, box, mask, slice, context)
    return _explained(gallery, asked, of_record(gallery, record), slice, space)


@dataclass(frozen=True, slots=True)
class Illustration:
    """Explanations of one query, and the small JPEGs that go under their heat: of the query's slice in the first one,
    and of each hit's slice.
    """

    explanations: tuple[Explanation, ...]
    query: bytes
    hits: tuple[bytes, ...]


def illustrate(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | Query | None = None,
    *,
    records: Sequence[str],
    id: str | None = None,
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    space: str = BASE,
    context: bool = True,
) -> Illustration:
    """``explain`` of several records, with the pictures for a figure; the query and its mask are read once."""
    asked = _asked(gallery, query, id, box, mask, slice, context)
    hits = [of_record(gallery, record) for record in records]
    told = [_explained(gallery, asked, hit, slice, space) for hit in hits]
    ours = small_picture(gallery, asked, told[0].query.slice) if told else b""
    theirs = [small_picture(gallery, hit, one.hit.slice) for hit, one in zip(hits, told, strict=True)]
    return Illustration(tuple(told), ours, tuple(theirs))


def _asked(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | Query | None,
    identity: str | None,
    box: Box | None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None,
    slice_: int | None,
    context: bool,
) -> Query:
    """The picture that asks, with its region if one is given."""
    if (query is None) == (identity is None):
        raise UsageError("give either a query (a file or an array) or the id of a record")
    asked = open_query(gallery, query) if identity is None else of_record(gallery, identity)
    if box is None and mask is None:
        return asked
    return with_region(gallery, asked, box=box, mask=mask, slice=slice_, context=context)


def _explained(gallery: Gallery, asked: Query, hit: Query, slice_: int | None, space: str) -> Explanation:
    if asked.region is None:
        return explain_pictures(gallery, asked, hit, slice=slice_, space=space)
    explained = explain_region(gallery, asked.region, hit)
    return explained if len(asked.views) > 1 or len(hit.views) > 1 else replace(explained, match=None)
