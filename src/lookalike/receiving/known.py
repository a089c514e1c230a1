"""What an inbox has had indexed: by the pseudonym of each instance its digest, its series, and the item that it was.

An object that comes again is told by it after its file is gone, and so is another object with the same UID. SQLite,
with every change on the disk: a kill leaves the state before or after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from lookalike.errors import GalleryError
from lookalike.receiving.folder import KNOWN, WaitingSeries, parts_of_name

_PREPARE: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "CREATE TABLE IF NOT EXISTS known (instance TEXT PRIMARY KEY, digest TEXT NOT NULL, series TEXT NOT NULL, "
    "item TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS by_series ON known (series)",
    "CREATE INDEX IF NOT EXISTS by_item ON known (item)",
)


class KnownObjects:
    """The objects of an inbox that were indexed."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / KNOWN

    def digests(self, series: WaitingSeries) -> dict[str, str]:
        """The digests of those instances of a series that were indexed, by their pseudonyms."""
        wanted = [(parts_of_name(file)[0],) for file in series.files]
        query = "SELECT digest FROM known WHERE instance = ?"
        with self._connected() as connection:
            found = {instance: connection.execute(query, (instance,)).fetchone() for (instance,) in wanted}
        return {instance: row[0] for instance, row in found.items() if row is not None}

    def has_series(self, name: str) -> bool:
        """Whether some object of a series was indexed."""
        with self._connected() as connection:
            return connection.execute("SELECT 1 FROM known WHERE series = ? LIMIT 1", (name,)).fetchone() is not None

    def add(self, series: WaitingSeries, item: str) -> None:
        """Note that the objects of a series were indexed as an item."""
        rows = [(*parts_of_name(file), series.name, item) for file in series.files]
        with self._connected() as connection:
            connection.executemany("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", rows)

    def forget(self, items: Iterable[str]) -> None:
        """Forget what was indexed as some items."""
        with self._connected() as connection:
            connection.executemany("DELETE FROM known WHERE item = ?", [(item,) for item in items])

    def items(self) -> set[str]:
        """Every item that was indexed."""
        with self._connected() as connection:
            return {item for (item,) in connection.execute("SELECT DISTINCT item FROM known")}

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path)) as connection, connection:
                for statement in _PREPARE:
                    connection.execute(statement)
                yield connection
        except sqlite3.Error:
            raise GalleryError(
                f"{self._path} cannot be read or written; make room on the disk, or remove it if it is damaged: "
                "objects that come again are then no longer told from new ones"
            ) from None
