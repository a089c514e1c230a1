"""Restore a backup: verified first, copied beside whatever is there, there as soon as it is complete."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lookalike.atomic import sync_folder
from lookalike.backing_up.files import copy_plain, sync_tree
from lookalike.backing_up.integrity import Fault, faults_of_backup
from lookalike.backing_up.make import ENCODERS
from lookalike.backing_up.manifest import Manifest, StoredFile, read_manifest
from lookalike.encoders.weights.checkpoints import MODELS_FOLDER
from lookalike.errors import DamagedFileError, UsageError
from lookalike.gallery import SOURCES
from lookalike.progress import Progress, followed_by, tracked
from lookalike.store import Store
from lookalike.store.edit import all_sources, move_sources
from lookalike.store.jobs import drop_jobs

_STOPPED: Final = "it was under way when the backup was made; start it again"
_MODE: Final = 0o666  # less the umask, as of any gallery


@dataclass(frozen=True, slots=True)
class RestoredBackup:
    """placed: tuned encoders that were put into the folder of models; elsewhere: those that are still to be. jobs: that
    were open, and are not begun again. relocated: how many sources lie in the new folder now.
    """

    manifest: Manifest
    placed: tuple[str, ...]
    elsewhere: tuple[str, ...]
    jobs: int
    relocated: int


def restore_backup(backup: Path, place: Path, progress: Progress | None = None) -> RestoredBackup:
    """Make a gallery of a backup, in a new folder.

    Raises GalleryError (no backup, or a later version's), DamagedFileError where one byte of it is another,
    UsageError where the folder is there already or cannot be written.
    """
    if os.path.lexists(place):
        raise UsageError(f"{place} is there already, and nothing is overwritten; name a new folder")
    manifest = read_manifest(backup)
    check_sound(faults_of_backup(backup, manifest))
    coming = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        coming.mkdir(parents=True)
        with followed_by(progress):
            _copy_all(backup, coming, manifest)
        jobs, relocated = _settle(coming, place)  # before it is there: then there is nothing, or all
        sync_tree(coming)
        coming.rename(place)
        sync_folder(place.parent)
    except OSError as error:
        raise UsageError(f"the gallery cannot be restored to {place} ({error.strerror}); name another place") from None
    finally:
        shutil.rmtree(coming, ignore_errors=True)
    placed = tuple(_place_encoders(backup, manifest))
    return RestoredBackup(manifest, placed, tuple({*manifest.encoders} - {*placed}), jobs, relocated)


def check_sound(faults: list[Fault]) -> None:
    """Raises DamagedFileError that names the first of some faults."""
    if faults:
        more = f", and {len(faults) - 1} more" if faults[1:] else ""
        raise DamagedFileError(f"the backup is damaged: {faults[0].path} {faults[0].what}{more}; take another backup")


def _copy_all(backup: Path, coming: Path, manifest: Manifest) -> None:
    for each in tracked([file for file in manifest.files if not file.path.startswith(f"{ENCODERS}/")]):
        if copy_plain(backup / each.path, coming / each.path, _MODE) != (each.size, each.sha256):
            check_sound([Fault(each.path, "changed while it was restored")])


def _place_encoders(backup: Path, manifest: Manifest) -> Iterator[str]:
    """Put tuned encoders into the folder of models, where it has none of their names."""
    models = os.environ.get(MODELS_FOLDER)
    for name in manifest.encoders if models else ():
        place = Path(str(models)).expanduser() / name
        if not place.exists():
            coming = place.with_name(f".{name}.{secrets.token_hex(4)}")
            for each in _of_encoder(manifest, name):
                copy_plain(backup / each.path, coming / Path(each.path).name, _MODE)
            coming.rename(place)
        yield name


def _of_encoder(manifest: Manifest, name: str) -> list[StoredFile]:
    return [each for each in manifest.files if each.path.startswith(f"{ENCODERS}/{name}/")]


def _settle(coming: Path, place: Path) -> tuple[int, int]:
    """Where the gallery is its user's, tell it where its files will lie, and begin no job: how many of each."""
    with closing(Store(coming)) as store:
        if not store.writable:
            return 0, 0
        relocated = keep_own_files(store, coming, place)
        with store.begin(write=True) as connection:
            dropped = drop_jobs(connection, _STOPPED)
        return dropped, relocated


def keep_own_files(store: Store, lies: Path, place: Path) -> int:
    """Tell a gallery where the files are that it keeps itself; of how many sources. lies: the folder that it is in;
    place: the one that it is to be in.
    """
    olds = {before for source in all_sources(store) for before in _before(lies, place, source)}
    return sum(move_sources(store, old, partial(_new, lies, place, old))[0] for old in sorted(olds))


def _before(lies: Path, place: Path, source: str) -> Iterator[str]:
    """Where the files that the gallery keeps itself lay, if this source is one of them."""
    head, found, after = source.rpartition(f"/{SOURCES}/")
    if found and head.startswith("/") and os.path.lexists(lies / SOURCES / after) and head != str(place):
        yield f"{head}/{SOURCES}"


def _new(lies: Path, place: Path, old: str, source: str) -> str | None:
    after = source.removeprefix(old)
    return f"{place}/{SOURCES}{after}" if os.path.lexists(f"{lies}/{SOURCES}{after}") else None
