"""The truth: what is written here is what the gallery holds; indexes are made from it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, func, insert, select, update

from lookalike.errors import DamagedFileError, GalleryError
from lookalike.filters import Filter
from lookalike.store.batch import BASE, Batch, checksum, edits_of, write_batch
from lookalike.store.changes import Changes
from lookalike.store.database import connect, damaged, errors_named, to_write
from lookalike.store.memory import Held, Memory
from lookalike.store.query import condition
from lookalike.store.rows import chosen, rows_of, whole_records
from lookalike.store.schema import ATTRIBUTES, FILES, GALLERY, RECORDS, REFUSED, SPACES, THUMBNAILS, VECTORS
from lookalike.types import Keys, Record, Refusal, Vectors

_PATIENCE: Final = 0.02  # seconds: asking takes little time, but lets the other threads in


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space as stored. version counts the changes to the vectors it is made of."""

    name: str
    encoder: Mapping[str, Any]
    adapter: str | None
    version: int


class StoredVectors(NamedTuple):
    """keys (n,), records (n,): the record's key of each vector, views (n,): its slice's number in a volume,
    vectors (n, dim) float32.
    """

    keys: Keys
    records: Keys
    views: Keys
    vectors: Vectors


_KEYS_BY_ID: Final = chosen(RECORDS.c.id, RECORDS.c.key)
_THUMBNAILS_BY_RECORD: Final = chosen(THUMBNAILS.c.record, *THUMBNAILS.c)
_OWNERS_BY_KEY: Final = chosen(VECTORS.c.key, VECTORS.c.key, VECTORS.c.record)
_OF_RECORD: Final = RECORDS.c.key == VECTORS.c.record
_KEYS_OF_PATIENT: Final = chosen(RECORDS.c.patient, VECTORS.c.key).join(RECORDS, _OF_RECORD)
_KEYS_BY_RECORD: Final = chosen(VECTORS.c.record, VECTORS.c.key)
_VECTORS_BY_RECORD: Final = (
    chosen(VECTORS.c.record, *VECTORS.c, RECORDS.c.id).join(RECORDS, _OF_RECORD).order_by(VECTORS.c.view)
)


class Store:
    """One gallery's database. Every write is one transaction; readers see whole transactions only."""

    def __init__(self, folder: Path) -> None:
        self._engine = connect(folder)
        self._changes = Changes(folder)
        self._writer = to_write(self._engine)
        with self.begin() as connection:
            facts = _facts(connection)
        if not facts:
            with self.begin(write=True) as connection:
                facts = _facts(connection) or _new_facts(connection)
        if not facts.keys() >= {"id", "salt"}:
            raise damaged()
        self.id, self._salt = facts["id"], facts["salt"]
        self._spaces: tuple[int, dict[str, SpaceRow]] | None = None
        self._memory: Memory | None = None

    def close(self) -> None:
        """Close the database's connections."""
        self._changes.close()
        self._engine.dispose()

    def hold(self) -> None:
        """Keep the records in memory from now on, for many searches of one process. What other processes write is
        seen a moment later."""
        memory = Memory(self)
        memory.held()
        self._changes.patience = _PATIENCE
        self._memory = memory

    def changes(self) -> int:
        """A number that is another one after any process has written to the database."""
        return self._changes.number()

    def edits(self) -> int:
        """Counts the changes to records that are there already: labels, attributes, vectors, removal."""
        with self.begin() as connection:
            return edits_of(connection)[0]

    @contextmanager
    def begin(self, *, write: bool = False) -> Iterator[Connection]:
        """A transaction, for the modules of this package."""
        engine = self._writer if write else self._engine
        with errors_named(), engine.begin() as connection:
            yield connection
        if write:
            self._changes.forget()

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """A connection outside of any transaction, for what is about the file itself."""
        with errors_named(), self._engine.connect().execution_options(begin="") as connection:
            yield connection

    def fact(self, name: str, first: str) -> str:
        """A fact about the gallery, noted when it is first asked for."""
        with self.begin() as connection:
            found = _facts(connection).get(name)
        if found is not None:
            return found
        with self.begin(write=True) as connection:  # another process may have noted it meanwhile
            found = _facts(connection).get(name)
            if found is None:
                connection.execute(insert(GALLERY), {"name": name, "value": first})
            return first if found is None else found

    # Writing

    def write(self, batch: Batch) -> list[str]:
        """Store a batch in one transaction. A record that is there already gets the new vectors.

        Returns the file's SHA-256 for every record that is new.
        """
        with self.begin(write=True) as connection:
            return write_batch(connection, batch, self.patient_group)

    def put_space(self, name: str, encoder: Mapping[str, Any], adapter: str | None) -> None:
        """Declare a space, or replace its adapter."""
        with self.begin(write=True) as connection:
            fields = {"encoder": json.dumps(encoder, sort_keys=True), "adapter": adapter, "version": 0}
            _put(connection, SPACES, {"name": name}, fields)

    # Reading

    def patient_group(self, patient: str) -> str:
        """The salted hash under which a patient's records are grouped; "" for no patient."""
        if not patient:
            return ""
        return hashlib.sha256(f"{self._salt}:{patient}".encode()).hexdigest()[:32]

    def spaces(self) -> dict[str, SpaceRow]:
        """Every space by name. An adapted space takes its version from the base vectors."""
        changes = self.changes()
        if self._spaces is None or self._spaces[0] != changes:
            with self.begin() as connection:
                self._spaces = changes, self.read_spaces(connection)
        return self._spaces[1]

    def read_spaces(self, connection: Connection) -> dict[str, SpaceRow]:
        """The same, of one transaction."""
        rows = list(connection.execute(select(SPACES)))
        version = next((row.version for row in rows if row.name == BASE), 0)
        try:
            found = {row.name: SpaceRow(row.name, json.loads(row.encoder), row.adapter, version) for row in rows}
            if not all(space.encoder.keys() >= {"name", "identity"} for space in found.values()):
                raise damaged()
        except (AttributeError, TypeError, ValueError):
            raise damaged() from None
        return found

    def files(self) -> set[str]:
        """The SHA-256 of every file that is stored whole."""
        with self.begin() as connection:
            return set(connection.scalars(select(FILES.c.sha256)))

    def sources_of_files(self) -> dict[str, str]:
        """Of every file that is stored whole, by its SHA-256, what it was called."""
        with self.begin() as connection:
            return {row.sha256: row.source for row in connection.execute(select(FILES))}

    def count(self) -> int:
        """How many records there are."""
        with self.begin() as connection:
            return int(connection.scalar(select(func.count()).select_from(RECORDS)) or 0)

    def refused(self) -> list[Refusal]:
        """Every refused file with its reason."""
        with self.begin() as connection:
            rows = connection.execute(select(REFUSED).order_by(REFUSED.c.source))
            return [Refusal(row.source, row.reason) for row in rows]

    def vectors(self) -> StoredVectors:
        """Every base vector, in the order of the keys.

        Raises DamagedFileError, with the number of damaged rows, if any row fails its checksum or a record
        has none.
        """
        query = select(VECTORS, RECORDS.c.id).join(RECORDS, RECORDS.c.key == VECTORS.c.record)
        with self.begin() as connection:
            rows = connection.execute(query.order_by(VECTORS.c.key)).all()
            records = connection.scalar(select(func.count()).select_from(RECORDS)) or 0
        lost = records - len({row.record for row in rows})
        if lost or not all(map(_sound, rows)):
            raise _damaged_vectors(lost + sum(not _sound(row) for row in rows))
        data = b"".join(row.data for row in rows)
        stacked = np.frombuffer(data, "<f4").reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)
        keys, owners, views = (np.array([row[i] for row in rows], np.int64) for i in (0, 1, 2))
        return StoredVectors(keys, owners, views, stacked)

    def vectors_of(self, key: int) -> Vectors:
        """The base vectors (views, dim) of one record. Raises DamagedFileError, GalleryError (it was removed)."""
        return self.slices_of(key)[1]

    def vectors_of_each(self, keys: Iterable[int]) -> dict[int, Vectors]:
        """The base vectors (views, dim) of records, by key. Raises as ``vectors_of``."""
        wanted = [int(key) for key in keys]
        found = self.slices_of_each(wanted)
        if not found.keys() >= set(wanted):
            raise _removed()
        return {key: vectors for key, (_, vectors) in found.items()}

    def slices_of(self, key: int) -> tuple[tuple[int, ...], Vectors]:
        """The slice numbers and base vectors (views, dim) of one record. Raises as ``vectors_of``."""
        if (found := self.slices_of_each([key]).get(key)) is None:
            raise _removed()
        return found

    def slices_of_each(self, keys: Iterable[int]) -> dict[int, tuple[tuple[int, ...], Vectors]]:
        """The slice numbers and base vectors (views, dim) of records, by key; removed ones are left out.

        Raises DamagedFileError for a vector that fails its checksum, or a record that has none.
        """
        wanted = [int(key) for key in keys]
        own: dict[int, list[Any]] = {}
        with self.begin() as connection:
            for row in rows_of(connection, _VECTORS_BY_RECORD, wanted):
                own.setdefault(row.record, []).append(row)
            bare = [key for key in wanted if key not in own]
            lost = len(whole_records(connection, bare)) if bare else 0
        bad = lost + sum(not all(map(_sound, rows)) for rows in own.values())
        if bad:
            raise _damaged_vectors(bad)
        return {
            key: (tuple(row.view for row in rows), np.stack([np.frombuffer(row.data, "<f4") for row in rows]))
            for key, rows in own.items()
        }

    def damaged_files(self) -> set[str]:
        """The SHA-256 of files with a vector that fails its checksum or is missing: to be read again."""
        query = select(RECORDS.c.sha256, RECORDS.c.id, VECTORS).outerjoin(VECTORS, RECORDS.c.key == VECTORS.c.record)
        with self.begin() as connection:
            return {row.sha256 for row in connection.execute(query) if not _sound(row)}

    def records(self, keys: Iterable[int] | None = None) -> dict[int, Record]:
        """Records by key, whole; all of them without ``keys``."""
        wanted = None if keys is None else [int(key) for key in keys]
        if (held := self._held()) is not None:
            return held.records if wanted is None else {k: held.records[k] for k in wanted if k in held.records}
        with self.begin() as connection:
            return whole_records(connection, wanted)

    def find(self, identity: str) -> Record | None:
        """One record by its public id, or None."""
        if (held := self._held()) is not None:
            return held.by_id.get(identity)
        with self.begin() as connection:
            found = rows_of(connection, _KEYS_BY_ID, [identity])
            return whole_records(connection, [found[0].key])[found[0].key] if found else None

    def record(self, identity: str) -> Record:
        """One record by its public id. Raises GalleryError if there is none."""
        found = self.find(identity)
        if found is None:
            raise GalleryError(f"no record has the id {identity!r}; ids stand in every search result")
        return found

    def keys_of_patient(self, patient: str) -> Keys:
        """The vector keys of one patient group (its hash)."""
        if (held := self._held()) is not None:
            return held.keys_of_patient(patient)
        return self._keys(_KEYS_OF_PATIENT, {"chosen": [patient]})

    def keys_of_records(self, keys: Iterable[int]) -> Keys:
        """The vector keys of records, by their keys."""
        return self._keys(_KEYS_BY_RECORD, {"chosen": [int(key) for key in keys]})

    def held_keys(self, record: int) -> Keys | None:
        """The vector keys of a record, where the records are held in memory."""
        held = self._held()
        return None if held is None else held.keys_of([record])

    def keys_where(self, tree: Filter) -> Keys:
        """The vector keys of the records that satisfy a filter, ascending."""
        matching = select(RECORDS.c.key).where(condition(tree))
        return self._keys(select(VECTORS.c.key).where(VECTORS.c.record.in_(matching)).order_by(VECTORS.c.key))

    def _keys(self, query: Any, values: Mapping[str, Any] | None = None) -> Keys:
        with self.begin() as connection:
            return np.fromiter(connection.scalars(query, values), np.int64)

    def owner_keys(self, keys: Keys) -> Keys:
        """The record's key for each vector key; -1 for -1 and for a key that is not there."""
        if (held := self._held()) is not None:
            return held.owner_keys(keys)
        with self.begin() as connection:
            owner = {row.key: row.record for row in rows_of(connection, _OWNERS_BY_KEY, np.unique(keys).tolist())}
        return np.array([owner.get(key, -1) for key in keys.tolist()], np.int64)

    def owners(self, keys: NDArray[np.int64]) -> list[Record | None]:
        """The record of each vector key, in order; None for a key that is not there."""
        if (held := self._held()) is not None:
            return held.owners(keys)
        with self.begin() as connection:
            owner = {row.key: row.record for row in rows_of(connection, _OWNERS_BY_KEY, keys.tolist())}
            records = whole_records(connection, [key for key in owner.values() if key is not None])
        return [records.get(owner.get(key, -1)) for key in keys.tolist()]

    def _held(self) -> Held | None:
        return None if self._memory is None else self._memory.held()

    def thumbnail(self, key: int) -> bytes:
        """The small JPEG of a record; b"" if there is none."""
        return self.thumbnails([key]).get(key, b"")

    def thumbnails(self, keys: Iterable[int]) -> dict[int, bytes]:
        """The small JPEGs of records, by key."""
        with self.begin() as connection:
            rows = rows_of(connection, _THUMBNAILS_BY_RECORD, [int(key) for key in keys])
        return {row.record: row.jpeg for row in rows}

    def has_field(self, name: str) -> bool:
        """Whether any record has an attribute of that name."""
        query = select(ATTRIBUTES.c.record).where(ATTRIBUTES.c.name == name).limit(1)
        with self.begin() as connection:
            return connection.execute(query).first() is not None

    def field_names(self) -> list[str]:
        """The attributes that a filter may name."""
        with self.begin() as connection:
            names = connection.scalars(select(ATTRIBUTES.c.name).distinct())
            return sorted(name for name in names if isinstance(name, str))  # a damaged row may hold anything


def _facts(connection: Connection) -> dict[str, str]:
    return {row.name: row.value for row in connection.execute(select(GALLERY))}


def _new_facts(connection: Connection) -> dict[str, str]:
    facts = {"id": secrets.token_hex(8), "salt": secrets.token_hex(16)}
    connection.execute(insert(GALLERY), [{"name": name, "value": value} for name, value in facts.items()])
    return facts


def _damaged_vectors(count: int) -> DamagedFileError:
    rows = "one stored vector is" if count == 1 else f"{count} stored vectors are"
    return DamagedFileError(
        f"{rows} damaged; run `lookalike index` on the same sources again: damaged ones are made anew"
    )


def _removed() -> GalleryError:
    return GalleryError("no such record is in the gallery any more; it was removed meanwhile")


def _sound(row: Any) -> bool:
    return (
        isinstance(row.data, bytes) and len(row.data) % 4 == 0 and row.checksum == checksum(row.id, row.view, row.data)
    )


def _put(connection: Connection, table: Table, identity: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """Update the row, or insert it: what both SQLite and PostgreSQL understand."""
    same = [table.c[name] == value for name, value in identity.items()]
    if connection.execute(update(table).where(*same).values(**fields)).rowcount == 0:
        connection.execute(insert(table), {**identity, **fields})
