"""An index in an engine, with a store of its own beside it, as the contract of indexes wants it."""

from __future__ import annotations

import uuid

import numpy as np

from lookalike.filters import Filter
from lookalike.indexes.milvus.address import engine_address
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.indexes.milvus.connection import EngineConnection
from lookalike.indexes.milvus.expression import said_of
from lookalike.types import Keys, Scores, Vectors
from peers.milvus import Milvus


class KeptInEngine:
    """vectors: what a gallery's store would have, by key."""

    kind = MilvusIndex.kind

    def __init__(self, server: Milvus, name: str, vectors: dict[int, Vectors], dim: int, *, graph: bool) -> None:
        self._server, self._name, self._vectors, self._dim, self._graph = server, name, vectors, dim, graph
        self._index = MilvusIndex(EngineConnection(engine_address(server.address)), name, self._fetch, _nothing)
        self._index.moved_to(len(vectors), graph=self._graph)

    def make(self) -> None:
        self._index.make(self._dim, graph=self._graph)

    def clear(self) -> None:
        self.remove(np.array(list(self._vectors), np.int64))

    def again(self) -> KeptInEngine:
        """Another one of the same collection."""
        return KeptInEngine(self._server, self._name, self._vectors, self._dim, graph=self._graph)

    def upsert(self, keys: Keys, vectors: Vectors) -> None:
        said = {key: {"id": str(key), "patient": "", "said": said_of((), ())} for key in keys.tolist()}
        self._index.upsert(keys, vectors, keys, said)
        self._vectors |= dict(zip(keys.tolist(), vectors, strict=True))
        self._index.moved_to(len(self._vectors), graph=self._graph)

    def remove(self, keys: Keys) -> None:
        self._index.remove(keys)
        for key in keys.tolist():
            self._vectors.pop(key, None)
        self._index.moved_to(len(self._vectors), graph=self._graph)

    def search(self, queries: Vectors, k: int, among: Keys | None = None) -> tuple[Keys, Scores]:
        return self._index.search(queries, k, among)

    def vectors_at(self, keys: Keys) -> Vectors | None:
        return self._index.vectors_at(keys)

    def __len__(self) -> int:
        """As the engine counts."""
        assert self._index.counted(len(self._vectors))
        return self._index.count()

    def _fetch(self, keys: Keys) -> tuple[Keys, Vectors]:
        there = [key for key in keys.tolist() if key in self._vectors]
        stacked = np.stack([self._vectors[key] for key in there]) if there else np.empty((0, self._dim), np.float32)
        return np.array(there, np.int64), stacked


def _nothing(tree: Filter) -> Keys:
    raise AssertionError(f"the engine can be asked that: {tree}")


def index_in(server: Milvus, dim: int, *, graph: bool) -> KeptInEngine:
    """An empty index in a running engine. graph: whether by a graph, as large ones are."""
    index = KeptInEngine(server, f"contract_{uuid.uuid4().hex}", {}, dim, graph=graph)
    index.make()
    return index
