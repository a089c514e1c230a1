"""Look up records and the keys of their vectors, in the database or in memory (``memory``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias

import numpy as np
from sqlalchemy import Connection

from lookalike.store.rows import chosen_rows, where_chosen, whole_records
from lookalike.store.schema import RECORDS, VECTORS
from lookalike.types import Keys, Record

Begin: TypeAlias = Callable[[], AbstractContextManager[Connection]]  # opens a read transaction

_KEYS_BY_ID: Final = where_chosen(RECORDS.c.id, RECORDS.c.key)
_OWNERS_BY_KEY: Final = where_chosen(VECTORS.c.key, VECTORS.c.key, VECTORS.c.record)
_RECORDS_OF_PATIENT: Final = where_chosen(RECORDS.c.patient, RECORDS.c.key)
_KEYS_OF_PATIENT: Final = where_chosen(RECORDS.c.patient, VECTORS.c.key).join(
    RECORDS, RECORDS.c.key == VECTORS.c.record
)
_KEYS_BY_RECORD: Final = where_chosen(VECTORS.c.record, VECTORS.c.key)


class Lookup(Protocol):
    """The lookups that both implementations answer alike."""

    def by_key(self, keys: Iterable[int] | None) -> Mapping[int, Record]:
        """Complete records by key, without missing ones; all records for None."""

    def by_id(self, identity: str) -> Record | None:
        """One record by its public id, or None."""

    def keys_of(self, records: Iterable[int]) -> Keys:
        """The vector keys of records, by their keys."""

    def keys_of_patient(self, patient: str) -> Keys:
        """The vector keys of one patient group (its hash)."""

    def owner_keys(self, keys: Keys) -> Keys:
        """The record's key for each vector key; -1 for -1 and for a key that is not there."""

    def owners(self, keys: Keys) -> list[Record | None]:
        """The record of each vector key, in order; None for a key that is not there."""


class DatabaseLookup:
    """Queries the database each time."""

    def __init__(self, begin: Begin) -> None:
        self._begin = begin

    def by_key(self, keys: Iterable[int] | None) -> dict[int, Record]:
        """Records by key."""
        with self._begin() as connection:
            return whole_records(connection, None if keys is None else [int(key) for key in keys])

    def by_id(self, identity: str) -> Record | None:
        """One record."""
        with self._begin() as connection:
            found = chosen_rows(connection, _KEYS_BY_ID, [identity])
            return whole_records(connection, [found[0].key])[found[0].key] if found else None

    def keys_of(self, records: Iterable[int]) -> Keys:
        """The vector keys of records."""
        with self._begin() as connection:
            return _keys(connection, _KEYS_BY_RECORD, [int(key) for key in records])

    def keys_of_patient(self, patient: str) -> Keys:
        """The vector keys of a patient group, whose records are verified: they are left out of answers unseen. Raises
        DamagedFileError.
        """
        with self._begin() as connection:
            whole_records(connection, _keys(connection, _RECORDS_OF_PATIENT, [patient]).tolist())
            return _keys(connection, _KEYS_OF_PATIENT, [patient])

    def owner_keys(self, keys: Keys) -> Keys:
        """The record's key for each vector key."""
        with self._begin() as connection:
            owner = {row.key: row.record for row in chosen_rows(connection, _OWNERS_BY_KEY, np.unique(keys).tolist())}
        return np.array([owner.get(key, -1) for key in keys.tolist()], np.int64)

    def owners(self, keys: Keys) -> list[Record | None]:
        """The record of each vector key."""
        with self._begin() as connection:
            owner = {row.key: row.record for row in chosen_rows(connection, _OWNERS_BY_KEY, keys.tolist())}
            records = whole_records(connection, [key for key in owner.values() if key is not None])
        return [records.get(owner.get(key, -1)) for key in keys.tolist()]


def _keys(connection: Connection, query: Any, values: list[Any]) -> Keys:
    return np.fromiter((key for (key,) in chosen_rows(connection, query, values)), np.int64)
