"""A FAISS structure that is built once, with the keys and the float32 vectors of its rows."""

from __future__ import annotations

import mmap
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.indexes.exact import best, merged, nearest, padding
from lookalike.indexes.native import build, faiss_bytes, from_faiss_bytes, kept_vectors, likely_numbers
from lookalike.indexes.recipes import Recipe
from lookalike.types import Keys, Scores, Vectors

_BLOCK: Final = 8192  # rows read from the file at once
_FEW: Final = 1000  # rows that are scanned faster than searched


class Structure:
    """Rows may be struck off, nothing else changes. Keys (n,) in any order; row i is FAISS's number i.

    source: the memory-mapped file that holds ``vectors``, if there is one.
    """

    def __init__(
        self, recipe: Recipe, index: Any, keys: Keys, alive: NDArray[np.bool_], vectors: Vectors, source: Any = None
    ) -> None:
        self._recipe, self._index, self._keys, self._alive = recipe, index, keys, alive
        self._vectors = kept_vectors(index) if recipe.keeps_vectors else vectors
        self._source = source if isinstance(source, mmap.mmap) and not recipe.keeps_vectors else None
        self._live = int(np.count_nonzero(alive))

    @classmethod
    def of(cls, recipe: Recipe, keys: Keys, vectors: Vectors) -> Structure:
        """Build it. keys (n,) distinct, vectors (n, dim) float32."""
        index, order = build(recipe, vectors)
        return cls(recipe, index, keys[order], np.ones(len(keys), np.bool_), vectors[order])

    @classmethod
    def unpacked(cls, recipe: Recipe, parts: dict[str, NDArray[Any]], source: Any) -> Structure:
        """The structure of ``parts``, read from ``source``."""
        keys, alive = parts["keys"].copy(), parts["alive"].copy()
        return cls(recipe, from_faiss_bytes(parts["faiss"]), keys, alive, parts["vectors"], source)

    def parts(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        vectors = self._vectors[:0] if self._recipe.keeps_vectors else self._vectors
        return {"keys": self._keys, "alive": self._alive, "faiss": faiss_bytes(self._index), "vectors": vectors}

    def __len__(self) -> int:
        return self._live

    @property
    def struck(self) -> int:
        """How many rows are struck off."""
        return len(self._keys) - len(self)

    def strike(self, keys: Keys) -> None:
        """Strike off these keys: they are never found again."""
        self._alive = self._alive & ~np.isin(self._keys, keys)
        self._live = int(np.count_nonzero(self._alive))

    def remaining(self) -> tuple[Keys, Vectors]:
        """The keys and vectors that are not struck off."""
        rows = np.flatnonzero(self._alive)
        return self._keys[rows], self._read(rows)

    def search(self, queries: Vectors, k: int, among: Keys | None, effort: float) -> tuple[Keys, Scores]:
        """(q, k) keys and cosines; exact where few rows match, or where FAISS finds fewer than match."""
        alive = self._alive if among is None else self._alive & np.isin(self._keys, among)
        matching = len(self) if among is None else int(np.count_nonzero(alive))
        few = 0 if among is None else self._recipe.exact_share * len(alive)
        if matching <= max(_FEW, few) or k >= matching / 2:
            return self._scan(queries, k, alive)
        numbers = likely_numbers(
            self._index,
            self._recipe,
            queries,
            k,
            effort=effort,
            alive=None if matching == len(alive) else alive,
            filtered=among is not None,
        )
        keys, scores = padding(len(queries), k)
        for i, row in enumerate(numbers):
            found = np.sort(row[row >= 0])
            if len(found) < k:
                keys[i : i + 1], scores[i : i + 1] = self._scan(queries[i : i + 1], k, alive)
            else:
                keys[i], scores[i] = best(queries[i], k, self._keys[found], self._read(found))
        return keys, scores

    def _scan(self, queries: Vectors, k: int, alive: NDArray[np.bool_]) -> tuple[Keys, Scores]:
        rows = np.flatnonzero(alive)
        if self._source is None:
            return nearest(queries, k, self._keys, self._vectors, rows)
        answer = padding(len(queries), k)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            answer = merged(answer, nearest(queries, k, self._keys[block], self._read(block)))
        return answer

    def _read(self, rows: NDArray[np.int64]) -> Vectors:
        vectors: Vectors = self._vectors[rows]
        if self._source is not None:
            # The pages stay in the system's cache but no longer count as this process's memory.
            self._source.madvise(mmap.MADV_DONTNEED)
        return vectors
