"""Copy all tables of a gallery from one database into another, in one transaction, every row compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, func, insert, select, tuple_

from lookalike.errors import GalleryError
from lookalike.store.database import errors_named, to_write
from lookalike.store.exchange import go_on_numbering
from lookalike.store.schema import METADATA

_TOGETHER: Final = 2000  # rows read and written at once


def copy_tables(source: Connection, target: Engine) -> Mapping[str, int]:
    """Into empty tables; how many rows of each. source: within a transaction that sees one moment.

    Raises GalleryError, DamagedFileError; nothing is there then.
    """
    with errors_named(), to_write(target).begin() as connection:
        for table in METADATA.sorted_tables:
            _copy(source, connection, table)
        go_on_numbering(connection, METADATA.sorted_tables)
        return {table.name: _compared(source, connection, table) for table in METADATA.sorted_tables}


def _copy(source: Connection, target: Connection, table: Table) -> None:
    for rows in _in_parts(source, table):
        target.execute(insert(table), [dict(row._mapping) for row in rows])


def _in_parts(connection: Connection, table: Table) -> Iterator[Sequence[Row[Any]]]:
    """The rows of a table by its key, some at a time."""
    key = list(table.primary_key.columns)
    query = select(table).order_by(*key).limit(_TOGETHER)
    rows = connection.execute(query).all()
    while rows:
        yield rows
        last = [rows[-1]._mapping[column.name] for column in key]
        rows = connection.execute(query.where(tuple_(*key) > tuple_(*last))).all()


def _compared(source: Connection, target: Connection, table: Table) -> int:
    """How many rows a table has. Raises GalleryError unless both have the same."""
    here, there = (_digest(connection, table) for connection in (source, target))
    if here != there:
        raise GalleryError(f"the table {table.name} is not the same after it was copied; what was begun is undone")
    return int(source.scalar(select(func.count()).select_from(table)) or 0)


def _digest(connection: Connection, table: Table) -> str:
    digest = hashlib.sha256()
    for rows in _in_parts(connection, table):
        for row in rows:
            digest.update(ascii(tuple(row)).encode())
    return digest.hexdigest()
