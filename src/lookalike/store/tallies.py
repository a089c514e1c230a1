"""How many rows of each table belong to some records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from lookalike.store.rows import chunks
from lookalike.store.schema import METADATA, RECORDS
from lookalike.store.store import Store


def rows_of_records(store: Store, keys: Sequence[int]) -> dict[str, int]:
    """The number of rows by table, of those that have any. keys: of the records."""
    columns = {table.name: table.c.record for table in METADATA.sorted_tables if "record" in table.c}
    with store.begin() as connection:
        found = {
            name: sum(_count(connection, column, some) for some in chunks(keys))
            for name, column in {RECORDS.name: RECORDS.c.key, **columns}.items()
        }
    return {name: count for name, count in found.items() if count}


def _count(connection: Connection, column: Any, keys: Sequence[int]) -> int:
    return int(connection.scalar(select(func.count()).where(column.in_(keys))) or 0)
