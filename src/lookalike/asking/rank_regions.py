"""Rank records by the place in them that is most similar to a region of a picture or slice."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, groupby, islice
from typing import Final

from lookalike.asking.candidates import Candidates, with_patches
from lookalike.asking.query import Query
from lookalike.asking.ranked import Ranked, records_there
from lookalike.asking.region import RegionPatches, places_in
from lookalike.asking.solid import solid_place
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.hits import Match, Region
from lookalike.store.patches import read_patches
from lookalike.types import Record

SLICES: Final = 5  # best slices of a volume that a hit names


def rank_regions(gallery: Gallery, query: Query, who: Candidates, k: int) -> list[Ranked]:
    """A ``Ranker`` by the mean cosine at the best place, of the records that have patches; ties: indexed first.

    Exact: all patches of the records that may answer are read, in constant memory. Raises UsageError
    (the query has no region), ManifestMismatchError, DamagedFileError.
    """
    region, patched = query.region, with_patches(gallery, who).patched
    if region is None or patched is None:
        raise UsageError("give either a box or a mask: the region that is searched for")
    places = best_places(gallery, region, patched.tolist())
    order = sorted(places, key=lambda key: (-places[key][0].score, key))
    found = (
        Ranked(record, best[0].score, _match(region, record, best), best[0])
        for record in records_there(gallery, order)
        for best in [places[record.key]]
    )
    return list(islice(found, k))


def best_places(gallery: Gallery, region: RegionPatches, records: Iterable[int]) -> dict[int, list[Region]]:
    """The best place of each record, by key; of a volume, of its best slices, best first. Of a region that goes through
    several slices one place, which does so too.
    """
    found: dict[int, list[Region]] = {}
    recipe = gallery.spec.preprocessing
    if region.levels:
        rows = chain.from_iterable(read_patches(gallery.store, records))
        return {key: [solid_place(region, list(own), recipe)] for key, own in groupby(rows, lambda row: row.record)}
    for part in read_patches(gallery.store, records):
        for patched, place in zip(part, places_in(region, part, recipe), strict=True):
            best = found.setdefault(patched.record, [])
            best.append(place)
            best.sort(key=lambda place: (-place.score, place.slice))
            del best[SLICES:]
    return found


def _match(region: RegionPatches, record: Record, best: list[Region]) -> Match | None:
    """The slices of a volume that match the region best."""
    if record.depth == 1:
        return None
    slices = best[0].slices or tuple(sorted(place.slice for place in best))
    return Match(region.slice, best[0].slice, best[0].score, slices)
