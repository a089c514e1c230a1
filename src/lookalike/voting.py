"""Labels from neighbours: votes, centroids, clusters, and outlier scores for queries far from their neighbours.

Pure functions over unit vectors. Members are (n, c) bool: which of c labels each of n gallery rows has.
Logits are (q, c) float64: log-probabilities where one label excludes the others, log-odds where it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.metrics import Bools, Floats
from lookalike.types import Vectors

RowNumbers: TypeAlias = NDArray[np.int64]  # gallery rows; -1 pads
Weighting: TypeAlias = Literal["distance", "uniform"]
Allowed: TypeAlias = Callable[[slice], Bools]  # for some of the queries: which gallery rows may answer, (q, n)
Among: TypeAlias = Callable[[RowNumbers], Bools]  # for gallery rows as queries: which other rows may answer, (q, n)

BLOCK: Final = 512  # queries compared with the gallery at once
_PSEUDO_VOTE: Final = 1.0  # weight of the label's overall share in every vote, in neighbours
_NORMAL_95: Final = 1.959964
_FLOOR: Final = 1e-6  # a distance that is not zero


def nearest_rows(
    queries: Vectors, gallery: Vectors, k: int, *, allowed: Allowed | None = None
) -> tuple[RowNumbers, Floats]:
    """The k gallery rows with the highest cosine, best first; equal cosines in gallery order.

    queries (q, dim), gallery (n, dim). allowed: which rows may answer; all by default. Returns rows (q, k), padded
    with -1 where fewer may answer, and cosines, padded with -inf.
    """
    rows = np.full((len(queries), k), -1, np.int64)
    cosines = np.full((len(queries), k), -np.inf)
    for start in range(0, len(queries), BLOCK):
        block = slice(start, start + BLOCK)
        similar = np.asarray(queries[block] @ gallery.T)
        if allowed is not None:
            similar[~allowed(block)] = -np.inf
        best, values = _top(similar, k)
        rows[block, : best.shape[1]] = np.where(np.isneginf(values), -1, best)
        cosines[block, : best.shape[1]] = values
    return rows, cosines


def _top(similar: NDArray[np.floating], k: int) -> tuple[RowNumbers, NDArray[np.floating]]:
    """Columns and values of the k greatest of each row, descending; ties by column."""
    count = similar.shape[1]
    if k < count:
        columns = np.argpartition(similar, -k, axis=1)[:, -k:]
        least = np.take_along_axis(similar, columns, axis=1).min(axis=1)
        tied = int((similar >= least[:, None]).sum(axis=1).max())
        if tied > k:  # keep all that tie with the k-th, so that ties are broken by column here too
            columns = np.argpartition(similar, -tied, axis=1)[:, -tied:]
        columns = np.sort(columns, axis=1)
    else:
        columns = np.broadcast_to(np.arange(count), similar.shape)
    values = np.take_along_axis(similar, columns, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(columns, order, axis=1), np.take_along_axis(values, order, axis=1)


def nearest_within(vectors: Vectors, k: int, sample: RowNumbers, among: Among) -> Floats:
    """The cosines (q, k) of the sampled rows with the k nearest of those that may answer them; -inf pads."""
    return nearest_rows(vectors[sample], vectors, k, allowed=lambda block: among(sample[block]))[1]


def neighbour_distance(vectors: Vectors, sample: RowNumbers, among: Among) -> float:
    """The median distance 1 - cosine from a row to the nearest that may answer it: the gallery's own scale.

    sample: the rows to measure. 1 if none of them has such a neighbour.
    """
    cosines = nearest_within(vectors, 1, sample, among)
    near = cosines[np.isfinite(cosines)]
    return max(1 - float(np.median(near)), _FLOOR) if len(near) else 1.0


def vote_weights(cosines: Floats, weighting: Weighting, scale: float) -> Floats:
    """Each neighbour's share of the vote, (q, k); rows sum to 1 (0 where there is no neighbour).

    "uniform": all equal. "distance": proportional to exp(cosine / scale), so a neighbour that lies `scale`
    farther than the nearest counts 1/e of it. cosines: -inf pads.
    """
    there = np.isfinite(cosines)
    if weighting == "uniform":
        weights = there.astype(np.float64)
    else:
        best = np.where(there, cosines, -np.inf).max(axis=1, keepdims=True, initial=-2)
        weights = np.where(there, np.exp(np.where(there, cosines - best, 0) / scale), 0)
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0))


def vote(rows: RowNumbers, weights: Floats, members: Bools) -> Floats:
    """Each label's share of the vote, (q, c): the sum of the weights of the neighbours that have it."""
    borne = members[rows] & (rows >= 0)[:, :, None]
    return np.asarray(np.einsum("qk,qkc->qc", weights, borne.astype(np.float64)))


def effective_votes(weights: Floats) -> Floats:
    """How many equal votes weigh as much as these, (q,): (sum w)^2 / sum w^2 (Kish, "Survey Sampling", 1965); 0 without
    any."""
    squares = (weights**2).sum(axis=1)
    return np.asarray(np.divide(weights.sum(axis=1) ** 2, squares, out=np.zeros(len(weights)), where=squares > 0))


def share_interval(share: float, votes: float) -> tuple[float, float]:
    """The 95 % range of a share of so many votes, by the score interval (Wilson, JASA 1927); 0 to 1 without any."""
    if votes <= 0:
        return 0.0, 1.0
    z2 = _NORMAL_95**2
    middle = (share + z2 / (2 * votes)) / (1 + z2 / votes)
    half = _NORMAL_95 / (1 + z2 / votes) * float(np.sqrt(share * (1 - share) / votes + z2 / (4 * votes**2)))
    return max(0.0, middle - half), min(1.0, middle + half)


def label_shares(members: Bools, *, multi_label: bool) -> Floats:
    """The share of rows that have each label, (c,), with half a row added to each side, so that none is 0 or 1."""
    added = 1.0 if multi_label else members.shape[1] / 2
    return np.asarray((members.sum(axis=0) + 0.5) / (len(members) + added))


def vote_logits(shares: Floats, voters: Floats | float, overall: Floats, *, multi_label: bool) -> Floats:
    """Vote shares (q, c) -> logits. One more neighbour votes like the whole gallery, so that no vote is certain.

    voters: how many voted, (q, 1) or one number. overall: `label_shares` of the gallery.
    """
    smoothed = (voters * shares + _PSEUDO_VOTE * overall) / (voters + _PSEUDO_VOTE)
    return np.asarray(np.log(smoothed) - np.log1p(-smoothed) if multi_label else np.log(smoothed))


def centroids(vectors: Vectors, members: Bools) -> Vectors:
    """The unit mean vector (c, dim) of the rows that have each label; zeros for a label without rows."""
    return unit_rows(members.T.astype(np.float32) @ vectors)


def unit_rows(vectors: NDArray[np.floating]) -> Vectors:
    """Rows scaled to unit length; a row of zeros stays zero."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, np.finfo(np.float32).tiny), np.float32)


def centroid_logits(queries: Vectors, vectors: Vectors, members: Bools, *, multi_label: bool) -> Floats:
    """The cosine with each label's centroid; with several labels, minus that with the centroid of all other rows."""
    cosines = queries @ centroids(vectors, members).T
    if multi_label:
        cosines = cosines - queries @ centroids(vectors, ~members).T
    return np.asarray(cosines, np.float64)


def closeness_within(vectors: Vectors, k: int, sample: RowNumbers, among: Among) -> Floats:
    """How near the gallery's own records lie: for each sampled row, the mean cosine with its k nearest rows that may
    answer it. Rows without any are left out. For queries see `mean_cosine`."""
    cosines = nearest_within(vectors, k, sample, among)
    return mean_cosine(cosines[np.isfinite(cosines[:, 0])])


def mean_cosine(cosines: Floats) -> Floats:
    """The mean (q,) of cosines (q, k), without the -inf that pads; -inf where there are none."""
    there = np.isfinite(cosines)
    total, count = np.where(there, cosines, 0).sum(axis=1), there.sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(cosines), -np.inf), where=count > 0))


def outlier_score(close: Floats, among: Floats) -> Floats:
    """The share of the background that lies nearer to its neighbours than the query does to its own: 1 = all."""
    return np.asarray((among[None, :] > close[:, None]).mean(axis=1))
