"""search_regions: the records that hold something like a region of a picture or a slice, and where."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.asking.masks import mask_over
from lookalike.asking.patches import Picture, encoded, frame_at, picture_of
from lookalike.asking.query import Clock
from lookalike.encoders.grid import (
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
from lookalike.filters import Filter, parse
from lookalike.gallery import Gallery
from lookalike.ranking import window_scores
from lookalike.readers.pool import Frame
from lookalike.store import BASE
from lookalike.store.packed import unpacked
from lookalike.store.patches import StoredPatches, kept, patched_records, read_patches
from lookalike.types import Box, Hit, Keys, Match, PatchMap, Preprocessing, Record, Region
from lookalike.verbs.search import MAX_K, SearchResult, among_where

SLICES: Final = 5  # of a volume's slices the best that a hit names


@dataclass(frozen=True, slots=True, eq=False)
class RegionQuery:
    """The patches (m, channels) of a region, unit vectors; cells (m, 2): row and column of each from the region's
    first; first: where that is in the grid. box: in fractions of the network's input; shown: of the picture.
    """

    vectors: NDArray[np.float32]
    cells: NDArray[np.int64]
    first: tuple[int, int]
    box: Box
    shown: Box


def search_regions(
    gallery: Gallery,
    query: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    *,
    id: str | None = None,
    box: Box | None = None,
    mask: str | os.PathLike[str] | NDArray[np.generic] | None = None,
    slice: int | None = None,
    k: int = 5,
    where: str | Filter | None = None,
    same_patient: bool = False,
    context: bool = True,
) -> SearchResult:
    """The k records that hold a place most alike the region, best first; ``Hit.region`` says where.

    query, id: as in ``search``. box: (left, top, right, bottom) in fractions of the displayed picture; or mask: a
    file that lies over the query (a volume's over the volume), or an array (rows, columns) over the picture, above
    0 in the region. slice: of a volume, numbered along the gallery's plane; without it the one that the mask marks
    most of, or the middle one.

    context: whether the patches may know what lies around the region, as those of the gallery do. Without it the
    region is encoded alone, on the picture's mean grey: better where the same thing may lie anywhere, worse where
    its surroundings tell it (docs/regions.md). It needs the query's pixels: a record's file is read again.

    score: the region's patches are laid over every place of every stored picture and slice; the mean cosine at the
    best place (``ranking.window_scores``). Exact: all patches of the records that ``where`` allows are read, in a
    memory that does not grow. Equal scores: the record indexed first. The query's patient is left out.

    Raises UsageError (also where the gallery keeps no patches), UnreadableImageError, NotFoundError,
    DamagedFileError.
    """
    if not 1 <= k <= MAX_K:
        raise UsageError(f"k must be from 1 to {MAX_K}, got {k}")
    if not kept(gallery.store):
        raise UsageError(
            "this gallery keeps no patches, which a region is searched by; "
            "run `lookalike index --patches` on its sources again"
        )
    clock = Clock()
    tree = parse(where) if isinstance(where, str) else where
    with clock.stage("read"):
        asked = picture_of(gallery, query, id, slice, None if mask is None else mask_over(gallery, mask))
        region = region_of(gallery.spec.preprocessing, asked.patches, box, asked.mask)
        if not context:
            region = alone(gallery, region, frame_at(gallery, asked.source, asked.slice))
    with clock.stage("filter"):
        open_, without = _open(gallery, tree, set() if same_patient else asked.source.patients)
    with clock.stage("search"):
        places = best_places(gallery, region, open_)
        ranked = sorted(places.items(), key=lambda item: (-item[1][0].score, item[0]))[:k]
    with clock.stage("fetch"):
        hits, pictures = _hits(gallery, ranked, asked)
    result = SearchResult(
        BASE, hits, asked.name, clock.seconds, len(open_), gallery.spec.name, _note(k, len(hits), without)
    )
    return result.with_pictures((asked.thumbnail, *pictures))


def region_of(recipe: Preprocessing, patches: PatchMap, box: Box | None, mask: NDArray[np.bool_] | None) -> RegionQuery:
    """The patches of a picture that a box or a mask over it covers. Raises UsageError."""
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
    return RegionQuery(vectors, at - first, (int(first[0]), int(first[1])), to_input(grid, box), box)


def alone(gallery: Gallery, region: RegionQuery, frame: Frame) -> RegionQuery:
    """The region with patches that know nothing of its surroundings: those are the picture's mean grey."""
    rows, columns = frame.input.shape[:2]
    left, right = (round(edge * columns) for edge in region.box[::2])
    top, bottom = (round(edge * rows) for edge in region.box[1::2])
    inside = np.s_[max(top, 0) : max(bottom, top + 1), max(left, 0) : max(right, left + 1)]
    pixels = np.full_like(frame.input, frame.input.mean())
    pixels[inside] = frame.input[inside]
    at = region.cells + np.array(region.first)
    codes = encoded(gallery, replace(frame, input=pixels)).codes
    return replace(region, vectors=unpacked(codes[at[:, 0], at[:, 1]]))


def best_places(gallery: Gallery, region: RegionQuery, records: Iterable[int]) -> dict[int, list[Region]]:
    """The best place of each record, by key; of a volume, of its best slices, best first."""
    found: dict[int, list[Region]] = {}
    recipe = gallery.spec.preprocessing
    for part in read_patches(gallery.store, records):
        for one, place in zip(part, places_in(region, part, recipe), strict=True):
            best = found.setdefault(one.record, [])
            best.append(place)
            best.sort(key=lambda place: (-place.score, place.slice))
            del best[SLICES:]
    return found


def places_in(region: RegionQuery, part: list[StoredPatches], recipe: Preprocessing) -> list[Region]:
    """The best place in each of some pictures. Patches that show padding answer nothing: their cosine is 0."""
    shapes = {one.patches.codes.shape for one in part}
    if len(shapes) > 1 or next(iter(shapes))[2] != region.vectors.shape[1]:
        raise ManifestMismatchError(
            "some stored patches are of another shape than the query's; "
            "run `lookalike index --patches` on the same sources into a new gallery"
        )
    vectors = unpacked(np.stack([one.patches.codes for one in part]))
    pictures, rows, columns, channels = vectors.shape
    similar = (region.vectors @ vectors.reshape(-1, channels).T).reshape(-1, pictures, rows, columns)
    grids = [grid_of(one.patches.shown, recipe, rows, columns) for one in part]
    seen: dict[Grid, NDArray[np.bool_]] = {grid: cells_in_picture(grid) for grid in set(grids)}
    similar *= np.stack([seen[grid] for grid in grids])
    scores = window_scores(similar, region.cells)
    at = scores.reshape(pictures, -1).argmax(axis=1)
    places = zip(*np.unravel_index(at, scores.shape[1:]), strict=True)
    return [
        Region(one.view, _moved(region, grid, int(row), int(column)), float(score[row, column]))
        for one, grid, score, (row, column) in zip(part, grids, scores, places, strict=True)
    ]


def _moved(region: RegionQuery, grid: Grid, row: int, column: int) -> Box:
    """The region's box where its first patch lies at (row, column), in fractions of the other picture."""
    down, across = (row - region.first[0]) / grid.rows, (column - region.first[1]) / grid.columns
    left, top, right, bottom = region.box
    return to_picture(grid, (left + across, top + down, right + across, bottom + down))


def _open(gallery: Gallery, tree: Filter | None, patients: set[str]) -> tuple[Keys, int]:
    """The keys of the records that may answer, and how many may but have no patches."""
    patched, store = patched_records(gallery.store), gallery.store
    closed = [store.keys_of_patient(patient) for patient in sorted(patients)]
    own = np.unique(store.owner_keys(np.concatenate(closed))) if closed else np.empty(0, np.int64)
    if tree is None:
        return np.setdiff1d(patched, own), store.count() - len(patched)
    allowed = np.unique(store.owner_keys(among_where(gallery, tree)))
    return np.setdiff1d(np.intersect1d(patched, allowed), own), len(np.setdiff1d(allowed, patched))


def _hits(
    gallery: Gallery, ranked: list[tuple[int, list[Region]]], asked: Picture
) -> tuple[tuple[Hit, ...], tuple[bytes, ...]]:
    records = gallery.store.records(key for key, _ in ranked)
    thumbnails = gallery.store.thumbnails(key for key, _ in ranked)
    hits = tuple(
        Hit(
            rank,
            best[0].score,
            record.id,
            record.source,
            record.labels,
            record.attributes,
            _match(asked, record, best),
            best[0],
            patient=record.patient,
            depth=record.depth,
        )
        for rank, (key, best) in enumerate(ranked, 1)
        for record in [records[key]]
    )
    return hits, tuple(thumbnails.get(key, b"") for key, _ in ranked)


def _match(asked: Picture, record: Record, best: list[Region]) -> Match | None:
    """Which slices of a volume answer the region best."""
    if record.depth == 1:
        return None
    return Match(asked.slice, best[0].slice, best[0].score, tuple(sorted(place.slice for place in best)))


def _note(k: int, found: int, without: int) -> str:
    parts = [f"only {found} records may answer this query"] if found < k else []
    if without:
        parts.append(f"{without} records have no patches: run `lookalike index --patches` on their sources again")
    return "; ".join(parts)
