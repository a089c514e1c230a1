"""Files as they are copied into a backup and out of it: plain ones only, no link followed, on the disk when told."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lookalike.atomic import sync_folder

_AT_ONCE: Final = 4 << 20  # bytes
_PLAIN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def copy_plain(source: Path, place: Path, mode: int = 0o600) -> tuple[int, str]:
    """Copy a file to a new place, and have it on the disk; its size and SHA-256, of the very bytes that were copied.

    Raises OSError where it is gone, or no plain file.
    """
    digest, size = hashlib.sha256(), 0
    with os.fdopen(_opened(source), "rb") as coming:
        place.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as kept:
            while read := coming.read(_AT_ONCE):
                size += kept.write(read)
                digest.update(read)
            kept.flush()
            os.fsync(kept.fileno())
    return size, digest.hexdigest()


def size_and_digest(path: Path) -> tuple[int, str]:
    """The size and the SHA-256 of a plain file. Raises OSError."""
    with os.fdopen(_opened(path), "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        return size, hashlib.file_digest(opened, "sha256").hexdigest()


def files_below(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is no folder, in order: links and others too. None where the folder is a link."""
    if folder.is_symlink():
        return
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders.sort()
        yield from (Path(place, name) for name in sorted([*names, *links]))


def sync_tree(folder: Path) -> None:
    """Have the names of everything below a folder on the disk. Raises OSError."""
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def _opened(path: Path) -> int:
    opened = os.open(path, _PLAIN)
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(f"{path.name} is no plain file")
    return opened
