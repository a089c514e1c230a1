"""Open a gallery's SQL database: durable settings, migrations, and errors that separate damage from mistakes. How
SQLite does it stands here, how PostgreSQL does in ``postgresql``.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, DataError, OperationalError
from sqlalchemy.pool import QueuePool, StaticPool

from lookalike.errors import DamagedFileError, DatabaseGoneError, GalleryError, LookalikeError, UsageError
from lookalike.store.checksums import UNKNOWN, row_checksum
from lookalike.store.older import READABLE, show_as_migrated

FILE: Final = "gallery.db"
READ_ONLY: Final = "this gallery may be read but not written to"
_PATIENCE: Final = 30.0  # seconds to wait for another process's transaction
_STEPS: Final = 20_000  # of SQLite's machine, about a millisecond
_DAMAGE: Final = ("malformed", "disk image", "decode", "no such", "already exists")
_HEAD: Final = "0013"  # the latest migration; a test compares it with the folder
POSTGRESQL: Final = "postgresql"
_WRITE: Final = {  # what begins a transaction that writes, and lets the others wait
    "sqlite": ("BEGIN IMMEDIATE",),
    POSTGRESQL: ("BEGIN", "UPDATE writes SET number = number + 1"),  # the row is locked until the end
}
_LATE: Final = "57014"  # SQLSTATE: query_canceled,
_FORBIDDEN: Final = "42501"  # insufficient_privilege,
_TOO_LARGE: Final = "22003"  # and numeric_value_out_of_range
_GONE: Final = ("08", "57P0")  # how the codes begin of a lost connection, and of a server that goes or comes
_SUPER_JOURNAL: Final = bytes.fromhex("d9d505f920a163d7")  # ends a journal that names another


def may_write(folder: Path) -> bool:
    """Whether this process may write to the gallery in a folder, which an older SQLite file or none may lie in."""
    file = folder / FILE
    return folder_may_be_written(folder) and (not file.exists() or os.access(file, os.W_OK, effective_ids=True))


def folder_may_be_written(folder: Path) -> bool:
    """Whether this process may make files in a folder."""
    return os.access(folder, os.W_OK, effective_ids=True)


def read_only_uri(folder: Path) -> str:
    """The URI of ``folder/gallery.db`` for SQLite where it may be read only. Raises GalleryError.

    SQLite needs an index beside its write-ahead log: it can make none in a folder that may not be written to, so the
    file is declared immutable, which is true as long as no log has content.
    """
    uri, log = f"{(folder / FILE).as_uri()}?mode=ro", folder / f"{FILE}-wal"
    if folder_may_be_written(folder):
        return uri
    if not (log.exists() and log.stat().st_size):
        return f"{uri}&immutable=1"
    if not (folder / f"{FILE}-shm").exists():
        raise GalleryError(
            f"{READ_ONLY}, and its last changes are in {log.name} only; open it once where it may be written to "
            "(lookalike doctor --gallery G), or copy the folder and open the copy"
        )
    return uri


def check_shape(folder: Path, *names: str) -> None:
    """Raise GalleryError where a part of a gallery is a link, which would lead writing and removing out of its folder,
    or where its journal names another, which SQLite would remove (https://www.sqlite.org/fileformat2.html#the_rollback_journal).
    names: of the parts beside the database.
    """
    journal = folder / f"{FILE}-journal"
    for path in (folder / name for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", journal.name, *names)):
        if path.is_symlink():
            raise GalleryError(f"{path.name} in the gallery {folder.name} is a link; put what it leads to in its place")
    if journal.exists() and journal.read_bytes()[-len(_SUPER_JOURNAL) :] == _SUPER_JOURNAL:
        raise GalleryError(f"{journal.name} in the gallery {folder.name} names another file; put a backup in its place")


def read_facts(folder: Path) -> dict[str, Any]:
    """The facts about a gallery, as stored, before anything of it is believed; none where no gallery has been made.

    Raises DamagedFileError if its file is not a database.
    """
    check_shape(folder)
    if not (folder / FILE).exists() or not (folder / FILE).stat().st_size:
        return {}
    with errors_named(), closing(sqlite3.connect(read_only_uri(folder), uri=True, timeout=_PATIENCE)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'gallery'").fetchone() is None:
            return {}
        return dict(connection.execute("SELECT name, value FROM gallery"))


def connect(folder: Path, *, writable: bool, prepare: Callable[[sqlite3.Connection], None] | None = None) -> Engine:
    """The engine for ``folder/gallery.db``, its tables brought up to date if it is writable. prepare: called with every
    new connection.

    Raises GalleryError if a newer version of lookalike wrote it, or an older one and it may be read only;
    DamagedFileError if it is not a database.
    """
    engine = _engine(folder) if writable else _read_only_engine(read_only_uri(folder))
    if prepare is not None:
        event.listen(engine, "connect", lambda connection, _record: prepare(connection))
    event.listen(engine, "begin", begin)
    interrupt_in_silence(engine)
    with errors_named():
        bring_up_to_date(engine, READABLE, writable=writable)
    return engine


def interrupt_in_silence(engine: Engine) -> None:
    """Let the command alone speak of Ctrl-C: the pool logs a trace where it comes as a connection is given back."""
    logging.getLogger(f"sqlalchemy.pool.impl.{type(engine.pool).__name__}").addFilter(_is_no_interruption)


def _is_no_interruption(record: logging.LogRecord) -> bool:
    return not (record.exc_info and record.exc_info[0] is KeyboardInterrupt)


def bring_up_to_date(engine: Engine, readable: Collection[str], *, writable: bool) -> bool:
    """Have the tables of a database as they are to be; whether something was changed. readable: earlier revisions
    whose tables may be read as they are.

    Raises GalleryError for tables of another revision, where nothing may be written, or of a later one.
    """
    with engine.begin() as connection:
        found = _revision(connection)
    if found not in (*readable, _HEAD) and not writable:
        raise GalleryError(
            f"{READ_ONLY}, and its tables are of revision {found!r}, where this lookalike knows {_HEAD}; open it "
            "once where it may be written to (lookalike doctor --gallery G), or copy the folder and open the copy"
        )
    if found != _HEAD and writable:
        # Another process may have created the tables while this one waited.
        with to_write(engine).begin() as connection:
            _migrate(connection, _revision(connection))
    return found != _HEAD and writable


def _engine(folder: Path) -> Engine:
    url = URL.create("sqlite", database=str(folder / FILE))  # the folder's name may hold ?, # and %
    engine = create_engine(url, connect_args={"timeout": _PATIENCE})
    event.listen(engine, "connect", _durable)
    return engine


def _read_only_engine(uri: str) -> Engine:
    def opened() -> sqlite3.Connection:
        return sqlite3.connect(uri, uri=True, timeout=_PATIENCE, check_same_thread=False)

    engine = create_engine("sqlite://", creator=opened, poolclass=QueuePool)
    event.listen(engine, "connect", _prepared)
    event.listen(engine, "connect", lambda connection, _record: show_as_migrated(connection))
    return engine


def to_write(engine: Engine) -> Engine:
    """The same database for write transactions: each takes the write lock before it reads."""
    return engine.execution_options(begin=_WRITE[engine.dialect.name])


def _durable(connection: sqlite3.Connection, _record: Any) -> None:
    """Use a write-ahead log, and let commits return only once they are on the disk."""
    _prepared(connection, _record)
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _prepared(connection: sqlite3.Connection, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own BEGIN does not cover table definitions
    # SQLite's own lower() knows ASCII only.
    connection.create_function("lower", 1, _lower, deterministic=True)


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


def begin(connection: Connection) -> None:
    """Begin a transaction by the statements that the connection's option of that name says. SQLite's driver is asked
    itself, in a tenth of the time: a search begins six.
    """
    driver = connection.connection.driver_connection
    ask: Callable[[str], Any] = driver.execute if isinstance(driver, sqlite3.Connection) else connection.exec_driver_sql
    for statement in connection.get_execution_options().get("begin", ("BEGIN",)):
        ask(statement)


def _revision(connection: Connection) -> str | None:
    there = "SELECT name FROM sqlite_master WHERE name = 'alembic_version'"
    if connection.dialect.name == POSTGRESQL:
        there = "SELECT 1 WHERE to_regclass('alembic_version') IS NOT NULL"
    if connection.exec_driver_sql(there).first() is None:
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return None if row is None else str(row[0])


def _migrate(connection: Connection, found: str | None) -> None:
    if found is not None or connection.dialect.name == POSTGRESQL:
        _upgrade(connection, found)
        return
    for statement in _whole(_HEAD):
        connection.exec_driver_sql(statement)


@cache
def _whole(head: str) -> Sequence[str]:  # noqa: ARG001
    """What all revisions up to a latest one make of an empty database, in a twentieth of their time."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    event.listen(engine, "connect", _prepared)
    event.listen(engine, "begin", begin)
    with engine.begin() as connection:
        _upgrade(connection, None)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        return tuple(each for each in driver.iterdump() if each not in ("BEGIN TRANSACTION;", "COMMIT;"))


def _upgrade(connection: Connection, found: str | None) -> None:
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
def interrupted_after(connection: Connection, deadline: float, late: Callable[[], LookalikeError]) -> Iterator[None]:
    """Interrupt what a connection asks once ``time.monotonic()`` is past a deadline. Raises ``late``."""
    is_postgresql = connection.dialect.name == POSTGRESQL
    try:
        with (
            _timed(connection, deadline)
            if is_postgresql
            else stopped_where(connection, lambda: time.monotonic() > deadline)
        ):
            yield
    except (OperationalError, sqlite3.OperationalError) as error:
        said = getattr(error, "orig", error)
        if not (getattr(said, "sqlstate", None) == _LATE if is_postgresql else "interrupted" in str(said)):
            raise
        raise late() from None


@contextmanager
def stopped_where(connection: Connection, stopped: Callable[[], bool]) -> Iterator[None]:
    """SQLite asks after every so many steps whether to stop: it then says that it was interrupted."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.set_progress_handler(stopped, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, _STEPS)


@contextmanager
def _timed(connection: Connection, deadline: float) -> Iterator[None]:
    """PostgreSQL is told before each statement how long it may take; that ends with the transaction."""

    def limit(_connection: Any, cursor: Any, *_of: Any) -> None:
        left = max(int((deadline - time.monotonic()) * 1000), 1)
        cursor.execute(f"SET LOCAL statement_timeout = {left}")

    event.listen(connection, "before_cursor_execute", limit)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", limit)


@contextmanager
def errors_named() -> Iterator[None]:
    """Turn the exceptions of a damaged, locked or full database into errors with a next step."""
    try:
        yield
    except (OperationalError, sqlite3.OperationalError) as error:
        if hasattr(getattr(error, "orig", None), "sqlstate"):
            raise _unusable_server(error) from None
        message = str(getattr(error, "orig", error))
        if any(words in message for words in _DAMAGE):
            raise damaged() from None
        raise GalleryError(
            f"the gallery's database cannot be used ({message}); "
            "close other programs that use it, check the disk's space and the folder's permissions"
        ) from None
    except (DatabaseError, sqlite3.DatabaseError, OverflowError, UnicodeDecodeError) as error:
        raise _refused(error) from None


def _refused(error: Exception) -> LookalikeError:
    """The error for what a database refuses to do, or finds that it cannot."""
    state = getattr(getattr(error, "orig", None), "sqlstate", "")
    if state == _FORBIDDEN:
        return _unusable_server(error)
    if state == _TOO_LARGE or isinstance(error, OverflowError):
        return UsageError("this asks for a number that no gallery has: of more than 64 bits")
    if state is None and isinstance(error, DataError):  # PostgreSQL's driver has not even asked
        return UsageError("this asks for a text with a null character, which no gallery has")
    return damaged()


def _unusable_server(error: Any) -> GalleryError:
    """The error for a PostgreSQL that cannot be asked. Its own words name hosts, databases, roles and tables; what
    stands in a row is in its details, which are left out.
    """
    said = error.orig.diag.message_primary or str(error.orig).strip().splitlines()[0]
    is_gone = error.orig.sqlstate is None or error.orig.sqlstate.startswith(_GONE)
    return (DatabaseGoneError if is_gone else GalleryError)(
        f"the gallery's database cannot be used ({said}); see that PostgreSQL runs, lets this user in (the "
        "password is in ~/.pgpass, PGPASSWORD or LOOKALIKE_STORE_PASSWORD) and has space; then do it again"
    )


@contextmanager
def rows_named() -> Iterator[None]:
    """Turn what comes of decoding a row that no one can have stored so into the error of a damaged database: JSON that
    is none or lacks a field, text where a number was, NULL.
    """
    try:
        yield
    except UnicodeEncodeError:
        raise UsageError("this asks for a text with a character that is none (half of a surrogate pair)") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RecursionError):
        raise damaged() from None


def sound_row(noted: object, *values: object) -> bool:
    """Whether a row of a smaller table matches the checksum that it notes."""
    return noted in (UNKNOWN, row_checksum(*values))


def check_ascending(last: int | None, keys: Iterable[int]) -> None:
    """Raise DamagedFileError unless keys ascend, from the last one that was read before on. SQLite gives those of a
    damaged tree in any order, and who goes on behind the last of some may come to the same again, without end.
    """
    if not all(before < key for before, key in pairwise([*([] if last is None else [last]), *keys])):
        raise damaged()


def damaged() -> DamagedFileError:
    """The error for a database with inconsistent contents."""
    return DamagedFileError(
        "the gallery's database is damaged; put a backup in its place, or remove the gallery folder and index again"
    )
