"""A gallery's spaces in an engine: each is made from the store, and kept in step with it at the cost of what changed.

Beside each collection stands what it was made of: the moment of the store, and a token that is drawn anew whenever
either is changed. The store keeps the last tokens. So a collection that was lost, put back from a backup, or filled by
a copy of the gallery is told from the one that this store knows, and is made anew.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple

import numpy as np

from lookalike.errors import EngineError
from lookalike.indexes.milvus.collection import MilvusIndex
from lookalike.indexes.milvus.connection import EngineConnection
from lookalike.indexes.milvus.expression import said_of
from lookalike.store import SpaceRow, Store
from lookalike.store.described import (
    DescribedVectors,
    StoreMark,
    changed_records,
    described_after,
    described_records,
    mark_of,
    state_of,
    vectors_at,
)
from lookalike.types import Keys, Vectors

_LAYOUT: Final = 1  # of a collection; another one is made anew
_TOGETHER: Final = 4096  # vectors that are read from the store at once
_LOOK_EVERY: Final = 1.0  # seconds: somebody may have dropped a collection, or filled it
_EXACT_BYTES: Final = 1 << 30  # of float32 vectors, which the engine compares with one by one
_ROUNDS: Final = 20  # of catching up, while others write
_LOOSE: Final = 1 / 8  # share of the vectors after whose change the index counts as another one
_FACT: Final = "engine of"

Project = Callable[[Vectors], Vectors]


@dataclass(slots=True)
class _Known:
    """A collection as this process knows it. size: of the index when it was made; at: when it was looked at, the store
    having had so many ``changes``; state: of the store, for which it holds.
    """

    index: MilvusIndex
    name: str
    size: int = 0
    token: str = ""
    state: tuple[int, int] = (-1, -1)
    at: float = 0.0
    changes: int = -1

    def is_current(self, name: str, changes: int) -> bool:
        """Whether it need not be looked at."""
        return (self.name, self.changes) == (name, changes) and time.monotonic() - self.at < _LOOK_EVERY


class _Noted(NamedTuple):
    """What a collection was made of, as is noted beside it. graph: whether it is searched by a graph."""

    mark: StoreMark
    token: str
    graph: bool

    @property
    def state(self) -> tuple[int, int]:
        return self.mark.state


class EngineSpaces:
    """The spaces of one store. locked: holds off other processes that would fill the same collections; it raises
    GalleryError where nothing may be written.
    """

    def __init__(
        self, connection: EngineConnection, store: Store, locked: Callable[[], AbstractContextManager[Any]]
    ) -> None:
        self.connection = connection
        self._store, self._locked = store, locked
        self._known: dict[str, _Known] = {}
        self._turn = threading.RLock()

    def index(self, row: SpaceRow, identity: Mapping[str, str], dim: int, project: Project) -> MilvusIndex:
        """The index of a space, in step with the store. identity, dim: of the encoder. project: its vectors into the
        space. Raises EngineError, DamagedFileError, GalleryError (it is not in step, and nothing may be written).
        """
        made_of = json.dumps([_LAYOUT, self._store.id, row.name, row.adapter, dict(identity)], sort_keys=True)
        name = f"{self._prefix(row.name)}{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"
        known, changes = self._known.get(row.name), self._store.changes()
        if known is None or not known.is_current(name, changes):
            with self._turn:
                known = self._known.get(row.name)
                if known is None or known.name != name:
                    self._known[row.name] = known = _Known(self._new(name, project), name)
                if not known.is_current(name, changes):
                    self._step(known, row.name, dim, project)
                    known.changes = changes
        return known.index

    def drop_all_but(self, spaces: Collection[str]) -> None:
        """Remove the collections of this store that are of other spaces."""
        kept = tuple(map(self._prefix, spaces))
        for each in self.connection.call("list_collections"):
            if str(each).startswith(self._prefix("")) and not str(each).startswith(kept):
                self.connection.call("drop_collection", each)
        self._known = {name: known for name, known in self._known.items() if name in spaces}

    def count_of(self, ids: Collection[str]) -> int:
        """How many vectors of some records the collections of this store hold, of any space. Raises EngineError."""
        held = [str(each) for each in self.connection.call("list_collections")]
        own = [self._new(name, _same) for name in held if name.startswith(self._prefix(""))]
        return sum(index.count_of(ids) for index in own)

    def _prefix(self, space: str) -> str:
        """What the names of a space's collections begin with; of all spaces' for ""."""
        own = f"lookalike_{hashlib.sha256(self._store.id.encode()).hexdigest()[:16]}_"
        return own if not space else f"{own}{hashlib.sha256(space.encode()).hexdigest()[:8]}_"

    def _new(self, name: str, project: Project) -> MilvusIndex:
        def fetch(keys: Keys) -> tuple[Keys, Vectors]:
            stored = vectors_at(self._store, keys)
            return stored.keys, project(stored.vectors) if len(stored.keys) else stored.vectors

        return MilvusIndex(self.connection, name, fetch, self._store.keys_where)

    def _step(self, known: _Known, space: str, base: int, project: Project) -> None:
        """Bring a collection in step, unless it is. base: components of the encoder's vectors."""
        dim = project(np.zeros((1, base), np.float32)).shape[1]
        noted = self._noted(known.name, space, dim)
        if noted is None or noted.state != state_of(self._store):
            with self._locked():
                self._catch_up(known, space, dim, project)
            noted = self._noted(known.name, space, dim)
        if noted is None:
            raise EngineError("the index engine lost what it was just given; do it again")
        known.at = time.monotonic()
        if (known.token, known.state) != (noted.token, noted.state):
            # The same object as long as it has nearly the same vectors: what was measured on it still holds.
            if abs(noted.mark.count - known.size) > _LOOSE * known.size:
                known.index, known.size = self._new(known.name, project), noted.mark.count
            known.index.moved_to(noted.mark.count, graph=noted.graph)
            known.token, known.state = noted.token, noted.state

    def _catch_up(self, known: _Known, space: str, dim: int, project: Project) -> None:
        miscounted = 0
        for _ in range(_ROUNDS):
            noted, mark = self._noted(known.name, space, dim), mark_of(self._store)
            if noted is not None and noted.state == mark.state:
                return
            changed = None if noted is None else changed_records(self._store, noted.mark)
            if noted is None or changed is None:
                graph = _wants_graph(mark.count, dim)
                self._drop_collections(space)
                known.index.make(dim, graph=graph)
                self._fill(known.index, project)
            else:
                graph = noted.graph
                self._change(known.index, changed, project)
            # Others may have written meanwhile: then the count is of no moment, and the next round brings the rest.
            if state_of(self._store) == mark.state and not known.index.counted(mark.count):
                self.connection.call("drop_collection", known.name)
                if (miscounted := miscounted + 1) > 1:
                    break
                continue
            self._note(known.name, space, mark, graph=graph)
        raise EngineError(
            "the index engine does not keep what it is given, or the gallery is written to faster than it takes it; "
            "look at the engine, then do it again"
        )

    def _fill(self, index: MilvusIndex, project: Project) -> None:
        last = -1
        while len((block := described_after(self._store, last, _TOGETHER)).stored.keys):
            _put(index, block, project)
            last = int(block.stored.keys[-1])
        index.settle()

    def _change(self, index: MilvusIndex, changed: Keys, project: Project) -> None:
        for start in range(0, len(changed), _TOGETHER):
            some = changed[start : start + _TOGETHER]
            block = described_records(self._store, some.tolist())
            index.remove(np.setdiff1d(index.keys_of_records(some), block.stored.keys))
            _put(index, block, project)

    def _drop_collections(self, space: str) -> None:
        """Remove the collections of a space, also those that were made of something else."""
        for each in self.connection.call("list_collections"):
            if str(each).startswith(self._prefix(space)):
                self.connection.call("drop_collection", each)

    def _noted(self, name: str, space: str, dim: int) -> _Noted | None:
        """What a collection was made of; None where it is none that this store knows, or has outgrown its kind."""
        found = self.connection.note(name) or {}
        try:
            mark = StoreMark(**{key: int(value) for key, value in found["mark"].items()})
            noted = _Noted(mark, str(found["token"]), bool(found["graph"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        outgrown = not noted.graph and _wants_graph(mark.count // 2, dim)
        return noted if noted.token in self._tokens(space) and not outgrown else None

    def _note(self, name: str, space: str, mark: StoreMark, *, graph: bool) -> None:
        """Note a moment on both sides; the store knows the token first, and the former one still."""
        token = secrets.token_hex(8)
        self._store.note(f"{_FACT} {space}", " ".join([*self._tokens(space)[-1:], token]))
        self.connection.put_note(name, {"token": token, "mark": asdict(mark), "graph": graph})

    def _tokens(self, space: str) -> list[str]:
        return self._store.noted(f"{_FACT} {space}").split()


def _same(vectors: Vectors) -> Vectors:
    return vectors


def _wants_graph(count: int, dim: int) -> bool:
    return count * dim * 4 > _EXACT_BYTES


def _put(index: MilvusIndex, block: DescribedVectors, project: Project) -> None:
    stored = block.stored
    if not len(stored.keys):
        return
    said = {
        key: {"id": raw.said[0], "patient": raw.said[4], "said": said_of(raw.labels, raw.attributes)}
        for key, raw in block.records.items()
    }
    index.upsert(stored.keys, project(stored.vectors), stored.records, said)
