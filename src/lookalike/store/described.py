"""Vectors with what is said of their records, as an index engine is given them, and what has changed since it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection, func, or_, select

from lookalike.store.batch import edits_of
from lookalike.store.rows import RawRecord, damaged_record, raw_records
from lookalike.store.schema import VECTORS
from lookalike.store.spaces import read_spaces
from lookalike.store.store import Store
from lookalike.store.vectors import StoredVectors, vectors_by_key, vectors_by_record
from lookalike.types import BASE, Keys

_MOST_CHANGED: Final = 100_000  # records; for more an index is made anew


@dataclass(frozen=True, slots=True)
class StoreMark:
    """One moment of a store. version: of the vectors; edits: how many there had been; vector, record: the greatest keys
    that a vector and a record with vectors had; count: of the vectors.
    """

    version: int
    edits: int
    vector: int
    record: int
    count: int

    @property
    def state(self) -> tuple[int, int]:
        """What tells it from other moments."""
        return self.version, self.edits


@dataclass(frozen=True, slots=True, eq=False)
class DescribedVectors:
    """Vectors, and the records that they are of, by key."""

    stored: StoredVectors
    records: Mapping[int, RawRecord]


def state_of(store: Store) -> tuple[int, int]:
    """The vectors' version and the number of edits, at this moment."""
    with store.begin() as connection:
        return read_spaces(connection)[BASE].version, edits_of(connection)[0]


def mark_of(store: Store) -> StoreMark:
    """This moment."""
    with store.begin() as connection:
        row = connection.execute(
            select(func.max(VECTORS.c.key), func.max(VECTORS.c.record), func.count(VECTORS.c.key))
        ).one()
        version, edits = read_spaces(connection)[BASE].version, edits_of(connection)[0]
        return StoreMark(version, edits, row[0] or 0, row[1] or 0, row[2])


def changed_records(store: Store, since: StoreMark) -> Keys | None:
    """The keys of the records that were added, changed or removed since; None if that is not known any more, or they
    are too many.
    """
    with store.begin() as connection:
        number, recent = edits_of(connection)
        ago = number - since.edits
        if not 0 <= ago <= len(recent) or read_spaces(connection)[BASE].version < since.version:
            return None
        edited = {key for keys in recent[len(recent) - ago :] for key in keys}
        newer = or_(VECTORS.c.key > since.vector, VECTORS.c.record > since.record)
        added = select(VECTORS.c.record).where(newer).distinct().limit(_MOST_CHANGED + 1)
        found = edited.union(connection.scalars(added))
    return None if len(found) > _MOST_CHANGED else np.array(sorted(found), np.int64)


def described_records(store: Store, records: Sequence[int]) -> DescribedVectors:
    """The vectors of records; those of removed ones are left out. Raises DamagedFileError."""
    with store.begin() as connection:
        return _described(connection, vectors_by_record(connection, records))


def described_after(store: Store, key: int, most: int) -> DescribedVectors:
    """The next vectors after one, by their keys. Raises DamagedFileError."""
    with store.begin() as connection:
        query = select(VECTORS.c.key).where(VECTORS.c.key > key).order_by(VECTORS.c.key).limit(most)
        return _described(connection, vectors_by_key(connection, list(connection.scalars(query))))


def vectors_at(store: Store, keys: Keys) -> StoredVectors:
    """Vectors by their keys, ascending; those that are not there are left out. Raises DamagedFileError."""
    with store.begin() as connection:
        return vectors_by_key(connection, keys.tolist())


def _described(connection: Connection, stored: StoredVectors) -> DescribedVectors:
    raw = {each.key: each for each in raw_records(connection, np.unique(stored.records).tolist())}
    if bad := sum(not each.sound for each in raw.values()):
        raise damaged_record(bad)
    return DescribedVectors(stored, raw)
