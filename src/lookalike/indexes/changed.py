"""An index after a few changes. The index itself is not touched, so that searches go on in it while others see this."""

from __future__ import annotations

import numpy as np

from lookalike.indexes import Searchable
from lookalike.indexes.exact import merged
from lookalike.indexes.flat import FlatIndex
from lookalike.types import Keys, Scores, Vectors

_SPARE = 16  # more than k that are asked for at first, in case some of them are struck off


class ChangedIndex:
    """``base`` without the keys that are struck off, which it need not have, and with ``newer`` vectors; size: how many
    are there now.
    """

    def __init__(self, base: Searchable, size: int, struck: Keys, newer: FlatIndex) -> None:
        self.base, self.kind, self._size = base, base.kind, size
        self._struck, self._newer = np.unique(struck), newer

    @classmethod
    def unchanged(cls, base: Searchable) -> ChangedIndex:
        """Before any change."""
        return cls(base, len(base), np.empty(0, np.int64), FlatIndex(0))

    def __len__(self) -> int:
        return self._size

    @property
    def loose(self) -> int:
        """How many vectors are struck off or new."""
        return len(self._struck) + len(self._newer)

    def changed(self, size: int, gone: Keys, keys: Keys, vectors: Vectors) -> ChangedIndex:
        """The index after more changes. size: how many vectors there are now; gone: keys of those that are removed or
        replaced; keys (n,) and vectors (n, dim): those that are new.
        """
        newer = FlatIndex(max(vectors.shape[1], self._newer.vectors.shape[1]))
        if len(self._newer):
            newer.upsert(self._newer.keys, self._newer.vectors)
            newer.remove(gone)
        if len(keys):
            newer.upsert(keys, vectors)
        return ChangedIndex(self.base, size, np.concatenate([self._struck, gone]), newer)

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        """The k nearest of what is there now, as ``Index.search``."""
        queries = np.ascontiguousarray(queries, np.float32)
        newer = self._newer.search(queries, k, among)
        found, lost = self._without_struck(queries, k + min(_SPARE, len(self._struck)), among)
        if lost > _SPARE:
            left = None if among is None else among[~np.isin(among, self._struck)]
            found, _ = self._without_struck(queries, k + (len(self._struck) if left is None else 0), left)
        return merged(newer, found)

    def vectors_at(self, keys: Keys) -> Vectors | None:
        """Only of vectors that have not changed."""
        return None if np.isin(keys, self._struck).any() else self.base.vectors_at(keys)

    def newer_at(self, keys: Keys) -> Vectors:
        """The vectors (n, dim) of these keys, ascending, which are new."""
        order = np.argsort(self._newer.keys, kind="stable")
        rows = order[np.searchsorted(self._newer.keys, keys, sorter=order)]
        if not (self._newer.keys[rows] == keys).all():
            raise KeyError("not new")
        return self._newer.vectors[rows]

    def _without_struck(self, queries: Vectors, depth: int, among: Keys | None) -> tuple[tuple[Keys, Scores], int]:
        """What is found among some keys and not struck off, and how many hits of a query were, at most."""
        keys, scores = self.base.search(queries, depth, among)
        struck = np.isin(keys, self._struck)
        found = np.where(struck, -1, keys), np.where(struck, np.float32(-np.inf), scores)
        return found, int(np.count_nonzero(struck, axis=1).max(initial=0))
