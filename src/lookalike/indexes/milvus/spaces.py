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
from lookalike.indexes.milvus.filling import Project, change, fill, unprojected, wants_graph
from lookalike.indexes.milvus.preparing import Moment, Preparation
from lookalike.store import SpaceRow, Store
from lookalike.store.described import StoreMark, changed_records, mark_of, state_of, vectors_at
from lookalike.store.prepared import ENGINE_TOKENS, forget_switched, switched_collection
from lookalike.types import BASE, Keys, Vectors

_LAYOUT: Final = 1  # of a collection; another one is made anew
_LOOK_EVERY: Final = 1.0  # seconds: somebody may have dropped a collection, or filled it
_ROUNDS: Final = 20  # of catching up, while others write
_LOOSE: Final = 1 / 8  # share of the vectors after whose change the index counts as another one


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
    """What a collection was made of, as is noted beside it. graph: whether it is searched by a graph. switched: whether
    it was filled before its vectors answered; changed: the records that it has yet to be told of then.
    """

    mark: StoreMark
    token: str
    graph: bool
    switched: bool = False
    changed: tuple[int, ...] = ()

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
        self._beside = Preparation(connection, store)
        self._known: dict[str, _Known] = {}
        self._turn = threading.RLock()

    def index(self, row: SpaceRow, identity: Mapping[str, str], dim: int, project: Project) -> MilvusIndex:
        """The index of a space, in step with the store. identity, dim: of the encoder. project: its vectors into the
        space. Raises EngineError, DamagedFileError, GalleryError (it is not in step, and nothing may be written).
        """
        name = self._name(row.name, row.adapter, identity)
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

    def prepare(self, identity: Mapping[str, str], dim: int, moment: Moment) -> None:
        """Fill the collection of the vectors beside, or bring it in step: it answers as soon as they do. identity, dim:
        of their encoder; moment: within, no record is erased. Raises EngineError, DamagedFileError.
        """
        self._beside.fill(self._name(BASE, None, identity), dim, moment)

    def forget_prepared(self) -> None:
        """Remove the collection of the vectors beside, if there is one. Raises EngineError."""
        self._beside.forget()

    def keep_only(self, spaces: Collection[str]) -> None:
        """Remove the collections of this store that are of other spaces, or of nothing that is stored, and from that of
        the vectors beside what is no longer stored; without a space that one, too. Raises EngineError.
        """
        if spaces:
            self._beside.remove_erased()
        else:
            self._beside.forget()
        self._known = {name: known for name, known in self._known.items() if name in spaces}
        self._drop_collections("", [known.name for known in self._known.values()])

    def count_of(self, ids: Collection[str]) -> int:
        """How many vectors of some records the collections of this store hold, of any space. Raises EngineError."""
        held = [str(each) for each in self.connection.call("list_collections")]
        own = [self._new(name, unprojected) for name in held if name.startswith(self._prefix(""))]
        return sum(index.count_of(ids) for index in own)

    def _name(self, space: str, adapter: str | None, identity: Mapping[str, str]) -> str:
        """What the collection of a space is called, of this adapter and this encoder's vectors."""
        made_of = json.dumps([_LAYOUT, self._store.id, space, adapter, dict(identity)], sort_keys=True)
        return f"{self._prefix(space)}{hashlib.sha256(made_of.encode()).hexdigest()[:16]}"

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
        if noted is None or noted.switched or noted.state != state_of(self._store):
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
            if noted is not None and noted.state == mark.state and not noted.switched:
                return
            changed = None if noted is None else changed_records(self._store, noted.mark)
            if noted is None or changed is None:
                graph = wants_graph(mark.count, dim)
                self._drop_collections(space, [])
                known.index.make(dim, graph=graph)
                fill(known.index, self._store, project)
            else:
                graph = noted.graph
                change(known.index, self._store, np.union1d(changed, noted.changed).astype(np.int64), project)
            # Others may have written meanwhile: then the count is of no moment, and the next round brings the rest.
            if state_of(self._store) == mark.state and not known.index.counted(mark.count):
                self.connection.call("drop_collection", known.name)
                if (miscounted := miscounted + 1) > 1:
                    break
                continue
            self._note(known.name, space, mark, graph=graph)
            if noted is not None and noted.switched:
                self._drop_collections(space, [known.name])
                forget_switched(self._store)
        raise EngineError(
            "the index engine does not keep what it is given, or the gallery is written to faster than it takes it; "
            "look at the engine, then do it again"
        )

    def _drop_collections(self, space: str, kept: Collection[str]) -> None:
        """Remove the collections of a space, of every one for "", also those that were made of something else; but not
        these, and not that of the vectors beside.
        """
        for each in map(str, self.connection.call("list_collections")):
            if each.startswith(self._prefix(space)) and each not in (*kept, self._beside.collection):
                self.connection.call("drop_collection", each)

    def _noted(self, name: str, space: str, dim: int) -> _Noted | None:
        """What a collection was made of; None where it is none that this store knows, or has outgrown its kind."""
        found = self.connection.note(name) or {}
        try:
            mark = StoreMark(**{key: int(value) for key, value in found["mark"].items()})
            noted = _Noted(mark, str(found["token"]), bool(found["graph"]))
            if (switched := switched_collection(self._store)) is not None and switched.token == noted.token:
                noted = noted._replace(mark=switched.mark, switched=True, changed=switched.changed)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None
        outgrown = not noted.graph and wants_graph(mark.count // 2, dim)
        return noted if noted.token in self._tokens(space) and not outgrown else None

    def _note(self, name: str, space: str, mark: StoreMark, *, graph: bool) -> None:
        """Note a moment on both sides; the store knows the token first, and the former one still."""
        token = secrets.token_hex(8)
        self._store.note(ENGINE_TOKENS.format(space), " ".join([*self._tokens(space)[-1:], token]))
        self.connection.put_note(name, {"token": token, "mark": asdict(mark), "graph": graph})

    def _tokens(self, space: str) -> list[str]:
        return self._store.noted(ENGINE_TOKENS.format(space)).split()
