"""Whose turn it is to write to a gallery's folder: one long writer at a time, and erasures before it.

``writing.lock`` is held by who adds to the gallery or trains on it, for as long as that takes. ``turn.lock`` is held by
whoever may write at this moment: that writer, or an erasure to which it gives way, at a place of its work where nothing
is half done. ``erasing.lock`` is held by the erasure that waits or works. ``migrating.lock`` is held by who encodes a
gallery again, beside what answers: it keeps nobody from writing. ``engine.lock`` is held by who brings an index engine
in step with the gallery. All are released by the system when their process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from lookalike.errors import LockedError

WRITING: Final = "writing.lock"
LOCKS: Final = (WRITING, "turn.lock", "erasing.lock", "migrating.lock", "engine.lock")
_LOOK_EVERY: Final = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn of a long writer."""

    _folder: Path
    _file: IO[str]

    @property
    def is_awaited(self) -> bool:
        """Whether an erasure waits for this writer to give way."""
        return is_held(self._folder / LOCKS[2])

    def give_way(self) -> None:
        """Let the erasures that wait go first; called where nothing is half done. Returns once they are done."""
        self.leave()
        self.take()

    def leave(self) -> None:
        """Write nothing for a while: erasures need not wait, other long writers do."""
        fcntl.flock(self._file, fcntl.LOCK_UN)

    def take(self) -> None:
        """Write again, once no erasure waits or works."""
        while self.is_awaited or not _try(self._file):
            time.sleep(_LOOK_EVERY)


@contextmanager
def writing(folder: Path, patience: float) -> Iterator[Turn]:
    """The turn of a long writer. patience: seconds to wait for another one.

    Raises LockedError, OSError (the folder may not be written to).
    """
    with _locked(folder / WRITING, patience), (folder / LOCKS[1]).open("w") as file:
        turn = Turn(folder, file)
        turn.take()
        yield turn


@contextmanager
def erasing(folder: Path, patience: float) -> Iterator[None]:
    """The turn of an erasure: other erasures are waited for, a long writer gives way. Raises as ``writing``."""
    end = time.monotonic() + patience
    with _locked(folder / LOCKS[2], patience), _locked(folder / LOCKS[1], end - time.monotonic()):
        yield


@contextmanager
def migrating(folder: Path, patience: float) -> Iterator[None]:
    """The one who encodes a gallery again. Raises as ``writing``."""
    with _locked(folder / LOCKS[3], patience, "another process is migrating this gallery; what it has done is kept"):
        yield


@contextmanager
def filling_engine(folder: Path, patience: float) -> Iterator[None]:
    """The one who brings an index engine in step. Raises as ``writing``."""
    with _locked(folder / LOCKS[4], patience, "another process is filling the index engine; ask again when it is done"):
        yield


@contextmanager
def between_erasures(folder: Path) -> Iterator[None]:
    """Within, no erasure begins: for a write that takes a moment, by who has no turn. Raises OSError."""
    with (folder / LOCKS[2]).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def is_held(path: Path) -> bool:
    """Whether somebody holds a lock; looking at it is no taking of it."""
    with suppress(OSError), path.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@contextmanager
def _locked(
    path: Path, patience: float, held: str = "another process is writing to this gallery; wait until it has finished"
) -> Iterator[None]:
    """Hold a lock. A process that only looks at it holds it for a moment, so that one attempt is too few. held: the
    message where another process holds it.
    """
    end = time.monotonic() + patience
    with path.open("w") as file:
        while not _try(file):
            if time.monotonic() > end:
                raise LockedError(held)
            time.sleep(_LOOK_EVERY)
        yield


def _try(file: IO[str]) -> bool:
    with suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
