"""Many rows into a PostgreSQL in one statement (COPY): a hundred rows cost little more than one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError


def are_whole(table: Table, row: Mapping[str, Any]) -> bool:
    """Whether a row lacks nothing that an INSERT would calculate, as checksums."""
    return all(column.default is None or column.name in row for column in table.columns)


def copy_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows, all with the same columns. Raises as an INSERT does, the exceptions of SQLAlchemy."""
    dialect, driver = connection.dialect, connection.connection.driver_connection
    assert dialect.dbapi is not None
    assert driver is not None
    names = [*rows[0]]
    stored = [table.c[name].type.dialect_impl(dialect).bind_processor(dialect) for name in names]
    columns = ", ".join(map(dialect.identifier_preparer.quote, names))
    statement = f"COPY {dialect.identifier_preparer.quote(table.name)} ({columns}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                values = map(row.__getitem__, names)
                copy.write_row(
                    [each if make is None else make(each) for each, make in zip(values, stored, strict=True)]
                )
    except dialect.dbapi.Error as error:
        raise DBAPIError.instance(statement, None, error, dialect.dbapi.Error, dialect=dialect) from error
