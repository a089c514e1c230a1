"""The truth: what is written here is what the gallery holds; indexes are made from it."""

from __future__ import annotations

import hashlib
import json
import secrets
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, delete, func, insert, select, update

from lookalike.errors import DamagedFileError, GalleryError
from lookalike.filters import Filter, number
from lookalike.store.database import connect, errors_named
from lookalike.store.query import condition
from lookalike.store.schema import (
    ATTRIBUTES,
    FILES,
    GALLERY,
    LABELS,
    RECORDS,
    REFUSED,
    SPACES,
    THUMBNAILS,
    VECTORS,
)
from lookalike.types import Attribute, Keys, Record, Refusal, Vectors

BASE: Final = "base"
_CHUNK: Final = 500  # values in one IN (...): well under SQLite's limit


@dataclass(frozen=True, slots=True, eq=False)
class NewRecord:
    """A record to be stored, with its vectors (views, dim) float32 and its thumbnail (JPEG)."""

    source: str
    sha256: str
    frame: int
    patient: str  # as the source names it, or ""; only its salted hash is stored
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    vectors: Vectors
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class Relabel:
    """What a label table says of a file that is stored already."""

    sha256: str
    patient: str
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(slots=True)
class Batch:
    """What one transaction stores: records, files read to their end (SHA-256 -> source), refusals."""

    records: list[NewRecord] = field(default_factory=list)
    finished: dict[str, str] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    relabels: list[Relabel] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space as stored. version counts the changes to the vectors it is made of."""

    name: str
    encoder: Mapping[str, Any]
    adapter: str | None
    version: int


class StoredVectors(NamedTuple):
    """keys (n,), records (n,): the record's key of each vector, vectors (n, dim) float32."""

    keys: Keys
    records: Keys
    vectors: Vectors


def record_id(sha256: str, frame: int) -> str:
    """The public id of a frame: the same in every gallery, 16 hex digits."""
    return hashlib.sha256(f"{sha256}:{frame}".encode()).hexdigest()[:16]


def _checksum(identity: str, view: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(f"{identity}:{view}".encode()))


class Store:
    """One gallery's database. Every write is one transaction; readers see whole transactions only."""

    def __init__(self, folder: Path) -> None:
        self._engine = connect(folder)
        with self._begin() as connection:
            facts = {row.name: row.value for row in connection.execute(select(GALLERY))}
            if not facts:
                facts = {"id": secrets.token_hex(8), "salt": secrets.token_hex(16)}
                connection.execute(insert(GALLERY), [{"name": k, "value": v} for k, v in facts.items()])
        self.id, self._salt = facts["id"], facts["salt"]

    def close(self) -> None:
        """Close the database's connections."""
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with errors_named(), self._engine.begin() as connection:
            yield connection

    # Writing

    def write(self, batch: Batch) -> list[str]:
        """Store a batch in one transaction. A record that is there already gets the new vectors.

        Returns the file's SHA-256 for every record that is new.
        """
        with self._begin() as connection:
            new = [record.sha256 for record in batch.records if self._add_record(connection, record)]
            if batch.records:
                self._bump(connection)
            for sha256, source in batch.finished.items():
                _put(connection, FILES, {"sha256": sha256}, {"source": source})
                connection.execute(delete(REFUSED).where(REFUSED.c.source == source))
            for refusal in batch.refused:
                _put(connection, REFUSED, {"source": refusal.source}, {"reason": refusal.reason})
            for change in batch.relabels:
                self._relabel(connection, change)
        return new

    def _add_record(self, connection: Connection, record: NewRecord) -> bool:
        identity = record_id(record.sha256, record.frame)
        key = connection.scalar(select(RECORDS.c.key).where(RECORDS.c.id == identity))
        is_new = key is None
        if is_new:
            row = {
                "id": identity, "source": record.source, "sha256": record.sha256, "frame": record.frame,
                "patient": self.patient_group(record.patient) or identity,
            }  # fmt: skip
            key = connection.execute(insert(RECORDS).returning(RECORDS.c.key), row).scalar_one()
            connection.execute(insert(THUMBNAILS), {"record": key, "jpeg": record.thumbnail})
            _describe(connection, key, record.labels, record.attributes)
        connection.execute(delete(VECTORS).where(VECTORS.c.record == key))
        connection.execute(insert(VECTORS), list(_vector_rows(key, identity, record.vectors)))
        return is_new

    def _relabel(self, connection: Connection, change: Relabel) -> None:
        rows = connection.execute(
            select(RECORDS.c.key, RECORDS.c.id, RECORDS.c.patient).where(RECORDS.c.sha256 == change.sha256)
        )
        for key, identity, patient in rows.all():
            connection.execute(delete(LABELS).where(LABELS.c.record == key))
            named = (ATTRIBUTES.c.record == key) & ATTRIBUTES.c.name.in_(list(change.attributes))
            connection.execute(delete(ATTRIBUTES).where(named))
            _describe(connection, key, change.labels, change.attributes)
            group = self.patient_group(change.patient) or patient or identity
            connection.execute(update(RECORDS).where(RECORDS.c.key == key).values(patient=group))

    def put_space(self, name: str, encoder: Mapping[str, Any], adapter: str | None) -> None:
        """Declare a space, or replace its adapter."""
        with self._begin() as connection:
            fields = {"encoder": json.dumps(encoder, sort_keys=True), "adapter": adapter, "version": 0}
            _put(connection, SPACES, {"name": name}, fields)

    def _bump(self, connection: Connection) -> None:
        connection.execute(update(SPACES).where(SPACES.c.name == BASE).values(version=SPACES.c.version + 1))

    # Reading

    def patient_group(self, patient: str) -> str:
        """The salted hash under which a patient's records are grouped; "" for no patient."""
        if not patient:
            return ""
        return hashlib.sha256(f"{self._salt}:{patient}".encode()).hexdigest()[:32]

    def spaces(self) -> dict[str, SpaceRow]:
        """Every space by name. An adapted space takes its version from the base vectors."""
        with self._begin() as connection:
            rows = list(connection.execute(select(SPACES)))
        version = next((row.version for row in rows if row.name == BASE), 0)
        return {row.name: SpaceRow(row.name, json.loads(row.encoder), row.adapter, version) for row in rows}

    def files(self) -> set[str]:
        """The SHA-256 of every file that is stored whole."""
        with self._begin() as connection:
            return set(connection.scalars(select(FILES.c.sha256)))

    def count(self) -> int:
        """How many records there are."""
        with self._begin() as connection:
            return int(connection.scalar(select(func.count()).select_from(RECORDS)) or 0)

    def refused(self) -> list[Refusal]:
        """Every refused file with its reason."""
        with self._begin() as connection:
            rows = connection.execute(select(REFUSED).order_by(REFUSED.c.source))
            return [Refusal(row.source, row.reason) for row in rows]

    def vectors(self) -> StoredVectors:
        """Every base vector, in the order of the keys.

        Raises DamagedFileError, with the number of damaged rows, if any row fails its checksum.
        """
        query = select(VECTORS, RECORDS.c.id).join(RECORDS, RECORDS.c.key == VECTORS.c.record)
        with self._begin() as connection:
            rows = connection.execute(query.order_by(VECTORS.c.key)).all()
        if bad := [row for row in rows if not _sound(row)]:
            raise _damaged_vectors(len(bad))
        data = b"".join(row.data for row in rows)
        stacked = np.frombuffer(data, "<f4").reshape(len(rows), -1) if rows else np.empty((0, 0), np.float32)
        keys, owners = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
        return StoredVectors(keys, owners, stacked)

    def vectors_of(self, key: int) -> Vectors:
        """The base vectors (views, dim) of one record. Raises DamagedFileError."""
        query = select(VECTORS, RECORDS.c.id).join(RECORDS, RECORDS.c.key == VECTORS.c.record)
        with self._begin() as connection:
            rows = connection.execute(query.where(VECTORS.c.record == key).order_by(VECTORS.c.view)).all()
        if not rows or not all(_sound(row) for row in rows):
            raise _damaged_vectors(1)
        return np.stack([np.frombuffer(row.data, "<f4") for row in rows])

    def damaged_files(self) -> set[str]:
        """The SHA-256 of files with a vector that fails its checksum or is missing: to be read again."""
        query = select(RECORDS.c.sha256, RECORDS.c.id, VECTORS).outerjoin(
            VECTORS, RECORDS.c.key == VECTORS.c.record
        )
        with self._begin() as connection:
            return {row.sha256 for row in connection.execute(query) if not _sound(row)}

    def records(self, keys: Iterable[int] | None = None) -> dict[int, Record]:
        """Records by key, whole; all of them without ``keys``."""
        wanted = None if keys is None else [int(key) for key in keys]
        with self._begin() as connection:
            rows = _rows(connection, RECORDS, RECORDS.c.key, wanted)
            labels: dict[int, list[str]] = {}
            for row in _rows(connection, LABELS, LABELS.c.record, wanted):
                labels.setdefault(row.record, []).append(row.label)
            attributes: dict[int, dict[str, Attribute]] = {}
            for row in _rows(connection, ATTRIBUTES, ATTRIBUTES.c.record, wanted):
                value = row.text if row.number is None else row.number
                attributes.setdefault(row.record, {})[row.name] = value
        return {
            row.key: Record(
                row.key, row.id, row.source, row.frame, tuple(sorted(labels.get(row.key, ()))), row.patient,
                attributes.get(row.key, {}),
            )
            for row in rows
        }  # fmt: skip

    def find(self, identity: str) -> Record | None:
        """One record by its public id, or None."""
        with self._begin() as connection:
            key = connection.scalar(select(RECORDS.c.key).where(RECORDS.c.id == identity))
        return None if key is None else self.records([key])[key]

    def record(self, identity: str) -> Record:
        """One record by its public id. Raises GalleryError if there is none."""
        found = self.find(identity)
        if found is None:
            raise GalleryError(f"no record has the id {identity!r}; ids stand in every search result")
        return found

    def keys_of_patient(self, patient: str) -> Keys:
        """The vector keys of one patient group (its hash)."""
        query = select(VECTORS.c.key).join(RECORDS, RECORDS.c.key == VECTORS.c.record)
        return self._keys(query.where(RECORDS.c.patient == patient))

    def keys_where(self, tree: Filter) -> Keys:
        """The vector keys of the records that satisfy a filter, ascending."""
        matching = select(RECORDS.c.key).where(condition(tree))
        return self._keys(select(VECTORS.c.key).where(VECTORS.c.record.in_(matching)).order_by(VECTORS.c.key))

    def _keys(self, query: Any) -> Keys:
        with self._begin() as connection:
            return np.fromiter(connection.scalars(query), np.int64)

    def owners(self, keys: NDArray[np.int64]) -> dict[int, int]:
        """The record's key for each vector key."""
        with self._begin() as connection:
            query_keys = [int(key) for key in keys]
            rows: list[Any] = []
            for i in range(0, len(query_keys), _CHUNK):
                chunk = VECTORS.c.key.in_(query_keys[i : i + _CHUNK])
                rows += connection.execute(select(VECTORS.c.key, VECTORS.c.record).where(chunk)).all()
        return {row.key: row.record for row in rows}

    def thumbnail(self, key: int) -> bytes:
        """The small JPEG of a record; b"" if there is none."""
        return self.thumbnails([key]).get(key, b"")

    def thumbnails(self, keys: Iterable[int]) -> dict[int, bytes]:
        """The small JPEGs of records, by key."""
        with self._begin() as connection:
            rows = _rows(connection, THUMBNAILS, THUMBNAILS.c.record, [int(key) for key in keys])
        return {row.record: row.jpeg for row in rows}

    def field_names(self) -> list[str]:
        """The attributes that a filter may name."""
        with self._begin() as connection:
            return sorted(connection.scalars(select(ATTRIBUTES.c.name).distinct()))


def _damaged_vectors(count: int) -> DamagedFileError:
    rows = "one stored vector is" if count == 1 else f"{count} stored vectors are"
    return DamagedFileError(
        f"{rows} damaged; run `lookalike index` on the same sources again: damaged ones are made anew"
    )


def _sound(row: Any) -> bool:
    return (
        isinstance(row.data, bytes)
        and len(row.data) % 4 == 0
        and row.checksum == _checksum(row.id, row.view, row.data)
    )


def _vector_rows(key: Any, identity: str, vectors: Vectors) -> Iterator[dict[str, Any]]:
    for view, vector in enumerate(vectors):
        data = np.ascontiguousarray(vector, "<f4").tobytes()
        yield {"record": key, "view": view, "data": data, "checksum": _checksum(identity, view, data)}


def _describe(
    connection: Connection, key: int, labels: Iterable[str], attributes: Mapping[str, Attribute]
) -> None:
    if rows := [{"record": key, "label": label} for label in dict.fromkeys(labels)]:
        connection.execute(insert(LABELS), rows)
    values = [
        {"record": key, "name": name, "text": str(value), "number": number(value)}
        for name, value in attributes.items()
    ]
    if values:
        connection.execute(insert(ATTRIBUTES), values)


def _put(
    connection: Connection, table: Table, identity: Mapping[str, Any], fields: Mapping[str, Any]
) -> None:
    """Update the row, or insert it: what both SQLite and PostgreSQL understand."""
    same = [table.c[name] == value for name, value in identity.items()]
    if connection.execute(update(table).where(*same).values(**fields)).rowcount == 0:
        connection.execute(insert(table), {**identity, **fields})


def _rows(connection: Connection, table: Table, column: Any, wanted: list[int] | None) -> list[Any]:
    if wanted is None:
        return list(connection.execute(select(table)))
    return [
        row
        for i in range(0, len(wanted), _CHUNK)
        for row in connection.execute(select(table).where(column.in_(wanted[i : i + _CHUNK])))
    ]
