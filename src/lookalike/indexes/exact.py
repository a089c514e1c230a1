"""Exact nearest neighbours over plain arrays, used by every index kind for fallback and final scores."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lookalike.types import Keys, Scores, Vectors

_CELLS: Final = 1 << 24  # similarities held at once: 64 MiB
_GATHER_SHARE: Final = 0.4  # below this share of the rows, copying them is faster than leaving the others out later
_BLOCK: Final = 512  # rows copied at once, so that they are still in the processor's cache when they are multiplied
_GROUP: Final = 64  # values represented by their maximum
_ROUNDING: Final = 1e-5  # of a cosine summed in float32; candidates this close to the k-th are scored again


def nearest(
    queries: Vectors, k: int, keys: Keys, vectors: Vectors, rows: NDArray[np.int64] | None = None
) -> tuple[Keys, Scores]:
    """The k best of (n, dim) vectors for each query: (q, k) keys and cosines, padded with -1 and -inf.

    rows: (m,), which of them may be found, ascending. A matrix product finds the candidates; ``best`` scores them.
    """
    rows = None if rows is None or len(rows) == len(keys) else rows
    count = len(keys) if rows is None else len(rows)
    found_keys, found_scores = padding(len(queries), k)
    if count == 0 or k < 1:
        return found_keys, found_scores
    step = max(1, _CELLS // len(keys))
    for start in range(0, len(queries), step):
        similar = _similarities(queries[start : start + step], vectors, rows)
        bound = _bound(similar, min(k, count)) - _ROUNDING
        for i, row in enumerate(similar >= bound[:, None], start):
            likely = np.flatnonzero(row) if rows is None else rows[row]
            top, scores = best(queries[i], k, keys[likely], vectors[likely])
            found_keys[i, : len(top)], found_scores[i, : len(top)] = top, scores
    return found_keys, found_scores


def _similarities(queries: Vectors, vectors: Vectors, rows: NDArray[np.int64] | None) -> NDArray[np.float32]:
    """(q, rows): of queries with some rows, or with all of them, at the cost of these alone."""
    if rows is None:
        return queries @ vectors.T
    if len(rows) > _GATHER_SHARE * len(vectors):
        return (queries @ vectors.T)[:, rows]
    similar = np.empty((len(queries), len(rows)), np.float32)
    taken = np.empty((min(_BLOCK, len(rows)), vectors.shape[1]), np.float32)
    for start in range(0, len(rows), _BLOCK):
        some = rows[start : start + _BLOCK]
        np.take(vectors, some, axis=0, out=taken[: len(some)], mode="clip")
        similar[:, start : start + len(some)] = queries @ taken[: len(some)].T
    return similar


def _bound(similar: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """(q,) values that at least k of each row's (q, n) reach, and rarely many more.

    The k-th greatest of the maxima of many groups is reached by at least k values, one of each group; finding it
    takes a twentieth of the time of finding the k-th greatest value itself.
    """
    groups = similar.shape[1] // _GROUP
    if groups < 4 * k:
        place = similar.shape[1] - k
        return np.partition(similar, place, axis=1)[:, place]
    maxima = similar[:, : groups * _GROUP].reshape(len(similar), _GROUP, groups).max(axis=1)
    return np.partition(maxima, groups - k, axis=1)[:, groups - k]


def best(query: Vectors, k: int, keys: Keys, vectors: Vectors) -> tuple[Keys, Scores]:
    """The k best of a few candidates for one query (dim,), ties by ascending key.

    Each row is summed on its own, in float64: a score depends on nothing but its two vectors, so equal
    vectors tie exactly and a query scores the same alone and in a batch, whatever the index.
    """
    if len(keys) > k:
        rough = np.einsum("ij,j->i", vectors, query)  # a matrix product would start its threads for this
        likely = rough >= np.partition(rough, -k)[-k] - _ROUNDING
        keys, vectors = keys[likely], vectors[likely]
    scores = np.einsum("ij,j->i", vectors, query, dtype=np.float64).astype(np.float32)
    order = np.lexsort((keys, -scores))[:k]
    return keys[order], scores[order]


def merged(*answers: tuple[Keys, Scores]) -> tuple[Keys, Scores]:
    """The k best of several (q, k) results over disjoint keys."""
    keys = np.concatenate([answer[0] for answer in answers], axis=1)
    scores = np.concatenate([answer[1] for answer in answers], axis=1)
    # A padded place sorts after every hit: its score is the least.
    order = np.lexsort((keys, -scores), axis=1)[:, : answers[0][0].shape[1]]
    return np.take_along_axis(keys, order, axis=1), np.take_along_axis(scores, order, axis=1)


def padding(queries: int, k: int) -> tuple[Keys, Scores]:
    """A result without hits."""
    return np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32)


def last_of_each(keys: Keys) -> NDArray[np.int64]:
    """The position of the last of several equal keys, in ascending order of the keys."""
    backwards = np.unique(keys[::-1], return_index=True)[1]
    return len(keys) - 1 - backwards
