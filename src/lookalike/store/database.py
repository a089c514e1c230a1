"""Open the SQL database of a gallery: durable settings, migrations, damage told apart from mistakes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from lookalike.errors import DamagedFileError, GalleryError

FILE: Final = "gallery.db"
_HEAD: Final = "0001"  # the newest migration; a test compares it with the folder


def connect(folder: Path) -> Engine:
    """The engine for ``folder/gallery.db``, its tables brought up to date.

    Raises GalleryError if a newer version of lookalike wrote it, DamagedFileError if it is no database.
    """
    engine = create_engine(f"sqlite:///{folder / FILE}", connect_args={"timeout": 30})
    event.listen(engine, "connect", _durable)
    with errors_named(), engine.begin() as connection:
        found = _revision(connection)
        if found != _HEAD:
            _migrate(connection, found)
    return engine


def _durable(connection: sqlite3.Connection, _record: Any) -> None:
    """Write-ahead log, and a commit that has returned is on the disk."""
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _revision(connection: Connection) -> str | None:
    tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")
    if tables.first() is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _migrate(connection: Connection, found: str | None) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "lookalike.store:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, _HEAD)
    except CommandError:
        raise GalleryError(
            f"the gallery's tables are of revision {found!r}, this lookalike knows {_HEAD}; "
            "open it with the version that wrote it, or a newer one"
        ) from None


@contextmanager
def errors_named() -> Iterator[None]:
    """Turn what a damaged, locked or full database raises into errors with a next step."""
    try:
        yield
    except OperationalError as error:
        if "malformed" in str(error.orig) or "disk image" in str(error.orig):
            raise _damaged() from None
        raise GalleryError(
            f"the gallery's database cannot be used ({error.orig}); "
            "close other programs that use it, check the disk's space and the folder's permissions"
        ) from None
    except (DatabaseError, sqlite3.DatabaseError):
        raise _damaged() from None


def _damaged() -> DamagedFileError:
    return DamagedFileError(
        f"{FILE} is damaged; put a backup in its place, or remove the gallery folder and index again"
    )
