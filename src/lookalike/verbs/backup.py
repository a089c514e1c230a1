"""gallery backup, backups, restore, verify: copies of a gallery that are whole, and whether one is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Final, Literal

import lookalike
from lookalike.backing_up.integrity import Fault, faults_of_backup, faults_of_gallery
from lookalike.backing_up.make import make_backup
from lookalike.backing_up.manifest import MANIFEST, Manifest, read_manifest
from lookalike.backing_up.restore import restore_backup
from lookalike.backups import BackupEntry, backups_of, note_verified
from lookalike.errors import DamagedFileError, NotFoundError, UsageError
from lookalike.gallery import Gallery, is_gallery, open_gallery
from lookalike.listed import ListResult
from lookalike.progress import Progress, followed_by
from lookalike.store.database import FILE
from lookalike.text import absolute

_NEEDS_KEY: Final = (
    "pictures that come are matched with their patients, and jobs and labels are written, only with its secret key: "
    "lookalike gallery adopt G --key-file FILE"
)


@dataclass(frozen=True, slots=True)
class BackupResult:
    """A backup. folder: of it. created: in UTC. files, bytes: how many. counts: rows of the database, by table. sha256:
    of its manifest, which names every file with its own. encoders: tuned ones whose files are in it. lacking: spaces
    whose adapter is damaged in the gallery. outside: what is in no backup.
    """

    folder: str
    created: str
    files: int
    bytes: int
    counts: Mapping[str, int]
    sha256: str
    encoders: tuple[str, ...]
    lacking: tuple[str, ...]
    outside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BackupInfo:
    """A backup that was made. id: "" where it is not complete: it is being made, or that was cut short. name: of its
    folder; folder: where that is, "" over HTTP. created: seconds since 1970. there: whether it is still there, as far
    as can be seen from here. verified: when it was last (``verify_gallery``), in seconds since 1970, None for never;
    sound: whether every byte was as written then.
    """

    id: str
    name: str
    folder: str
    created: float
    there: bool
    verified: float | None
    sound: bool | None


@dataclass(frozen=True, slots=True, repr=False)
class BackupList(ListResult[BackupInfo]):
    """items: newest first. next_cursor: None, since there is one page."""

    items: tuple[BackupInfo, ...]
    next_cursor: None = None


@dataclass(frozen=True, slots=True)
class RestoreResult:
    """A gallery that was made of a backup. records: how many it holds. owned: whether its secret key is here. notes:
    what is still to be done. jobs: that were open, and are not begun again. relocated: sources in its new folder.
    """

    folder: str
    created: str
    records: int
    owned: bool
    jobs: int
    relocated: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """kind: what was looked at. sound: whether nothing is wrong. files, bytes: of it. faults: what is wrong where."""

    kind: Literal["backup", "gallery"]
    sound: bool
    files: int
    bytes: int
    faults: tuple[Fault, ...]


def _free(place: Path) -> Path:
    """The place, or with a number behind it where there is something: two may be made in one second."""
    numbered = (place.with_name(f"{place.name}-{number}") for number in count(2))
    return next(each for each in chain([place], numbered) if not os.path.lexists(each))


def backup_gallery(gallery: Gallery, to: str | os.PathLike[str], *, progress: Progress | None = None) -> BackupResult:
    """Copy a gallery as of one moment, while it is searched and written to. to: a new folder; where there is one
    already, a new one in it, named by the gallery and the time.

    Raises UsageError (it cannot be written there), ReadOnlyError, LockedError, DamagedFileError.
    """
    place = absolute(to)
    if place.is_dir():
        place = _free(place / f"{gallery.folder.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    if os.path.lexists(place) or not place.parent.is_dir():
        raise UsageError(f"a backup is a new folder, in one that is there; got {to}")
    if place.is_relative_to(gallery.folder):
        raise UsageError(f"a backup lies outside of the gallery; got {to}")
    made = make_backup(gallery, place, lookalike.__version__, progress)
    found = made.manifest
    return BackupResult(
        str(made.folder),
        found.created,
        len(found.files),
        _bytes(found),
        found.counts,
        made.sha256,
        found.encoders,
        found.lacking,
        found.outside,
    )


def list_backups(gallery: Gallery) -> BackupList:
    """The backups that were made of a gallery from here, as they were noted. Raises GalleryError."""
    found = reversed(backups_of(gallery.store.id))
    return BackupList(
        tuple(
            BackupInfo(
                _id_of(each),
                Path(each.name).name,
                each.path,
                each.created,
                os.path.lexists(each.path),
                each.verified,
                each.sound,
            )
            for each in found
        )
    )


def _id_of(entry: BackupEntry) -> str:
    """Two backups of the same second may be the same to the byte: where they lie is in it."""
    return hashlib.sha256(f"{entry.sha256} {entry.path}".encode()).hexdigest()[:16] if entry.sha256 else ""


def backup_info(gallery: Gallery, id: str) -> BackupInfo:
    """A complete backup that is noted. Raises NotFoundError, GalleryError."""
    for each in list_backups(gallery).items:
        if id and each.id == id:
            return each
    raise NotFoundError("no such backup of this gallery is noted: lookalike gallery backups", "no-backup")


def last_backup(gallery: Gallery) -> float:
    """When the last complete backup was made, in seconds since 1970; 0 where there is none."""
    return max((entry.created for entry in backups_of(gallery.store.id) if entry.sha256), default=0.0)


def restore_gallery(
    source: str | os.PathLike[str], gallery: str | os.PathLike[str], *, progress: Progress | None = None
) -> RestoreResult:
    """Make a gallery of a backup, which is verified first. source: the backup's folder. gallery: a new folder; nothing
    is overwritten. Tables of an earlier version are brought up to date where the gallery's secret key is here.

    Raises GalleryError (no backup), DamagedFileError (one byte is another), UsageError (the folder).
    """
    done = restore_backup(absolute(source), absolute(gallery), progress)
    with open_gallery(gallery) as opened:
        owned, records = opened.owned, opened.store.count()
    notes = [] if owned else [_NEEDS_KEY]
    notes += [
        f"the encoder {name} is to be put under LOOKALIKE_MODELS: it lies in the backup" for name in done.elsewhere
    ]
    notes += [f"the adapter of {name} was damaged already: lookalike adapt --replace" for name in done.manifest.lacking]
    return RestoreResult(
        str(absolute(gallery)), done.manifest.created, records, owned, done.jobs, done.relocated, tuple(notes)
    )


def verify_gallery(source: str | os.PathLike[str], *, progress: Progress | None = None) -> VerifyResult:
    """Verify a backup, in which any other byte is found, or a gallery, which may be in use: every row, adapter, index
    and kept file that carries a checksum. Of a backup it is noted. Raises GalleryError where the folder holds neither.
    """
    folder = absolute(source)
    with followed_by(progress):
        if (folder / MANIFEST).exists() or not is_gallery(folder):
            found = _verified_backup(folder)
            note_verified(str(folder), time.time(), found.sound)
            return found
        try:
            with open_gallery(folder) as opened:
                faults = faults_of_gallery(opened)
        except DamagedFileError as error:
            faults = [Fault(FILE, f"is damaged: {error}")]
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return VerifyResult("gallery", not faults, len(sizes), sum(sizes), tuple(faults))


def _verified_backup(folder: Path) -> VerifyResult:
    try:
        manifest = read_manifest(folder)
    except DamagedFileError as error:
        return VerifyResult("backup", False, 0, 0, (Fault(MANIFEST, f"is damaged: {error}"),))
    faults = faults_of_backup(folder, manifest)
    return VerifyResult("backup", not faults, len(manifest.files), _bytes(manifest), tuple(faults))


def _bytes(manifest: Manifest) -> int:
    return sum(each.size for each in manifest.files)
