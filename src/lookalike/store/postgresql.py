"""A gallery's tables in PostgreSQL, in a schema of their own.

What SQLite does by itself is done so here: writers take turns at the one row of ``writes``, which counts them as well;
who reads sees one moment, and holds the tables that a migration gives each other's names (``second_encoder``). A part
of a gallery is shown by temporary views, as in SQLite.
"""

from __future__ import annotations

import importlib.util
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import OperationalError

from lookalike.errors import MissingExtraError
from lookalike.filters import Filter
from lookalike.store.advisory import AdvisoryLocks
from lookalike.store.changes import Watch
from lookalike.store.database import begin, bring_up_to_date, errors_named, folder_may_be_written, interrupt_in_silence
from lookalike.store.kinds import WHOLE
from lookalike.store.place import StorePlace, driver_url
from lookalike.store.schema import METADATA
from lookalike.store.snapshot import write_tables
from lookalike.store.within import views_within

_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_EXCHANGED: Final = ("vectors", "vectors_beside", "patches", "patches_beside")
_NEARLY: Final = 0.8  # of the connections
_PATIENCE: Final = 30_000  # milliseconds to wait for another process's transaction
_GONE: Final = "-ctcp_keepalives_idle=15 -ctcp_keepalives_interval=5 -ctcp_keepalives_count=3 -ctcp_user_timeout=30000"
"""The server takes a machine for gone that has not answered for half a minute, and lets its locks go; by itself it
would do so after two hours."""
_MAKING: Final = 7_236_871  # the advisory lock of who makes a schema
_MAY_WRITE: Final = text(
    "SELECT NOT pg_is_in_recovery() AND CASE WHEN to_regclass(:table) IS NULL "
    "THEN has_database_privilege(current_database(), 'CREATE') ELSE has_table_privilege(:table, 'INSERT') END"
)
_STATE: Final = text(
    "SELECT current_setting('server_version'), current_setting('fsync') = 'on' "
    "AND current_setting('synchronous_commit') <> 'off', (SELECT count(*) FROM pg_stat_activity WHERE "
    "backend_type = 'client backend'), current_setting('max_connections')"
)
_SIZE: Final = text(
    "SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relkind = 'r' "
    "AND relnamespace = to_regnamespace(:schema)"
)


class PostgreSQLDatabase:
    """A schema of a PostgreSQL. folder: of the gallery, where it keeps the rest. Raises MissingExtraError."""

    name = "PostgreSQL"
    is_shared = True
    beyond = (
        "PostgreSQL's write-ahead log until it is used again, and what its administrator keeps: archives of that log, "
        "standbys, dumps"
    )

    def __init__(self, folder: Path, place: StorePlace) -> None:
        if importlib.util.find_spec("psycopg") is None:
            raise MissingExtraError("a gallery in PostgreSQL", "postgresql")
        self._folder, self._place = folder, place
        self.new_id = place.gallery

    @property
    def _schema(self) -> str:
        return f'"{self._place.schema}"'

    @cached_property
    def _plain(self) -> Engine:
        """Gives a new connection each time, outside of transactions."""
        return self._engine(poolclass=NullPool).execution_options(begin=())

    @cached_property
    def locks(self) -> AdvisoryLocks:
        """Advisory locks of the database."""
        return AdvisoryLocks(self._plain, self._place.schema)

    def may_write(self) -> bool:
        """Whether the folder may be written to, and the tables, or where there are none a schema may be made."""
        with errors_named(), self._plain.connect() as connection:
            allowed = connection.scalar(_MAY_WRITE, {"table": f"{self._schema}.records"})
        return bool(allowed) and folder_may_be_written(self._folder)

    def read_facts(self) -> dict[str, Any]:
        """The facts in the schema. Raises GalleryError."""
        with errors_named(), self._plain.connect() as connection:
            if connection.scalar(text("SELECT to_regclass('gallery')")) is None:
                return {}
            return dict(map(tuple, connection.execute(text("SELECT name, value FROM gallery"))))

    def connect(self, *, writable: bool, tree: Filter | None = None) -> Engine:
        """The engine for the schema, which is made where it may be."""
        held = ", ".join(f"{self._schema}.{name}" for name in _EXCHANGED)
        with errors_named():
            if writable:
                self._make()
            engine = self._engine()
            plain = engine.execution_options(begin=("BEGIN",))
            if bring_up_to_date(plain, (), writable=writable):
                _keep_no_statistics(plain)
        engine = engine.execution_options(begin=(_READ, f"LOCK TABLE {held} IN ACCESS SHARE MODE"))
        if tree is not None:
            event.listen(engine, "begin", lambda connection: self._show(connection, tree))
        return engine

    def watch(self, *, writable: bool) -> Watch:  # noqa: ARG002 - as SQLite's
        """The count of writes."""
        return _CountOfWrites(self._plain)

    @property
    def place(self) -> str:
        """The address of the database."""
        return self._place.url

    def told(self) -> tuple[str, bool]:
        """The server, and in words what is wrong with its settings; whether nothing is."""
        with errors_named(), self._plain.connect() as connection:
            version, durable, used, most = connection.execute(_STATE).one()
        lost = "" if durable else "; fsync or synchronous_commit is off: a loss of power may lose what it acknowledged"
        full = f"; {used} of {most} connections are used: raise max_connections" if used > _NEARLY * int(most) else ""
        return f"PostgreSQL {version} at {self._place.url}{lost}{full}", not (lost or full)

    def size(self) -> int:
        """The bytes of the tables and their indexes."""
        with errors_named(), self._plain.connect() as connection:
            return int(connection.scalar(_SIZE, {"schema": self._place.schema}) or 0)

    def write_snapshot(self, place: Path) -> None:
        """Copy the tables to a new SQLite file as of one moment, every row compared, while they are read and written.
        Raises GalleryError, DamagedFileError.
        """
        engine = self.connect(writable=False)
        try:
            with errors_named(), engine.begin() as source:
                write_tables(source, place)
        finally:
            engine.dispose()

    def remove_new(self, *, even_full: bool = False) -> None:
        """Remove the schema, unless somebody has put records into it. even_full: with them."""
        with errors_named(), self._plain.connect() as connection:
            there = connection.scalar(text("SELECT to_regclass('records')")) is not None
            if there and not even_full and connection.scalar(text("SELECT EXISTS (SELECT 1 FROM records)")):
                return
            connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")

    def _engine(self, **options: Any) -> Engine:
        settings = f"-csearch_path={self._place.schema} -clock_timeout={_PATIENCE} {_GONE}"
        engine = create_engine(
            driver_url(self._place.url),
            connect_args={"autocommit": True, "options": settings, "application_name": "lookalike"},
            use_native_hstore=False,
            pool_pre_ping=True,  # the server may have been started again since
            **options,
        )
        event.listen(engine, "begin", begin)
        interrupt_in_silence(engine)
        return engine

    def _show(self, connection: Connection, tree: Filter) -> None:
        """Put views in front of the tables. They go by what a table is and not by its name: where tables have been
        given each other's names, they are made anew.
        """
        vectors = f"SELECT to_regclass('{self._schema}.vectors')::oid::bigint"
        while connection.info.get("shown") != (now := connection.exec_driver_sql(vectors).scalar_one()):
            connection.exec_driver_sql("ROLLBACK")
            for view in views_within(tree, self._place.schema, connection.dialect):
                connection.exec_driver_sql(f"CREATE OR REPLACE TEMP VIEW {view}")
            connection.info["shown"] = now
            begin(connection)

    def _make(self) -> None:
        """Make the schema and the row that writers take turns at; nothing where they are there."""
        with self._plain.connect() as connection:
            if connection.scalar(text("SELECT to_regclass('writes')")) is not None:
                return
        with self._plain.execution_options(begin=("BEGIN",)).begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MAKING})
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS writes (number bigint NOT NULL)")
            connection.exec_driver_sql("INSERT INTO writes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM writes)")


def _keep_no_statistics(engine: Engine) -> None:
    """Let PostgreSQL note nothing of what stands in texts and the like: its statistics would keep what is erased."""
    with engine.begin() as connection:
        for table in METADATA.sorted_tables:
            kept = [column.name for column in table.columns if column.type is not WHOLE]
            if each := ", ".join(f'ALTER COLUMN "{name}" SET STATISTICS 0' for name in kept):
                connection.exec_driver_sql(f"ALTER TABLE {table.name} {each}")


class _CountOfWrites:
    """A connection that reads how many transactions have written."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def number(self) -> int:
        if self._connection is not None:
            try:
                return self._asked(self._connection)
            except OperationalError:  # the server may have been started again
                self.close()
        self._connection = self._engine.connect()
        return self._asked(self._connection)

    def _asked(self, connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT number FROM writes").scalar_one())

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
