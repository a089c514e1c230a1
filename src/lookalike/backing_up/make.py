"""Make a backup while the gallery is searched and written to.

The database is copied as of one moment, the files after it. Where records were erased meanwhile it is begun again, and
until it is complete no other erasure begins: a backup holds nobody who was erased before it was there, and whoever is
erased later is told of it (``backups``). Until then it has another name, and stands in the manifest of backups by that:
one that was cut short is told of too.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lookalike.adapters import load_adapter
from lookalike.atomic import sync_folder, write_atomically
from lookalike.backing_up.files import copy_plain, files_below, size_and_digest, sync_tree
from lookalike.backing_up.manifest import LAYOUT, MANIFEST, NOT_COPIED, Manifest, StoredFile, manifest_bytes
from lookalike.backups import BackupEntry, forget_backups, note_backups
from lookalike.encoders import tuned_parts
from lookalike.erasing import PATIENCE, is_erasing, tidy
from lookalike.errors import DamagedFileError, LockedError, UsageError
from lookalike.gallery import INBOX, SOURCES, Gallery
from lookalike.job_steps import log_step
from lookalike.locks import between_erasures
from lookalike.progress import Progress, followed_by, tracked
from lookalike.receiving.folder import APART, ARRIVED, KNOWN
from lookalike.store.erasures import erasures
from lookalike.store.second_encoder import beside_encoder
from lookalike.store.snapshot import SnapshotFacts, snapshot_facts, snapshot_file, write_copy

ADAPTER_FILES: Final = "adapters"
ENCODERS: Final = "encoders"
COPIED: Final = (ADAPTER_FILES, "indexes", "maps", SOURCES, f"{INBOX}/{ARRIVED}", f"{INBOX}/{APART}")
"""The folders of a gallery that a backup takes whole."""
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class MadeBackup:
    """A complete backup. sha256: of its manifest."""

    folder: Path
    manifest: Manifest
    sha256: str


def make_backup(gallery: Gallery, place: Path, version: str, progress: Progress | None = None) -> MadeBackup:
    """Copy a gallery into a new folder, which is there as soon as it is complete. version: of lookalike.

    Raises UsageError where it cannot be written, ReadOnlyError, GalleryError, LockedError (somebody erases all the
    time), DamagedFileError.
    """
    gallery.store.check_writable()  # who may not write cannot keep an erasure out
    coming, created = place.with_name(f".{place.name}.{secrets.token_hex(4)}"), datetime.now(UTC)
    with _noted(gallery.store.id, place, coming, created):
        for left in reversed(range(_TRIES)):
            if is_erasing(gallery):
                tidy(gallery, PATIENCE)  # an erasure that was cut short may have left traces
            before = erasures(gallery.store).number
            manifest = replace(_copied(gallery, coming, created, progress), version=version)
            with between_erasures(gallery.locks):
                # An adapter that is lacking may just have been made anew.
                if erasures(gallery.store).number == before and not (manifest.lacking and left):
                    return _completed(gallery, coming, place, manifest)
            shutil.rmtree(coming)
    raise LockedError("records are being erased all the time; make the backup once that is done")


@contextmanager
def _noted(gallery: str, place: Path, coming: Path, created: datetime) -> Iterator[None]:
    """Within, the manifest of backups tells of one that is not complete. Of one that fails nothing is left."""
    note_backups(gallery, [BackupEntry(str(place), str(coming), created.timestamp())])
    try:
        yield
    except OSError as error:
        raise UsageError(f"the backup cannot be written to {place} ({error.strerror}); name another place") from None
    finally:
        shutil.rmtree(coming, ignore_errors=True)
        forget_backups(gallery, lambda entry: entry.path == str(coming))


def _completed(gallery: Gallery, coming: Path, place: Path, manifest: Manifest) -> MadeBackup:
    write_atomically(coming / MANIFEST, manifest_bytes(manifest), 0o600)
    sha256 = size_and_digest(coming / MANIFEST)[1]
    sync_tree(coming)
    if place.exists():
        raise UsageError(f"{place} is there already; name a new folder")
    coming.rename(place)
    sync_folder(place.parent)
    created = datetime.fromisoformat(manifest.created).timestamp()
    note_backups(gallery.store.id, [BackupEntry(str(place), str(place), created, sha256)])
    forget_backups(gallery.store.id, lambda entry: _is_gone(Path(entry.path), place))
    return MadeBackup(place, manifest, sha256)


def _is_gone(path: Path, beside: Path) -> bool:
    """Whether a backup was thrown away: it lay beside one that is there, so its disk is."""
    return path.parent == beside.parent and not os.path.lexists(path)


def _copied(gallery: Gallery, coming: Path, created: datetime, progress: Progress | None) -> Manifest:
    coming.mkdir(mode=0o700)
    gallery.store.database.write_snapshot(snapshot_file(coming))
    facts, tuned = snapshot_facts(snapshot_file(coming)), _tuned(gallery)
    copies = [*_of_gallery(gallery.folder), *_of_encoders(tuned)]
    log_step("copying")
    with followed_by(progress):
        files = list(_copy_all(copies, coming))
    return Manifest(
        LAYOUT,
        gallery.store.id,
        gallery.folder.name,
        created.isoformat(timespec="seconds"),
        "",
        facts.revision,
        str(gallery.encoding["name"]),
        tuple(sorted(tuned)),
        gallery.linked,
        facts.counts,
        tuple(_lacking(coming / ADAPTER_FILES, facts)),
        NOT_COPIED,
        (*files, *_databases(gallery.folder / INBOX, coming)),
    )


def _copy_all(copies: list[tuple[Path, str]], coming: Path) -> Iterator[StoredFile]:
    for source, path in tracked(copies):
        with suppress(FileNotFoundError):  # it was made anew, or swept
            yield StoredFile(path, *copy_plain(source, coming / path))


def _databases(inbox: Path, coming: Path) -> Iterator[StoredFile]:
    """The database, and what an inbox knows, which is one too."""
    yield StoredFile(snapshot_file(coming).name, *size_and_digest(snapshot_file(coming)))
    if (inbox / KNOWN).is_file() and not (inbox / KNOWN).is_symlink():
        place = coming / INBOX / KNOWN
        place.parent.mkdir(mode=0o700, exist_ok=True)
        write_copy(inbox / KNOWN, place)
        yield StoredFile(f"{INBOX}/{KNOWN}", *size_and_digest(place))


def _of_gallery(folder: Path) -> Iterator[tuple[Path, str]]:
    """The files to be copied, and where to."""
    for path in (file for name in COPIED for file in files_below(folder / name)):
        if path.is_file() and not path.is_symlink():
            yield path, path.relative_to(folder).as_posix()


def _of_encoders(tuned: dict[str, Path]) -> Iterator[tuple[Path, str]]:
    for name, folder in tuned.items():
        yield from ((file, f"{ENCODERS}/{name}/{file.name}") for file in folder.iterdir() if file.is_file())


def _tuned(gallery: Gallery) -> dict[str, Path]:
    """The folders of the tuned encoders whose vectors are in the gallery, by their own names: they are nowhere else."""
    beside = beside_encoder(gallery.store)
    names = [str(gallery.encoding["name"]), *([beside.name] if beside is not None else [])]
    return {folder.name: folder for name in names for _, folder in tuned_parts(name)}


def _lacking(folder: Path, facts: SnapshotFacts) -> Iterator[str]:
    """The spaces whose adapter is not among what was copied, or is damaged."""
    for name, sha256 in sorted(facts.adapters.items()):
        try:
            load_adapter(folder, name, sha256)
        except DamagedFileError:
            yield name
