"""The records in memory, for a process that answers many searches: no SQL for each hit."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from lookalike.store.batch import BASE
from lookalike.store.database import damaged
from lookalike.store.rows import whole_records
from lookalike.store.schema import RECORDS, VECTORS
from lookalike.types import Keys, Record

if TYPE_CHECKING:
    from lookalike.store.store import Store

MOST: Final = 300_000  # records, half a kilobyte each; of more the database is asked


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """keys (n,): of every vector, ascending; owner (n,): the record's key of each. order (n,): the vectors'
    places by ascending owner, so that a record's own are found at once.
    """

    records: dict[int, Record]
    by_id: dict[str, Record]
    by_patient: dict[str, list[int]]
    keys: Keys
    owner: NDArray[np.int64]
    order: NDArray[np.int64]

    def owner_keys(self, keys: Keys) -> Keys:
        """The record's key for each vector key; -1 for -1. Raises DamagedFileError if there is none."""
        wanted = keys[keys != -1]
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        if len(wanted) and not (len(self.keys) and (self.keys[place] == wanted).all()):
            raise damaged()
        owners = np.full(keys.shape, -1, np.int64)
        owners[keys != -1] = self.owner[place]
        return owners

    def owners(self, keys: Keys) -> list[Record]:
        """The record of each vector key, in order. Raises DamagedFileError if there is none."""
        try:
            return [self.records[key] for key in self.owner_keys(keys).tolist()]
        except KeyError:
            raise damaged() from None

    def keys_of_patient(self, patient: str) -> Keys:
        """The vector keys of one patient group."""
        own = np.array(self.by_patient.get(patient, ()), np.int64)
        first = np.searchsorted(self.owner, own, "left", sorter=self.order)
        last = np.searchsorted(self.owner, own, "right", sorter=self.order)
        places = [self.order[i:j] for i, j in zip(first, last, strict=True)]
        return self.keys[np.concatenate(places)] if places else np.empty(0, np.int64)


class Memory:
    """What the store holds, read again when it has changed; records that were only added are only added."""

    def __init__(self, store: Store) -> None:
        self._store, self._lock = store, threading.Lock()
        self._held: Held | None = None
        self._changes = -1
        self._state: tuple[int, int] = (-1, -1)  # edits, version of the vectors

    def held(self) -> Held | None:
        """Everything as it is now; None where there are too many records to hold."""
        changes = self._store.changes()
        if changes != self._changes:
            with self._lock:
                if changes != self._changes:
                    self._refresh()
                    self._changes = changes
        return self._held

    def _refresh(self) -> None:
        with self._store.begin() as connection:
            if (connection.scalar(select(func.count()).select_from(RECORDS)) or 0) > MOST:
                self._held = None
                return
            state = self._store.read_edits(connection), self._store.read_spaces(connection)[BASE].version
            if self._held is None or state[0] != self._state[0]:
                self._held = _grown(_NOTHING, connection)
            elif state != self._state:
                self._held = _grown(self._held, connection)
            self._state = state


def _grown(held: Held, connection: Connection) -> Held:
    """What is held, with the records and vectors that have come since."""
    last, end = max(held.records, default=0), int(held.keys.max(initial=0))
    wanted = None if not last else list(connection.scalars(select(RECORDS.c.key).where(RECORDS.c.key > last)))
    new = whole_records(connection, wanted)
    vectors = select(VECTORS.c.key, VECTORS.c.record).where(VECTORS.c.key > end).order_by(VECTORS.c.key)
    rows = np.array(connection.execute(vectors).all(), np.int64).reshape(-1, 2)
    by_patient = {patient: list(keys) for patient, keys in held.by_patient.items()}
    for key, record in new.items():
        by_patient.setdefault(record.patient, []).append(key)
    owner = np.concatenate([held.owner, rows[:, 1]])
    return Held(
        records={**held.records, **new}, by_id={**held.by_id, **{record.id: record for record in new.values()}},
        by_patient=by_patient, keys=np.concatenate([held.keys, rows[:, 0]]), owner=owner,
        order=np.argsort(owner, kind="stable"),
    )  # fmt: skip


_NONE: Final = np.empty(0, np.int64)
_NOTHING: Final = Held({}, {}, {}, _NONE, _NONE, _NONE)
