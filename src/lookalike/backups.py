"""The manifest of a gallery's backups: what was copied where and when, so that an erasure can say which still hold it.

CONFIG/backups/0123456789abcdef.jsonl    a line for each backup of the gallery of that id
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lookalike.atomic import write_atomically
from lookalike.errors import GalleryError
from lookalike.ownership import config_folder
from lookalike.private_files import changing_files, check_closed, unusable_file


@dataclass(frozen=True, slots=True)
class BackupEntry:
    """A backup. name: its own in the manifest. path: of its folder or file. created: seconds since 1970. sha256: of
    what was written, "" where that is not known. verified: when that was last done, in seconds since 1970; sound: what
    was found then.
    """

    name: str
    path: str
    created: float
    sha256: str = ""
    verified: float | None = None
    sound: bool | None = None


def backups_of(gallery: str) -> tuple[BackupEntry, ...]:
    """The manifest of the gallery of an id, oldest first. Raises GalleryError where it cannot be read."""
    path = _manifest(gallery)
    if not path.exists():
        return ()
    check_closed(path)
    try:
        return tuple(BackupEntry(**json.loads(line)) for line in path.read_text("utf-8").splitlines() if line)
    except (OSError, ValueError, TypeError):
        raise unusable_file(path, "is damaged; put a backup in its place") from None


def note_backups(gallery: str, entries: Iterable[BackupEntry]) -> None:
    """Put entries into the manifest, in the place of those of the same names. Raises GalleryError."""
    new = {each.name: each for each in entries}
    _change(gallery, lambda found: [*(each for each in found if each.name not in new), *new.values()])


def forget_backups(gallery: str, gone: Callable[[BackupEntry], bool]) -> None:
    """Take entries out of the manifest. Raises GalleryError."""
    if any(map(gone, backups_of(gallery))):
        _change(gallery, lambda found: [each for each in found if not gone(each)])


def note_verified(path: str, when: float, sound: bool) -> None:
    """Note of the backup at a path when it was verified and whether it is sound, in the manifest that names it, if any
    does here. when: seconds since 1970.
    """
    for gallery in sorted(file.stem for file in _folder().glob("*.jsonl")):
        with suppress(GalleryError):  # of another gallery, perhaps: the backup was verified all the same
            if any(each.path == path for each in backups_of(gallery)):
                _change(gallery, lambda found: [_verified(each, path, when, sound) for each in found])


def _verified(entry: BackupEntry, path: str, when: float, sound: bool) -> BackupEntry:
    return replace(entry, verified=when, sound=sound) if entry.path == path else entry


def _change(gallery: str, change: Callable[[tuple[BackupEntry, ...]], Iterable[BackupEntry]]) -> None:
    path = _manifest(gallery)
    with changing_files(path.parent):
        lines = [
            json.dumps(asdict(each)) for each in sorted(change(backups_of(gallery)), key=lambda each: each.created)
        ]
        write_atomically(path, "".join(f"{line}\n" for line in lines).encode(), 0o600)


def _manifest(gallery: str) -> Path:
    return _folder() / f"{gallery}.jsonl"


def _folder() -> Path:
    return config_folder() / "backups"
