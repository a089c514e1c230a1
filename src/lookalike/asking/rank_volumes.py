"""Rank records that have many vectors: volumes by their slices, from slice or volume queries."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike import ranking
from lookalike.adapters.attention import pool_by_attention, slice_shares
from lookalike.asking.blank import blank_vector
from lookalike.asking.candidates import Candidates, without
from lookalike.asking.nearest import few_open, nearest_open
from lookalike.asking.pooling import attention_of, pooled_vectors
from lookalike.asking.query import Query
from lookalike.asking.ranked import Ranked, check_removed, records_there
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.hits import Match, WeighedSlice
from lookalike.indexes import FilteringIndex
from lookalike.slices import pool, slice_weights
from lookalike.types import Keys, Scores, Vectors

RANKS: Final = ("auto", "pool", "pool:median", "pool:max", "count", "max", "sum", "maxsim")
"""pool: one vector a volume; in a space whose adapter weighs the slices, by its attention. count, max, sum: over the
hits among its slices. maxsim: late interaction of all slices, for the candidates that the hits name. auto: pool where
the space's adapter weighs the slices, else maxsim.
"""

COSINES: Final = ("auto", "max", "maxsim")  # whose scores are (mean) cosines of the most similar slices

_HITS: Final = 200  # slice hits of each query slice that make volumes candidates
_CANDIDATES: Final = 50
_FEW: Final = 5000  # slices of which every volume is compared, if a filter or the own patient leaves no more
_WEIGHED: Final = 12  # of a volume's slices whose weight is told


def rank_volumes(
    gallery: Gallery, query: Query, who: Candidates, k: int, *, rank: str = "auto", weights: str = "uniform"
) -> list[Ranked]:
    """A ``Ranker`` by the vectors of all slices. rank: of ``RANKS``; weights: of the query's slices (slice_weights).

    Raises UsageError for another rank or weights, DamagedFileError.
    """
    if rank not in RANKS:
        raise UsageError(f"rank is one of {', '.join(RANKS)}; got {rank!r}")
    name, _, how = ranking_in(gallery, query.space, rank).partition(":")
    if name == "pool":
        keys, scores = _by_pool(gallery, query, who, weights, how or "mean")
    else:
        keys, scores = _by_slices(gallery, query, who, k, name, slice_weights(weights, query.positions))
    score_of = dict(zip(keys.tolist(), scores.tolist(), strict=True))
    found = (
        Ranked(record, score_of[record.key], _match(gallery, query, *slices))
        for record in records_there(gallery, keys.tolist())
        if (slices := gallery.store.slices_of_each([record.key]).get(record.key)) is not None
    )
    return list(islice(found, k))


def ranking_in(gallery: Gallery, space: str, rank: str) -> str:
    """What ``auto`` stands for in a space; any other ranking is itself."""
    return "pool" if rank == "auto" and attention_of(gallery, space) else rank


def _by_pool(gallery: Gallery, query: Query, who: Candidates, weights: str, how: str) -> ranking.Ranking:
    shares, attention = slice_weights(weights, query.positions), attention_of(gallery, query.space)
    stored = pooled_vectors(gallery, weights, how, space=query.space)
    weighed = attention and how == "mean"
    # Adapters are trained on pooled base vectors: both sides are pooled first, then projected.
    pooled = pool_by_attention(attention, query.base, shares) if weighed else pool(query.base, shares, how)
    asking = gallery.project(pooled, query.space)[0]
    similar = gallery.project(stored.vectors, query.space) @ asking
    rows = np.flatnonzero(np.isin(stored.records, who.records(gallery, stored.records)))
    order = rows[np.lexsort((stored.records[rows], -similar[rows]))]
    return stored.records[order], similar[order].astype(np.float64)


def _by_slices(
    gallery: Gallery, query: Query, who: Candidates, k: int, rank: str, shares: NDArray[np.float64]
) -> ranking.Ranking:
    if rank == "maxsim" and (few := few_open(gallery, query.space, who, _FEW)) is not None:
        owners = np.unique(gallery.store.owner_keys(few))
        return _maxsim(gallery, query, shares, owners[owners != -1])
    owners, scores = _slice_hits(gallery, query, who, k)
    if rank in ranking.AGGREGATIONS:
        return ranking.AGGREGATIONS[rank](owners, scores, shares)
    named = ranking.by_max(owners, scores, shares)[0][: max(_CANDIDATES, 5 * k)]
    return _maxsim(gallery, query, shares, named)


def _slice_hits(gallery: Gallery, query: Query, who: Candidates, k: int) -> tuple[NDArray[np.int64], Scores]:
    """Owners and cosines (views, hits) of each query slice's hits, -1 pads: enough hits to name k records."""
    version, index, wanted = gallery.space(query.space).version, gallery.index(query.space), max(_HITS, 20 * k)
    while True:
        capped = isinstance(index, FilteringIndex) and wanted > index.deepest
        keys, scores = nearest_open(gallery, query.space, query.vectors, wanted, who)
        owners = _owner_rows(gallery, keys)
        if (owners[keys != -1] == -1).any():
            check_removed(gallery, version)
        # One large volume can take all hits of a slice: look deeper for others.
        named = np.unique(owners[owners != -1])
        all_of_them = not capped and wanted + len(who.closed) >= len(index)
        if all_of_them or len(named) >= k or not len(named):
            return owners, scores
        if capped:  # nothing deeper can be asked: the others are asked for by themselves
            others = without(gallery, who, [*gallery.store.records(named.tolist()).values()])
            further = _slice_hits(gallery, query, others, k - len(named))
            return np.concatenate([owners, further[0]], axis=1), np.concatenate([scores, further[1]], axis=1)
        wanted *= 4


def _maxsim(gallery: Gallery, query: Query, shares: NDArray[np.float64], named: NDArray[np.int64]) -> ranking.Ranking:
    slices = gallery.store.slices_of_each(named)
    there = np.array([key for key in named.tolist() if key in slices], np.int64)
    if len(there) == 0:
        return there, np.empty(0)
    documents = [slices[key][1] for key in there.tolist()]
    starts = np.cumsum([0, *(len(document) for document in documents[:-1])])
    document = gallery.project(np.concatenate(documents), query.space)
    scores = ranking.maxsim_many(query.vectors, document, starts, shares)
    order = np.lexsort((there, -scores))
    return there[order], scores[order]


def _match(gallery: Gallery, query: Query, views: tuple[int, ...], vectors: Vectors) -> Match | None:
    """The matching slices, for a record that is a volume."""
    if len(views) == 1 and len(query.views) == 1:
        return None
    document = gallery.project(vectors, query.space)
    row, column, score = ranking.best_pair(query.vectors, document, blank_vector(gallery, query.space))
    rows = ranking.contributing_rows(query.vectors, document)
    slices = tuple(views[int(i)] for i in rows)
    return Match(query.views[row], views[column], score, slices, weighed_slices(gallery, query.space, views, vectors))


def weighed_slices(gallery: Gallery, space: str, views: Sequence[int], vectors: Vectors) -> tuple[WeighedSlice, ...]:
    """The slices of a volume that weigh most in its vector in a space, heaviest first; () where they weigh alike.

    views (n,): their numbers; vectors (n, dim): base vectors.
    """
    if not (attention := attention_of(gallery, space)):
        return ()
    shares = slice_shares(attention, vectors)
    order = np.lexsort((np.asarray(views), -shares))[:_WEIGHED]
    return tuple(WeighedSlice(views[i], round(float(shares[i]), 6)) for i in order.tolist())


def _owner_rows(gallery: Gallery, keys: Keys) -> NDArray[np.int64]:
    """The record's key for each vector key; -1 for padding and for removed records."""
    found, place = np.unique(keys, return_inverse=True)
    return gallery.store.owner_keys(found)[place].reshape(keys.shape)
