"""The stored patches of a gallery that keeps them, read a few at a time: there may be gigabytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Connection, and_, select

from lookalike.errors import DamagedFileError
from lookalike.store.database import damaged
from lookalike.store.facts import put_fact, remove_fact, stored_fact
from lookalike.store.packed import patches_in, sound
from lookalike.store.rows import chunks, where_chosen
from lookalike.store.schema import PATCHES, RECORDS, VECTORS
from lookalike.types import Keys, PatchMap

if TYPE_CHECKING:
    from lookalike.store.store import Store

_FACT: Final = "patches"
_FORMAT: Final = "int8"
_TOGETHER: Final = 64  # pictures read at once: 2.4 MB of patches of 14 x 14 x 192

_PATCHES_BY_RECORD: Final = (
    where_chosen(PATCHES.c.record, *PATCHES.c, RECORDS.c.id)
    .join(RECORDS, RECORDS.c.key == PATCHES.c.record)
    .order_by(PATCHES.c.record, PATCHES.c.view)
)


class StoredPatches(NamedTuple):
    """The patches of one picture, or of the slice ``view`` of a volume; record: its key."""

    record: int
    view: int
    patches: PatchMap


def kept(store: Store) -> bool:
    """Whether the gallery keeps patches."""
    with store.begin() as connection:
        return keeps_patches(connection)


def keep(store: Store) -> None:
    """Keep patches from now on; the next ``index`` adds the missing ones of its sources."""
    store.fact(_FACT, _FORMAT)


def keeps_patches(connection: Connection) -> bool:
    """Whether the gallery keeps patches, within a transaction."""
    return stored_fact(connection, _FACT) is not None


def keep_patches(connection: Connection, *, keep: bool) -> None:
    """Keep patches from now on, or none any more, within a transaction."""
    remove_fact(connection, _FACT)
    if keep:
        put_fact(connection, _FACT, _FORMAT)


def patched_records(store: Store) -> Keys:
    """The keys of the records that have patches, ascending. Raises DamagedFileError for patches of no record."""
    with store.begin() as connection:
        lost = select(PATCHES.c.record).where(PATCHES.c.record.not_in(select(RECORDS.c.key)))
        if connection.execute(lost.limit(1)).first() is not None:
            raise damaged()
        return np.unique(np.fromiter(connection.scalars(select(PATCHES.c.record).distinct()), np.int64))


def read_patches(store: Store, records: Iterable[int]) -> Iterator[list[StoredPatches]]:
    """The patches of records, by ascending record and view, some at a time. Raises DamagedFileError."""
    with store.begin() as connection:
        for some in chunks(sorted(int(key) for key in records)):
            rows = connection.execution_options(yield_per=_TOGETHER).execute(_PATCHES_BY_RECORD, {"chosen": some})
            for part in rows.partitions(_TOGETHER):
                yield [_stored(row) for row in part]


def patches_of(store: Store, record: int) -> dict[int, PatchMap]:
    """The patches of one record by view; none if it has none. Raises DamagedFileError."""
    return {patched.view: patched.patches for part in read_patches(store, [record]) for patched in part}


def files_without_patches(store: Store) -> set[str]:
    """The SHA-256 of files with a vector whose patches are missing or damaged: to be read again."""
    same = and_(PATCHES.c.record == VECTORS.c.record, PATCHES.c.view == VECTORS.c.view)
    query = (
        select(RECORDS.c.sha256, RECORDS.c.id, PATCHES)
        .join(VECTORS, VECTORS.c.record == RECORDS.c.key)
        .outerjoin(PATCHES, same)
    )
    with store.begin() as connection:
        rows = connection.execution_options(yield_per=_TOGETHER).execute(query)
        return {row.sha256 for row in rows if not sound(row)}


def _stored(row: Any) -> StoredPatches:
    if not sound(row):
        raise DamagedFileError(
            "the stored patches of a record are damaged; "
            "run `lookalike index --patches` on the same sources again: damaged ones are made anew"
        )
    return StoredPatches(row.record, row.view, patches_in(row))
