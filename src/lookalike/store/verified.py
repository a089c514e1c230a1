"""Whether every row of a gallery has been verified: by this process, or of a large gallery by any within a day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sqlalchemy import func, select

from lookalike.errors import BusyError, GalleryError
from lookalike.store.facts import stored_fact
from lookalike.store.lookup import Begin
from lookalike.store.schema import RECORDS
from lookalike.store.verify import verify_everything

BELIEVED_SECONDS: Final = 24 * 3600.0
"""For so long a verification of a large gallery is believed by every process."""
LEAST_BELIEVED: Final = 100_000
"""Records; fewer are verified in seconds, by each process."""

_NOTED: Final = "verified"  # the fact: seconds since 1970, and where the database lay


class Verification:
    """begin: opens a transaction. note: stores a fact. place: where the database lies, which a copy of it does not."""

    def __init__(self, begin: Begin, note: Callable[[str, str], None], place: str) -> None:
        self._begin, self._note, self._place = begin, note, place
        self._lock, self._done = threading.Lock(), False

    def note_done(self) -> None:
        """Every row has been verified by this process, in another way."""
        self._done = True

    def ensure(self, patience: float) -> None:
        """Verify every row, unless that has been done. patience: seconds to wait while another thread does it. Raises
        DamagedFileError; BusyError where that takes longer.
        """
        if self._done:
            return
        if not self._lock.acquire(timeout=patience):
            told = "every record is being verified, as once a day in a large gallery; ask again in a minute"
            raise BusyError(told, "filter-busy")
        try:
            if not self._done and not self._is_noted():
                self._verify()
            self._done = True
        finally:
            self._lock.release()

    def _verify(self) -> None:
        with self._begin() as connection:
            verify_everything(connection)
            count = int(connection.scalar(select(func.count()).select_from(RECORDS)) or 0)
        if count >= LEAST_BELIEVED:
            with suppress(GalleryError):  # it may be read only, or locked
                self._note(_NOTED, f"{int(time.time())} {self._place}")

    def _is_noted(self) -> bool:
        with self._begin() as connection:
            when, _, place = (stored_fact(connection, _NOTED) or "").partition(" ")
        return when.isdecimal() and place == self._place and 0 <= time.time() - int(when) < BELIEVED_SECONDS
