"""Labels of two origins, the table's and a person's, which counts; the log of changes, and undoing them.

``labels`` holds what counts. A record whose labels a person set is in ``hand_labelled``, and a table changes only its
``table_labels``, unless it overwrites; that is a change in the log, too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from lookalike.errors import NotFoundError, UsageError
from lookalike.store.database import damaged
from lookalike.store.facts import put_fact, stored_fact
from lookalike.store.rows import chunks
from lookalike.store.schema import CHANGED_LABELS, HAND_LABELLED, LABEL_CHANGES, LABELS, RECORDS, TABLE_LABELS
from lookalike.store.verify import seal, verify_records

Action: TypeAlias = Literal["set", "change", "overwrite"]
OVERWRITE: Final[Action] = "overwrite"
Names: TypeAlias = frozenset[str]
_NOTHING: Final[Names] = frozenset()
_LAST: Final = "last label change"  # the gallery's fact


@dataclass(frozen=True, slots=True)
class LoggedChange:
    """One change of labels. number: by which it is undone. time, undone: seconds since 1970; undone is None while it
    counts. by: the name of the key, or how it came. action: set (instead of the former labels), change (some added or
    removed), overwrite (by a table). records: how many. added, removed: labels that any of them got or lost.
    """

    number: int
    time: float
    by: str
    action: Action
    records: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    undone: float | None


def labels_of(connection: Connection, keys: Iterable[int], table: Table = LABELS) -> dict[int, Names]:
    """The labels of records by key, those of ``TABLE_LABELS`` on demand; of a record without any an empty set."""
    found: dict[int, set[str]] = {int(key): set() for key in keys}
    for some in chunks(found):
        for record, label in connection.execute(select(table.c.record, table.c.label).where(table.c.record.in_(some))):
            found[record].add(label)
    return {key: frozenset(names) for key, names in found.items()}


def put_labels(connection: Connection, labels: Mapping[int, Iterable[str]], table: Table = LABELS) -> None:
    """Replace the labels of records."""
    for some in chunks(labels):
        connection.execute(delete(table).where(table.c.record.in_(some)))
    rows = [{"record": key, "label": label} for key, names in labels.items() for label in sorted(names)]
    if rows:
        connection.execute(insert(table), rows)


def by_hand(connection: Connection, keys: Iterable[int]) -> set[int]:
    """Those of some records whose labels a person set."""
    found: set[int] = set()
    for some in chunks(keys):
        found.update(connection.scalars(select(HAND_LABELLED.c.record).where(HAND_LABELLED.c.record.in_(some))))
    return found


def hand_labels(connection: Connection) -> dict[str, list[Names]]:
    """The labels that persons set, of each record, by the SHA-256 of its file."""
    query = select(RECORDS.c.key, RECORDS.c.sha256).join(HAND_LABELLED, HAND_LABELLED.c.record == RECORDS.c.key)
    rows = connection.execute(query).all()
    labels = labels_of(connection, [row.key for row in rows])
    found: dict[str, list[Names]] = {}
    for key, sha256 in rows:
        found.setdefault(sha256, []).append(labels[key])
    return found


def set_by_hand(connection: Connection, after: Mapping[int, Names], action: Action, by: str) -> tuple[int, set[int]]:
    """Set labels as a person wants them: the change's number, 0 if there is nothing new; and the changed records."""
    before = labels_of(connection, after)
    changed = {key for key, names in after.items() if names != before[key]}
    new = sorted(changed | (set(after) - by_hand(connection, after)))
    if not new:
        return 0, changed
    put_labels(connection, {key: after[key] for key in changed})
    _mark(connection, new, hand=True)
    return _note(connection, action, by, {key: (before[key], after[key]) for key in new}), changed


def set_by_table(connection: Connection, after: Mapping[int, Names], *, overwrite: bool, number: int = 0) -> int:
    """Set labels as a table says them; a person's stay, unless they are to be overwritten. number: of the change in the
    log that this continues, 0 for none; the number under which labels were overwritten.
    """
    put_labels(connection, after, TABLE_LABELS)
    persons = by_hand(connection, after)
    if persons and overwrite:
        before = labels_of(connection, persons)
        entries = {key: (before[key], after[key]) for key in persons}
        number = _note(connection, OVERWRITE, "label table", entries, number)
        _mark(connection, sorted(persons), hand=False)
    put_labels(connection, {key: names for key, names in after.items() if overwrite or key not in persons})
    return number


def log_of(connection: Connection, before: int | None, limit: int) -> list[LoggedChange]:
    """The changes, newest first. before: only those with a lower number. Raises DamagedFileError."""
    lost = CHANGED_LABELS.c.change.not_in(select(LABEL_CHANGES.c.number))
    if connection.execute(select(CHANGED_LABELS.c.change).where(lost).limit(1)).first() is not None:
        raise damaged()
    query = select(LABEL_CHANGES).order_by(LABEL_CHANGES.c.number.desc()).limit(limit)
    rows = connection.execute(query if before is None else query.where(LABEL_CHANGES.c.number < before)).all()
    return [_logged(connection, row) for row in rows]


def take_back(connection: Connection, number: int | None) -> tuple[int, set[int]]:
    """Undo a change, by default the last one that counts: its number, and the records whose labels changed.

    A record that was changed again since loses what this change brought; one without another change has the table's
    labels again. Raises NotFoundError, UsageError (it is undone already).
    """
    row = _to_undo(connection, number)
    entries = _entries(connection, row.number)
    verify_records(connection, entries)
    connection.execute(update(LABEL_CHANGES).where(LABEL_CHANGES.c.number == row.number).values(undone=time.time()))
    now, said = labels_of(connection, entries), labels_of(connection, entries, TABLE_LABELS)
    counting = _counting(connection, entries)
    after: dict[int, Names] = {}
    for key, (before, made) in entries.items():
        changes = counting.get(key, [])
        if any(change > row.number for change, _action in changes):
            after[key] = (now[key] - (made - before)) | (before - made)
        else:
            after[key] = before if _is_by_hand(changes) else said[key]
    put_labels(connection, after)
    for hand in (True, False):
        _mark(connection, [key for key in entries if _is_by_hand(counting.get(key, [])) == hand], hand=hand)
    seal(connection, entries)
    return int(row.number), {key for key, names in after.items() if names != now[key]}


def forget_empty(connection: Connection) -> None:
    """Remove changes of which no record is left; none is ever given the number of another, by which it is undone."""
    put_fact(connection, _LAST, str(_last(connection)))
    connection.execute(delete(LABEL_CHANGES).where(LABEL_CHANGES.c.number.not_in(select(CHANGED_LABELS.c.change))))


def _to_undo(connection: Connection, number: int | None) -> Any:
    query = select(LABEL_CHANGES).order_by(LABEL_CHANGES.c.number.desc()).limit(1)
    counts = LABEL_CHANGES.c.undone.is_(None)
    row = connection.execute(query.where(counts if number is None else LABEL_CHANGES.c.number == number)).first()
    if row is None:
        which = "no change of labels counts" if number is None else f"no change of labels has the number {number}"
        raise NotFoundError(f"{which}, so none is undone; lookalike records log lists them", "no-change")
    if row.undone is not None:
        raise UsageError(f"change {number} is undone already")
    return row


def _is_by_hand(changes: Sequence[tuple[int, str]]) -> bool:
    """Whether a person's change is the last word. changes: (number, action) of those that count, ascending."""
    return bool(changes) and changes[-1][1] != OVERWRITE


def _counting(connection: Connection, keys: Iterable[int]) -> dict[int, list[tuple[int, str]]]:
    """(number, action) of every change of records that counts, ascending, by the record's key."""
    found: dict[int, list[tuple[int, str]]] = {}
    for some in chunks(keys):
        query = (
            select(CHANGED_LABELS.c.record, LABEL_CHANGES.c.number, LABEL_CHANGES.c.action)
            .join(LABEL_CHANGES, LABEL_CHANGES.c.number == CHANGED_LABELS.c.change)
            .where(CHANGED_LABELS.c.record.in_(some), LABEL_CHANGES.c.undone.is_(None))
            .order_by(LABEL_CHANGES.c.number)
        )
        for record, number, action in connection.execute(query):
            found.setdefault(record, []).append((number, action))
    return found


def _mark(connection: Connection, keys: Sequence[int], *, hand: bool) -> None:
    for some in chunks(keys):
        connection.execute(delete(HAND_LABELLED).where(HAND_LABELLED.c.record.in_(some)))
    if keys and hand:
        connection.execute(insert(HAND_LABELLED), [{"record": key} for key in keys])


def _note(
    connection: Connection, action: Action, by: str, entries: Mapping[int, tuple[Names, Names]], number: int = 0
) -> int:
    """Add to the log; number: of a change that goes on, 0 for a new one."""
    if not number:
        number = _last(connection) + 1
        values = {"number": number, "time": time.time(), "by": by, "action": action, "undone": None}
        connection.execute(insert(LABEL_CHANGES), values)
    rows = [
        {"change": number, "record": key, "before": json.dumps(sorted(before)), "after": json.dumps(sorted(after))}
        for key, (before, after) in entries.items()
    ]
    connection.execute(insert(CHANGED_LABELS), rows)
    return number


def _last(connection: Connection) -> int:
    """The number of the last change there has been."""
    noted = stored_fact(connection, _LAST) or "0"
    if not noted.isdecimal():
        raise damaged()
    return max(int(noted), connection.scalar(select(func.max(LABEL_CHANGES.c.number))) or 0)


def _entries(connection: Connection, number: int) -> dict[int, tuple[Names, Names]]:
    rows = connection.execute(select(CHANGED_LABELS).where(CHANGED_LABELS.c.change == number))
    try:
        return {row.record: (frozenset(json.loads(row.before)), frozenset(json.loads(row.after))) for row in rows}
    except (TypeError, ValueError):
        raise damaged() from None


def _logged(connection: Connection, row: Any) -> LoggedChange:
    by_record = _entries(connection, row.number)
    if not by_record:  # ``forget_empty`` leaves no such change
        raise damaged()
    verify_records(connection, by_record)
    entries = by_record.values()
    added = _NOTHING.union(*(after - before for before, after in entries))
    removed = _NOTHING.union(*(before - after for before, after in entries))
    return LoggedChange(
        row.number, row.time, row.by, row.action, len(entries), tuple(sorted(added)), tuple(sorted(removed)), row.undone
    )
