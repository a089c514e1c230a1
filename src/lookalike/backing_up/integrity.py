"""What is damaged: in a backup any byte, in a gallery whatever carries a checksum."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from lookalike.adapters import load_adapter
from lookalike.backing_up.files import files_below, size_and_digest
from lookalike.backing_up.make import ADAPTER_FILES, COPIED, ENCODERS
from lookalike.backing_up.manifest import MANIFEST, Manifest
from lookalike.backups import backups_of
from lookalike.erasing import damaged_copies
from lookalike.errors import LookalikeError
from lookalike.gallery import INBOX, SOURCES, Gallery
from lookalike.indexes.column_file import COLUMNS
from lookalike.indexes.files import faulty_files
from lookalike.progress import tracked
from lookalike.receiving.folder import KNOWN
from lookalike.store.damage import check_smaller_tables, damage_of
from lookalike.store.database import FILE
from lookalike.store.edit import label_changes
from lookalike.store.patches import patched_records, read_patches
from lookalike.store.reports import every_report
from lookalike.store.verify import verify_indexes

_FOLDERS: Final = tuple(f"{name}/" for name in (*COPIED, ENCODERS))
_FILES: Final = (FILE, f"{INBOX}/{KNOWN}")
_CHANGES: Final = 1 << 30  # of labels: all of them


@dataclass(frozen=True, slots=True)
class Fault:
    """path: of the file in the folder, or a part of its database. what: is wrong with it."""

    path: str
    what: str


def faults_of_backup(folder: Path, manifest: Manifest) -> list[Fault]:
    """Everything in a backup that is not as it was written."""
    noted = {entry.path: entry.sha256 for entry in backups_of(manifest.gallery)}
    found = list[Fault]()
    if (known := noted.get(str(folder), "")) and known != size_and_digest(folder / MANIFEST)[1]:
        found.append(Fault(MANIFEST, "is not the one that was written here"))
    there = {path.relative_to(folder).as_posix() for path in files_below(folder)} - {MANIFEST}
    listed = {each.path: (each.size, each.sha256) for each in manifest.files}
    found += [Fault(path, "is none of the backup's files") for path in sorted(there - listed.keys())]
    for path in tracked(sorted(listed)):
        if what := _wrong(folder, path, listed[path]):
            found.append(Fault(path, what))
    return found


def _wrong(folder: Path, path: str, listed: tuple[int, str]) -> str:
    if not _is_of_a_backup(path):
        return "is no place in a gallery"
    try:
        if any(each.is_symlink() for each in (folder / path).parents if each.is_relative_to(folder) and each != folder):
            return "lies behind a link"
        size, sha256 = size_and_digest(folder / path)
    except OSError:
        return "cannot be read, or is not there"
    if size != listed[0]:
        return f"has {size} bytes, not {listed[0]}"
    return "" if sha256 == listed[1] else "does not match its checksum"


def _is_of_a_backup(path: str) -> bool:
    """Whether a manifest may name a place: somebody else may have written it."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or str(PurePosixPath(path)) != path or "\0" in path:
        return False
    return path in _FILES or path.startswith(_FOLDERS)


def faults_of_gallery(gallery: Gallery) -> list[Fault]:
    """Whatever in a gallery does not match a checksum: rows, adapters, indexes, and the files that it keeps itself."""
    found = list[Fault]()
    name = gallery.store.database.name
    for path, check in (
        (name, lambda: _check_database(gallery)),
        (f"{name}: patches", lambda: list(read_patches(gallery.store, patched_records(gallery.store)))),
        (f"{name}: reports", lambda: every_report(gallery.store)),
        (f"{name}: log of labels", lambda: label_changes(gallery.store, None, _CHANGES)),
        (f"{name}: refused files", gallery.store.refused),
        (f"{name}: studies, series, instances", lambda: check_smaller_tables(gallery.store)),
    ):
        found += _tried(path, check)
    return [*found, *_rows(gallery), *_adapters(gallery), *_indexes(gallery), *_kept(gallery)]


def _tried(path: str, check: Callable[[], object]) -> Iterator[Fault]:
    try:
        check()
    except LookalikeError as error:
        yield Fault(path, f"is damaged: {error}")


def _check_database(gallery: Gallery) -> None:
    with gallery.store.begin() as connection:
        verify_indexes(connection)


def _rows(gallery: Gallery) -> Iterator[Fault]:
    database = gallery.store.database.name
    try:
        damage = damage_of(gallery.store)
    except LookalikeError as error:
        yield Fault(database, f"is damaged: {error}")
        return
    for name in ("vectors", "thumbnails", "descriptions", "labels", "beside"):
        if files := getattr(damage, name):
            told = "vectors beside" if name == "beside" else name
            yield Fault(
                f"{database}: {told}", f"of {len(files)} files do not match their checksums; see lookalike doctor"
            )


def _adapters(gallery: Gallery) -> Iterator[Fault]:
    for name, row in gallery.store.spaces().items():
        if row.adapter is not None:
            adapter = row.adapter
            check = lambda name=name, adapter=adapter: load_adapter(gallery.folder / ADAPTER_FILES, name, adapter)  # noqa: E731
            yield from _tried(f"{ADAPTER_FILES}/{name}.{adapter[:16]}", check)


def _indexes(gallery: Gallery) -> Iterator[Fault]:
    """Index files that are not as they were written. They are made again by themselves."""
    for name in (*gallery.store.spaces(), COLUMNS):
        for file in faulty_files(gallery.folder / "indexes", name):
            yield Fault(f"indexes/{file}", "does not match its checksum; it is made again at the next search")


def _kept(gallery: Gallery) -> Iterator[Fault]:
    """The files that came through the server: a record's SHA-256 is that of its file, or of its series."""
    for path in damaged_copies(gallery):
        yield Fault(f"{SOURCES}/{path}", "is not as it was when it was read, or is gone")
