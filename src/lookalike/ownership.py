"""What this user's own configuration says about galleries, outside of them: a gallery is data, and gives no orders.

    CONFIG/galleries/0123456789abcdef.json    one file for each gallery, by its id; mode 0600 in folders of 0700

CONFIG is ``$LOOKALIKE_CONFIG``, else ``$XDG_CONFIG_HOME/lookalike``, else ``~/.config/lookalike``. A file holds the
secret key that patients are grouped by and that jobs are signed with, the folders whose files and the buckets whose
objects may be read for the gallery, the encoders that are no installed plug-in, and the hashes of the server's API
keys. A gallery without a secret key here was made elsewhere: it is read and never written to until its user adopts it.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from lookalike.atomic import write_atomically
from lookalike.errors import GalleryError
from lookalike.private_files import CONFIG, changing_files, check_closed, unusable_file
from lookalike.roles import ROLES, Role
from lookalike.roots import lies_below, lies_within, outermost, outermost_uris
from lookalike.secret_key import given_secret, is_secret
from lookalike.text import absolute

_ID: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the server; the key itself is never stored. created, expires: seconds since 1970; it never expires where
    that is None. where: a filter, of the records that may be seen with it; all where it is "".
    """

    name: str
    role: Role
    created: float
    sha256: str
    expires: float | None = None
    where: str = ""


@dataclass(frozen=True, slots=True)
class Ownership:
    """What is configured for one gallery. secret: 64 hex digits, "" where there is none. roots: real paths of folders
    and files. encoders: references to files and the like, which a gallery alone may not name. store: the address of the
    PostgreSQL that its records may be in, "" where they are in its folder. buckets: URIs of object stores, and of what
    lies in them.
    """

    gallery: str
    secret: str = field(default="", repr=False)
    roots: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    keys: tuple[ApiKey, ...] = ()
    store: str = ""
    buckets: tuple[str, ...] = ()

    @property
    def key(self) -> bytes | None:
        """The secret key (32 bytes), for which LOOKALIKE_KEY stands in; None where there is none.

        Raises UsageError where that variable holds none.
        """
        return bytes.fromhex(given_secret() or self.secret) or None

    def allows(self, path: Path) -> bool:
        """Whether a real path is one of the roots, or lies in one; never in the configuration itself."""
        return lies_within(path, self.roots) and not path.is_relative_to(os.path.realpath(config_folder()))


def config_folder() -> Path:
    """The folder of this user's configuration."""
    if own := os.environ.get(CONFIG):
        return absolute(own)
    return absolute(os.environ.get("XDG_CONFIG_HOME") or "~/.config") / "lookalike"


def is_gallery_id(text: object) -> bool:
    """Whether a text from a database has the form of a gallery's id, and may become the name of a file."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


# Files

_read: dict[Path, tuple[tuple[int, ...], Ownership]] = {}
_reading = threading.Lock()


def ownership_of(gallery: str) -> Ownership:
    """What is configured for a gallery, read again if the file has changed; nothing where there is no file.

    Raises GalleryError where the file may not be read, or where others may write to it.
    """
    path = _file(gallery)
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return Ownership(gallery)
    except OSError as error:
        raise unusable_file(path, f"cannot be read ({error.strerror})") from None
    state = (found.st_mtime_ns, found.st_ino, found.st_size, found.st_mode, found.st_uid)
    with _reading:
        if path not in _read or _read[path][0] != state:
            _read[path] = state, _load(path, gallery)
        return _read[path][1]


def change_ownership(gallery: str, change: Callable[[Ownership], Ownership]) -> Ownership:
    """Configure a gallery, atomically: what ``change`` makes of what is configured now.

    Raises GalleryError where the configuration cannot be written to.
    """
    path = _file(gallery)
    with changing_files(path.parent):
        before = ownership_of(gallery)
        after = change(before)
        if after != before:
            write_atomically(path, json.dumps(asdict(after), indent=1).encode(), 0o600)
    return after


def add_roots(gallery: str, paths: Iterable[str | os.PathLike[str]]) -> None:
    """Allow folders and files. Raises GalleryError as ``change_ownership``."""
    new = {os.path.realpath(path) for path in paths}
    if any(not lies_within(Path(path), ownership_of(gallery).roots) for path in new):
        change_ownership(gallery, lambda found: replace(found, roots=outermost({*found.roots, *new})))


def add_buckets(gallery: str, uris: Iterable[str]) -> None:
    """Allow object stores, or what lies below a prefix. Raises GalleryError as ``change_ownership``."""
    new = [uri for uri in uris if not any(lies_below(uri, each) for each in ownership_of(gallery).buckets)]
    if new:
        change_ownership(gallery, lambda found: replace(found, buckets=outermost_uris({*found.buckets, *new})))


def allow_encoder(gallery: str, name: str) -> None:
    """Let a gallery name an encoder that is a file, a folder or a repository."""
    change_ownership(gallery, lambda found: replace(found, encoders=tuple(sorted({*found.encoders, name}))))


def _file(gallery: str) -> Path:
    if not is_gallery_id(gallery):
        raise GalleryError("the gallery's id is none; put a backup of the gallery in its place")
    return config_folder() / "galleries" / f"{gallery}.json"


def _load(path: Path, gallery: str) -> Ownership:
    check_closed(path)
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        keys = tuple(ApiKey(**key) for key in fields["keys"])
        lists = {name: tuple(map(str, fields[name])) for name in ("roots", "encoders")}
        store = str(fields.get("store", ""))  # files of earlier versions have none, and no buckets
        buckets = tuple(map(str, fields.get("buckets", ())))
        found = Ownership(gallery, str(fields["secret"]), **lists, keys=keys, store=store, buckets=buckets)
    except OSError as error:
        raise unusable_file(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise unusable_file(path, "is damaged; put a backup in its place") from None
    well = fields["gallery"] == gallery and all(key.role in ROLES for key in keys)
    if not well or (found.secret and not is_secret(found.secret)):
        raise unusable_file(path, "is damaged; put a backup in its place")
    return found
