"""Files that only this user may read and write, and that are not believed otherwise."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lookalike.errors import GalleryError

CONFIG: Final = "LOOKALIKE_CONFIG"
_OTHERS_WRITE: Final = 0o022
_OTHERS: Final = 0o077


@contextmanager
def changing_files(folder: Path) -> Iterator[None]:
    """Make a folder for such files and lock it. Raises GalleryError where it cannot be written to."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (folder / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise unusable_file(folder, f"cannot be written to ({error.strerror})") from None


def check_closed(path: Path) -> None:
    """Raise GalleryError where others may write to a file, to its folder or to the folder of that."""
    for place, mask, mode in ((path, _OTHERS, "600"), (path.parent, _OTHERS_WRITE, "700")):
        found = place.stat()
        if found.st_mode & mask:
            raise GalleryError(f"{place} is open to others, so it is not believed; chmod {mode} '{place}'")
        if os.geteuid() and found.st_uid not in (0, os.geteuid()):
            raise GalleryError(f"{place} is another user's, so it is not believed; set {CONFIG} to a folder of yours")


def unusable_file(path: Path, what: str) -> GalleryError:
    """The error for a file of the configuration that cannot be used."""
    return GalleryError(f"the configuration {path} {what}; set {CONFIG} to a folder that only you may write to")
