"""Cohorts that were exported over HTTP and wait to be fetched: in a private temporary folder, for a day, bounded."""

from __future__ import annotations

import secrets
import threading
import time
from pathlib import Path
from typing import Final

from lookalike.errors import NotFoundError
from lookalike.scratch import Scratch
from lookalike.server.problems import Problem

KEPT_SECONDS: Final = 24 * 3600.0
MOST_OF_A_COHORT: Final = 4 << 30
"""Of one cohort."""
_ALL: Final = 4 * MOST_OF_A_COHORT


class Exports:
    """Packed cohorts by the jobs that made them. A restart, an erasure and a day's end remove them."""

    def __init__(self) -> None:
        self._scratch: Scratch | None = None
        self._lock, self._places = threading.Lock(), dict[str, Path]()

    def new_place(self) -> Path:
        """Where a job may put its cohort, ``.zip``; while it is made it lies beside it. Raises Problem 429 where what
        waits takes all the room.
        """
        with self._lock:
            self._scratch = self._scratch or Scratch("exports")
            held = sum(path.stat().st_size for path in self._scratch.folder.rglob("*") if path.is_file())
            if held + MOST_OF_A_COHORT > _ALL:
                detail = "cohorts that were exported take all the room; they go after a day"
                raise Problem(429, detail, "exports-full", {"Retry-After": "600"})
            return self._scratch.folder / f"{secrets.token_urlsafe(16)}.zip"

    def expect(self, job: str, place: Path) -> None:
        """Say which job makes what will lie at a place."""
        with self._lock:
            self._places[job] = place

    def file(self, job: str) -> Path:
        """The cohort that a job has made. Raises NotFoundError, reason "no-export"."""
        place = self._places.get(job)
        if place is None or not place.is_file() or _is_old(place):
            raise NotFoundError(
                "no exported cohort is there: it is kept for a day, until the service stops or a record is erased; "
                "export it again",
                "no-export",
            )
        return place

    def sweep(self) -> None:
        """Remove what is older than a day."""
        self._remove(only_old=True)

    def forget(self) -> None:
        """Remove all that are there, since any may hold what was removed from the gallery; a job that is at work when
        records are removed is done again by itself.
        """
        self._remove(only_old=False)

    def close(self) -> None:
        """Remove all, whatever is at work."""
        if self._scratch is not None:
            self._scratch.close()

    def _remove(self, *, only_old: bool) -> None:
        with self._lock:
            for job, place in list(self._places.items()):
                if place.is_file() and (_is_old(place) or not only_old):
                    place.unlink(missing_ok=True)
                    del self._places[job]


def _is_old(place: Path) -> bool:
    return time.time() - place.stat().st_mtime > KEPT_SECONDS
