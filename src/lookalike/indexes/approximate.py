"""The approximate kinds: a FAISS structure over most vectors, and an exact tail.

FAISS's structures cannot replace a vector and most cannot remove one. So a structure is never changed:
a removed vector is struck off, a new one goes to a flat tail that is searched as well, and when too many are
struck off or in the tail, everything is rebuilt. A small collection is in the tail only.

The candidates of a structure are scored again from the float32 vectors, so that scores are exact cosines.
An index loaded from a file leaves these vectors there.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any, ClassVar, Final, Self

import numpy as np

from lookalike.indexes import VectorStream, recipes
from lookalike.indexes.exact import merged
from lookalike.indexes.flat import FlatIndex
from lookalike.indexes.packing import PackedFile, packed_by, unpack
from lookalike.indexes.structure import Structure
from lookalike.types import Keys, Scores, Vectors

SMALLEST: Final = 1000  # vectors that justify a structure; fewer are scanned in a tenth of a millisecond
_LOOSE: Final = 1 / 8  # share of a structure's vectors, struck off or in the tail, that triggers a rebuild


class ApproximateIndex:
    """A recipe as an Index. ``effort`` scales how far it searches: 1 by default, more finds more."""

    recipe: ClassVar[recipes.Recipe]
    kind: str

    def __init_subclass__(cls) -> None:
        cls.kind = cls.recipe.name

    def __init__(self, dim: int) -> None:
        self.effort = 1.0
        self._dim = dim
        self._tail = FlatIndex(dim)
        self._structure: Structure | None = None

    @classmethod
    def deserialise(cls, data: Any) -> Self:
        """The index that ``serialise`` wrote, from bytes or a memory-mapped file, which is kept open."""
        parts = unpack(data)
        index = cls(int(parts["dim"][0]))
        index._tail = FlatIndex.deserialise(parts["tail"].data)
        if "faiss" in parts:
            index._structure = Structure.unpacked(cls.recipe, parts)
        return index

    def serialise(self) -> bytes:
        """Tail, structure and float32 vectors."""
        return packed_by(self._write)

    def _write(self, packed: PackedFile) -> None:
        packed.add("dim", np.array([self._dim]))
        packed.add("tail", np.frombuffer(self._tail.serialise(), np.uint8))
        if self._structure is not None:
            self._structure.write(packed)

    @classmethod
    def write(cls, stored: VectorStream, packed: PackedFile) -> None:
        """Write what ``serialise`` writes of all these vectors, which are never in memory together."""
        empty = cls(stored.dim)
        if stored.count < SMALLEST:
            for keys, vectors in stored.blocks():
                empty.upsert(keys, vectors)
        empty._write(packed)
        if stored.count >= SMALLEST:
            Structure.write_from(cls.recipe, stored, packed)

    @staticmethod
    def erased(data: mmap.mmap, gone: Keys) -> Iterator[tuple[int, bytes]]:
        """Where in what was written what is to be written so that it holds nothing of some keys."""
        parts = unpack(data)
        if len(FlatIndex.deserialise(parts["tail"].data)):
            raise ValueError("only what is in the structure can be overwritten")
        return Structure.erased(data, parts, gone)

    def __len__(self) -> int:
        return len(self._tail) + (0 if self._structure is None else len(self._structure))

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add or replace; the last of several vectors with one key stays. Few large calls cause the fewest rebuilds."""
        if self._structure is not None:
            self._structure.strike(keys)
        self._tail.upsert(keys, vectors)
        self._settle()

    def remove(self, keys: Keys) -> None:
        """Remove by key."""
        if self._structure is not None:
            self._structure.strike(keys)
        self._tail.remove(keys)
        self._settle()

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        """The k nearest in structure and tail."""
        queries = np.ascontiguousarray(queries, np.float32)
        if self._structure is None or k < 1:
            return self._tail.search(queries, k, among)
        built = self._structure.search(queries, k, among, self.effort)
        return merged(self._tail.search(queries, k, among), built) if len(self._tail) else built

    def vectors_at(self, keys: Keys) -> Vectors | None:
        """Only if everything is in the tail: a structure leaves its vectors in the file."""
        return self._tail.vectors_at(keys) if self._structure is None else None

    def _settle(self) -> None:
        structure, loose = self._structure, len(self._tail)
        if structure is not None:
            loose += structure.struck
        if loose < max(SMALLEST, _LOOSE * len(self)):
            return
        keys, vectors = self._tail.keys, self._tail.vectors
        if structure is not None:
            built = structure.remaining()
            keys, vectors = np.concatenate([built[0], keys]), np.concatenate([built[1], vectors])
        self._structure, tail = None, FlatIndex(self._dim)
        if len(keys) < SMALLEST:
            tail.upsert(keys, vectors)
        else:
            self._structure = Structure.of(self.recipe, keys, vectors)
        self._tail = tail


class HNSWIndex(ApproximateIndex):
    """A graph of near neighbours. Fast, in memory, slow to build."""

    recipe = recipes.HNSW


class LSHIndex(ApproximateIndex):
    """Signs of random projections, compared by Hamming distance."""

    recipe = recipes.LSH


class IVFFlatIndex(ApproximateIndex):
    """Inverted lists around k-means centroids; the lists near the query are scanned."""

    recipe = recipes.IVF_FLAT


class IVFPQIndex(ApproximateIndex):
    """The same lists of product-quantised vectors, a byte for up to 8 components."""

    recipe = recipes.IVF_PQ


class IVFRaBitQIndex(ApproximateIndex):
    """The same lists of two-bit codes, then float32 vectors in the file."""

    recipe = recipes.IVF_RABITQ


class SQ8Index(ApproximateIndex):
    """All vectors, scanned at a byte a component."""

    recipe = recipes.SQ8
