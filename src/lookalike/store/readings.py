"""Readings: what each reader said of records in a round, and what was decided of them.

They stand apart from the labels that count: no search, facet, filter, list or export tells of them. What was decided of
a record is the row of no reader; what a reader is asked to read and has not yet is a row without labels. Of a round
that was started a fact of the gallery says which labels there are to choose from, and when it was closed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, func, select, update

from lookalike.errors import ForbiddenError, NotFoundError, UsageError
from lookalike.store.batch import insert_rows
from lookalike.store.checksums import row_checksum
from lookalike.store.database import damaged, sound_row
from lookalike.store.facts import put_fact, remove_fact, stored_fact
from lookalike.store.rows import chunks, keys_by_id, no_record
from lookalike.store.schema import GALLERY, READINGS, RECORDS

if TYPE_CHECKING:
    from lookalike.store.store import Store

DECIDED: Final = ""
"""Instead of a reader: what was decided."""
_FACT: Final = "readings "  # and the name of a round
_NAMES: Final = [column.name for column in READINGS.columns if column.name != "checksum"]


@dataclass(frozen=True, slots=True)
class StoredReading:
    """What a reader said of a record, None where it is asked and has not yet; or what was decided (``DECIDED``). by:
    who wrote it. time: seconds since 1970.
    """

    id: str
    reader: str
    labels: tuple[str, ...] | None
    by: str
    time: float


@dataclass(frozen=True, slots=True)
class StartedRound:
    """labels: that there are to choose from. by: who started it. time, closed: seconds since 1970; None: it is open."""

    labels: tuple[str, ...]
    by: str
    time: float
    closed: float | None = None


def started_round(store: Store, name: str) -> StartedRound | None:
    """What is fixed of a round; None of one that began with its first reading."""
    with store.begin() as connection:
        return _started(connection, name)


def begin_round(
    store: Store, name: str, keys: Sequence[int], readers: Sequence[str], labels: Sequence[str], *, by: str
) -> None:
    """Ask readers to read records, by their keys. Raises UsageError where there is a round of that name."""
    now = time.time()
    with store.begin(write=True) as connection:
        if connection.execute(select(READINGS.c.record).where(READINGS.c.round == name).limit(1)).first() is not None:
            raise UsageError(f"there is a round {name!r} already; give this one another name")
        told = {"round": name, "labels": json.dumps(None), "by": by, "time": now}
        insert_rows(connection, READINGS, [{**told, "record": key, "reader": each} for each in readers for key in keys])
        _put_started(connection, name, StartedRound(tuple(labels), by, now))


def end_round(store: Store, name: str) -> None:
    """Close a round: nobody reads in it any more. Raises NotFoundError for one that was not started, UsageError for a
    closed one.
    """
    with store.begin(write=True) as connection:
        found = _started(connection, name)
        if found is None:
            raise NotFoundError(f"no round of readings that was started is called {name!r}", "no-round")
        if found.closed is not None:
            raise UsageError(f"the round {name!r} is closed already")
        _put_started(connection, name, replace(found, closed=time.time()))


def _started(connection: Connection, name: str) -> StartedRound | None:
    stored = stored_fact(connection, _FACT + name)
    if stored is None:
        return None
    try:
        told = json.loads(stored)
        return StartedRound(tuple(told["labels"]), told["by"], told["time"], told["closed"])
    except (TypeError, ValueError, KeyError):
        raise damaged() from None


def _put_started(connection: Connection, name: str, started: StartedRound) -> None:
    put_fact(connection, _FACT + name, json.dumps(asdict(started)))


def stored_rounds(store: Store) -> list[str]:
    """The names of all rounds, in alphabetical order. Raises DamagedFileError."""
    store.verify_rows(READINGS)
    with store.begin() as connection:
        return sorted(connection.scalars(select(READINGS.c.round).distinct()))


def stored_readings(store: Store, name: str, reader: str | None = None) -> list[StoredReading]:
    """The readings of a round, by record and reader; of one reader only, if it is named. Raises DamagedFileError."""
    store.verify_rows(READINGS)
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
        if reader != DECIDED:
            _check_asked(connection, name, reader, list(keys.values()))
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


def bring_readings(
    store: Store, name: str, readings: Sequence[StoredReading], started: StartedRound | None = None
) -> int:
    """Store what was read elsewhere of records that are here, as it was given there; what is said here already stays.
    started: what is fixed of the round there. Returns how many came.
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
        if rows and started is not None and _started(connection, name) is None:
            _put_started(connection, name, started)
        return len(rows)


def _check_asked(connection: Connection, name: str, reader: str, keys: Sequence[int]) -> None:
    """Raises UsageError where a round is closed, ForbiddenError where it was started and does not ask a reader to read
    these records.
    """
    started = _started(connection, name)
    if started is None:
        return
    if started.closed is not None:
        raise UsageError(f"the round {name!r} is closed: nothing more is read in it")
    found: set[int] = set()
    for some in chunks(keys):
        mine = (READINGS.c.round == name) & (READINGS.c.reader == reader) & READINGS.c.record.in_(some)
        found.update(connection.scalars(select(READINGS.c.record).where(mine)))
    if left := len(set(keys) - found):
        raise ForbiddenError(f"the round {name!r} does not ask {reader} to read {left} of these records", "not-asked")


def has_read(store: Store, name: str, reader: str) -> bool:
    """Whether somebody is a reader of a round. Raises DamagedFileError."""
    store.verify_rows(READINGS)
    query = select(READINGS.c.record).where(READINGS.c.round == name, READINGS.c.reader == reader).limit(1)
    with store.begin() as connection:
        return connection.execute(query).first() is not None


def remove_round(store: Store, name: str) -> int:
    """Remove a round, and no label; how many readings it had. Raises NotFoundError."""
    own = READINGS.c.round == name
    with store.begin(write=True) as connection:
        read = own & (READINGS.c.labels != json.dumps(None))
        count = connection.scalar(select(func.count()).select_from(READINGS).where(read))
        if not connection.execute(delete(READINGS).where(own)).rowcount:
            raise NotFoundError(f"no round of readings is called {name!r}", "no-round")
        remove_fact(connection, _FACT + name)
    return int(count or 0)


def forget_in_readings(connection: Connection, words: Collection[str]) -> None:
    """Give rounds another name whose own names what is removed; labels to choose from that do go, and so does what is
    fixed of rounds of which no record is left.
    """
    names = sorted(connection.scalars(select(READINGS.c.round).distinct())) if words else []
    facts = select(GALLERY.c.name).where(GALLERY.c.name.startswith(_FACT, autoescape=True))
    for fact in connection.scalars(facts).all():
        _forget_started(connection, fact.removeprefix(_FACT), names, words)
    for number, name in enumerate(names):
        if any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", name) for word in words):
            _rename(connection, name, _free(f"removed-name-{number}", names))


def _forget_started(connection: Connection, name: str, names: Collection[str], words: Collection[str]) -> None:
    started = _started(connection, name)
    if name not in names:
        remove_fact(connection, _FACT + name)
    elif (
        started is not None and (kept := tuple(each for each in started.labels if each not in words)) != started.labels
    ):
        _put_started(connection, name, replace(started, labels=kept))


def _free(name: str, names: Sequence[str]) -> str:
    return name if name not in names else _free(f"{name}-again", names)


def _rename(connection: Connection, name: str, other: str) -> None:
    for row in connection.execute(select(READINGS).where(READINGS.c.round == name)).all():
        values = {column: getattr(row, column) for column in _NAMES} | {"round": other}
        which = (READINGS.c.round == name) & (READINGS.c.record == row.record) & (READINGS.c.reader == row.reader)
        connection.execute(update(READINGS).where(which).values(**values, checksum=row_checksum(*values.values())))
    if (started := _started(connection, name)) is not None:
        remove_fact(connection, _FACT + name)
        _put_started(connection, other, started)


def _sound(row: Any) -> StoredReading:
    if not isinstance(row.id, str) or not sound_row(row.checksum, *(getattr(row, name) for name in _NAMES)):
        raise damaged()
    labels = json.loads(row.labels)
    return StoredReading(row.id, row.reader, None if labels is None else tuple(labels), row.by, row.time)
