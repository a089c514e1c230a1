"""Readings: what each reader said of records in a round, and what was decided of them.

They stand apart from the labels that count: no search, facet, filter, list or export tells of them. What was decided of
a record is the row of no reader.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, select, update

from lookalike.errors import NotFoundError, UsageError
from lookalike.store.batch import insert_rows
from lookalike.store.checksums import row_checksum
from lookalike.store.database import damaged, sound_row
from lookalike.store.rows import keys_by_id, no_record
from lookalike.store.schema import READINGS, RECORDS

if TYPE_CHECKING:
    from lookalike.store.store import Store

DECIDED: Final = ""
"""Instead of a reader: what was decided."""
_NAMES: Final = [column.name for column in READINGS.columns if column.name != "checksum"]


@dataclass(frozen=True, slots=True)
class StoredReading:
    """What a reader said of a record, or what was decided (``DECIDED``). by: who wrote it. time: seconds since 1970."""

    id: str
    reader: str
    labels: tuple[str, ...]
    by: str
    time: float


def stored_rounds(store: Store) -> list[str]:
    """The names of all rounds, in alphabetical order."""
    with store.begin() as connection:
        return sorted(connection.scalars(select(READINGS.c.round).distinct()))


def stored_readings(store: Store, name: str, reader: str | None = None) -> list[StoredReading]:
    """The readings of a round, by record and reader; of one reader only, if it is named. Raises DamagedFileError."""
    query = select(READINGS, RECORDS.c.id).outerjoin(RECORDS, RECORDS.c.key == READINGS.c.record)
    query = query.where(READINGS.c.round == name).order_by(READINGS.c.record, READINGS.c.reader)
    if reader is not None:
        query = query.where(READINGS.c.reader == reader)
    with store.begin() as connection:
        return [_sound(row) for row in connection.execute(query)]


def put_readings(store: Store, name: str, ids: Sequence[str], labels: Iterable[str], reader: str, *, by: str) -> None:
    """Store what a reader says of records, or what is decided, instead of what was said before. Raises NotFoundError,
    UsageError where a reader speaks of what is decided already; then nothing is stored.
    """
    with store.begin(write=True) as connection:
        wanted = list(dict.fromkeys(ids))
        keys = keys_by_id(connection, wanted)
        if missing := [identity for identity in wanted if identity not in keys]:
            raise no_record(missing[0])
        in_round = (READINGS.c.round == name) & READINGS.c.record.in_(list(keys.values()))
        decided = connection.execute(select(READINGS.c.record).where(in_round & (READINGS.c.reader == DECIDED)))
        if reader != DECIDED and (closed := len(decided.all())):
            raise UsageError(f"of {closed} of these records it is decided in this round what they show")
        connection.execute(delete(READINGS).where(in_round & (READINGS.c.reader == reader)))
        said = {"labels": json.dumps(sorted(labels)), "by": by, "time": time.time()}
        rows = [{"round": name, "record": key, "reader": reader, **said} for key in keys.values()]
        insert_rows(connection, READINGS, rows)


def bring_readings(store: Store, name: str, readings: Sequence[StoredReading]) -> int:
    """Store what was read elsewhere of records that are here, as it was given there; what is said here already stays.
    Returns how many came.
    """
    with store.begin(write=True) as connection:
        keys = keys_by_id(connection, dict.fromkeys(each.id for each in readings))
        there = {
            (row.record, row.reader) for row in connection.execute(select(READINGS).where(READINGS.c.round == name))
        }
        rows = [
            {
                "round": name,
                "record": keys[each.id],
                "reader": each.reader,
                "labels": json.dumps(each.labels),
                "by": each.by,
                "time": each.time,
            }
            for each in readings
            if each.id in keys and (keys[each.id], each.reader) not in there
        ]
        insert_rows(connection, READINGS, rows)
        return len(rows)


def has_read(store: Store, name: str, reader: str) -> bool:
    """Whether somebody is a reader of a round."""
    query = select(READINGS.c.record).where(READINGS.c.round == name, READINGS.c.reader == reader).limit(1)
    with store.begin() as connection:
        return connection.execute(query).first() is not None


def remove_round(store: Store, name: str) -> int:
    """Remove a round, and no label; how many readings it had. Raises NotFoundError."""
    with store.begin(write=True) as connection:
        removed = connection.execute(delete(READINGS).where(READINGS.c.round == name)).rowcount
    if not removed:
        raise NotFoundError(f"no round of readings is called {name!r}", "no-round")
    return removed


def forget_in_readings(connection: Connection, words: Collection[str]) -> None:
    """Give rounds another name whose own names what is removed."""
    names = sorted(connection.scalars(select(READINGS.c.round).distinct())) if words else []
    for number, name in enumerate(names):
        if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", name) for word in words):
            _rename(connection, name, _free(f"removed-name-{number}", names))


def _free(name: str, names: Sequence[str]) -> str:
    return name if name not in names else _free(f"{name}-again", names)


def _rename(connection: Connection, name: str, other: str) -> None:
    for row in connection.execute(select(READINGS).where(READINGS.c.round == name)).all():
        values = {column: getattr(row, column) for column in _NAMES} | {"round": other}
        which = (READINGS.c.round == name) & (READINGS.c.record == row.record) & (READINGS.c.reader == row.reader)
        connection.execute(update(READINGS).where(which).values(**values, checksum=row_checksum(*values.values())))


def _sound(row: Any) -> StoredReading:
    if not isinstance(row.id, str) or not sound_row(row.checksum, *(getattr(row, name) for name in _NAMES)):
        raise damaged()
    return StoredReading(row.id, row.reader, tuple(json.loads(row.labels)), row.by, row.time)
