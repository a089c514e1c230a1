"""Move a gallery's tables between a file in its folder and a PostgreSQL: copied in one transaction, every row compared,
and only then the other one counts. Whoever writes meanwhile waits, and writes nowhere where it would be lost.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from lookalike.atomic import sync_folder
from lookalike.errors import GalleryError, LockedError, LookalikeError
from lookalike.locks import FolderLocks, erasing
from lookalike.ownership import change_ownership
from lookalike.store.copied_tables import copy_tables
from lookalike.store.database import FILE
from lookalike.store.databases import Database, SQLiteDatabase
from lookalike.store.place import STORE_FILE, StorePlace, checked_url, is_elsewhere, put_elsewhere
from lookalike.store.store import Store

_COMING: Final = ".moving"


@contextmanager
def alone_with(folder: Path, patience: float) -> Iterator[None]:
    """Within, nobody else has the gallery of a folder open, nor can; of records in a PostgreSQL, nobody writes.

    Raises LockedError.
    """
    if not (folder / FILE).exists():
        with closing(Store(folder)) as store, erasing(store.database.locks, patience):
            yield
        return
    with erasing(FolderLocks(folder), patience), closing(sqlite3.connect(folder / FILE, isolation_level=None)) as watch:
        if not _is_alone(watch, _version(watch)):
            raise _opened()
        yield


def move_to_postgresql(folder: Path, url: str, patience: float) -> Mapping[str, int]:
    """From the file in a folder; how many rows of each table. patience: seconds to wait for who writes.

    Raises LockedError (somebody writes, or has it open), GalleryError (it holds records of this gallery already).
    """
    from lookalike.store.postgresql import PostgreSQLDatabase

    with erasing(FolderLocks(folder), patience), closing(sqlite3.connect(folder / FILE, isolation_level=None)) as watch:
        before = _version(watch)
        with closing(Store(folder)) as store:
            target = PostgreSQLDatabase(folder, StorePlace(store.id, checked_url(url)))
            counts = _copied_to(store, target)
        if not _is_alone(watch, before):
            target.remove_new(even_full=True)
            raise _opened()
        put_elsewhere(folder, url, store.id)
    SQLiteDatabase(folder).remove_new()
    return counts


def move_to_folder(folder: Path, patience: float) -> Mapping[str, int]:
    """From a PostgreSQL into a file in the folder; how many rows of each table. Raises as ``move_to_postgresql``."""
    coming = folder / _COMING
    shutil.rmtree(coming, ignore_errors=True)
    with closing(Store(folder)) as store, erasing(store.database.locks, patience):
        coming.mkdir(mode=0o700)
        try:
            with store.begin(write=True) as source:
                counts = _filled(source, SQLiteDatabase(coming))
                schema = source.exec_driver_sql("SELECT current_schema()").scalar_one()
                source.exec_driver_sql(f'DROP SCHEMA "{schema}" CASCADE')  # whoever waits to write finds nothing
                (coming / FILE).replace(folder / FILE)
                sync_folder(folder)
                (folder / STORE_FILE).unlink()
                sync_folder(folder)
        finally:
            shutil.rmtree(coming, ignore_errors=True)
    change_ownership(store.id, lambda found: replace(found, store=""))
    return counts


def is_unfinished(folder: Path) -> bool:
    """Whether a move into a PostgreSQL was killed before it removed the file, which does not count any more."""
    return is_elsewhere(folder) and (folder / FILE).exists()


def finish_move(folder: Path, patience: float) -> bool:
    """Remove what such a move has left; False where it has left nothing. Raises as ``move_to_postgresql``."""
    if not is_unfinished(folder):
        return False
    with closing(Store(folder)) as store, erasing(store.database.locks, patience):
        SQLiteDatabase(folder).remove_new()
    return True


def _copied_to(store: Store, target: Database) -> Mapping[str, int]:
    """Copy to a database that may hold nothing of this gallery yet. What does not come to its end is removed."""
    target.remove_new()
    if target.read_facts():
        raise GalleryError(
            f"that database holds records of this gallery already; see whether they are needed, then remove them: "
            f'DROP SCHEMA "lookalike_{store.id}" CASCADE'
        )
    try:
        with store.begin(write=True) as source:
            return _filled(source, target)
    except BaseException:
        with suppress(LookalikeError):
            target.remove_new()
        raise


def _filled(source: Connection, target: Database) -> Mapping[str, int]:
    engine = target.connect(writable=True)
    try:
        return copy_tables(source, engine)
    finally:
        engine.dispose()


def _version(watch: sqlite3.Connection) -> int:
    return int(watch.execute("PRAGMA data_version").fetchone()[0])


def _opened() -> LockedError:
    return LockedError("another process has this gallery open; end it (lookalike serve), then do it again")


def _is_alone(watch: sqlite3.Connection, before: int) -> bool:
    """Whether nobody else has the file open, and nobody has written since; from now on nobody can."""
    try:
        watch.execute("PRAGMA journal_mode=DELETE")  # which SQLite does only for who is alone
        watch.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError:
        return False
    return _version(watch) == before
