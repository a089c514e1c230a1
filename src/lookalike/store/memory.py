"""Records held in memory, for a process that answers many searches: no SQL for each hit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, or_, select

from lookalike.store.edits import Edits, edits_of
from lookalike.store.layered import Layered
from lookalike.store.lookup import Begin
from lookalike.store.rows import driver_rows, whole_records
from lookalike.store.schema import RECORDS, VECTORS
from lookalike.store.spaces import read_spaces
from lookalike.types import BASE, Keys, Record

MOST_HELD: Final = 300_000  # records, half a kilobyte each; with more the database is used


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A ``Lookup`` over a snapshot. records, ids, patients: by key, by public id, and the keys by patient group. keys
    (n,): of every vector, ascending; owner (n,): the record's key of each. order (n,): the vectors' positions by
    ascending owner, so that a record's own are found at once. last: the greatest key of a record, at least.
    """

    records: Layered[int, Record]
    ids: Layered[str, Record]
    patients: Layered[str, list[int]]
    keys: Keys
    owner: NDArray[np.int64]
    order: NDArray[np.int64]
    last: int

    def by_key(self, keys: Iterable[int] | None) -> Mapping[int, Record]:
        """Records by key."""
        if keys is None:
            return self.records.whole()
        found = ((key, self.records.get(key)) for key in map(int, keys))
        return {key: record for key, record in found if record is not None}

    def by_id(self, identity: str) -> Record | None:
        """One record."""
        return self.ids.get(identity)

    def owner_keys(self, keys: Keys) -> Keys:
        """The record's key for each vector key."""
        owners = np.full(keys.shape, -1, np.int64)
        if len(self.keys):
            place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            there = self.keys[place] == keys
            owners[there] = self.owner[place[there]]
        return owners

    def owners(self, keys: Keys) -> list[Record | None]:
        """The record of each vector key."""
        return [self.records.get(key) for key in self.owner_keys(keys).tolist()]

    def keys_of_patient(self, patient: str) -> Keys:
        """The vector keys of one patient group."""
        return self.keys_of(self.patients.get(patient) or ())

    def keys_of(self, records: Iterable[int]) -> Keys:
        """The vector keys of records."""
        return self.keys[self.places_of(records)]

    def places_of(self, records: Iterable[int]) -> NDArray[np.int64]:
        """Where the vectors of records stand among ``keys``."""
        own = np.array([int(key) for key in records], np.int64)
        first = np.searchsorted(self.owner, own, "left", sorter=self.order)
        last = np.searchsorted(self.owner, own, "right", sorter=self.order)
        return np.concatenate([_NONE, *(self.order[i:j] for i, j in zip(first, last, strict=True))])


class Memory:
    """The store's records in memory, read again when they have changed; new records alone are just added.

    changes: gives another number after each change of the database.
    """

    def __init__(self, begin: Begin, changes: Callable[[], int]) -> None:
        self._begin, self._count, self._lock = begin, changes, threading.Lock()
        self._held: Held | None = None
        self._changes = -1
        self._state: tuple[int, int] = (-1, -1)  # edits, version of the vectors
        self._beyond = 0  # how many records there were, at least, beyond what is held,
        self._beyond_at = -1  # after so many edits

    def held(self) -> Held | None:
        """The current snapshot; None if there are too many records to hold."""
        changes = self._count()
        if changes != self._changes:
            with self._lock:
                if changes != self._changes:
                    self._refresh()
                    self._changes = changes
        return self._held

    def _refresh(self) -> None:
        with self._begin() as connection:
            edits = edits_of(connection)
            if self._are_too_many(connection, edits):
                self._held = None
                return
            state = edits.number, read_spaces(connection)[BASE].version
            edited = edits.keys_since(self._state[0])
            if self._held is None or edited is None:
                self._held = _whole(connection)
            elif state != self._state:
                self._held = _changed(self._held, connection, edited)
            self._state = state

    def _are_too_many(self, connection: Connection, edits: Edits) -> bool:
        """Whether there are more records than are held. To count a million takes longer than a search: they are counted
        again only when as many were edited, and so may be gone, as there were beyond.
        """
        edited = edits.keys_since(self._beyond_at)
        beyond = self._beyond - len(edited) if edited is not None else 0
        if beyond <= 0:
            beyond = (connection.scalar(select(func.count()).select_from(RECORDS)) or 0) - MOST_HELD
        self._beyond, self._beyond_at = beyond, edits.number
        return beyond > 0


def _whole(connection: Connection) -> Held:
    """What the database holds."""
    records = whole_records(connection, None)
    patients: dict[str, list[int]] = {}
    for key, record in records.items():
        patients.setdefault(record.patient, []).append(key)
    ids = {record.id: record for record in records.values()}
    rows = _rows(connection, _VECTORS)
    last = max(records, default=0)
    return _of_vectors(Layered(records), Layered(ids), Layered(patients), rows, last)


def _changed(held: Held, connection: Connection, edited: set[int]) -> Held:
    """The snapshot with the records and vectors added since, and with the edited ones as they are now."""
    chosen = or_(RECORDS.c.key > held.last, RECORDS.c.key.in_(sorted(edited)))
    new = whole_records(connection, list(connection.scalars(select(RECORDS.c.key).where(chosen))))
    gone = [record for key in edited if (record := held.records.get(key)) is not None]
    records = held.records.changed({**dict.fromkeys(edited), **new})
    ids = held.ids.changed({record.id: None for record in gone} | {record.id: record for record in new.values()})
    patients = held.patients.changed(_patients(held, gone, new.values()))
    last = max(held.last, *new) if new else held.last
    newer = or_(VECTORS.c.key > int(held.keys.max(initial=0)), VECTORS.c.record.in_(sorted(edited)))
    rows, own = _rows(connection, _VECTORS.where(newer)), np.sort(held.places_of(edited))
    if np.array_equal(rows, np.stack([held.keys[own], held.owner[own]], axis=1)):  # none has changed
        return Held(records, ids, patients, held.keys, held.owner, held.order, last)
    others = np.delete(np.stack([held.keys, held.owner], axis=1), own, axis=0)
    return _of_vectors(records, ids, patients, np.concatenate([others, rows]), last)


def _patients(held: Held, gone: Iterable[Record], new: Iterable[Record]) -> dict[str, list[int] | None]:
    """The records' keys of the patient groups that some leave and others come to."""
    found: dict[str, list[int]] = {}
    for record in gone:
        found.setdefault(record.patient, [*(held.patients.get(record.patient) or ())]).remove(record.key)
    for record in new:
        found.setdefault(record.patient, [*(held.patients.get(record.patient) or ())]).append(record.key)
    return {patient: keys or None for patient, keys in found.items()}


def _of_vectors(
    records: Layered[int, Record],
    ids: Layered[str, Record],
    patients: Layered[str, list[int]],
    rows: NDArray[np.int64],
    last: int,
) -> Held:
    """rows (n, 2): the key of each vector and of its record."""
    keys, owner = np.ascontiguousarray(rows[np.argsort(rows[:, 0], kind="stable")].T)
    return Held(records, ids, patients, keys, owner, np.argsort(owner, kind="stable"), last)


def _rows(connection: Connection, query: Select[Any]) -> NDArray[np.int64]:
    """(n, 2), ascending by the first column."""
    rows = np.array(driver_rows(connection, query), np.int64).reshape(-1, 2)
    return rows[np.argsort(rows[:, 0], kind="stable")]


_NONE: Final = np.empty(0, np.int64)
_VECTORS: Final = select(VECTORS.c.key, VECTORS.c.record)
