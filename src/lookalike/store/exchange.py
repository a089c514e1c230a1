"""Give tables each other's names, in a transaction whose time does not grow with the gallery."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, Table
from sqlalchemy.exc import OperationalError

from lookalike.store.database import POSTGRESQL

_PATIENCE: Final = 30.0  # seconds that it waits for those who read
_AT_ONCE: Final = "1s"  # of them that nobody new may begin to read: who reads may have to, to come to an end
_PAUSE: Final = 0.1  # seconds
_TIMED_OUT: Final = "55P03"  # SQLSTATE: lock_not_available


def exchange_names(connection: Connection, *pairs: tuple[Table, Table]) -> None:
    """Within a transaction that writes. The keys that a table gives next are above those it has. Raises
    OperationalError where somebody reads all the time.
    """
    if connection.dialect.name == POSTGRESQL:
        _hold(connection, [table.name for pair in pairs for table in pair])
    for one, other in pairs:
        for old, new in ((one.name, "coming"), (other.name, one.name), ("coming", other.name)):
            connection.exec_driver_sql(f'ALTER TABLE "{old}" RENAME TO "{new}"')
    go_on_numbering(connection, [table for pair in pairs for table in pair])


def go_on_numbering(connection: Connection, tables: Sequence[Table]) -> None:
    """Have a database that counts keys itself give those above the greatest; SQLite does so anyhow."""
    for table in tables if connection.dialect.name == POSTGRESQL else ():
        if (key := table.autoincrement_column) is not None:
            greatest = f'(SELECT coalesce(max("{key.name}"), 0) + 1 FROM "{table.name}")'
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence('{table.name}', '{key.name}'), {greatest}, false)"
            )


def _hold(connection: Connection, names: Sequence[str]) -> None:
    """Wait until nobody reads the tables, and let nobody begin."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_AT_ONCE}'")
                connection.exec_driver_sql(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", "") != _TIMED_OUT or time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return
