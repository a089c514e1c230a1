"""The public ids of many records, without the rest of them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from lookalike.store.rows import driver_rows_in_parts
from lookalike.store.schema import RECORDS
from lookalike.store.store import Store

_IDS: Final = select(RECORDS.c.key, RECORDS.c.id)


def ids_by_key(store: Store) -> dict[int, str]:
    """The ids of all records, by their keys."""
    with store.begin() as connection:
        return {key: identity for part in driver_rows_in_parts(connection, _IDS) for key, identity in part}
