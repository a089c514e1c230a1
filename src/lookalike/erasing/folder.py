"""Remove files from an open folder downwards, name by name: no link is followed, and nothing outside is touched."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@contextmanager
def locked_folder(root: Path, how: int) -> Iterator[int]:
    """The folder, open and locked. Raises OSError where it is none, or a link."""
    folder = os.open(root, _FOLDER)
    try:
        fcntl.flock(folder, how)
        yield folder
    finally:
        os.close(folder)


def clear_folder(folder: int, path: str, trees: Set[str], goes: Callable[[int, str, str], bool]) -> None:
    """Remove the files below an open folder that go, and folders that are empty then. path: of the folder, below
    ``sources/``. trees: folders that stay, even empty ones. goes: called with the open folder, a file's name and path.
    """
    for name in os.listdir(folder):
        inner = f"{path}/{name}".lstrip("/")
        try:
            opened = os.open(name, _FOLDER, dir_fd=folder)
        except OSError as error:
            if error.errno not in (errno.ENOTDIR, errno.ELOOP):
                raise
            if goes(folder, name, inner):  # a file or a link
                os.unlink(name, dir_fd=folder)
            continue
        try:
            clear_folder(opened, inner, trees, goes)
        finally:
            os.close(opened)
        if inner not in trees:
            with suppress(OSError):  # it is not empty
                os.rmdir(name, dir_fd=folder)


def digest_in(folder: int, name: str) -> str:
    """The SHA-256 of a file in an open folder; no link is followed. Raises OSError."""
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder), "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def digest_of(file: Path) -> str:
    """The SHA-256 of a file. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def digest_of_series(digests: Iterable[str]) -> str:
    """The SHA-256 under which a record of several files is stored, by those of its files (``readers.worker``)."""
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
