"""Where the database of a gallery is, if not in its folder: a small file there names a PostgreSQL, never a password.

The file is a hint and gives no order: a PostgreSQL is asked only if the user's own configuration says so of the gallery
(``ownership.Ownership.store``). Each gallery has a schema of its own there, named by its id.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from lookalike.atomic import sync_folder
from lookalike.configuration.resolve import setting_value
from lookalike.errors import DamagedFileError, GalleryError, UsageError
from lookalike.ownership import change_ownership, is_gallery_id, ownership_of
from lookalike.text import one_line

STORE_FILE: Final = "store.json"
_KEPT_ELSEWHERE: Final = "~/.pgpass, PGPASSWORD or LOOKALIKE_STORE_PASSWORD"


@dataclass(frozen=True, slots=True)
class StorePlace:
    """gallery: its id. url: of the database, ``postgresql://[USER@][HOST][:PORT]/DATABASE[?...]``."""

    gallery: str
    url: str

    @property
    def schema(self) -> str:
        """The name of the gallery's own schema in the database."""
        return f"lookalike_{self.gallery}"


def checked_url(text: str) -> str:
    """The address of a database, if it is one of a PostgreSQL and holds no password. Raises UsageError, which repeats
    nothing of it.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise UsageError("the store's address is none; give postgresql://USER@HOST/DATABASE") from None
    if url.drivername not in ("postgresql", "postgres") or not url.database:
        raise UsageError(
            f"a store of the kind {url.drivername!r} is not known; give postgresql://USER@HOST/DATABASE, or leave "
            "--store out: the database is a file in the gallery's folder then"
        )
    if url.password is not None or "password" in url.query:
        raise UsageError(f"the store's address holds a password; put it into {_KEPT_ELSEWHERE}, and leave it out here")
    return text.strip()


def driver_url(url: str) -> URL:
    """The address as SQLAlchemy takes it, with the password that is configured."""
    password = setting_value("store.password") or None
    return make_url(url).set(drivername="postgresql+psycopg", password=password)


def is_elsewhere(folder: Path) -> bool:
    """Whether a folder says that its gallery's database is elsewhere."""
    return os.path.exists(folder / STORE_FILE)  # noqa: PTH110 - False for any impossible name


def place_of_store(folder: Path) -> StorePlace | None:
    """Where the database of a gallery is, as this user's configuration says; None where it is in the folder.

    Raises GalleryError where the configuration says nothing of it, DamagedFileError.
    """
    named = named_place(folder)
    if named is None:
        return None
    allowed = ownership_of(named.gallery).store
    if not allowed and setting_value("store.url") and checked_url(setting_value("store.url")) == named.url:
        allowed = named.url
    if not allowed:
        raise GalleryError(
            f"this gallery's records are in {one_line(named.url)}, which you have not allowed it; if you trust where "
            "it comes from: lookalike gallery adopt G --store URL"
        )
    return replace(named, url=allowed)


def named_place(folder: Path) -> StorePlace | None:
    """What a folder says of where its gallery's database is, not to be believed. Raises DamagedFileError."""
    if not is_elsewhere(folder):
        return None
    try:
        said = json.loads((folder / STORE_FILE).read_bytes())
        found = StorePlace(said["gallery"], checked_url(said["store"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError, RecursionError):
        found = None
    if found is None or not is_gallery_id(found.gallery):
        raise DamagedFileError(f"{STORE_FILE} in the gallery {folder.name} is damaged; put a backup in its place")
    return found


def put_elsewhere(folder: Path, url: str, gallery: str = "") -> None:
    """Let the database of a gallery be in a PostgreSQL from now on, in one step; of a new gallery, unless another
    process was faster. gallery: its id; without it a new one is made. Raises UsageError, GalleryError, OSError.
    """
    place = StorePlace(gallery or secrets.token_hex(8), checked_url(url))
    allow_store(place.gallery, place.url)
    text = json.dumps({"gallery": place.gallery, "store": place.url}, indent=1).encode()
    coming = folder / f".{STORE_FILE}.{secrets.token_hex(4)}"
    try:
        with coming.open("xb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(coming, folder / STORE_FILE)  # fails where there is one
    except FileExistsError:
        return
    finally:
        coming.unlink(missing_ok=True)
    sync_folder(folder)


def allow_store(gallery: str, url: str) -> None:
    """Let a gallery's records be in a PostgreSQL. Raises UsageError, GalleryError."""
    change_ownership(gallery, lambda found: replace(found, store=checked_url(url)))
