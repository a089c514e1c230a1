"""Write a batch of records in one transaction, with few statements: one for many rows is many times faster."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Table, bindparam, delete, insert, select, update

from lookalike.errors import NOT_READ
from lookalike.filters import number
from lookalike.store.checksums import row_checksum, thumbnail_checksum
from lookalike.store.copying import are_whole, copy_rows
from lookalike.store.database import POSTGRESQL
from lookalike.store.edits import count_edit
from lookalike.store.fetched import FetchedFile, note_fetched
from lookalike.store.label_log import set_by_table
from lookalike.store.packed import row_of
from lookalike.store.rows import chosen_rows, chunks, keys_by_id, where_chosen
from lookalike.store.schema import ATTRIBUTES, IDENTITIES, PATCHES, READ_FILES, RECORDS, REFUSED, THUMBNAILS, VECTORS
from lookalike.store.spaces import check_encoder, count_version
from lookalike.store.verify import repairable, seal, verify_records
from lookalike.types import Attribute, EncodedReport, FileIdentity, PatchMap, Refusal, Vectors

_KEYS_OF_FILES: Final = where_chosen(RECORDS.c.sha256, RECORDS.c.key)

_Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class NewRecord:
    """A record to store, with its vectors (views, dim) float32 and its thumbnail (JPEG)."""

    source: str
    sha256: str
    frame: int
    patient: str  # as the source names it, or ""; only its salted hash is stored
    labels: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    vectors: Vectors
    thumbnail: bytes
    views: tuple[int, ...] = (0,)  # the slice's number of each vector
    patches: tuple[PatchMap, ...] = ()  # of each view, where the gallery keeps them


@dataclass(frozen=True, slots=True, eq=False)
class EncodedRecord:
    """What an encoder has made of a stored record, of this key and id: vectors (views, dim) float32, and patches of
    each view or none.
    """

    key: int
    id: str
    views: tuple[int, ...]
    vectors: Vectors
    patches: tuple[PatchMap, ...] = ()

    def vector_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of the table ``vectors``, or of the one beside it."""
        for view, vector in zip(self.views, self.vectors, strict=True):
            data = np.ascontiguousarray(vector, "<f4").tobytes()
            yield {"record": self.key, "view": view, "data": data, "checksum": checksum(self.id, view, data)}

    def patch_rows(self) -> Iterator[dict[str, Any]]:
        """Rows of the table ``patches``, or of the one beside it."""
        for view, patches in zip(self.views, self.patches, strict=bool(self.patches)):
            yield row_of(self.key, self.id, view, patches)


@dataclass(frozen=True, slots=True)
class Relabel:
    """A label table's row for a file that is already stored. labels: None leaves the labels as they are."""

    sha256: str
    patient: str
    labels: tuple[str, ...] | None
    attributes: Mapping[str, Attribute]


@dataclass(slots=True)
class Batch:
    """The content of one transaction: records, files read to their end (SHA-256 -> source), refusals, files that lie
    elsewhere now (SHA-256 -> source), what was read of items with a version. overwrite: relabels replace the labels
    that a person set, too; change: the number in the log under which they do, 0 until writing gives one. reports,
    studies, identities: of all records of files, by SHA-256.
    encoder: the identity of the one that made the vectors, to be compared with the gallery's; None for vectors that are
    given.
    """

    records: list[NewRecord] = field(default_factory=list)
    finished: dict[str, str] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    relabels: list[Relabel] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    fetched: list[FetchedFile] = field(default_factory=list)
    overwrite: bool = False
    change: int = 0
    reports: dict[str, EncodedReport] = field(default_factory=dict)
    studies: dict[str, str] = field(default_factory=dict)
    identities: dict[str, FileIdentity] = field(default_factory=dict)
    encoder: Mapping[str, str] | None = None


def record_id(sha256: str, frame: int) -> str:
    """The public id of a frame: the same in every gallery, 16 hex digits."""
    return hashlib.sha256(f"{sha256}:{frame}".encode()).hexdigest()[:16]


def checksum(identity: str, view: int, data: bytes) -> int:
    """The CRC-32 of a vector's bytes, of the record's id and of the view."""
    return zlib.crc32(data, zlib.crc32(f"{identity}:{view}".encode()))


def write_batch(connection: Connection, batch: Batch, group: Callable[[str], str]) -> list[str]:
    """Store a batch. group: a patient -> its salted hash, "" -> "".

    Returns the file's SHA-256 for every new record. Raises ManifestMismatchError for vectors of another encoder than
    the gallery's at this moment.
    """
    if batch.encoder is not None:
        check_encoder(connection, batch.encoder)
    new, again = _add_records(connection, batch.records, group)
    if batch.records:
        count_version(connection)
    delete_rows(connection, READ_FILES.c.sha256, batch.finished)
    insert_rows(connection, READ_FILES, [{"sha256": s, "source": source} for s, source in batch.finished.items()])
    refused = {refusal.source: refusal.reason for refusal in batch.refused}
    came = _parts_that_came(connection, batch.finished.values())
    delete_rows(connection, REFUSED.c.source, [*batch.finished.values(), *refused, *came])
    insert_rows(connection, REFUSED, [{"source": s, "reason": reason} for s, reason in refused.items()])
    note_fetched(connection, batch.fetched)
    again += _relabel_all(connection, batch, group)
    again += move_files(connection, batch.moved)
    if again:
        count_edit(connection, again)
    return new


def _parts_that_came(connection: Connection, finished: Iterable[str]) -> list[str]:
    """The refusals of what a PACS did not send of items that are finished now: what still lacks is refused after."""
    lacking = connection.scalars(select(REFUSED.c.source).where(REFUSED.c.reason.in_(NOT_READ))).all()
    items = set(finished) if lacking else set()
    return [source for source in lacking if source.rpartition("/")[0] in items]


def _add_records(
    connection: Connection, records: Sequence[NewRecord], group: Callable[[str], str]
) -> tuple[list[str], list[int]]:
    """Insert new records, and set every record's vectors. Returns the SHA-256 of the new ones' files, and the keys of
    the others.
    """
    given: dict[str, NewRecord] = {}
    for record in records:  # two copies of a file are one record
        given.setdefault(record_id(record.sha256, record.frame), record)
    known = keys_by_id(connection, given)
    new = {identity: record for identity, record in given.items() if identity not in known}
    insert_rows(
        connection,
        RECORDS,
        [
            {
                "id": identity,
                "source": record.source,
                "sha256": record.sha256,
                "frame": record.frame,
                "patient": group(record.patient) or identity,
            }
            for identity, record in new.items()
        ],
    )
    keys = {**known, **keys_by_id(connection, new)}
    delete_rows(connection, THUMBNAILS.c.record, known.values())
    insert_rows(connection, THUMBNAILS, [_thumbnail_row(keys[i], i, record.thumbnail) for i, record in given.items()])
    put_attributes(connection, [(keys[i], record.attributes) for i, record in new.items()])
    _describe_again(connection, {known[i]: given[i] for i in known}, group)
    set_by_table(connection, {keys[i]: frozenset(record.labels) for i, record in new.items()}, overwrite=False)
    delete_rows(connection, VECTORS.c.record, known.values())
    delete_rows(connection, PATCHES.c.record, known.values())
    encoded = [EncodedRecord(keys[i], i, one.views, one.vectors, one.patches) for i, one in given.items()]
    insert_rows(connection, VECTORS, [row for one in encoded for row in one.vector_rows()])
    insert_rows(connection, PATCHES, [row for one in encoded for row in one.patch_rows()])
    seal(connection, keys.values())
    return [record.sha256 for record in new.values()], list(known.values())


def _describe_again(connection: Connection, known: Mapping[int, NewRecord], group: Callable[[str], str]) -> None:
    """Describe those of some existing records anew, by their keys, that are damaged. Their labels stay."""
    for key in repairable(connection, known):
        record = known[key]
        identity = record_id(record.sha256, record.frame)
        place = {"source": record.source, "sha256": record.sha256, "frame": record.frame}
        patient = group(record.patient) or identity
        connection.execute(update(RECORDS).where(RECORDS.c.key == key).values(**place, patient=patient))
        delete_rows(connection, ATTRIBUTES.c.record, [key])
        put_attributes(connection, [(key, record.attributes)])


def _thumbnail_row(key: int, identity: str, jpeg: bytes) -> dict[str, Any]:
    return {"record": key, "jpeg": jpeg, "checksum": thumbnail_checksum(identity, jpeg)}


def put_attributes(connection: Connection, described: Iterable[tuple[int, Mapping[str, Attribute]]]) -> None:
    """Set the attributes of records, by their keys."""
    values: _Rows = []
    for key, attributes in described:
        values += [
            {"record": key, "name": name, "text": str(value), "number": number(value)}
            for name, value in attributes.items()
        ]
    insert_rows(connection, ATTRIBUTES, values)


def _relabel_all(connection: Connection, batch: Batch, group: Callable[[str], str]) -> list[int]:
    """Set what the label table says of stored files; the keys of their records."""
    verify_records(connection, _keys_of_files(connection, [change.sha256 for change in batch.relabels]))
    labels: dict[int, frozenset[str]] = {}
    keys = [key for change in batch.relabels for key in _relabel(connection, change, group, labels)]
    batch.change = set_by_table(connection, labels, overwrite=batch.overwrite, number=batch.change)
    seal(connection, keys)
    return keys


def _relabel(
    connection: Connection, change: Relabel, group: Callable[[str], str], labels: dict[int, frozenset[str]]
) -> list[int]:
    """Set patient and attributes of a file's records, whose keys are returned; their labels go into ``labels``."""
    rows = connection.execute(
        select(RECORDS.c.key, RECORDS.c.id, RECORDS.c.patient).where(RECORDS.c.sha256 == change.sha256)
    ).all()
    for key, identity, patient in rows:
        named = (ATTRIBUTES.c.record == key) & ATTRIBUTES.c.name.in_(list(change.attributes))
        connection.execute(delete(ATTRIBUTES).where(named))
        put_attributes(connection, [(key, change.attributes)])
        now = group(change.patient) or patient or identity
        connection.execute(update(RECORDS).where(RECORDS.c.key == key).values(patient=now))
        if now != patient:
            forget_day(connection, key)
    if change.labels is not None:
        labels.update({row.key: frozenset(change.labels) for row in rows})
    return [row.key for row in rows]


def move_files(connection: Connection, moved: Mapping[str, str]) -> list[int]:
    """Change the sources of files (SHA-256 -> source) and of their records; the records' keys."""
    keys = _keys_of_files(connection, moved)
    verify_records(connection, keys)
    places = [{"file": sha256, "place": source} for sha256, source in moved.items()]
    for table in (READ_FILES, RECORDS) if places else ():
        change = update(table).where(table.c.sha256 == bindparam("file")).values(source=bindparam("place"))
        connection.execute(change, places)
    seal(connection, keys)
    return keys


def forget_day(connection: Connection, record: int) -> None:
    """Forget the day of a record that is of another patient now: it was moved as those of the former one."""
    row = connection.execute(select(IDENTITIES).where(IDENTITIES.c.record == record)).first()
    if row is not None:
        crc = row_checksum(record, row.series, None, row.sealed)
        connection.execute(update(IDENTITIES).where(IDENTITIES.c.record == record).values(day=None, checksum=crc))


def _keys_of_files(connection: Connection, files: Iterable[str]) -> list[int]:
    """The keys of the records of files, by their SHA-256."""
    return [row.key for row in chosen_rows(connection, _KEYS_OF_FILES, list(files))]


def insert_rows(connection: Connection, table: Table, rows: _Rows) -> None:
    """Insert rows, if there are any, all with the same columns."""
    if rows and connection.dialect.name == POSTGRESQL and are_whole(table, rows[0]):
        copy_rows(connection, table, rows)
    elif rows:
        connection.execute(insert(table), rows)


def delete_rows(connection: Connection, column: Any, values: Iterable[Any]) -> None:
    for some in chunks(values):
        connection.execute(delete(column.table).where(column.in_(some)))
