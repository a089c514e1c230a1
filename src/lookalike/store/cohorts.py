"""Cohorts: a definition, and the records that were its members when it was last evaluated.

Every record that a cohort tells of stands in a row of its own, which goes with the record and is not there for who sees
a part of the gallery. What a definition says in words (filters, texts) is forgotten when it names what is erased.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Table, delete, insert, select, update

from lookalike.errors import NotFoundError, UsageError
from lookalike.plugins import suggestion
from lookalike.store.batch import delete_rows, insert_rows
from lookalike.store.checksums import row_checksum
from lookalike.store.database import damaged, sound_row
from lookalike.store.rows import keys_by_id
from lookalike.store.schema import COHORT_CHOSEN, COHORT_MEMBERS, COHORTS, OF_COHORTS, RECORDS

if TYPE_CHECKING:
    from lookalike.store.store import Store

FORGOTTEN: Final = '"removed"'
"""The definition of a cohort whose own named what was erased."""
_NAMES: Final = [column.name for column in COHORTS.columns if column.name != "checksum"]


@dataclass(frozen=True, slots=True)
class StoredCohort:
    """definition: JSON. split: JSON, how it was split; "" where it was not. version: counts the changes to its members.
    size: of them at the last change. by: who made it. created, changed: seconds since 1970.
    """

    number: int
    name: str
    definition: str
    split: str
    version: int
    size: int
    by: str
    created: float
    changed: float


@dataclass(frozen=True, slots=True)
class StoredMember:
    """A record as it was when its cohort was last evaluated. part: train, val or test, "" for none."""

    id: str
    labels: tuple[str, ...]
    part: str


def stored_cohorts(store: Store) -> list[StoredCohort]:
    """Every cohort by name. Raises DamagedFileError."""
    store.verify_rows(*OF_COHORTS)
    with store.begin() as connection:
        return sorted(_cohorts(connection), key=lambda each: each.name)


def stored_cohort(store: Store, name: str) -> StoredCohort:
    """A cohort by its name. Raises NotFoundError, DamagedFileError."""
    store.verify_rows(*OF_COHORTS)
    with store.begin() as connection:
        return _named(connection, name)


def cohort_members(store: Store, number: int) -> list[StoredMember]:
    """The members of a cohort by id. Raises DamagedFileError."""
    store.verify_rows(*OF_COHORTS)
    with store.begin() as connection:
        return sorted(_members(connection, number).values(), key=lambda each: each.id)


def chosen_records(store: Store, number: int) -> dict[int, list[str]]:
    """The ids of the records that a cohort's definition names, by their places in it. Raises DamagedFileError."""
    store.verify_rows(*OF_COHORTS)
    found: dict[int, list[str]] = {}
    with store.begin() as connection:
        rows = list(_of_records(connection, COHORT_CHOSEN, number))
    for identity, row in rows:
        found.setdefault(row.leaf, []).append(identity)
    return {leaf: sorted(ids) for leaf, ids in found.items()}


def put_cohort(
    store: Store,
    name: str,
    definition: str,
    chosen: Sequence[Iterable[str]],
    members: Mapping[str, Sequence[str]],
    *,
    by: str,
    replace: bool,
) -> StoredCohort:
    """Store a cohort: members, with their labels, by id; those that were erased meanwhile are none. chosen: ids that
    the definition names, by place. A member keeps its part of a split. replace: there may be one of that name, whose
    version is counted on where its members change. Raises UsageError where there may not.
    """
    with store.begin(write=True) as connection:
        before = {each.name: each for each in _cohorts(connection)}.get(name)
        if before is not None and not replace:
            raise UsageError(f"a cohort is called {name!r} already; say that it is to be replaced (--replace)")
        was = {} if before is None else _members(connection, before.number)
        keys = keys_by_id(connection, members)
        now = {id: StoredMember(id, tuple(members[id]), was[id].part if id in was else "") for id in keys}
        changed = now != was or (before is not None and before.size != len(now))
        number = _put_row(connection, before, name, definition, by, len(now), changed=changed)
        _put_members(connection, number, keys, now)
        _put_chosen(connection, number, chosen)
        return _named(connection, name)


def put_split(store: Store, name: str, split: str, parts: Mapping[str, str]) -> StoredCohort:
    """Store of which part each member is, by id. split: how it was done, as JSON. Raises NotFoundError."""
    with store.begin(write=True) as connection:
        before = _named(connection, name)
        was = _members(connection, before.number)
        now = {id: StoredMember(id, each.labels, parts.get(id, "")) for id, each in was.items()}
        changed = {"version": before.version + 1, "changed": time.time()} if now != was else {}
        _update(connection, before, split=split, **changed)
        _put_members(connection, before.number, keys_by_id(connection, now), now)
        return _named(connection, name)


def remove_cohort_rows(store: Store, name: str) -> int:
    """Remove a cohort, and none of its records; how many members it had. Raises NotFoundError."""
    with store.begin(write=True) as connection:
        found = _named(connection, name)
        members = len(_members(connection, found.number))
        delete_rows(connection, COHORTS.c.number, [found.number])
        return members


def forget_in_cohorts(connection: Connection, words: Collection[str]) -> None:
    """Forget the definitions that name what is removed, and give cohorts that are called so another name; the members
    that are left stay.
    """
    for each in _cohorts(connection) if words else ():
        changed = {"definition": FORGOTTEN} if _tells(_texts(json.loads(each.definition)), words) else {}
        changed |= {"name": f"removed name {each.number}"} if _tells([each.name], words) else {}
        changed |= {"split": ""} if each.split and _tells(_texts(json.loads(each.split)), words) else {}
        if changed:
            _update(connection, each, **changed)


def _tells(texts: Iterable[str], words: Collection[str]) -> bool:
    """Whether one of some words stands in a text, alone and not as a part of a longer one."""
    return any(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) for text in texts for word in words if word in text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _cohorts(connection: Connection) -> list[StoredCohort]:
    rows = list(connection.execute(select(COHORTS)))
    if not all(sound_row(row.checksum, *(getattr(row, name) for name in _NAMES)) for row in rows):
        raise damaged()
    return [StoredCohort(*(getattr(row, name) for name in _NAMES)) for row in rows]


def _named(connection: Connection, name: str) -> StoredCohort:
    there = {each.name: each for each in _cohorts(connection)}
    if name not in there:
        raise NotFoundError(f"no cohort is called {name!r}.{suggestion(name, sorted(there))}", "no-cohort")
    return there[name]


def _members(connection: Connection, number: int) -> dict[str, StoredMember]:
    rows = _of_records(connection, COHORT_MEMBERS, number)
    return {id: StoredMember(id, tuple(json.loads(row.labels)), row.part) for id, row in rows}


def _of_records(connection: Connection, table: Table, number: int) -> Iterator[tuple[str, Any]]:
    """(id of the record, row) of a cohort."""
    columns = [column.name for column in table.columns if column.name != "checksum"]
    query = select(table, RECORDS.c.id).outerjoin(RECORDS, RECORDS.c.key == table.c.record)
    for row in connection.execute(query.where(table.c.cohort == number)):
        if not isinstance(row.id, str) or not sound_row(row.checksum, *(getattr(row, name) for name in columns)):
            raise damaged()
        yield row.id, row


def _put_row(
    connection: Connection,
    before: StoredCohort | None,
    name: str,
    definition: str,
    by: str,
    size: int,
    *,
    changed: bool,
) -> int:
    now = time.time()
    if before is not None:
        count = {"version": before.version + 1, "changed": now} if changed else {}
        _update(connection, before, definition=definition, by=by, size=size, **count)
        return before.number
    values = {"definition": definition, "split": "", "version": 1, "size": size, "by": by}
    connection.execute(insert(COHORTS), {"name": name, **values, "created": now, "changed": now, "checksum": 0})
    number = int(connection.execute(select(COHORTS.c.number).where(COHORTS.c.name == name)).scalar_one())
    _update(connection, StoredCohort(number, name, definition, "", 1, size, by, now, now))
    return number


def _update(connection: Connection, before: StoredCohort, **changed: Any) -> None:
    values = {name: changed.get(name, getattr(before, name)) for name in _NAMES}
    values["checksum"] = row_checksum(*values.values())
    connection.execute(update(COHORTS).where(COHORTS.c.number == before.number).values(**values))


def _put_members(
    connection: Connection, number: int, keys: Mapping[str, int], members: Mapping[str, StoredMember]
) -> None:
    connection.execute(delete(COHORT_MEMBERS).where(COHORT_MEMBERS.c.cohort == number))
    rows = [
        {"cohort": number, "record": keys[id], "part": each.part, "labels": json.dumps(each.labels)}
        for id, each in members.items()
    ]
    insert_rows(connection, COHORT_MEMBERS, rows)


def _put_chosen(connection: Connection, number: int, chosen: Sequence[Iterable[str]]) -> None:
    connection.execute(delete(COHORT_CHOSEN).where(COHORT_CHOSEN.c.cohort == number))
    for leaf, ids in enumerate(chosen):
        keys = keys_by_id(connection, dict.fromkeys(ids))
        insert_rows(
            connection, COHORT_CHOSEN, [{"cohort": number, "leaf": leaf, "record": key} for key in keys.values()]
        )
