"""Write files atomically."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lookalike.errors import NotWrittenError


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file that has no lasting name yet: open, to be written and read."""

    file: BinaryIO
    _temporary: Path

    def become(self, path: Path) -> None:
        """Have its bytes on the disk, then give it its name; a file of that name is replaced.

        Raises NotWrittenError.
        """
        with named_if_not_written():
            self.file.flush()
            os.fsync(self.file.fileno())
            self._temporary.replace(path)
            sync_folder(path.parent)


@contextmanager
def new_file(folder: Path, called: str, mode: int = 0o666) -> Iterator[NewFile]:
    """A file in a folder, removed at the end unless it was given a name. mode: less the process's umask."""
    temporary = folder / f".{called}.{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode), "w+b") as file:
            yield NewFile(file, temporary)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def named_if_not_written() -> Iterator[None]:
    """Raises NotWrittenError for an OSError that is not named yet."""
    try:
        yield
    except NotWrittenError:
        raise
    except OSError as error:
        raise NotWrittenError(error) from error


def write_atomically(path: Path, data: bytes, mode: int = 0o666) -> None:
    """Write through a temporary file, fsync, rename, fsync of the folder: a crash leaves the old or the new file.

    mode: of the new file, less the process's umask. Raises NotWrittenError.
    """
    with named_if_not_written(), new_file(path.parent, path.name, mode) as new:
        new.file.write(data)
        new.become(path)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises OSError."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
