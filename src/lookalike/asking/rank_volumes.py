"""Rank records that have many vectors: volumes by their slices, from slice or volume queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import ranking
from lookalike.asking.query import Query
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.slices import pool, slice_weights
from lookalike.types import Keys, Match, Record, Scores, Vectors

RANKS: Final = ("auto", "pool", "pool:median", "pool:max", "count", "max", "sum", "maxsim")
"""pool: one vector a volume. count, max, sum: of the hits that its slices get. maxsim: late interaction of all
slices, for the candidates that the hits name. auto: maxsim."""

COSINES: Final = ("auto", "max", "maxsim")  # whose scores are (mean) cosines of the most alike slices

_HITS: Final = 200  # slice hits that each query slice names candidates by
_CANDIDATES: Final = 50


@dataclass(frozen=True, slots=True)
class Ranked:
    """A record, its score, and where it matches, if it is a volume."""

    record: Record
    score: float
    match: Match | None = None


def search_volumes(
    gallery: Gallery, asked: Query, space: str, k: int, among: Keys | None, excluded: Keys, rank: str, weights: str
) -> list[Ranked]:
    """The k best records. ``asked.vectors`` are of the space. Raises UsageError for an unknown rank."""
    if rank not in RANKS:
        raise UsageError(f"rank is one of {', '.join(RANKS)}; got {rank!r}")
    shares = slice_weights(weights, asked.positions)
    name, _, how = rank.partition(":")
    if name == "pool":
        keys, scores = _by_pool(gallery, asked, space, shares, weights, how or "mean", among, excluded)
    else:
        keys, scores = _by_slices(gallery, asked, space, shares, k, among, excluded, rank)
    records = gallery.store.records(int(key) for key in keys[:k])
    return [
        Ranked(records[int(key)], float(score), _match(gallery, asked, space, records[int(key)]))
        for key, score in zip(keys[:k], scores[:k], strict=True)
    ]


def _by_pool(
    gallery: Gallery,
    asked: Query,
    space: str,
    shares: NDArray[np.float64],
    weights: str,
    how: str,
    among: Keys | None,
    excluded: Keys,
) -> ranking.Ranking:
    stored = gallery.pooled(weights, how)
    # Adapters are trained on pooled base vectors: both sides are pooled first, then projected.
    query = gallery.project(pool(asked.base, shares, how), space)[0]
    similar = gallery.project(stored.vectors, space) @ query
    open_ = ~np.isin(stored.records, _record_keys(gallery, excluded))
    if among is not None:
        open_ &= np.isin(stored.records, _record_keys(gallery, among))
    rows = np.flatnonzero(open_)
    order = rows[np.lexsort((stored.records[rows], -similar[rows]))]
    return stored.records[order], similar[order].astype(np.float64)


def _by_slices(
    gallery: Gallery,
    asked: Query,
    space: str,
    shares: NDArray[np.float64],
    k: int,
    among: Keys | None,
    excluded: Keys,
    rank: str,
) -> ranking.Ranking:
    owners, scores = _slice_hits(gallery, asked, space, k, among, excluded)
    if rank in ranking.AGGREGATIONS:
        return ranking.AGGREGATIONS[rank](owners, scores, shares)
    candidates = ranking.by_max(owners, scores, shares)[0][: max(_CANDIDATES, 5 * k)]
    return _maxsim(gallery, asked, space, shares, candidates)


def _slice_hits(
    gallery: Gallery, asked: Query, space: str, k: int, among: Keys | None, excluded: Keys
) -> tuple[NDArray[np.int64], Scores]:
    """Owners and cosines (views, hits) of each query slice's hits, -1 pads: as many as name k records."""
    index, wanted = gallery.index(space), max(_HITS, 20 * k)
    while True:
        depth = min(len(index), wanted + len(excluded))
        keys, scores = index.search(asked.vectors, depth, among)
        hit = (keys >= 0) & ~np.isin(keys, excluded)
        hit &= np.cumsum(hit, axis=1) <= wanted  # a patient with many slices must not cost others their hits
        owners = np.where(hit, _owner_rows(gallery, keys), -1)
        # One large volume can take all hits of a slice: look deeper, for there may be others.
        if depth == len(index) or len(np.unique(owners[hit])) >= k:
            return owners, scores
        wanted *= 4


def _maxsim(
    gallery: Gallery, asked: Query, space: str, shares: NDArray[np.float64], candidates: NDArray[np.int64]
) -> ranking.Ranking:
    if len(candidates) == 0:
        return candidates, np.empty(0)
    documents = [gallery.store.vectors_of(int(key)) for key in candidates]
    starts = np.cumsum([0, *(len(document) for document in documents[:-1])])
    scores = ranking.maxsim_many(asked.vectors, gallery.project(np.concatenate(documents), space), starts, shares)
    order = np.lexsort((candidates, -scores))
    return candidates[order], scores[order]


def _match(gallery: Gallery, asked: Query, space: str, record: Record) -> Match | None:
    """Which slices match, for a record that is a volume."""
    views, vectors = gallery.store.slices_of(record.key)
    if len(views) == 1 and len(asked.views) == 1:
        return None
    document: Vectors = gallery.project(vectors, space)
    row, column, score = ranking.best_pair(asked.vectors, document)
    rows = ranking.contributing_rows(asked.vectors, document)
    return Match(asked.views[row], views[column], score, tuple(views[int(i)] for i in rows))


def _owner_rows(gallery: Gallery, keys: Keys) -> NDArray[np.int64]:
    """The record's key for each vector key; padding stays -1."""
    found, place = np.unique(keys, return_inverse=True)
    return gallery.store.owner_keys(found)[place].reshape(keys.shape)


def _record_keys(gallery: Gallery, keys: Keys) -> NDArray[np.int64]:
    return np.unique(gallery.store.owner_keys(keys))
