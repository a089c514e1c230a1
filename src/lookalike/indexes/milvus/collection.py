"""One space's vectors in Milvus, searched with the filter inside and ranked from the vectors that the store has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import EngineError, UsageError
from lookalike.filters import Filter
from lookalike.indexes.exact import best, last_of_each, padding
from lookalike.indexes.milvus.connection import EngineConnection
from lookalike.indexes.milvus.expression import MOST_NAMED, expression, naming
from lookalike.types import Keys, Scores, Vectors

_DEEPEST: Final = 16_384  # hits of one query that the engine gives

_SPARE: Final = 16  # hits asked for beyond k, so that equal scores at the end are told
_ROUNDING: Final = 1e-5  # of a cosine that the engine sums in float32
_BYTES: Final = 8 << 20  # of one message; the engine takes 64 MiB
_ROW: Final = 2048  # bytes that a row takes beside its vector, about
_SCORES: Final = 1 << 20  # hits of one answer
_SETTLED: Final = 10.0  # seconds after a change from which on the engine need not be asked for its latest state
_COUNTING: Final = 60.0  # seconds: it counts what was deleted for a while
_FEW: Final = 4096  # vectors that a filter allows and that are all compared: where few match, a graph loses its way
_GRAPH: Final = {"M": 32, "efConstruction": 200}
_LEAST_EF, _MOST_EF = 128, 32_768

_NO_HITS: Final[tuple[Keys, Scores]] = (np.empty(0, np.int64), np.empty(0, np.float32))

Fetch = Callable[[Keys], tuple[Keys, Vectors]]
"""Keys, ascending -> those that the store has, and their vectors in the space."""


class MilvusIndex:
    """fetch: the vectors that count; keys_of: those that satisfy what the engine cannot be asked. Searches may run
    concurrently.
    """

    kind = "milvus"
    deepest = _DEEPEST

    def __init__(
        self, connection: EngineConnection, name: str, fetch: Fetch, keys_of: Callable[[Filter], Keys]
    ) -> None:
        self.connection, self.name = connection, name
        self._fetch, self._keys_of, self._size = fetch, keys_of, 0
        self._changed, self._graph = time.monotonic(), False

    def __len__(self) -> int:
        return self._size

    def make(self, dim: int, *, graph: bool) -> None:
        """Make the collection anew, empty. graph: whether a graph is searched, or every vector."""
        from pymilvus import DataType, MilvusClient

        self.drop()
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.INT64, is_primary=True)
        schema.add_field("record", DataType.INT64)
        schema.add_field("id", DataType.VARCHAR, max_length=64)
        schema.add_field("patient", DataType.VARCHAR, max_length=256)
        schema.add_field("said", DataType.JSON)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        how = MilvusClient.prepare_index_params()
        kind, parameters = ("HNSW", dict(_GRAPH)) if graph else ("FLAT", {})
        how.add_index("vector", index_type=kind, metric_type="IP", params=parameters)
        given = {"schema": schema, "index_params": how, "consistency_level": "Strong"}
        self.connection.call("create_collection", self.name, seconds=120, **given)

    def drop(self) -> None:
        """Remove the collection, if it is there."""
        self.connection.call("drop_collection", self.name)

    def upsert(self, keys: Keys, vectors: Vectors, records: Keys, said: Mapping[int, Mapping[str, Any]]) -> None:
        """Add or replace; the last of several vectors with one key stays. records (n,): the record's key of each; said:
        by it, the further columns ``id``, ``patient`` and ``said``.
        """
        rows = last_of_each(keys)
        step = max(1, _BYTES // (_ROW + 4 * vectors.shape[1]))
        for start in range(0, len(rows), step):
            self._changed = time.monotonic()
            some = [
                {"key": int(keys[i]), "vector": vectors[i], "record": int(records[i]), **said[int(records[i])]}
                for i in rows[start : start + step].tolist()
            ]
            done = self.connection.call("upsert", self.name, some, seconds=120)["upsert_count"]
            if done != len(some):
                raise EngineError(f"the index engine took {done} of {len(some)} vectors; do it again")

    def remove(self, keys: Keys) -> None:
        """Remove by key."""
        self._changed = time.monotonic()
        for start in range(0, len(keys), MOST_NAMED):
            self.connection.call("delete", self.name, ids=keys[start : start + MOST_NAMED].tolist(), seconds=120)

    def keys_of_records(self, records: Keys) -> Keys:
        """The vectors that the engine has of some records, ascending."""
        found = [np.empty(0, np.int64)]
        for start in range(0, len(records), MOST_NAMED):
            where = f"record in {records[start : start + MOST_NAMED].tolist()}"
            found += self._pages(where)
        return np.unique(np.concatenate(found))

    def count_of(self, ids: Collection[str]) -> int:
        """How many vectors the engine has of some records, by their ids."""
        named = sorted(ids)
        parts = (named[start : start + MOST_NAMED] for start in range(0, len(named), MOST_NAMED))
        return sum(self.count(f"id in {json.dumps(part)}") for part in parts)

    def counted(self, size: int) -> bool:
        """Whether it has so many vectors, once what was deleted is counted no more."""
        end = time.monotonic() + _COUNTING
        while self.count() != size:
            if time.monotonic() > end:
                return False
            time.sleep(0.5)
        return True

    def count(self, where: str = "") -> int:
        """How many vectors the engine counts, of those that satisfy an expression."""
        found = self.connection.call(
            "query", self.name, filter=where, output_fields=["count(*)"], consistency_level="Strong"
        )
        return int(found[0]["count(*)"])

    def settle(self) -> None:
        """Write down what came, so that the engine makes its graph of it."""
        self.connection.call("flush", self.name, seconds=600)

    def moved_to(self, size: int, *, graph: bool) -> None:
        """Note that it was changed, perhaps by another process, and has so many vectors."""
        self._size, self._graph, self._changed = size, graph, time.monotonic()

    def search(self, queries: Vectors, k: int, among: Keys | Filter | None = None) -> tuple[Keys, Scores]:
        """As ``Searchable.search``. among: also a filter, which the engine is asked. Raises EngineError, UsageError."""
        if k > _DEEPEST:
            raise UsageError(
                f"the index engine gives at most {_DEEPEST} hits of a query, got {k}; ask for fewer, or let the "
                "gallery's own index answer: lookalike index SOURCES --gallery G --engine embedded"
            )
        found = padding(len(queries), k)
        if k < 1 or not len(queries) or not self._size:
            return found
        for where in self._wheres(among):
            for row, (keys, scores) in enumerate(self._best(queries, k, where)):
                both = np.concatenate([found[0][row], keys]), np.concatenate([found[1][row], scores])
                order = np.lexsort((both[0], -both[1]))[:k]
                found[0][row], found[1][row] = both[0][order], both[1][order]
        return found

    def few(self, among: Filter, most: int) -> Keys | None:
        """The vectors that satisfy a filter, ascending; None if they are more than ``most``, below ``deepest``."""
        keys = self._query(expression(among, self._keys_of), most + 1)
        return None if len(keys) > most else np.sort(keys)

    def vectors_at(self, keys: Keys) -> Vectors | None:  # noqa: ARG002
        """None: the store has them."""
        return None

    def _wheres(self, among: Keys | Filter | None) -> list[str]:
        """What is asked, one after the other: many keys are named in parts."""
        if among is None:
            return [""]
        if isinstance(among, np.ndarray):
            keys = np.unique(among)
            return [naming(keys[start : start + MOST_NAMED]) for start in range(0, len(keys), MOST_NAMED)]
        return [expression(among, self._keys_of)]

    def _best(self, queries: Vectors, k: int, where: str) -> Sequence[tuple[Keys, Scores]]:
        """The k best for each query, fewer only where fewer match: deeper where scores at the end are equal."""
        if where and self._graph and len(keys := self._query(where, _FEW + 1)) <= _FEW:
            few = self._fetch(np.sort(keys))
            return [_exact(query, k, *few) for query in queries]
        found = [_NO_HITS] * len(queries)
        left, depth = np.arange(len(queries)), k + _SPARE
        while len(left):
            depth, open_ = min(depth, _DEEPEST), []
            rough = self._rough(queries[left], depth, where)
            known = self._fetch(np.unique(np.concatenate([keys for keys, _ in rough])))
            for row, (keys, scores) in zip(left.tolist(), rough, strict=True):
                found[row] = self._ranked(queries[row], k, keys, known)
                if depth < _DEEPEST and not _ends(scores, depth, found[row][1], k):
                    open_.append(row)
            lacking = [row for row in left.tolist() if len(found[row][0]) < k and row not in open_]
            if lacking and (where or self._size > k):
                self._all(queries, lacking, k, where, found)
            left, depth = np.array(open_, np.int64), depth * 4
        return found

    def _all(self, queries: Vectors, rows: Sequence[int], k: int, where: str, found: list[Any]) -> None:
        """Fewer came than were wanted: whether fewer match, or the graph led to no more, is told by listing them."""
        keys = self._query(where or "key >= 0", _DEEPEST)
        if len(keys) > min(len(found[row][0]) for row in rows):
            known = self._fetch(np.unique(keys))
            for row in rows:
                found[row] = _exact(queries[row], k, *known)

    def _ranked(self, query: Vectors, k: int, keys: Keys, known: tuple[Keys, Vectors]) -> tuple[Keys, Scores]:
        rows = np.flatnonzero(np.isin(known[0], keys))
        return _exact(query, k, known[0][rows], known[1][rows])

    def _rough(self, queries: Vectors, depth: int, where: str) -> list[tuple[Keys, NDArray[np.float32]]]:
        """Keys and the engine's own scores for each query."""
        step, ef = max(1, _SCORES // depth), min(max(_LEAST_EF, 2 * depth), _MOST_EF)
        options: dict[str, Any] = {
            "search_params": {"metric_type": "IP", "params": {"ef": ef}},
            "filter": where,
            "limit": depth,
        }
        found = []
        for start in range(0, len(queries), step):
            some = np.ascontiguousarray(queries[start : start + step], np.float32)
            answer = self.connection.call(
                "search", self.name, list(some), consistency_level=self._consistency(), **options
            )
            found += [(_column(hits, "id", np.int64), _column(hits, "distance", np.float32)) for hits in answer]
        return found

    def _consistency(self) -> str:
        """Strong, until what was written last is as old as what a bounded answer must know of (5 s)."""
        return "Strong" if time.monotonic() - self._changed < _SETTLED else "Bounded"

    def _query(self, where: str, most: int) -> Keys:
        options: dict[str, Any] = {"output_fields": ["key"], "limit": most, "consistency_level": self._consistency()}
        rows = self.connection.call("query", self.name, filter=where, **options)
        return _column(rows, "key", np.int64)

    def _pages(self, where: str) -> list[Keys]:
        """All keys, however many."""
        found, last = [], -1
        while len(keys := np.sort(self._query(f"({where}) and key > {last}", _DEEPEST))):
            found.append(keys)
            last = int(keys[-1])
        return found


def _exact(query: Vectors, k: int, keys: Keys, vectors: Vectors) -> tuple[Keys, Scores]:
    return best(query, k, keys, vectors) if len(keys) else _NO_HITS


def _column(rows: Sequence[Mapping[str, Any]], name: str, dtype: type[Any]) -> NDArray[Any]:
    return np.array([row[name] for row in rows], dtype)


def _ends(rough: NDArray[np.float32], depth: int, exact: Scores, k: int) -> bool:
    """Whether nothing that the engine has not given can be among the k best: it gave all, or its last is clearly worse
    than the k-th.
    """
    return len(rough) < depth or (len(exact) == k and bool(rough[-1] < exact[-1] - _ROUNDING))
