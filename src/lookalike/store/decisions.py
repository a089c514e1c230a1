"""Decisions about what audits have found: who decided what of which records, and what was recorded before.

A finding concerns a record, or a pair of them, whose row then names both. Two decisions change records: a value that is
accepted, and two records that are of one patient, whose patients' groups become one. For each record that this moves
stands a row of its own, about its patient, so that none is lost where another record of the pair is removed: by it an
erasure finds whom a record was of, and undoing gives the group back.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from lookalike.errors import NotFoundError
from lookalike.filters import number
from lookalike.store.batch import delete_rows, forget_day, insert_rows
from lookalike.store.database import damaged, sound_row
from lookalike.store.edits import count_edit
from lookalike.store.facts import put_fact, stored_fact
from lookalike.store.rows import keys_by_id, no_record
from lookalike.store.schema import ATTRIBUTES, DECISIONS, RECORDS
from lookalike.store.verify import seal, verify_records

if TYPE_CHECKING:
    from lookalike.store.store import Store

OF_PATIENT: Final = "patient"
"""What a row is about that tells whose record it was (``before``), and whose it was made (``value``)."""
ACCEPTED: Final = "accept"
SAME_PATIENT: Final = "same-patient"
CHANGING: Final = (ACCEPTED, SAME_PATIENT)
"""The decisions that change records."""
TO_DROP: Final = "drop"
"""The decision about a record, whatever was found of it, that asks an admin to remove it."""
_LAST: Final = "last decision"  # the gallery's fact
_NAMES: Final = [column.name for column in DECISIONS.columns if column.name != "checksum"]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision. number: by which it is undone, with whatever was decided together. ids: of a record, or of the two
    of a pair. about: the fault, or the field; "patient" of a record that it gave to another patient's group. value:
    that was proposed; before: that was recorded, where it was changed. by: who decided. time: seconds since 1970.
    """

    number: int
    audit: str
    decision: str
    ids: tuple[str, ...]
    about: str
    value: str
    before: str
    by: str
    time: float


def stored_decisions(store: Store, audit: str | None = None) -> list[StoredDecision]:
    """The decisions, those of one audit if it is named, the oldest first. Raises DamagedFileError."""
    store.verify_rows(DECISIONS)
    first, second = RECORDS.alias("first"), RECORDS.alias("second")
    query = (
        select(DECISIONS, first.c.id.label("first"), second.c.id.label("second"))
        .outerjoin(first, first.c.key == DECISIONS.c.record)
        .outerjoin(second, second.c.key == DECISIONS.c.other)
        .order_by(DECISIONS.c.number, DECISIONS.c.record, DECISIONS.c.other, DECISIONS.c.about)
    )
    with store.begin() as connection:
        found = [_sound(row) for row in connection.execute(query)]
    return [each for each in found if audit is None or each.audit == audit]


def put_decisions(
    store: Store, audit: str, decision: str, findings: Sequence[Sequence[str]], *, about: str, value: str, by: str
) -> tuple[int, int]:
    """Store a decision about findings, each the id of a record or the two of a pair, instead of what was decided of
    them before: its number, and how many records it changed. Raises NotFoundError, and stores nothing, where a record
    is not there.
    """
    with store.begin(write=True) as connection:
        keys = _keys(connection, [id for each in findings for id in each])
        told: dict[str, Any] = {"number": _next(connection), "audit": audit, "decision": decision, "by": by}
        told |= {"about": about, "value": value, "time": time.time()}
        changed: set[int] = set()
        for each in findings:
            of = [keys[id] for id in each]
            row = {**told, "record": min(of), "other": max(of), "before": ""}
            if decision == ACCEPTED:
                row["before"] = _recorded(connection, row)
                changed.update(of)
            _replace(connection, row)
            if decision == SAME_PATIENT:
                changed.update(_joined(connection, told, of))
        if changed:
            count_edit(connection, changed)
        return int(told["number"]), len(changed)


def bring_decisions(store: Store, decisions: Sequence[StoredDecision], group: Callable[[str], str]) -> tuple[int, int]:
    """Store what was decided elsewhere of records that are here, as it was decided there; what is decided here already
    stays. group: the group here of one there. Returns how many decisions came, and how many did not since what they had
    changed is otherwise here.
    """
    new: dict[int, int] = {}
    came, otherwise = 0, 0
    with store.begin(write=True) as connection:
        keys = keys_by_id(connection, list(dict.fromkeys(id for each in decisions for id in each.ids)))
        for each in decisions:
            if not keys.keys() >= {*each.ids}:
                continue
            of = [keys[id] for id in each.ids]
            told = {name: getattr(each, name) for name in _NAMES if hasattr(each, name)}
            row = {**told, "record": min(of), "other": max(of)}
            if _is_move(each):
                now = connection.scalar(select(RECORDS.c.patient).where(RECORDS.c.key == row["record"]))
                before = each.before if each.before == each.ids[0] else group(each.before)
                row |= {"value": now, "before": before}
                if before == now:
                    continue
            elif each.decision == ACCEPTED and _attribute(connection, row["record"], each.about) != each.value:
                otherwise += 1
                continue
            if connection.scalar(select(DECISIONS.c.number).where(_which(row))) is not None:
                continue
            row["number"] = new[each.number] = new.get(each.number) or _next(connection)
            _replace(connection, row)
            came += not _is_move(each)
    return came, otherwise


def undo_decisions(store: Store, number: int) -> tuple[int, int]:
    """Take decisions back that were made together: how many, and how many records were changed by it. What has been
    changed again since stays. Raises NotFoundError.
    """
    with store.begin(write=True) as connection:
        rows = connection.execute(select(DECISIONS).where(DECISIONS.c.number == number)).all()
        if not rows:
            raise NotFoundError(f"there is no decision {number}, or it was undone", "no-decision")
        for row in rows:
            _check(row)
        changed = {row.record for row in rows if _taken_back(connection, row)}
        connection.execute(delete(DECISIONS).where(DECISIONS.c.number == number))
        if changed:
            count_edit(connection, changed)
        return sum(not _is_move(row) for row in rows), len(changed)


def groups_joined_to(store: Store, groups: Collection[str]) -> frozenset[str]:
    """The groups that records of some patients have by a decision now, besides these."""
    if not groups:
        return frozenset()
    moved = (DECISIONS.c.about == OF_PATIENT) & DECISIONS.c.before.in_(sorted(groups))
    with store.begin() as connection:
        return frozenset(connection.scalars(select(DECISIONS.c.value).where(moved).distinct()))


def records_once_of(connection: Connection, patient: str) -> list[int]:
    """The keys of records that were a patient's until it was decided that they are another's."""
    moved = (DECISIONS.c.about == OF_PATIENT) & (DECISIONS.c.before == patient)
    return list(connection.scalars(select(DECISIONS.c.record).where(moved)))


def forget_in_decisions(connection: Connection, words: Collection[str]) -> None:
    """Forget what is decided about values that only removed records had."""
    for column in (DECISIONS.c.value, DECISIONS.c.before) if words else ():
        delete_rows(connection, column, words)


def rename_decided_groups(connection: Connection, name: Callable[[str], str]) -> None:
    """Give the groups that decisions tell of other names; a record of nobody known was grouped under its own id."""
    query = select(DECISIONS, RECORDS.c.id).join(RECORDS, RECORDS.c.key == DECISIONS.c.record)
    for row in connection.execute(query.where(DECISIONS.c.about == OF_PATIENT)).all():
        _check(row)
        told = {column: getattr(row, column) for column in _NAMES}
        before = row.before if row.before == row.id else name(row.before)
        _replace(connection, told | {"value": name(row.value), "before": before})


def _recorded(connection: Connection, row: Mapping[str, Any]) -> str:
    """Record the value of a field; what was recorded before, "" for nothing."""
    key = row["record"]
    verify_records(connection, [key])
    before = _set_attribute(connection, key, row["about"], row["value"])
    seal(connection, [key])
    return before


def _attribute(connection: Connection, key: int, name: str) -> str:
    """What is recorded of an attribute, "" for nothing."""
    of = (ATTRIBUTES.c.record == key) & (ATTRIBUTES.c.name == name)
    return str(connection.scalar(select(ATTRIBUTES.c.text).where(of)) or "")


def _set_attribute(connection: Connection, key: int, name: str, value: str) -> str:
    """Set an attribute, or remove it ("" for nothing); what it was."""
    before = _attribute(connection, key, name)
    connection.execute(delete(ATTRIBUTES).where((ATTRIBUTES.c.record == key) & (ATTRIBUTES.c.name == name)))
    if value:
        connection.execute(insert(ATTRIBUTES), {"record": key, "name": name, "text": value, "number": number(value)})
    return before


def _joined(connection: Connection, told: Mapping[str, Any], keys: Sequence[int]) -> list[int]:
    """Make two records' patients one, the first's where it is known (else it is the record's id): who moved."""
    found = {row.key: row for row in connection.execute(select(RECORDS).where(RECORDS.c.key.in_(keys)))}
    first, second = (found[key] for key in keys)
    if first.patient == second.patient:
        return []
    if first.patient == first.id:
        first, second = second, first
    group = first.patient
    if group == first.id:  # neither is known
        group = hashlib.sha256(f"one patient {first.id}".encode()).hexdigest()[:32]
    groups = {second.patient} if group == first.patient else {first.patient, second.patient}
    moved = connection.execute(select(RECORDS.c.key, RECORDS.c.patient).where(RECORDS.c.patient.in_(groups))).all()
    for key, patient in moved:
        row = {**told, "record": key, "other": key, "about": OF_PATIENT, "value": group, "before": patient}
        row["before"] = connection.scalar(select(DECISIONS.c.before).where(_which(row))) or patient
        _replace(connection, row)
        _move(connection, key, group)
    return [row.key for row in moved]


def _move(connection: Connection, key: int, group: str) -> None:
    verify_records(connection, [key])
    connection.execute(update(RECORDS).where(RECORDS.c.key == key).values(patient=group))
    forget_day(connection, key)
    seal(connection, [key])


def _taken_back(connection: Connection, row: Any) -> bool:
    """Give a record back what it had; whether it was changed."""
    if _is_move(row):
        now = connection.scalar(select(RECORDS.c.patient).where(RECORDS.c.key == row.record))
        if now == row.value:
            _move(connection, row.record, row.before)
        return bool(now == row.value)
    if row.decision != ACCEPTED or _attribute(connection, row.record, row.about) != row.value:
        return False
    verify_records(connection, [row.record])
    _set_attribute(connection, row.record, row.about, row.before)
    seal(connection, [row.record])
    return True


def _is_move(row: Any) -> bool:
    return bool(row.about == OF_PATIENT)


def _replace(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(delete(DECISIONS).where(_which(row)))
    insert_rows(connection, DECISIONS, [dict(row)])


def _which(row: Mapping[str, Any]) -> Any:
    table = DECISIONS.c
    of = (table.audit == row["audit"]) & (table.record == row["record"]) & (table.other == row["other"])
    of &= table.about == row["about"]
    return of if row["about"] == OF_PATIENT else of & (table.value == row["value"])


def _next(connection: Connection) -> int:
    """A number that no decision has had."""
    noted = stored_fact(connection, _LAST) or "0"
    if not noted.isdecimal():
        raise damaged()
    last = max(int(noted), connection.scalar(select(func.max(DECISIONS.c.number))) or 0)
    put_fact(connection, _LAST, str(last + 1))
    return last + 1


def _keys(connection: Connection, ids: Iterable[str]) -> dict[str, int]:
    wanted = list(dict.fromkeys(ids))
    found = keys_by_id(connection, wanted)
    if missing := [identity for identity in wanted if identity not in found]:
        raise no_record(missing[0])
    return found


def _check(row: Any) -> None:
    if not sound_row(row.checksum, *(getattr(row, name) for name in _NAMES)):
        raise damaged()


def _sound(row: Any) -> StoredDecision:
    _check(row)
    if not isinstance(row.first, str) or not isinstance(row.second, str):
        raise damaged()
    ids = (row.first,) if row.record == row.other else (row.first, row.second)
    return StoredDecision(row.number, row.audit, row.decision, ids, row.about, row.value, row.before, row.by, row.time)
