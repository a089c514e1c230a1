"""Ranking from many hits: slice hits to volumes, late interaction, fusion. Pure functions.

Sources: counting hits and Gaussian weights, Khun Jush et al., arXiv 2311.13547; MaxSim re-ranking, the
follow-up arXiv 2405.09334, after ColBERT (Khattab and Zaharia, arXiv 2004.12832).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.types import Scores, Vectors

FUSED_DEPTH: Final = 100
"""So many of each ranking are fused."""
_K: Final = 60.0
_EQUAL: Final = 1e-6  # cosines that differ by less are one: the same slice, added up in another order

_Item = TypeVar("_Item", bound=Hashable)

Ranking: TypeAlias = tuple[NDArray[np.int64], NDArray[np.float64]]
"""Records (n,), best first, and their scores (n,)."""


def reciprocal_rank_fusion(
    rankings: Sequence[Sequence[_Item]],
    *,
    weights: Sequence[float] | None = None,
    k: float = _K,
    limit: int | None = None,
) -> list[tuple[_Item, float]]:
    """Several rankings, best first, as one: (item, score) pairs, best first.

    score(d) = sum over the rankings i that hold d of w_i / (k + rank_i(d)), ranks from 1.
    Source: Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual
    rank learning methods", SIGIR 2009; k = 60 as there.

    Only ranks count, so encoders whose scores lie on different scales can be fused. weights: one for each
    ranking, 1 if not given. limit: how many are returned. Equal scores keep the order in which the items
    first appear, the first ranking's items first. An item that a ranking names twice counts at its best rank.

    Raises UsageError if the weights are not one non-negative number for each ranking, or k is below 0.
    """
    if weights is None:
        weights = [1.0] * len(rankings)
    if len(weights) != len(rankings) or any(weight < 0 for weight in weights):
        raise UsageError(f"fusion needs a weight of at least 0 for each of {len(rankings)} rankings, got {weights}")
    if k < 0:
        raise UsageError(f"k of the fusion must be at least 0, got {k}")
    scores: dict[_Item, float] = {}
    for ranking, weight in zip(rankings, weights, strict=True):
        for rank, item in enumerate(dict.fromkeys(ranking), start=1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    # sorted() is stable: equal scores keep their order.
    return sorted(scores.items(), key=lambda pair: -pair[1])[:limit]


def by_count(records: NDArray[np.int64], scores: Scores, weights: NDArray[np.float64]) -> Ranking:
    """Rank records by how many query slices are most similar to a slice of theirs; ties by the best score.

    records, scores: (q, k) owners and cosines of the hits of q query slices; -1 is no hit, whatever its score.
    weights: (q,) of the query slices. Each query slice has one vote, of its weight, for the record of its best hit, so
    that a record with many slices gains nothing by them; records whose best hits are equal share it. A record that gets
    no vote follows by its best score.
    """
    return _grouped(records, scores, _votes(records, scores, weights), np.ones_like, np.add)


def by_sum(records: NDArray[np.int64], scores: Scores, weights: NDArray[np.float64]) -> Ranking:
    """Rank records by the sum of the scores that they were voted for with; arguments and votes as in ``by_count``."""
    return _grouped(records, scores, _votes(records, scores, weights), np.asarray, np.add)


def by_max(records: NDArray[np.int64], scores: Scores, _weights: NDArray[np.float64]) -> Ranking:
    """Rank records by their best hit, whatever the weights; arguments as in ``by_count``."""
    return _grouped(records, scores, np.ones(records.shape), np.asarray, np.maximum)


AGGREGATIONS: Final[dict[str, Callable[[NDArray[np.int64], Scores, NDArray[np.float64]], Ranking]]] = {
    "count": by_count,
    "sum": by_sum,
    "max": by_max,
}


def _votes(records: NDArray[np.int64], scores: Scores, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share (q, k) of its query slice's vote that each hit brings its record."""
    votes = np.zeros(records.shape)
    hits = np.where(records >= 0, scores, -np.inf)
    nearest = (records >= 0) & (hits >= hits.max(axis=1, keepdims=True, initial=-np.inf) - _EQUAL)
    for row, hit in enumerate(nearest):
        places = np.flatnonzero(hit)
        first = places[np.unique(records[row, places], return_index=True)[1]]
        votes[row, first] = weights[row] / max(len(first), 1)
    return votes


def _grouped(
    records: NDArray[np.int64],
    scores: Scores,
    shares: NDArray[np.float64],
    value: Callable[[Any], Any],
    combine: np.ufunc,
) -> Ranking:
    hit = records >= 0
    found, place = np.unique(records[hit], return_inverse=True)
    similar = scores[hit].astype(np.float64)
    total = np.full(len(found), -np.inf if combine is np.maximum else 0.0)
    combine.at(total, place, value(similar) * shares[hit])
    best = np.full(len(found), -np.inf)
    np.maximum.at(best, place, similar)
    order = np.lexsort((found, -best, -total))
    return found[order], total[order]


def maxsim(
    query: Vectors,
    document: Vectors,
    weights: NDArray[np.float64] | None = None,
    apart: NDArray[np.float64] | None = None,
) -> float:
    """Late interaction of two sets of unit vectors: the best cosine of each query row, averaged.

    query (q, dim), document (d, dim). weights (q,) that sum to 1; equal by default. apart (q, d): taken off the
    cosines. 1 means that every query row has an identical row in the document; 0 if either is empty.
    """
    if len(document) == 0 or len(query) == 0:
        return 0.0
    similar = query @ document.T
    best = (similar if apart is None else similar - apart).max(axis=1)
    return float(best.mean() if weights is None else (best * weights).sum())


def maxsim_many(
    query: Vectors, vectors: Vectors, starts: NDArray[np.int64], weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """``maxsim`` of a query against several documents: one matrix product.

    vectors: (n, dim) of all documents, one after the other; starts: (documents,) the first row of each,
    ascending, every document with at least one row. Returns (documents,) scores.
    """
    if len(starts) == 0:
        return np.empty(0)
    best = np.maximum.reduceat(vectors @ query.T, starts, axis=0)
    shares = np.full(len(query), 1 / len(query)) if weights is None else weights
    result: NDArray[np.float64] = best @ shares
    return result


def study_scores(
    query: Vectors,
    kinds: NDArray[np.int64],
    vectors: Vectors,
    their_kinds: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The cosine (studies, q) that counts of each kind of series in a query with each of several studies; a study's
    score is their mean.

    query (q, dim): a unit vector a kind, kinds (q,) their numbers. vectors (n, dim), their_kinds (n,): those of all
    studies, one after the other; starts (studies,): the first row of each, ascending. What counts is the cosine with
    the same kind of series; where a study has none, the best cosine with any of its kinds.
    """
    if len(starts) == 0:
        return np.empty((0, len(query)))
    similar = (vectors @ query.T).astype(np.float64)
    alike = np.where(their_kinds[:, None] == kinds[None, :], similar, -np.inf)
    same, nearest = (np.maximum.reduceat(each, starts, axis=0) for each in (alike, similar))
    return np.asarray(np.where(np.isfinite(same), same, nearest))


def window_scores(similar: NDArray[np.float32], cells: NDArray[np.int64]) -> NDArray[np.float32]:
    """A region of patches laid over every place of other grids: the mean cosine at each place.

    similar: (m, n, rows, columns) cosines of the region's m patches and those of n grids. cells: (m, 2) row and
    column of each of the m within the region, from 0. Returns (n, rows - height + 1, columns - width + 1).

    MaxSim takes each patch's best match wherever it lies; here the matches must be arranged as the region's patches
    are, so that they form one place that can be shown. On planted patterns this finds more, except for the smallest
    ones (docs/regions.md).
    """
    height, width = cells.max(axis=0) + 1
    down, across = similar.shape[2] - height + 1, similar.shape[3] - width + 1
    total = np.zeros((similar.shape[1], down, across), np.float32)
    for one, (row, column) in zip(similar, cells.tolist(), strict=True):
        total += one[:, row : row + down, column : column + across]
    total /= len(cells)
    return total


def best_pair(query: Vectors, document: Vectors, blank: Vectors | None = None) -> tuple[int, int, float]:
    """The best of the pairs of a query row and the document row most similar to it: (row of the query, row of the
    document, cosine).

    Without blank it has the highest cosine. blank (dim,): the unit vector b of a picture that shows nothing. The pair
    is then the one with the most in common beyond that: the greatest q.d - (q.b)(d.b), the inner product of what is
    left of both vectors without their part along b. Two slices that are all but black are most similar, and have
    nothing in common.
    """
    return best_pairs(query, document, blank, count=1)[0]


def best_pairs(
    query: Vectors, document: Vectors, blank: Vectors | None = None, *, count: int, apart: tuple[int, int] = (1, 1)
) -> list[tuple[int, int, float]]:
    """``best_pair``, then at most ``count`` - 1 further pairs, those of any rows with the most in common beyond
    ``blank``. apart: the rows of any two of them, of the query and of the document, are at least so far apart:
    neighbouring slices would say the same again.
    """
    similar = query @ document.T
    beyond = similar if blank is None else similar - np.outer(query @ blank, document @ blank)
    nearest = similar.argmax(axis=1)
    row = int(beyond[np.arange(len(query)), nearest].argmax())
    found = [(row, int(nearest[row]), float(similar[row, nearest[row]]))]
    left = np.array(beyond, np.float64)
    while len(found) < count:
        row, column, _ = found[-1]
        left[max(0, row - apart[0] + 1) : row + apart[0]] = -np.inf
        left[:, max(0, column - apart[1] + 1) : column + apart[1]] = -np.inf
        row, column = (int(at) for at in np.unravel_index(left.argmax(), left.shape))
        if left[row, column] == -np.inf:
            break
        found.append((row, column, float(similar[row, column])))
    return found


def contributing_rows(query: Vectors, document: Vectors) -> NDArray[np.int64]:
    """The document's rows that are the best match of some query row, ascending: where a hit matches."""
    return np.unique((query @ document.T).argmax(axis=1))


def localisation_ratio(rows: NDArray[np.int64], contains: NDArray[np.bool_]) -> float:
    """Share of the contributing rows that contain the structure; nan if no row contributes."""
    return float(contains[rows].mean()) if len(rows) else float("nan")
