"""Verify what the store says about its records, and note the checksums after every change.

Filters, counts and lookups by patient are SQL over raw rows, where damage would leave a record out unseen: before the
first of them every row is verified once, and the database's own indexes with them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, func, select, update

from lookalike.errors import DamagedFileError
from lookalike.store.checksums import UNKNOWN, history_checksum
from lookalike.store.database import POSTGRESQL, damaged, sound_row, stopped_where
from lookalike.store.lookup import Begin
from lookalike.store.rows import (
    CHUNK,
    RawRecord,
    chosen_rows,
    chunks,
    damaged_record,
    damaged_vectors,
    keys_in_parts,
    lost_vectors,
    raw_records,
    where_chosen,
)
from lookalike.store.schema import (
    ATTRIBUTES,
    CHANGED_LABELS,
    HAND_LABELLED,
    LABEL_CHANGES,
    LABELS,
    READ_FILES,
    RECORDS,
    TABLE_LABELS,
    VECTORS,
)

FILTERED: Final = (ATTRIBUTES, VECTORS, RECORDS, LABELS)  # the tables whose indexes a filter may go by
_ASIDE: Final = FILTERED[:1], FILTERED[1:]  # verified at the same time, which each takes as long
_TABLE_LABELS: Final = where_chosen(TABLE_LABELS.c.record, *TABLE_LABELS.c)
_HAND_LABELLED: Final = where_chosen(HAND_LABELLED.c.record, *HAND_LABELLED.c)
_CHANGES: Final = where_chosen(
    CHANGED_LABELS.c.record, CHANGED_LABELS.c.record, *LABEL_CHANGES.c, CHANGED_LABELS.c.before, CHANGED_LABELS.c.after
).join(LABEL_CHANGES, LABEL_CHANGES.c.number == CHANGED_LABELS.c.change)
_VIEWS: Final = where_chosen(VECTORS.c.record, VECTORS.c.record, func.count()).group_by(VECTORS.c.record)
_FILES: Final = where_chosen(READ_FILES.c.source, READ_FILES.c.sha256)
_SEAL: Final = (
    update(RECORDS)
    .where(RECORDS.c.key == bindparam("of"))
    .values(views=bindparam("many"), checksum=bindparam("crc"), history=bindparam("origin"))
)


def seal(connection: Connection, keys: Iterable[int]) -> None:
    """Note the checksums of records that were changed, in the same transaction."""
    wanted = list(keys)
    views = dict(map(tuple, chosen_rows(connection, _VIEWS, wanted)))
    rows = []
    for raw, history in _with_histories(connection, wanted):
        said = (*raw.said[:-1], views.get(raw.key, 0))
        now = RawRecord(raw.key, said, raw.labels, raw.attributes, None, None)
        rows.append({"of": raw.key, "many": said[-1], "crc": now.computed(), "origin": history})
    if rows:
        connection.execute(_SEAL, rows)


def verify_records(connection: Connection, keys: Iterable[int]) -> None:
    """Verify records before they are changed: new checksums must not cover up damage. Raises DamagedFileError."""
    for raw, history in _with_histories(connection, list(keys)):
        if not raw.sound:
            raise damaged_record(1)
        if not _same(raw.history, history):
            raise damaged_history(str(raw.said[0]))


def repairable(connection: Connection, keys: Iterable[int]) -> set[int]:
    """The keys of those records that are damaged, and are to be described anew; their labels and where these come from
    are intact. Raises DamagedFileError for one whose labels are not.
    """
    found = set()
    for raw, history in _with_histories(connection, list(keys)):
        if not _same(raw.history, history):
            raise damaged_history(str(raw.said[0]))
        if not raw.sound:
            found.add(raw.key)
    return found


def damaged_records(connection: Connection) -> tuple[set[str], set[str]]:
    """The SHA-256 of the files of damaged records: of those that reading the file again repairs, and of those whose
    labels, or their origin, are damaged.
    """
    again, lost, sources = set(), set(), set()
    for raw, history in _with_histories(connection, None):
        _identity, source, sha256, *_ = raw.said
        if not _same(raw.history, history):
            lost.add(str(sha256))
        elif not raw.sound:
            again.add(str(sha256))
            sources.add(source)
    by_source = chosen_rows(connection, _FILES, list(sources))  # the SHA-256 itself may be what is damaged
    return again | {row.sha256 for row in by_source}, lost


def verify_everything(begin: Begin) -> int:
    """Verify every record, and meanwhile the indexes of the tables by which records are chosen: how many records there
    are. Raises DamagedFileError.
    """
    count = bad = 0
    with _indexes_verified_aside(begin), begin() as connection:
        if lost := lost_vectors(connection):
            raise damaged_vectors(lost)
        for raw in raw_records(connection, None):
            count += 1
            bad += not raw.sound
        if bad:
            raise damaged_record(bad)
    return count


@contextmanager
def _indexes_verified_aside(begin: Begin) -> Iterator[None]:
    """In other threads, which SQLite lets run at the same time; they stop where what is done meanwhile fails."""
    stopped = threading.Event()

    def verify(tables: Sequence[Table]) -> None:
        with begin() as connection:
            if connection.dialect.name != POSTGRESQL:
                with stopped_where(connection, stopped.is_set):
                    verify_indexes(connection, *tables)

    with ThreadPoolExecutor(len(_ASIDE), "verify") as threads:
        begun = [threads.submit(verify, tables) for tables in _ASIDE]
        try:
            yield
            for each in begun:
                each.result()
        except BaseException:
            stopped.set()
            raise


def verify_table(connection: Connection, table: Table) -> None:
    """Verify a table of what is said beside the records: its indexes, that each row is of a record that is there, and
    the checksums of rows that are covered whole. Raises DamagedFileError.
    """
    verify_indexes(connection, table)
    for column in table.columns:
        for of in (key.column for key in column.foreign_keys):
            strays = table.outerjoin(of.table, column == of)
            if connection.scalar(select(func.count()).select_from(strays).where(of.is_(None))):
                raise damaged()
    if table.c.checksum.default is not None:  # else it is of a row's contents, and verified by who reads these
        names = [column.name for column in table.columns if column.name != "checksum"]
        for row in connection.execution_options(yield_per=CHUNK).execute(select(table)):
            if not sound_row(row.checksum, *(getattr(row, name) for name in names)):
                raise damaged()


def verify_indexes(connection: Connection, *tables: Table) -> None:
    """Have SQLite compare tables, all of them by default, with their indexes. PostgreSQL does that only for its
    administrator (pg_amcheck). Raises DamagedFileError.
    """
    if connection.dialect.name == POSTGRESQL:
        return
    for name in [f"({table.name})" for table in tables] or [""]:
        said = connection.exec_driver_sql(f"PRAGMA main.integrity_check{name}").scalars().all()
        if said != ["ok"]:
            raise damaged()


def damaged_history(identity: str) -> DamagedFileError:
    """The error for labels of unknown origin: which of them a person set can be learnt from nowhere else."""
    return DamagedFileError(
        f"the labels of record {identity}, or the log of their changes, are damaged; put a backup in the place of the "
        f"gallery, or remove the record (lookalike records remove {identity}) and index its source again"
    )


def _same(stored: int | None, computed: int | None) -> bool:
    return stored == UNKNOWN or (stored is not None and stored == computed)


def _with_histories(connection: Connection, wanted: Iterable[int] | None) -> Iterator[tuple[RawRecord, int | None]]:
    """Records with the checksums of their labels' origin as they should be."""
    for some in keys_in_parts(connection, CHUNK) if wanted is None else chunks(wanted):
        origin: dict[int, list[tuple[Any, ...]]] = {}
        for mark, query in enumerate((_TABLE_LABELS, _HAND_LABELLED, _CHANGES)):
            for record, *values in connection.execute(query, {"chosen": some}):
                origin.setdefault(record, []).append((mark, *values))
        for raw in raw_records(connection, some):
            yield raw, _history(raw, origin.get(raw.key, []))


def _history(raw: RawRecord, origin: list[tuple[Any, ...]]) -> int | None:
    try:
        return history_checksum(raw.said[0], raw.labels, origin)
    except TypeError:
        return None
