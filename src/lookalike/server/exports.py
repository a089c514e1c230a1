"""Cohorts that were exported over HTTP and wait to be fetched: in the gallery's folder, so that every service of the
gallery can give them; for a day, bounded, gone when a record is erased (``erasing.derived``).
"""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from lookalike.errors import NotFoundError
from lookalike.gallery import EXPORTS, Gallery
from lookalike.server.problems import Problem
from lookalike.verbs.jobs import is_open_job

KEPT_SECONDS: Final = 24 * 3600.0
MOST_OF_A_COHORT: Final = 4 << 30
"""Of one cohort."""
MAKING: Final = ".part"
"""What a folder is called in which one is made, beside where it will lie."""
_ALL: Final = 4 * MOST_OF_A_COHORT


def export_place(folder: Path, job: str) -> Path:
    """Where the cohort lies that a job makes. folder: of the gallery."""
    return folder / EXPORTS / f"{job}.zip"


def check_room(gallery: Gallery) -> None:
    """Raise Problem 429 where what waits takes all the room."""
    if size_below(gallery.folder / EXPORTS) + MOST_OF_A_COHORT > _ALL:
        detail = "cohorts that were exported take all the room; they go after a day"
        raise Problem(429, detail, "exports-full", {"Retry-After": "600"})


def export_file(gallery: Gallery, job: str) -> Path:
    """The cohort that a job has made, here or at another service. Raises NotFoundError, reason "no-export"."""
    place = export_place(gallery.folder, job)
    if place.is_symlink() or not place.is_file() or _is_old(place):
        raise NotFoundError(
            "no exported cohort is there: it is kept for a day, or until a record is erased; export it again",
            "no-export",
        )
    return place


def sweep_exports(gallery: Gallery) -> None:
    """Remove what is older than a day, and what jobs that have ended did not bring to an end."""
    folder = gallery.folder / EXPORTS
    for path in folder.iterdir() if folder.is_dir() and gallery.store.writable else ():
        with suppress(OSError):  # another service has been faster
            if path.suffix == MAKING and not is_open_job(gallery, path.stem):
                shutil.rmtree(path)
            elif path.suffix != MAKING and _is_old(path):
                path.unlink()


def size_below(folder: Path) -> int:
    """The bytes of all files below a folder, of which some may be going."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            found += path.stat().st_size
    return found


def _is_old(place: Path) -> bool:
    return time.time() - place.stat().st_mtime > KEPT_SECONDS
