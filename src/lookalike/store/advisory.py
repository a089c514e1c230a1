"""A gallery's locks where its tables are in PostgreSQL: advisory locks, which hold between machines too.

Each lock has a connection of its own, with which it ends at the latest: however its process does, and also where the
server is started again. A writer that has lost its lock so learns of it as it looks who waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from lookalike.errors import GalleryError
from lookalike.locks import Lock
from lookalike.store.database import errors_named

_TAKE = text("SELECT pg_try_advisory_lock(:key)")
_SHARE = text("SELECT pg_advisory_lock_shared(:key)")
_RELEASE = text("SELECT pg_advisory_unlock_all()")
_HELD = text(
    "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND mode = 'ExclusiveLock'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid::bigint << 32 | objid::bigint) = :key"
)


@dataclass(frozen=True, slots=True)
class AdvisoryLocks:
    """engine: gives a new connection each time, outside of transactions. schema: of the gallery."""

    engine: Engine
    schema: str

    @contextmanager
    def opened(self, name: str) -> Iterator[Lock]:
        """A lock. Raises GalleryError."""
        with errors_named():
            connection = self.engine.connect()
        lock = _AdvisoryLock(connection, self.schema, _key(self.schema, name))
        try:
            yield lock
        finally:
            if not connection.invalidated:
                with suppress(GalleryError):  # a server that has ended holds nothing
                    lock.release()  # by the closing alone it would be held until the server has noticed that
            connection.close()

    def is_held(self, name: str) -> bool:
        """Whether somebody holds a lock."""
        with errors_named(), self.engine.connect() as connection:
            return _is_held(connection, _key(self.schema, name))


@dataclass(frozen=True, slots=True)
class _AdvisoryLock:
    connection: Connection
    schema: str
    key: int

    def try_take(self) -> bool:
        with errors_named():
            return bool(self.connection.scalar(_TAKE, {"key": self.key}))

    def share(self) -> None:
        with errors_named():
            self.connection.execute(_SHARE, {"key": self.key})

    def release(self) -> None:
        with errors_named():
            self.connection.execute(_RELEASE)

    def is_other_held(self, name: str) -> bool:
        with errors_named():
            return _is_held(self.connection, _key(self.schema, name))


def _is_held(connection: Connection, key: int) -> bool:
    return connection.scalar(_HELD, {"key": key}) is not None


def _key(schema: str, name: str) -> int:
    """The number of a lock: 64 bits, with a sign."""
    return int.from_bytes(hashlib.blake2b(f"{schema} {name}".encode(), digest_size=8).digest(), "big", signed=True)
