"""Open a gallery's SQL database: durable settings, migrations, and errors that separate damage from mistakes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError

from lookalike.errors import DamagedFileError, GalleryError

FILE: Final = "gallery.db"
_PATIENCE: Final = 30.0  # seconds to wait for another process's transaction
_DAMAGE: Final = ("malformed", "disk image", "decode", "no such", "already exists")
_HEAD: Final = "0002"  # the latest migration; a test compares it with the folder


def connect(folder: Path) -> Engine:
    """The engine for ``folder/gallery.db``, its tables brought up to date.

    Raises GalleryError if a newer version of lookalike wrote it, DamagedFileError if it is not a database.
    """
    url = URL.create("sqlite", database=str(folder / FILE))  # the folder's name may hold ?, # and %
    engine = create_engine(url, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _begin)
    with errors_named():
        with engine.begin() as connection:
            found = _revision(connection)
        if found != _HEAD:
            # Another process may have created the tables while this one waited.
            with to_write(engine).begin() as connection:
                _migrate(connection, _revision(connection))
    return engine


def to_write(engine: Engine) -> Engine:
    """The same database for write transactions: each takes the write lock before it reads."""
    return engine.execution_options(begin="BEGIN IMMEDIATE")


def _durable(connection: sqlite3.Connection, _record: Any) -> None:
    """Use a write-ahead log, and let commits return only once they are on the disk."""
    connection.isolation_level = None  # the driver's own BEGIN does not cover table definitions
    # SQLite's own lower() knows ASCII only.
    connection.create_function("lower", 1, _lower, deterministic=True)
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite fails without waiting if several processes do so at once."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _begin(connection: Connection) -> None:
    if how := connection.get_execution_options().get("begin", "BEGIN"):
        connection.exec_driver_sql(how)


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
    """Turn the exceptions of a damaged, locked or full database into errors with a next step."""
    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as error:
        message = str(getattr(error, "orig", error))
        if any(words in message for words in _DAMAGE):
            raise damaged() from None
        raise GalleryError(
            f"the gallery's database cannot be used ({message}); "
            "close other programs that use it, check the disk's space and the folder's permissions"
        ) from None
    except (DatabaseError, sqlite3.DatabaseError, UnicodeDecodeError):
        raise damaged() from None


def damaged() -> DamagedFileError:
    """The error for a database with inconsistent contents."""
    return DamagedFileError(
        f"{FILE} is damaged; put a backup in its place, or remove the gallery folder and index again"
    )
