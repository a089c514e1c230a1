"""What a store asks of the database that its tables are in, and which one that is for a gallery's folder."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Engine

from lookalike.filters import Filter
from lookalike.locks import FolderLocks, Locks
from lookalike.store.changes import DataVersion, Watch
from lookalike.store.database import FILE, connect, may_write, read_facts
from lookalike.store.place import place_of_store
from lookalike.store.snapshot import write_snapshot
from lookalike.store.within import show_within


class Database(Protocol):
    """A place for the tables of one gallery."""

    @property
    def locks(self) -> Locks:
        """By which those who write take turns."""

    @property
    def new_id(self) -> str:
        """The id that a gallery is to be given here; "" for any."""

    def may_write(self) -> bool:
        """Whether this process may write."""

    def read_facts(self) -> dict[str, Any]:
        """The facts about the gallery, as stored, before anything of it is believed; none where none has been made."""

    def connect(self, *, writable: bool, tree: Filter | None = None) -> Engine:
        """The engine, the tables brought up to date if they may be written to. tree: only the records that satisfy this
        filter are there. Raises GalleryError, DamagedFileError.
        """

    def watch(self, *, writable: bool) -> Watch:
        """What notices that any process has written."""

    @property
    def is_shared(self) -> bool:
        """Whether services of several machines may do the gallery's jobs."""

    @property
    def beyond(self) -> str:
        """What it keeps of removed rows that no client can look into or empty; "" if nothing."""

    @property
    def name(self) -> str:
        """What it is called where it is said what is wrong with it."""

    @property
    def place(self) -> str:
        """Where it lies, in one word; a copy of it lies elsewhere."""

    def told(self) -> tuple[str, bool]:
        """What it is, in words, and what is wrong with its settings; whether nothing is. Raises GalleryError."""

    def size(self) -> int:
        """Its bytes on the disk."""

    def write_snapshot(self, place: Path) -> None:
        """Copy it to a new SQLite file, as of one moment. Raises GalleryError, DamagedFileError."""

    def remove_new(self) -> None:
        """Remove the tables of a gallery that was made a moment ago, with which nobody works."""


class SQLiteDatabase:
    """A file in the gallery's folder."""

    new_id = ""
    beyond = ""
    is_shared = False
    name = FILE

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.locks = FolderLocks(folder)

    def may_write(self) -> bool:
        """Whether the file and its folder may be written to."""
        return may_write(self._folder)

    def read_facts(self) -> dict[str, Any]:
        """The facts in the file. Raises DamagedFileError, GalleryError."""
        return read_facts(self._folder)

    def connect(self, *, writable: bool, tree: Filter | None = None) -> Engine:
        """The engine for the file (``database.connect``)."""
        shown = None if tree is None else partial(show_within, tree=tree)
        return connect(self._folder, writable=writable, prepare=shown)

    def watch(self, *, writable: bool) -> Watch:
        """SQLite's own."""
        return DataVersion(self._folder, writable=writable)

    @property
    def place(self) -> str:
        """The file's number on its disk."""
        about = (self._folder / FILE).stat()
        return f"{about.st_dev}:{about.st_ino}"

    def told(self) -> tuple[str, bool]:
        """The file."""
        return f"SQLite, {FILE} in the gallery's folder", True

    def size(self) -> int:
        """The bytes of the file and of its log."""
        return sum(path.stat().st_size for path in (self._folder / FILE, self._folder / f"{FILE}-wal") if path.exists())

    def write_snapshot(self, place: Path) -> None:
        """Copy the file (``snapshot``)."""
        write_snapshot(self._folder, place)

    def remove_new(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            for each in self._folder.glob(f"{FILE}*"):
                each.unlink(missing_ok=True)


def database_of(folder: Path) -> Database:
    """Where the tables of a gallery are. Raises GalleryError, DamagedFileError, MissingExtraError."""
    place = place_of_store(folder)
    if place is None:
        return SQLiteDatabase(folder)
    from lookalike.store.postgresql import PostgreSQLDatabase

    return PostgreSQLDatabase(folder, place)
