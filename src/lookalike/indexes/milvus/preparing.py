"""Filling the collection of the vectors beside, so that it answers as soon as they do."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Final

import numpy as np

from lookalike.errors import EngineError
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.indexes.milvus.connection import EngineConnection
from lookalike.indexes.milvus.filling import change, fill, remove_gone, wants_graph
from lookalike.store import Store
from lookalike.store.described import changed_records, described_records, mark_of
from lookalike.store.prepared import PreparedCollection, note_prepared, prepared_collection
from lookalike.types import Keys, Vectors

_ROUNDS: Final = 20  # of catching up, while others write

Moment = Callable[[], AbstractContextManager[object]]


class Preparation:
    """The collection of a store's vectors beside. One process at a time fills it: who migrates the gallery."""

    def __init__(self, connection: EngineConnection, store: Store) -> None:
        self._connection, self._store = connection, store

    @property
    def collection(self) -> str:
        """Its name; "" if there is none."""
        found = prepared_collection(self._store)
        return "" if found is None else found.collection

    def fill(self, collection: str, dim: int, moment: Moment) -> None:
        """Fill the collection of this name, or bring it in step. moment: within, no record is erased. Raises
        EngineError.
        """
        for _ in range(_ROUNDS):
            found, now = prepared_collection(self._store), mark_of(self._store, beside=True)
            if found is None or not self._is_filled(found, collection):
                found = self._begin(collection, dim, moment)
            elif found.mark == now:
                return
            self._catch_up(found, moment)
        raise EngineError("the gallery is written to faster than the index engine takes it; do it again")

    def _is_filled(self, found: PreparedCollection, collection: str) -> bool:
        noted = self._connection.note(collection) or {}
        return found.collection == collection and bool(found.token) and noted.get("token") == found.token

    def _begin(self, collection: str, dim: int, moment: Moment) -> PreparedCollection:
        """Make it anew: what an interrupted run has put is not told from what it has not."""
        self.forget()
        now = mark_of(self._store, beside=True)
        found = PreparedCollection(collection, now, wants_graph(now.count, dim))
        note_prepared(self._store, found)
        index = self._index(collection)
        index.make(dim, graph=found.graph)
        fill(index, self._store, beside=True, moment=moment)
        return found

    def _catch_up(self, found: PreparedCollection, moment: Moment) -> None:
        now, changed = mark_of(self._store, beside=True), changed_records(self._store, found.mark, beside=True)
        if changed is None:
            self.forget()
            return
        index, token = self._index(found.collection), secrets.token_hex(8)
        with moment():
            change(index, self._store, changed, beside=True)
        if mark_of(self._store, beside=True) == now and not index.counted(now.count):
            self.forget()
            raise EngineError("the index engine does not keep what it is given; look at it, then do it again")
        note_prepared(self._store, replace(found, mark=now, token=token))
        self._connection.put_note(found.collection, {"token": token, "mark": asdict(now), "graph": found.graph})

    def remove_erased(self) -> None:
        """Take out of it what is no longer stored. Raises EngineError."""
        if (found := prepared_collection(self._store)) is None:
            return
        changed = changed_records(self._store, found.mark, beside=True)
        if changed is None or not self._connection.call("has_collection", found.collection):
            self.forget()
            return
        remove_gone(
            self._index(found.collection), changed, described_records(self._store, changed.tolist(), beside=True)
        )

    def forget(self) -> None:
        """Remove it. Raises EngineError; nobody knows of it any more all the same."""
        collection = self.collection
        note_prepared(self._store, None)
        if collection:
            self._connection.call("drop_collection", collection)

    def _index(self, collection: str) -> MilvusIndex:
        return MilvusIndex(self._connection, collection, _nothing, self._store.keys_where)


def _nothing(keys: Keys) -> tuple[Keys, Vectors]:
    """It is not searched before it answers."""
    return keys[:0], np.empty((0, 0), np.float32)
