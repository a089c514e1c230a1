"""What has changed since an index was made: whose vectors are gone, and which are new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, or_, select

from lookalike.store.batch import edits_of
from lookalike.store.schema import VECTORS
from lookalike.store.spaces import read_spaces
from lookalike.store.store import Store
from lookalike.store.vectors import vectors_by_record
from lookalike.types import BASE, Keys, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class VectorLayout:
    """Which vectors there were at one moment. version: of the vectors; edits: how many there had been; keys (n,) of the
    vectors and records (n,), the record's key of each.
    """

    version: int
    edits: int
    keys: Keys
    records: Keys


@dataclass(frozen=True, slots=True, eq=False)
class Since:
    """What has changed since a layout. gone: keys of vectors that were, or may have been, removed or replaced; keys
    (n,) and vectors (n, dim): those that are new or take the place of one; layout: that of now.
    """

    gone: Keys
    keys: Keys
    vectors: Vectors
    layout: VectorLayout


def layout_of(store: Store) -> VectorLayout:
    """The layout of this moment. Raises DamagedFileError."""
    with store.begin() as connection:
        rows = connection.execute(select(VECTORS.c.key, VECTORS.c.record)).all()
        pairs = np.array(rows, np.int64).reshape(-1, 2)
        return VectorLayout(read_spaces(connection)[BASE].version, edits_of(connection)[0], pairs[:, 0], pairs[:, 1])


def vector_keys(store: Store) -> Keys:
    """The keys of all vectors, ascending."""
    with store.begin() as connection:
        return np.fromiter(connection.scalars(select(VECTORS.c.key).order_by(VECTORS.c.key)), np.int64)


def changes_since(store: Store, before: VectorLayout, most: int) -> Since | None:
    """What has changed since a layout, at the cost of the changes; None if that is not known any more, or concerns more
    than so many records. Raises DamagedFileError.
    """
    with store.begin() as connection:
        number, recent = edits_of(connection)
        since = number - before.edits
        if not 0 <= since <= len(recent):
            return None
        edited = {key for keys in recent[len(recent) - since :] for key in keys}
        wanted = sorted(edited | _added(connection, before, most))
        if len(wanted) > most:
            return None
        found = vectors_by_record(connection, wanted)
        version = read_spaces(connection)[BASE].version
    stale = np.isin(before.records, wanted)
    keys = np.concatenate([before.keys[~stale], found.keys])
    records = np.concatenate([before.records[~stale], found.records])
    gone = np.union1d(before.keys[stale], found.keys)  # a key may be given again
    return Since(gone, found.keys, found.vectors, VectorLayout(version, number, keys, records))


def _added(connection: Connection, before: VectorLayout, most: int) -> set[int]:
    """The keys of records that have come, or have got vectors, since; not many more than ``most``."""
    newer = or_(VECTORS.c.key > int(before.keys.max(initial=0)), VECTORS.c.record > int(before.records.max(initial=0)))
    found = connection.scalars(select(VECTORS.c.record).where(newer).distinct().limit(most + 1))
    return set(found)
