"""A consistent copy of the database, made while it is read and written (https://www.sqlite.org/backup.html)."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from lookalike.store.copied_tables import copy_tables
from lookalike.store.database import FILE, connect, errors_named, read_only_uri

_COUNTED: Final = ("records", "vectors", "labels", "patches", "reports", "studies", "identities", "refused", "jobs")
_TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table'"


@dataclass(frozen=True, slots=True)
class SnapshotFacts:
    """What a copied database holds. adapters: the SHA-256 of each adapted space's adapter. counts: rows by table.
    revision: of its tables.
    """

    adapters: Mapping[str, str]
    counts: Mapping[str, int]
    revision: str


def write_snapshot(folder: Path, place: Path) -> None:
    """Copy ``folder/gallery.db`` to a new file, as of one moment. One step takes all pages, so that writers, who go on
    in the write-ahead log, never make it begin again. Raises GalleryError, DamagedFileError.
    """
    _copy(read_only_uri(folder), place)


def write_copy(database: Path, place: Path) -> None:
    """The same of any database. Raises as ``write_snapshot``."""
    _copy(f"{database.absolute().as_uri()}?mode=ro", place)


def write_tables(source: Connection, place: Path) -> None:
    """Copy another database's tables, as a transaction sees them, to a new file of that name. Raises GalleryError,
    DamagedFileError.
    """
    assert place.name == FILE
    with _new_file(place):
        engine = connect(place.parent, writable=True)
        try:
            copy_tables(source, engine)
        finally:
            engine.dispose()
        with errors_named(), closing(sqlite3.connect(place)) as copy:
            _without_log(copy)


def _copy(uri: str, place: Path) -> None:
    with (
        _new_file(place),
        errors_named(),
        closing(sqlite3.connect(uri, uri=True)) as source,
        closing(sqlite3.connect(place)) as copy,
    ):
        source.backup(copy)
        _without_log(copy)


@contextmanager
def _new_file(place: Path) -> Iterator[None]:
    """A new file (mode 0600), which is to be complete in itself and is on the disk afterwards."""
    os.close(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    yield
    with place.open("rb") as written:
        os.fsync(written.fileno())


def _without_log(copy: sqlite3.Connection) -> None:
    """Keep no log beside it: whoever opens it starts one."""
    copy.execute("PRAGMA journal_mode=DELETE")


def snapshot_facts(place: Path) -> SnapshotFacts:
    """What a copied database holds; nothing is written to it. Raises DamagedFileError."""
    with errors_named(), closing(sqlite3.connect(f"{place.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        there = {name for (name,) in copy.execute(_TABLES)}
        counts = {name: _count(copy, name) for name in _COUNTED if name in there}
        adapters = dict(copy.execute("SELECT name, adapter FROM spaces WHERE adapter IS NOT NULL"))
        (revision,) = copy.execute("SELECT version_num FROM alembic_version").fetchone()
    return SnapshotFacts(adapters, counts, str(revision))


def _count(copy: sqlite3.Connection, table: str) -> int:
    return int(copy.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def snapshot_file(folder: Path) -> Path:
    """The database in the folder of a backup."""
    return folder / FILE
