"""Make the index of a space from the store: read once, in blocks, and written as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import numpy as np
from sqlalchemy import Connection

from lookalike.indexes.packing import PackedFile
from lookalike.plugins import load_plugin
from lookalike.store.since import VectorLayout, moment_of, read_keys
from lookalike.store.vectors import sampled_vectors, vector_blocks
from lookalike.types import Keys, Vectors

_FIRST: Final = 16  # vectors, of which one tells the dimension


class StoredStream:
    """The stored vectors as a ``VectorStream`` of one space. project: base vectors into it. After ``blocks`` it knows
    their layout.
    """

    def __init__(self, connection: Connection, project: Callable[[Vectors], Vectors], dim: int) -> None:
        """dim: of the space, where no vector is there that would tell it."""
        self._connection, self._project = connection, project
        self._moment, self._keys = moment_of(connection), read_keys(connection)
        self.count = len(self._keys)
        first = sampled_vectors(connection, self._keys[:_FIRST])
        self.dim = project(first).shape[1] if len(first) else dim
        self._read: list[tuple[Keys, Keys, Keys]] = []

    @property
    def version(self) -> int:
        """Of the vectors that are read."""
        return self._moment[0]

    @property
    def total(self) -> tuple[int, int]:
        """How many keys there are, and their sum."""
        return self.count, int(self._keys.sum())

    @property
    def layout(self) -> VectorLayout:
        """What was read."""
        nothing = np.empty(0, np.int64)
        columns = zip((nothing, nothing, nothing), *self._read, strict=True)
        return VectorLayout(*self._moment, *map(np.concatenate, columns))

    def sample(self, many: int) -> Vectors:
        """So many of the vectors (n, dim), drawn at random; those that are damaged are not among them."""
        chosen = self._keys
        if many < self.count:
            chosen = np.sort(np.random.default_rng(0).choice(self._keys, many, replace=False))
        found = sampled_vectors(self._connection, chosen)
        return self._project(found) if len(found) else np.empty((0, self.dim), np.float32)

    def blocks(self) -> Iterator[tuple[Keys, Vectors]]:
        """Every key and vector, some at a time. Raises DamagedFileError."""
        self._read = []
        for block in vector_blocks(self._connection):
            self._read.append((block.keys, block.records, block.checksums))
            yield block.keys, self._project(block.vectors)


def write_index(kind: str, stored: StoredStream, file: BinaryIO) -> None:
    """Write the index of a kind into an empty file. Raises DamagedFileError."""
    made: Any = load_plugin("lookalike.indexes", kind)
    if hasattr(made, "write"):
        packed = PackedFile(file)
        made.write(stored, packed)
        packed.close()
        return
    index, start = made(stored.dim), 0
    keys, vectors = np.empty(stored.count, np.int64), np.empty((stored.count, stored.dim), np.float32)
    for some, block in stored.blocks():
        end = start + len(some)
        keys[start:end], vectors[start:end], start = some, block, end
    if stored.count:
        index.upsert(keys, vectors)
    file.write(index.serialise())
