"""Indexes: fast, rebuildable copies of a space's vectors.

Index kinds are plug-ins: the entry point group ``lookalike.indexes`` names, for each kind, a class that is
called with the dimension and returns an empty Index.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, Self, TypeAlias, runtime_checkable

from lookalike.filters import Filter
from lookalike.types import Keys, Scores, Vectors


class Searchable(Protocol):
    """Vectors by key, searched by cosine. Vectors are (n, dim) float32 with rows of unit length.

    Searches may run concurrently. ``vectors_at`` is an optional capability: a kind that does not hold its vectors in
    memory returns None.
    """

    kind: str

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        """The k nearest for each query, (q, k) keys and cosines, best first, ties by ascending key.

        among: only these keys may be found; the store compiles a Filter to them. Fewer than k hits
        come back only if fewer match: keys are padded with -1, scores with -inf.
        """
        ...

    def vectors_at(self, keys: Keys) -> Vectors | None:
        """The vectors (n, dim) of these keys, in their order, if all of them are in memory; else None.

        It saves the caller a query to the store, which has every vector.
        """
        ...

    def __len__(self) -> int: ...


@runtime_checkable
class FilteringIndex(Protocol):
    """What is searched like a ``Searchable`` and takes a filter itself, as an engine outside of this process does.
    deepest: hits of one query that it gives at most.
    """

    kind: str
    deepest: int

    def search(self, queries: Vectors, k: int, among: Keys | Filter | None = None) -> tuple[Keys, Scores]:
        """As ``Searchable.search``. Raises UsageError for more than ``deepest``, or a filter that cannot be asked."""
        ...

    def few(self, among: Filter, most: int) -> Keys | None:
        """The keys that satisfy a filter, ascending; None if they are more than ``most``, below ``deepest``."""
        ...

    def vectors_at(self, keys: Keys) -> Vectors | None:
        """As ``Searchable.vectors_at``."""
        ...

    def __len__(self) -> int: ...


class VectorStream(Protocol):
    """All vectors of a space, to be read in blocks. count: how many there are."""

    count: int
    dim: int

    def sample(self, many: int) -> Vectors:
        """So many of the vectors (n, dim), drawn at random; all of them if there are not as many."""
        ...

    def blocks(self) -> Iterator[tuple[Keys, Vectors]]:
        """All keys (n,), ascending, and vectors (n, dim), some at a time."""
        ...


class Index(Searchable, Protocol):
    """What can be searched, changed and stored. Nothing else may run during ``upsert`` or ``remove``.

    A class may have ``write(stored: VectorStream, packed: packing.PackedFile)``, which writes the arrays that
    ``deserialise`` reads and never holds all vectors; without it an index is made in memory, by ``upsert``. And
    ``erased(data: mmap.mmap, gone: Keys) -> Iterable[tuple[int, bytes]]``, which says where in the file ``data`` what
    is to be written so that it holds nothing of some keys; without it what was removed leaves the disk by a file being
    made anew.
    """

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        """Add vectors, or replace those of existing keys."""
        ...

    def remove(self, keys: Keys) -> None:
        """Remove vectors; unknown keys are ignored."""
        ...

    def serialise(self) -> bytes:
        """The whole index as bytes, for ``files.save``."""
        ...

    @classmethod
    def deserialise(cls, data: Any) -> Self:
        """The index that ``serialise`` wrote: from bytes, or from a memory-mapped file that is kept open.

        The caller has verified the bytes.
        """
        ...


AnyIndex: TypeAlias = Searchable | FilteringIndex
