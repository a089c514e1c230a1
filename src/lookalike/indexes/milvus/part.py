"""A part of a gallery in an engine: its filter is asked with every other one."""

from __future__ import annotations

import numpy as np

from lookalike.filters import And, Filter
from lookalike.indexes import FilteringIndex
from lookalike.types import Keys, Scores, Vectors


class PartOfEngine:
    """A ``FilteringIndex`` of another one. tree: what the part is; keys: its vectors, ascending; ``among`` narrows it
    and never widens.
    """

    def __init__(self, index: FilteringIndex, tree: Filter, keys: Keys) -> None:
        self._index, self._tree, self._keys = index, tree, keys
        self.kind, self.deepest = index.kind, index.deepest

    def __len__(self) -> int:
        return len(self._keys)

    def search(self, queries: Vectors, k: int, among: Keys | Filter | None = None) -> tuple[Keys, Scores]:
        """As ``FilteringIndex.search``, among what may be found."""
        return self._index.search(queries, k, self._narrowed(among))

    def few(self, among: Filter, most: int) -> Keys | None:
        """As ``FilteringIndex.few``."""
        return self._index.few(And((self._tree, among)), most)

    def vectors_at(self, keys: Keys) -> Vectors | None:  # noqa: ARG002
        """None: the store has them."""
        return None

    def _narrowed(self, among: Keys | Filter | None) -> Keys | Filter:
        if isinstance(among, np.ndarray):
            return np.intersect1d(among, self._keys)
        return self._tree if among is None else And((self._tree, among))
