"""Exact search: every vector is compared with the query."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from lookalike.indexes import VectorStream
from lookalike.indexes.exact import last_of_each, nearest
from lookalike.indexes.packing import PackedFile, overwritten, pack, unpack
from lookalike.together import Together
from lookalike.types import Keys, Scores, Vectors

_ERASED: Final = -1  # the key of a row that was overwritten
_PATIENCE: Final = 0.3  # of callers that come together, in shares of the time of a matrix product
_FILTERS: Final = 16  # whose rows are kept
_FEW: Final = 16  # of so many keys one: looking each up is faster than going through all


class FlatIndex:
    """The results of FAISS's ``IndexFlatIP``, by NumPy's matrix product.

    This takes three quarters of FAISS's time for one query and a quarter for many, and ties are in order.
    """

    kind: ClassVar[str] = "flat"

    def __init__(self, dim: int) -> None:
        self._keys: Keys = np.empty(0, np.int64)
        self._held: Vectors = np.empty((0, dim), np.float32)  # has room to grow
        self._together = Together(self._nearest_of_each, _PATIENCE)
        self._chosen: tuple[tuple[weakref.ref[Keys], Keys, NDArray[np.int64]], ...] = ()

    @classmethod
    def deserialise(cls, data: Any) -> Self:
        """The index that ``serialise`` wrote, from any buffer; the caller has checked its checksum."""
        parts = unpack(data)
        index = cls(0)
        there = parts["keys"] != _ERASED
        index._keys, index._held = parts["keys"][there], parts["vectors"][there]
        return index

    def serialise(self) -> bytes:
        """Keys and vectors."""
        return pack({"keys": self._keys, "vectors": self.vectors})

    @staticmethod
    def write(stored: VectorStream, packed: PackedFile) -> None:
        """Write what ``serialise`` writes of all these vectors, which are never in memory together."""
        keys = [np.empty(0, np.int64)]

        def vectors() -> Iterator[Vectors]:
            for some, block in stored.blocks():
                keys.append(some)
                yield block

        packed.add_blocks("vectors", "<f4", stored.dim, vectors())
        packed.add("keys", np.concatenate(keys))

    @staticmethod
    def erased(data: Any, gone: Keys) -> Iterator[tuple[int, bytes]]:
        """Where in what was written what is to be written so that it holds nothing of some keys."""
        parts = unpack(data)
        rows = np.flatnonzero(np.isin(parts["keys"], gone))
        yield from overwritten(data, parts["vectors"], rows, 0)
        yield from overwritten(data, parts["keys"], rows, _ERASED)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def keys(self) -> Keys:
        """(n,) keys, in the order of ``vectors``."""
        return self._keys

    @property
    def vectors(self) -> Vectors:
        """(n, dim) float32."""
        return self._held[: len(self)]

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace; the last of several vectors with one key stays."""
        last = last_of_each(keys)
        self.remove(keys)
        start, end = len(self), len(self) + len(last)
        if end > len(self._held):
            held = np.empty((max(end, 2 * start), self._held.shape[1]), np.float32)
            held[:start] = self.vectors
            self._held = held
        self._held[start:end] = vectors[last]
        self._keys = np.concatenate([self._keys, keys[last]])

    def remove(self, keys: Keys) -> None:
        """Remove by key."""
        others = ~np.isin(self._keys, keys)
        if not others.all():
            self._held, self._keys = self.vectors[others], self._keys[others]

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        """Exact at any selectivity."""
        rows = np.ascontiguousarray(queries, np.float32)
        return self._together((rows, k)) if among is None else self._nearest(rows, k, among)

    def vectors_at(self, keys: Keys) -> Vectors | None:
        """Copies of the vectors; None if a key is missing, or keys no longer ascend since vectors were replaced."""
        place = np.minimum(np.searchsorted(self._keys, keys), len(self) - 1)
        there = len(self) > 0 and bool((self._keys[place] == keys).all())
        return self.vectors[place] if there else None

    def _nearest_of_each(self, asked: Sequence[tuple[Vectors, int]]) -> list[tuple[Keys, Scores]]:
        depth, ends = max(k for _, k in asked), np.cumsum([len(queries) for queries, _ in asked])[:-1]
        found = self._nearest(np.concatenate([queries for queries, _ in asked]), depth)
        parts = zip(asked, *(np.split(each, ends) for each in found), strict=True)
        return [(keys[:, :k], scores[:, :k]) for (_, k), keys, scores in parts]

    def _nearest(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        rows = None if among is None else self._rows(among)
        return nearest(queries, k, self._keys, self.vectors, rows)

    def _rows(self, among: Keys) -> NDArray[np.int64]:
        """The rows of those keys that are there, ascending. Those of the last filters are kept, by the array itself, as
        long as somebody has that and the keys here are the same.
        """
        keys, chosen = self._keys, self._chosen
        for known, of, rows in chosen:
            if known() is among and of is keys:
                return rows
        rows = self._rows_with(among)
        others = [each for each in chosen if each[0]() is not None and each[1] is keys]
        self._chosen = ((weakref.ref(among), keys, rows), *others[: _FILTERS - 1])
        return rows

    def _rows_with(self, among: Keys) -> NDArray[np.int64]:
        if len(among) * _FEW < len(self):
            place = np.minimum(np.searchsorted(self._keys, among), len(self) - 1)
            if (self._keys[place] == among).all():  # else some are not there, or keys no longer ascend
                return np.unique(place)
        if len(self):  # of an index of what is new few of many keys, which would be sorted, can be there
            among = among[(among >= self._keys.min()) & (among <= self._keys.max())]
        return np.flatnonzero(np.isin(self._keys, among))


class FlatL2Index(FlatIndex):
    """The results of ``IndexFlatL2``: for unit vectors d^2 = 2 - 2 cos, so they are those of ``flat``."""

    kind: ClassVar[str] = "flat-l2"
