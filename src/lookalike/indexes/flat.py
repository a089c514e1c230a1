"""Exact search: FAISS's flat inner-product index. On unit vectors L2 gives the same order."""

from __future__ import annotations

from typing import Any, Final, Self

import numpy as np

from lookalike.types import Keys, Scores, Vectors

_SCAN_SHARE: Final = 0.25  # below this share of the index, gathering the rows is faster than skipping the others


class FlatIndex:
    """``IndexFlatIP`` under ``IndexIDMap2``."""

    kind: Final = "flat"

    def __init__(self, dim: int) -> None:
        import faiss

        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    @classmethod
    def deserialise(cls, data: bytes) -> Self:
        """The index that ``serialise`` wrote; the caller has checked the bytes' checksum."""
        import faiss

        index = cls.__new__(cls)
        index._index = faiss.deserialize_index(np.frombuffer(data, np.uint8))
        return index

    def serialise(self) -> bytes:
        """The FAISS file format, as bytes."""
        import faiss

        data: bytes = faiss.serialize_index(self._index).tobytes()
        return data

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace; the last of several vectors with one key stays."""
        last = {int(key): i for i, key in enumerate(keys)}
        rows = np.fromiter(last.values(), np.int64, len(last))
        if len(self):
            self.remove(keys)
        if len(rows):
            self._index.add_with_ids(np.ascontiguousarray(vectors[rows], np.float32), keys[rows])

    def remove(self, keys: Keys) -> None:
        """Remove by key."""
        self._index.remove_ids(np.unique(keys))

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        """Exact at any selectivity: few matches are scanned, many are selected inside FAISS."""
        queries = np.ascontiguousarray(queries, np.float32)
        if among is not None and len(among) < _SCAN_SHARE * len(self):
            return self._scan(queries, k, among)
        return self._select(queries, k, among)

    def _select(self, queries: Vectors, k: int, among: Keys | None) -> tuple[Keys, Scores]:
        import faiss

        found = min(k, len(self))
        keys = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        if found == 0 or len(queries) == 0:
            return keys, scores
        parameters = None
        if among is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.unique(among)))
        similar, labels = self._index.search(queries, found, params=parameters)
        keys[:, :found], scores[:, :found] = labels, similar
        scores[keys == -1] = -np.inf
        return _ordered(keys, scores)

    def _scan(self, queries: Vectors, k: int, among: Keys) -> tuple[Keys, Scores]:
        known = np.unique(among)
        known = known[np.isin(known, faiss_keys(self._index))]
        keys = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        if len(known) == 0 or len(queries) == 0:
            return keys, scores
        similar = queries @ self._index.reconstruct_batch(known).T
        top = np.argsort(-similar, axis=1, kind="stable")[:, :k]
        keys[:, : top.shape[1]] = known[top]
        scores[:, : top.shape[1]] = np.take_along_axis(similar, top, axis=1)
        return keys, scores


def faiss_keys(index: Any) -> Keys:
    """The keys of an ``IndexIDMap2``, in the order of its rows."""
    import faiss

    keys: Keys = faiss.vector_to_array(index.id_map)
    return keys


def _ordered(keys: Keys, scores: Scores) -> tuple[Keys, Scores]:
    """Best first, equal scores by ascending key, padding last."""
    order = np.lexsort((keys, -scores), axis=1)
    return np.take_along_axis(keys, order, axis=1), np.take_along_axis(scores, order, axis=1)
