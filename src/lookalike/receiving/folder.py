"""The inbox: a private folder in which received objects wait until they are indexed.

    coming/     objects on their way, under random names
    arrived/    SERIES/INSTANCE-DIGEST.dcm, complete and on the disk
    apart/      other objects with the UID of one that is here or was indexed
    reading/    links to the objects that are being indexed
    known.db    what was indexed (``known``)

SERIES and INSTANCE are pseudonyms of the UIDs by a key that is elsewhere, so that no name tells whose an object is.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lookalike.atomic import sync_folder
from lookalike.errors import GalleryError

COMING, ARRIVED, APART, READING = "coming", "arrived", "apart", "reading"
KNOWN: Final = "known.db"
LOCK: Final = ".lock"
_PARTS: Final = {COMING, ARRIVED, APART, READING, LOCK, *(f"{KNOWN}{end}" for end in ("", "-wal", "-shm", "-journal"))}
_NAME: Final = re.compile(r"([0-9a-f]{32})-([0-9a-f]{32})\.dcm")


@dataclass(frozen=True, slots=True)
class WaitingSeries:
    """A series in the inbox. name: its pseudonym; files: in the order of their names; arrived: when the last one did,
    in seconds since 1970.
    """

    name: str
    files: tuple[Path, ...]
    arrived: float


def waiting_series(folder: Path, name: str = "*") -> list[WaitingSeries]:
    """The series that have arrived, or one of them, by name."""
    found = []
    for place in sorted((folder / ARRIVED).glob(name)):
        files = tuple(sorted(file for file in place.iterdir() if is_object(file)))
        if files:
            found.append(WaitingSeries(place.name, files, max(file.stat().st_mtime for file in files)))
    return found


def inbox_pseudonym(key: bytes, uid: str) -> str:
    """The name of a UID in an inbox: HMAC-SHA-256; 32 hex digits."""
    return hmac.new(key, uid.encode(), hashlib.sha256).hexdigest()[:32]


def is_object(file: Path) -> bool:
    """Whether a file is called as an object in an inbox is."""
    return _NAME.fullmatch(file.name) is not None


def parts_of_name(file: Path) -> tuple[str, str]:
    """The pseudonym and the digest of an object, by the name of its file."""
    found = _NAME.fullmatch(file.name)
    if found is None:
        raise ValueError(f"no object of an inbox: {file.name}")
    return found[1], found[2]


def make_inbox(folder: Path) -> None:
    """Make an inbox that only this user can look into. Raises GalleryError where that cannot be."""
    try:
        if folder.exists() and not {each.name for each in folder.iterdir()} <= _PARTS:
            raise GalleryError(f"{folder} is there already and is no inbox; name a new or an empty folder")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for place in (folder, *map(folder.joinpath, (COMING, ARRIVED, APART, READING))):
            place.mkdir(mode=0o700, exist_ok=True)
            place.chmod(0o700)
    except OSError as error:
        raise GalleryError(
            f"the inbox {folder} cannot be used ({error.strerror}); name a folder of yours with --inbox"
        ) from None


def move_apart(folder: Path, file: Path) -> None:
    """Keep an object apart, whose UID another one has. Raises OSError."""
    file.rename(folder / APART / file.name)
    sync_folder(folder / APART)


def objects_in(folder: Path) -> Iterator[Path]:
    """Every object that has arrived, or is kept apart."""
    for place in (folder / ARRIVED, folder / APART):
        yield from (file for file in place.glob("**/*.dcm") if is_object(file))


def remove_objects(files: tuple[Path, ...]) -> None:
    """Remove objects, and the folders of series that are empty then."""
    for file in files:
        file.unlink(missing_ok=True)
    for place in {file.parent for file in files}:
        with suppress(OSError):  # another one has arrived
            place.rmdir()
