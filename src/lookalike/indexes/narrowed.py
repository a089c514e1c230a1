"""An index in which only some of its vectors can be found."""

from __future__ import annotations

import numpy as np

from lookalike.indexes import Searchable
from lookalike.types import Keys, Scores, Vectors


class NarrowedIndex:
    """A ``Searchable`` of another one. keys: that may be found, ascending; ``among`` narrows them and never widens."""

    def __init__(self, index: Searchable, keys: Keys) -> None:
        self._index, self._keys, self.kind = index, keys, index.kind

    def __len__(self) -> int:
        return len(self._keys)

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        """As ``Searchable.search``, among the keys that may be found."""
        own = self._keys if among is None else np.intersect1d(among, self._keys)
        return self._index.search(queries, k, own)

    def vectors_at(self, keys: Keys) -> Vectors | None:
        """The vectors (n, dim) of these keys; None where one may not be found, or not all are in memory."""
        return self._index.vectors_at(keys) if np.isin(keys, self._keys).all() else None
