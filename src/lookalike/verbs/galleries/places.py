"""gallery list, rename, copy: which galleries there are, where they lie, and another one like this."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import lookalike
from lookalike.atomic import sync_folder
from lookalike.backing_up.make import make_backup
from lookalike.backing_up.restore import keep_own_files, restore_backup
from lookalike.backups import BackupEntry, forget_backups, note_backups
from lookalike.erasing import PATIENCE
from lookalike.errors import LookalikeError, UsageError
from lookalike.gallery import Gallery, gallery_folder, is_gallery, open_gallery
from lookalike.listed import ListResult
from lookalike.progress import Progress
from lookalike.store import Store
from lookalike.store.moving import alone_with
from lookalike.text import absolute


@dataclass(frozen=True, slots=True)
class GalleryFound:
    """A gallery in a folder. owned: whether it is this user's, and may be written to. note: why it cannot be opened,
    or ""; nothing else is known then.
    """

    name: str
    folder: str
    records: int | None
    encoder: str
    owned: bool | None
    note: str


@dataclass(frozen=True, slots=True, repr=False)
class FoundGalleries(ListResult[GalleryFound]):
    """items: by their folders. folders: those that were looked into."""

    items: tuple[GalleryFound, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenameResult:
    """folder: where the gallery lies now. relocated: how many sources were files that it keeps itself."""

    folder: str
    relocated: int


@dataclass(frozen=True, slots=True)
class CopyResult:
    """folder: of the copy. lacking: spaces whose adapter is damaged, and not in it."""

    folder: str
    records: int
    lacking: tuple[str, ...]


def list_galleries(folders: Sequence[str | os.PathLike[str]] = ()) -> FoundGalleries:
    """The galleries that lie in some folders, or are those; the working directory where none is named. Each is opened.

    Raises UsageError (no such folder).
    """
    looked = [absolute(each) for each in folders or (".",)]
    for each in looked:
        if not each.is_dir():
            raise UsageError(f"{each} is no folder; name one that galleries lie in")
    found = sorted({path for each in looked for path in _galleries_in(each)})
    return FoundGalleries(tuple(map(_found, found)), tuple(map(str, looked)))


def _galleries_in(folder: Path) -> Iterator[Path]:
    if is_gallery(folder):
        yield folder
    else:
        yield from (path for path in folder.iterdir() if path.is_dir() and is_gallery(path))


def _found(folder: Path) -> GalleryFound:
    try:
        with open_gallery(folder) as gallery:
            return GalleryFound(folder.name, str(folder), gallery.store.count(), gallery.spec.name, gallery.owned, "")
    except LookalikeError as error:  # a list must not fail for one of them
        return GalleryFound(folder.name, str(folder), None, "", None, str(error))


def rename_gallery(gallery: str | os.PathLike[str], name: str) -> RenameResult:
    """Give a gallery another name: its folder's, in the same place. What is kept by its id stays its: keys, grants,
    backups. Nobody may have it open; a configuration that names its folder is to be changed by hand.

    Raises UsageError (the name), ReadOnlyError, LockedError (somebody has it open), GalleryError (no gallery).
    """
    folder = gallery_folder(gallery)
    place = _free(folder.parent / name)
    if place.parent != folder.parent:
        raise UsageError(f"a name is that of a folder beside the gallery; got {name!r}; to move it, move the folder")
    with closing(Store(folder)) as store:
        store.check_writable()
    with alone_with(folder, PATIENCE):
        folder.rename(place)
        sync_folder(place.parent)
    with closing(Store(place)) as store:
        return RenameResult(str(place), keep_own_files(store, place, place))


def copy_gallery(gallery: Gallery, to: str | os.PathLike[str], *, progress: Progress | None = None) -> CopyResult:
    """Make another gallery like this one as of one moment, by a backup that is restored and thrown away. Both have one
    id, so keys and grants count for both; from then on they change apart. The copy is noted among the backups, so that
    a proof of erasure says whether it still holds a patient. Records in a PostgreSQL are in a file in the copy.

    to: a new folder. Raises UsageError (the folder), ReadOnlyError, LockedError, DamagedFileError.
    """
    place = _free(absolute(to))
    if place.is_relative_to(gallery.folder):
        raise UsageError(f"a copy lies outside of the gallery; got {to}")
    coming = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        made = make_backup(gallery, coming, lookalike.__version__, progress)
        note_backups(gallery.store.id, [BackupEntry(str(place), str(place), time.time())])
        restore_backup(coming, place)
    finally:
        shutil.rmtree(coming, ignore_errors=True)
        gone = {str(coming)} if place.is_dir() else {str(coming), str(place)}
        forget_backups(gallery.store.id, lambda entry: entry.path in gone)
    return CopyResult(str(place), made.manifest.counts["records"], made.manifest.lacking)


def _free(place: Path) -> Path:
    if os.path.lexists(place) or not place.parent.is_dir() or place.name in ("", ".", ".."):
        raise UsageError(f"{place} is {'there already' if os.path.lexists(place) else 'in no folder'}; name a new one")
    return place
