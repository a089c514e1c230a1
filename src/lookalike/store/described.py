"""Vectors with what is said of their records, as an index engine is given them, and what has changed since it was.

Those that answer, or those of the encoder beside (``second_encoder``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection, Table, func, or_, select

from lookalike.store.database import check_ascending
from lookalike.store.edits import edits_of
from lookalike.store.rows import RawRecord, damaged_record, raw_records
from lookalike.store.schema import VECTORS, VECTORS_BESIDE
from lookalike.store.spaces import read_spaces
from lookalike.store.store import Store
from lookalike.store.vectors import StoredVectors, beside_by_key, beside_by_record, vectors_by_key, vectors_by_record
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
        return read_spaces(connection)[BASE].version, edits_of(connection).number


def mark_of(store: Store, *, beside: bool = False) -> StoreMark:
    """This moment. beside: of the vectors beside."""
    with store.begin() as connection:
        return mark_at(connection, _table(beside))


def mark_at(connection: Connection, table: Table = VECTORS) -> StoreMark:
    """The moment that a connection sees."""
    row = connection.execute(select(func.max(table.c.key), func.max(table.c.record), func.count(table.c.key))).one()
    version, edits = read_spaces(connection)[BASE].version, edits_of(connection).number
    return StoreMark(version, edits, row[0] or 0, row[1] or 0, row[2])


def changed_records(store: Store, since: StoreMark, *, beside: bool = False) -> Keys | None:
    """The keys of the records that were added, changed or removed since; None if that is not known any more, or they
    are too many.
    """
    with store.begin() as connection:
        return changed_at(connection, since, _table(beside))


def changed_at(connection: Connection, since: StoreMark, table: Table = VECTORS) -> Keys | None:
    """As ``changed_records``, at the moment that a connection sees."""
    edited = edits_of(connection).keys_since(since.edits)
    if edited is None or read_spaces(connection)[BASE].version < since.version:
        return None
    newer = or_(table.c.key > since.vector, table.c.record > since.record)
    added = select(table.c.record).where(newer).distinct().limit(_MOST_CHANGED + 1)
    found = edited.union(connection.scalars(added))
    return None if len(found) > _MOST_CHANGED else np.array(sorted(found), np.int64)


def described_records(store: Store, records: Sequence[int], *, beside: bool = False) -> DescribedVectors:
    """The vectors of records; those of removed ones are left out. Raises DamagedFileError."""
    with store.begin() as connection:
        return _described(connection, (beside_by_record if beside else vectors_by_record)(connection, records))


def described_after(store: Store, key: int, most: int, *, beside: bool = False) -> DescribedVectors:
    """The next vectors after one, by their keys. Raises DamagedFileError."""
    table = _table(beside)
    with store.begin() as connection:
        query = select(table.c.key).where(table.c.key > key).order_by(table.c.key).limit(most)
        keys = list(connection.scalars(query))
        check_ascending(key, keys)
        return _described(connection, (beside_by_key if beside else vectors_by_key)(connection, keys))


def vectors_at(store: Store, keys: Keys) -> StoredVectors:
    """Vectors by their keys, ascending; those that are not there are left out. Raises DamagedFileError."""
    with store.begin() as connection:
        return vectors_by_key(connection, keys.tolist())


def _table(beside: bool) -> Table:
    return VECTORS_BESIDE if beside else VECTORS


def _described(connection: Connection, stored: StoredVectors) -> DescribedVectors:
    raw = {each.key: each for each in raw_records(connection, np.unique(stored.records).tolist())}
    if bad := sum(not each.sound for each in raw.values()):
        raise damaged_record(bad)
    return DescribedVectors(stored, raw)
