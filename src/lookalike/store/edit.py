"""Edit existing data: change labels, remove records, patients and spaces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, delete, insert, select

from lookalike.errors import NotFoundError
from lookalike.store.batch import count_edit, delete_rows
from lookalike.store.rows import chunks, keys_by_id, no_record
from lookalike.store.schema import LABELS, READ_FILES, RECORDS, SPACES
from lookalike.store.spaces import count_version

if TYPE_CHECKING:
    from lookalike.store.store import Store


def set_labels(store: Store, identity: str, labels: Sequence[str]) -> None:
    """Replace a record's labels. Raises NotFoundError if there is no such record."""
    with store.begin(write=True) as connection:
        keys = _keys(connection, [identity])
        delete_rows(connection, LABELS.c.record, keys)
        _add(connection, [(key, label) for key in keys for label in labels])
        count_edit(connection, keys)


def change_labels(store: Store, ids: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> int:
    """Add and remove labels of many records; how many records were changed.

    Raises NotFoundError, and changes nothing, if there is no record of one of the ids.
    """
    with store.begin(write=True) as connection:
        keys = _keys(connection, ids)
        there = {
            (row.record, row.label)
            for some in chunks(keys)
            for row in connection.execute(select(LABELS).where(LABELS.c.record.in_(some)))
        }
        gone = {(key, label) for key in keys for label in remove} & there
        new = {(key, label) for key in keys for label in add} - (there - gone)
        if gone:
            same = (LABELS.c.record == bindparam("key")) & (LABELS.c.label == bindparam("name"))
            connection.execute(delete(LABELS).where(same), [{"key": key, "name": name} for key, name in gone])
        _add(connection, sorted(new))
        if changed := {key for key, _ in gone ^ new}:
            count_edit(connection, changed)
        return len(changed)


def remove_records(store: Store, ids: Sequence[str]) -> list[str]:
    """Remove records with everything that belongs to them: vectors, patches, thumbnails, labels, attributes. Their
    files may be indexed again.

    Returns their sources. Raises NotFoundError, and removes nothing, if there is no record of one of the ids.
    """
    with store.begin(write=True) as connection:
        return _remove(connection, _keys(connection, ids))


def remove_patient(store: Store, patient: str) -> tuple[int, list[str]]:
    """Remove every record of a patient group (its hash): how many there were, and their sources.

    Raises NotFoundError if there is none.
    """
    with store.begin(write=True) as connection:
        keys = list(connection.scalars(select(RECORDS.c.key).where(RECORDS.c.patient == patient)))
        if not keys:
            raise NotFoundError("no record is of that patient group; groups stand in every record")
        return len(keys), _remove(connection, keys)


def remove_space(store: Store, name: str) -> None:
    """Remove a space."""
    with store.begin(write=True) as connection:
        connection.execute(delete(SPACES).where(SPACES.c.name == name))


def sources_left(store: Store, sources: Iterable[str]) -> set[str]:
    """Those of some sources that records still come from."""
    left: set[str] = set()
    with store.begin() as connection:
        for some in chunks(sources):
            left.update(connection.scalars(select(RECORDS.c.source).where(RECORDS.c.source.in_(some))))
    return left


def erase(store: Store) -> None:
    """Make removed rows unreadable in the write-ahead log, too; in the database itself they are overwritten."""
    with store.outside() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _remove(connection: Connection, keys: Sequence[int]) -> list[str]:
    rows = [
        row
        for some in chunks(keys)
        for row in connection.execute(select(RECORDS.c.sha256, RECORDS.c.source).where(RECORDS.c.key.in_(some)))
    ]
    # The other frames of these files stay; the file no longer counts as read to its end.
    delete_rows(connection, READ_FILES.c.sha256, {row.sha256 for row in rows})
    delete_rows(connection, RECORDS.c.key, keys)
    count_edit(connection, keys)
    count_version(connection)
    return sorted({row.source for row in rows})


def _keys(connection: Connection, ids: Iterable[str]) -> list[int]:
    """The keys of records, in the order of their ids, each once. Raises NotFoundError."""
    wanted = list(dict.fromkeys(ids))
    found = keys_by_id(connection, wanted)
    if missing := [identity for identity in wanted if identity not in found]:
        raise no_record(missing[0])
    return [found[identity] for identity in wanted]


def _add(connection: Connection, labels: Sequence[tuple[int, str]]) -> None:
    rows: list[dict[str, Any]] = [{"record": key, "label": label} for key, label in dict.fromkeys(labels)]
    if rows:
        connection.execute(insert(LABELS), rows)
