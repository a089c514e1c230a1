"""What this user's own configuration says about galleries, outside of them: a gallery is data, and gives no orders.

    CONFIG/galleries/0123456789abcdef.json    one file for each gallery, by its id; mode 0600 in folders of 0700

CONFIG is ``$LOOKALIKE_CONFIG``, else ``$XDG_CONFIG_HOME/lookalike``, else ``~/.config/lookalike``. A file holds the
secret key that patients are grouped by and that jobs are signed with, the folders whose files may be opened for the
gallery, the encoders that are no installed plug-in, and the hashes of the server's API keys. A gallery without a
secret key here was made elsewhere: it is read and never written to until its user adopts it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from lookalike.atomic import write_atomically
from lookalike.errors import GalleryError
from lookalike.roles import ROLES, Role
from lookalike.secret_key import given_secret, is_secret
from lookalike.text import absolute

CONFIG: Final = "LOOKALIKE_CONFIG"
_ID: Final = re.compile(r"[0-9a-f]{16}")
_OTHERS_WRITE: Final = 0o022
_OTHERS: Final = 0o077
_MANY: Final = 64  # folders that links lead to, above which those that lie together count as one
_HIGHEST: Final = 4  # parts of the shortest path that may stand for folders below it: /home/user/x, never /home/user


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key of the server; the key itself is never stored. created: seconds since 1970."""

    name: str
    role: Role
    created: float
    sha256: str


@dataclass(frozen=True, slots=True)
class Ownership:
    """What is configured for one gallery. secret: 64 hex digits, "" where there is none. roots: real paths of folders
    and files. encoders: references to files and the like, which a gallery alone may not name.
    """

    gallery: str
    secret: str = field(default="", repr=False)
    roots: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    keys: tuple[ApiKey, ...] = ()

    @property
    def key(self) -> bytes | None:
        """The secret key (32 bytes), for which LOOKALIKE_KEY stands in; None where there is none.

        Raises UsageError where that variable holds none.
        """
        return bytes.fromhex(given_secret() or self.secret) or None

    def allows(self, path: Path) -> bool:
        """Whether a real path is one of the roots, or lies in one; never in the configuration itself."""
        return _within(path, self.roots) and not path.is_relative_to(os.path.realpath(config_folder()))


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
        raise _unusable(path, f"cannot be read ({error.strerror})") from None
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
    with _changing(path.parent):
        before = ownership_of(gallery)
        after = change(before)
        if after != before:
            write_atomically(path, json.dumps(asdict(after), indent=1).encode(), 0o600)
    return after


def add_roots(gallery: str, paths: Iterable[str | os.PathLike[str]]) -> None:
    """Allow folders and files. Raises GalleryError as ``change_ownership``."""
    new = {os.path.realpath(path) for path in paths}
    if any(not _within(Path(path), ownership_of(gallery).roots) for path in new):
        change_ownership(gallery, lambda found: replace(found, roots=_collapsed({*found.roots, *new})))


def allow_encoder(gallery: str, name: str) -> None:
    """Let a gallery name an encoder that is a file, a folder or a repository."""
    change_ownership(gallery, lambda found: replace(found, encoders=tuple(sorted({*found.encoders, name}))))


def folders_of(paths: Iterable[str], given: Collection[str]) -> set[str]:
    """The few folders that hold these real paths and are not below the given ones: where links led to."""
    roots = set(given)
    folders = {os.path.dirname(path) for path in paths if path not in roots}  # noqa: PTH120 - of many paths
    outside = {folder for folder in folders if not _within(Path(folder), roots)}
    while len(outside) > _MANY:
        depth = max(len(Path(folder).parts) for folder in outside)
        if depth <= _HIGHEST:
            break
        outside = {str(Path(folder).parent) if len(Path(folder).parts) == depth else folder for folder in outside}
    return outside


def _within(path: Path, roots: Collection[str]) -> bool:
    return any(str(each) in roots for each in (path, *path.parents))


def _collapsed(roots: Collection[str]) -> tuple[str, ...]:
    """The roots without those that lie in others."""
    inner = {root for root in roots if root != os.sep and _within(Path(root).parent, roots)}
    return tuple(sorted({*roots} - inner))


def _file(gallery: str) -> Path:
    if not is_gallery_id(gallery):
        raise GalleryError("the gallery's id is none; put a backup of the gallery in its place")
    return config_folder() / "galleries" / f"{gallery}.json"


@contextmanager
def _changing(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise _unusable(folder, f"cannot be written to ({error.strerror})") from None


def _load(path: Path, gallery: str) -> Ownership:
    _check_closed(path)
    try:
        fields: dict[str, Any] = json.loads(path.read_bytes())
        keys = tuple(ApiKey(**key) for key in fields["keys"])
        lists = {name: tuple(map(str, fields[name])) for name in ("roots", "encoders")}
        found = Ownership(gallery, str(fields["secret"]), **lists, keys=keys)
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _unusable(path, "is damaged; put a backup in its place") from None
    well = fields["gallery"] == gallery and all(key.role in ROLES for key in keys)
    if not well or (found.secret and not is_secret(found.secret)):
        raise _unusable(path, "is damaged; put a backup in its place")
    return found


def _check_closed(path: Path) -> None:
    """Raise GalleryError where others may write to a file, to its folder or to the folder of that."""
    for place, mask, mode in ((path, _OTHERS, "600"), (path.parent, _OTHERS_WRITE, "700")):
        found = place.stat()
        if found.st_mode & mask:
            raise GalleryError(f"{place} is open to others, so it is not believed; chmod {mode} '{place}'")
        if os.geteuid() and found.st_uid not in (0, os.geteuid()):
            raise GalleryError(f"{place} is another user's, so it is not believed; set {CONFIG} to a folder of yours")


def _unusable(path: Path, what: str) -> GalleryError:
    return GalleryError(f"the configuration {path} {what}; set {CONFIG} to a folder that only you may write to")
