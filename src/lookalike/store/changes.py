"""Detect writes to the database by any process. Checked at every search, so it must cost next to nothing."""

from __future__ import annotations

import sqlite3
import threading
import time
from pathlib import Path
from typing import Protocol

from lookalike.store.database import FILE, errors_named, read_only_uri


class Watch(Protocol):
    """Knows whether anybody has written."""

    def number(self) -> int:
        """Another number after each change. One thread asks at a time."""

    def close(self) -> None:
        """Close what it needs for that."""


class DataVersion:
    """A connection for change detection only. SQLite's ``data_version`` changes after any other connection, of this or
    another process, has committed (https://www.sqlite.org/pragma.html#pragma_data_version).
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self._path = str(folder / FILE) if writable else read_only_uri(folder)
        self._connection: sqlite3.Connection | None = None

    def number(self) -> int:
        """SQLite's number."""
        if self._connection is None:
            self._connection = sqlite3.connect(
                self._path, uri=self._path.startswith("file:"), check_same_thread=False, isolation_level=None
            )
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Changes:
    """Asked by many threads, of whom a watch is asked as seldom as possible."""

    def __init__(self, watch: Watch) -> None:
        self._watch, self._lock = watch, threading.Lock()
        self.patience = 0.0  # seconds for which an answer stays valid
        self._last, self._checked = 0, -1.0

    def number(self, *, now: bool = False) -> int:
        """The current number, or one at most ``patience`` old. now: the current one. After this process has written,
        call ``forget``.
        """
        if self.patience and not now and time.monotonic() - self._checked < self.patience:
            return self._last
        started = time.monotonic()
        found = self._number()
        if started >= self._checked:  # another thread may have looked later
            self._last, self._checked = found, started
        return found

    def forget(self) -> None:
        """Read the number again the next time."""
        self._checked = -1.0

    def _number(self) -> int:
        with self._lock, errors_named():
            return self._watch.number()

    def close(self) -> None:
        """Close the watch."""
        with self._lock:
            self._watch.close()
