"""Whether every row of a gallery has been verified: by this process, or of a large gallery by any within a day."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from typing import Final

from lookalike.errors import BusyError, DamagedFileError, GalleryError
from lookalike.store.facts import stored_fact
from lookalike.store.lookup import Begin
from lookalike.store.verify import verify_everything

BELIEVED_SECONDS: Final = 24 * 3600.0
"""For so long a verification of a large gallery is believed by every process."""
RENEWED_SECONDS: Final = 18 * 3600.0
"""After so long whoever serves the gallery verifies it again, so that nobody waits."""
LEAST_BELIEVED: Final = 100_000
"""Records; fewer are verified in seconds, by each process."""

_NOTED: Final = "verified"  # the fact: seconds since 1970, and where the database lay


class Verification:
    """begin: opens a transaction. note: stores a fact. place: where the database lies, which a copy of it does not.
    found_damage: whether the last verification of this process did.
    """

    def __init__(self, begin: Begin, note: Callable[[str, str], None], place: str) -> None:
        self._begin, self._note, self._place = begin, note, place
        self._lock, self._done = threading.Lock(), False
        self.found_damage = False

    @staticmethod
    def is_large(count: int) -> bool:
        """Whether to verify so many records is more than each process should do."""
        return count >= LEAST_BELIEVED

    def note_done(self, count: int) -> None:
        """Every row has been verified by this process: so many records."""
        self._done, self.found_damage = True, False
        if self.is_large(count):
            self._write(f"{int(time.time())} {self._place}")

    def is_believed(self) -> bool:
        """Whether nothing need be verified now."""
        self._done = self._done or self._age() < BELIEVED_SECONDS
        return self._done

    def ensure(self, patience: float) -> bool:
        """Verify every row, unless that has been done; whether it was now. patience: seconds to wait while another
        thread does it. Raises DamagedFileError; BusyError where that takes longer.
        """
        if self._done:
            return False
        if not self._lock.acquire(timeout=patience):
            told = "every record is being verified, as once a day in a large gallery; ask again in a minute"
            raise BusyError(told, "filter-busy")
        try:
            if self.is_believed():
                return False
            self.note_done(self._verified())
            return True
        finally:
            self._lock.release()

    def renew(self) -> bool:
        """Verify every row once more before what was noted is believed no longer; others go on meanwhile. Whether it
        was time for that. Raises DamagedFileError, as then does whoever asks ``ensure``.
        """
        if not RENEWED_SECONDS <= self._age() < inf:
            return False
        try:
            self.note_done(self._verified())
        except DamagedFileError:
            self._write("")  # nobody is to believe what was noted before
            raise
        return True

    def _verified(self) -> int:
        """How many records there are, all of them sound."""
        try:
            return verify_everything(self._begin)
        except DamagedFileError:
            self._done, self.found_damage = False, True
            raise

    def _write(self, noted: str) -> None:
        with suppress(GalleryError):  # it may be read only, or locked
            self._note(_NOTED, noted)

    def _age(self) -> float:
        """Seconds since the verification that is noted; infinite where none is, or one of another place or time."""
        with self._begin() as connection:
            when, _, place = (stored_fact(connection, _NOTED) or "").partition(" ")
        age = time.time() - int(when) if when.isdecimal() and place == self._place else inf
        return age if age >= 0 else inf
