"""Records held in memory, for a process that answers many searches: no SQL for each hit."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, or_, select

from lookalike.store.edits import Edits, edits_of
from lookalike.store.lookup import Begin
from lookalike.store.rows import whole_records
from lookalike.store.schema import RECORDS, VECTORS
from lookalike.store.spaces import read_spaces
from lookalike.types import BASE, Keys, Record

MOST_HELD: Final = 300_000  # records, half a kilobyte each; with more the database is used


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """A ``Lookup`` over a snapshot. keys (n,): of every vector, ascending; owner (n,): the record's key of each.
    order (n,): the vectors' positions by ascending owner, so that a record's own are found at once.
    """

    records: dict[int, Record]
    ids: dict[str, Record]
    patients: dict[str, list[int]]
    keys: Keys
    owner: NDArray[np.int64]
    order: NDArray[np.int64]

    def by_key(self, keys: Iterable[int] | None) -> dict[int, Record]:
        """Records by key."""
        if keys is None:
            return self.records
        wanted = [int(key) for key in keys]
        return {key: self.records[key] for key in wanted if key in self.records}

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
        return self.keys_of(self.patients.get(patient, ()))

    def keys_of(self, records: Iterable[int]) -> Keys:
        """The vector keys of records."""
        own = np.array([int(key) for key in records], np.int64)
        first = np.searchsorted(self.owner, own, "left", sorter=self.order)
        last = np.searchsorted(self.owner, own, "right", sorter=self.order)
        places = [self.order[i:j] for i, j in zip(first, last, strict=True)]
        return self.keys[np.concatenate(places)] if places else np.empty(0, np.int64)


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
                self._held = _grown(_NOTHING, connection)
            elif state != self._state:
                self._held = _grown(_without(self._held, edited) if edited else self._held, connection, edited)
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


def _without(held: Held, edited: set[int]) -> Held:
    """The snapshot without edited records, which are to be read again if they still exist."""
    others = ~np.isin(held.owner, list(edited))
    by_key, by_id, by_patient = dict(held.records), dict(held.ids), dict(held.patients)
    for key in edited & by_key.keys():
        record = by_key.pop(key)
        del by_id[record.id]
        if left := [each for each in by_patient.pop(record.patient) if each != key]:
            by_patient[record.patient] = left
    keys, owner = held.keys[others], held.owner[others]
    return Held(by_key, by_id, by_patient, keys, owner, np.argsort(owner, kind="stable"))


def _grown(held: Held, connection: Connection, edited: Iterable[int] = ()) -> Held:
    """The snapshot with the records and vectors added since, and with the edited ones."""
    last, end = max(held.records, default=0), int(held.keys.max(initial=0))
    chosen = or_(RECORDS.c.key > last, RECORDS.c.key.in_(list(edited)))
    wanted = None if not last else list(connection.scalars(select(RECORDS.c.key).where(chosen)))
    new = whole_records(connection, wanted)
    newer = or_(VECTORS.c.key > end, VECTORS.c.record.in_(list(edited)))
    vectors = select(VECTORS.c.key, VECTORS.c.record)
    vectors = vectors.where(newer) if last else vectors
    rows = np.array(connection.execute(vectors).all(), np.int64).reshape(-1, 2)
    by_patient = dict(held.patients)
    came: dict[str, list[int]] = {}
    for key, record in new.items():
        came.setdefault(record.patient, []).append(key)
    for patient, own in came.items():
        by_patient[patient] = [*by_patient.get(patient, ()), *own]
    keys, owner = np.concatenate([held.keys, rows[:, 0]]), np.concatenate([held.owner, rows[:, 1]])
    ascending = np.argsort(keys, kind="stable")
    keys, owner = keys[ascending], owner[ascending]
    by_id = {**held.ids, **{record.id: record for record in new.values()}}
    return Held({**held.records, **new}, by_id, by_patient, keys, owner, np.argsort(owner, kind="stable"))


_NONE: Final = np.empty(0, np.int64)
_NOTHING: Final = Held({}, {}, {}, _NONE, _NONE, _NONE)
