"""What has changed since an index was made: whose vectors are gone, and which are new."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, or_, select

from lookalike.store.edits import edits_of
from lookalike.store.rows import driver_rows
from lookalike.store.schema import VECTORS
from lookalike.store.spaces import read_spaces
from lookalike.store.store import Store
from lookalike.store.vectors import vectors_by_record
from lookalike.types import BASE, Keys, Vectors


@dataclass(frozen=True, slots=True, eq=False)
class VectorLayout:
    """Which vectors there were at one moment. version: of the vectors; edits: how many there had been; encoder: the
    version since which their encoder answers. keys (n,) of the vectors, ascending, records (n,), the record's key of
    each, and sums (n,), its checksum.
    """

    version: int
    edits: int
    encoder: int
    keys: Keys
    records: Keys
    sums: Keys

    @property
    def total(self) -> tuple[int, int]:
        """How many keys there are, and their sum: other ones have hardly the same."""
        return len(self.keys), int(self.keys.sum())

    def without(self, keys: Keys) -> VectorLayout:
        """The layout without some keys."""
        stays = ~np.isin(self.keys, keys)
        if stays.all():
            return self
        return replace(self, keys=self.keys[stays], records=self.records[stays], sums=self.sums[stays])

    def joined(self, newer: VectorLayout) -> VectorLayout:
        """The layout with other vectors, at their moment."""
        at = np.searchsorted(self.keys, newer.keys)
        keys, records, sums = (
            np.insert(getattr(self, name), at, getattr(newer, name)) for name in ("keys", "records", "sums")
        )
        return replace(newer, keys=keys, records=records, sums=sums)

    def difference(self, later: VectorLayout) -> tuple[Keys, Keys]:
        """The keys of what has gone since, and of what is new; a key whose vector was replaced is in both."""
        places = self.places(later.keys, later.records, later.sums)
        stayed = np.zeros(len(self.keys), np.bool_)
        stayed[places[places >= 0]] = True
        return self.keys[~stayed], later.keys[places < 0]

    def places(self, keys: Keys, records: Keys, sums: Keys) -> NDArray[np.int64]:
        """(n,): where vectors are in the layout; -1 for those that are not, or were others."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int64)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        same = (self.keys[places] == keys) & (self.records[places] == records) & (self.sums[places] == sums)
        return np.where(same, places, -1)


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
        return read_layout(connection)


def read_layout(connection: Connection) -> VectorLayout:
    """As ``layout_of``."""
    version, edits, encoder = moment_of(connection)
    rows = driver_rows(connection, select(VECTORS.c.key, VECTORS.c.record, VECTORS.c.checksum).order_by(VECTORS.c.key))
    table = np.array(rows, np.int64).reshape(-1, 3)
    return VectorLayout(version, edits, encoder, *(np.ascontiguousarray(table[:, i]) for i in range(3)))


def layout_fits(store: Store, layout: VectorLayout) -> bool:
    """Whether the store may have the vectors of a layout: not where nothing has changed since and their keys are
    others, as after a damage.
    """
    with store.begin() as connection:
        if (layout.version, layout.edits) != moment_of(connection)[:2]:
            return True
        count, total = connection.execute(select(func.count(), func.sum(VECTORS.c.key)).select_from(VECTORS)).one()
    return (count, int(total or 0)) == layout.total


def vector_keys(store: Store) -> Keys:
    """The keys of all vectors, ascending."""
    with store.begin() as connection:
        return read_keys(connection)


def read_keys(connection: Connection) -> Keys:
    """As ``vector_keys``."""
    return np.sort(np.array(driver_rows(connection, select(VECTORS.c.key)), np.int64).reshape(-1))


def changes_since(store: Store, before: VectorLayout, most: int) -> Since | None:
    """What has changed since a layout, at the cost of the changes, or, where the store has forgotten what was edited,
    of comparing all checksums; None where another encoder answers now, or where it concerns more than so many records.
    Raises DamagedFileError.
    """
    with store.begin() as connection:
        version, edits, encoder = moment_of(connection)
        if encoder != before.encoder or edits < before.edits:
            return None
        wanted = _changed_records(connection, before, most)
        if len(wanted) > most:
            return None
        found = vectors_by_record(connection, wanted.tolist())
    changed = before.places(found.keys, found.records, found.checksums) < 0  # else labels were, and no vector
    keys, stale = found.keys[changed], before.keys[np.isin(before.records, wanted)]
    gone = np.union1d(np.setdiff1d(stale, found.keys), keys)  # a key may be given again
    newer = VectorLayout(version, edits, encoder, keys, found.records[changed], found.checksums[changed])
    return Since(gone, keys, found.vectors[changed], before.without(gone).joined(newer))


def moment_of(connection: Connection) -> tuple[int, int, int]:
    """The version of the vectors, the number of edits, and the version since which the encoder answers."""
    base = read_spaces(connection)[BASE]
    return base.version, edits_of(connection).number, int(base.encoder.get("since", 0))


def _changed_records(connection: Connection, before: VectorLayout, most: int) -> NDArray[np.int64]:
    """The keys of records whose vectors may have changed since; not many more than ``most`` where that are too many."""
    edited = edits_of(connection).keys_since(before.edits)
    if edited is None:
        now = read_layout(connection)
        gone, new = before.difference(now)
        return np.union1d(before.records[np.isin(before.keys, gone)], now.records[np.isin(now.keys, new)])
    return np.array(sorted(edited | _added(connection, before, most)), np.int64)


def _added(connection: Connection, before: VectorLayout, most: int) -> set[int]:
    """The keys of records that have come, or have got vectors, since; not many more than ``most``."""
    newer = or_(VECTORS.c.key > int(before.keys.max(initial=0)), VECTORS.c.record > int(before.records.max(initial=0)))
    found = connection.scalars(select(VECTORS.c.record).where(newer).distinct().limit(most + 1))
    return set(found)
