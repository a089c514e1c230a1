"""Leave nothing of removed rows in the database: in SQLite's log and between its cells, or in PostgreSQL's tables."""

from __future__ import annotations

import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lookalike.errors import LockedError
from lookalike.store.database import FILE, POSTGRESQL
from lookalike.store.pages import lies_between
from lookalike.store.schema import METADATA

if TYPE_CHECKING:
    from lookalike.store.store import Store

_GLANCE: Final = 50  # milliseconds for which emptying the log may hold up writers
_LOG_SECONDS: Final = 5.0  # that it waits for those who read an earlier state
_REWRITE: Final = {
    "sqlite": ("VACUUM",),
    POSTGRESQL: tuple(f"VACUUM (FULL) {table.name}" for table in METADATA.sorted_tables),
}


def clear_traces(store: Store, folder: Path, traces: Collection[bytes] | None) -> None:
    """Leave nothing of removed rows. folder: of the gallery. traces: what each of them holds some of, None where that
    is not known any more. Of a PostgreSQL no client can see what lies in its pages: its tables are written anew.

    Raises LockedError, GalleryError where somebody reads an earlier state.
    """
    empty_log(store)
    if store.database.beyond or traces is None or lies_between(folder / FILE, traces):
        write_anew(store)
        empty_log(store)


def empty_log(store: Store, patience: float = _LOG_SECONDS) -> None:
    """Move everything from the write-ahead log into the database, where removed rows are overwritten, and leave no byte
    in it; PostgreSQL's is its administrator's. Raises LockedError if somebody still reads an earlier state after
    ``patience`` seconds.
    """
    end = time.monotonic() + patience
    with store.outside() as connection:
        if connection.dialect.name == POSTGRESQL:
            return
        waits = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        connection.exec_driver_sql(f"PRAGMA busy_timeout={_GLANCE}")
        try:
            while (busy := connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]) and (
                time.monotonic() < end
            ):
                time.sleep(_GLANCE / 1000)
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout={waits}")
    if busy:
        raise LockedError("another process still reads an earlier state of this gallery; wait until it has finished")


def write_anew(store: Store) -> None:
    """Write the whole database anew, without what lies between its rows. Raises GalleryError, of a PostgreSQL where
    somebody still reads an earlier state.
    """
    with store.outside() as connection:
        for statement in _REWRITE[connection.dialect.name]:
            connection.exec_driver_sql(statement)
