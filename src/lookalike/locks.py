"""Whose turn it is to write to a gallery: one long writer at a time, and erasures before it.

``writing.lock`` is held by who adds to the gallery or trains on it, for as long as that takes. ``turn.lock`` is held by
whoever may write at this moment: that writer, or an erasure to which it gives way, at a place of its work where nothing
is half done. ``erasing.lock`` is held by the erasure that waits or works. ``migrating.lock`` is held by who encodes a
gallery again, beside what answers: it keeps nobody from writing. ``engine.lock`` is held by who brings an index engine
in step with the gallery. All are released by the system, or by the database that keeps them (``store.advisory``), when
their process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol

from lookalike.errors import LockedError

WRITING: Final = "writing.lock"
_TURN: Final = "turn.lock"
ERASING: Final = "erasing.lock"
_MIGRATING: Final = "migrating.lock"
_FILLING: Final = "engine.lock"
LOCKS: Final = (WRITING, _TURN, ERASING, _MIGRATING, _FILLING)
_LOOK_EVERY: Final = 0.02  # seconds


class Lock(Protocol):
    """A lock of a gallery, which this object may hold."""

    def try_take(self) -> bool:
        """Hold it alone, unless another holds it; whether it is held."""

    def share(self) -> None:
        """Hold it with others who share it, once nobody holds it alone."""

    def release(self) -> None:
        """Hold it no more."""

    def is_other_held(self, name: str) -> bool:
        """Whether somebody holds another lock of the gallery."""


class Locks(Protocol):
    """The locks of a gallery, by their names."""

    def opened(self, name: str) -> AbstractContextManager[Lock]:
        """A lock, which nobody has taken by that; released at the end. Raises OSError, GalleryError."""

    def is_held(self, name: str) -> bool:
        """Whether somebody holds a lock; looking at it is no taking of it."""


@dataclass(frozen=True, slots=True)
class FolderLocks:
    """Locks that are files in the gallery's folder."""

    folder: Path

    @contextmanager
    def opened(self, name: str) -> Iterator[Lock]:
        """A lock. Raises OSError: the folder may not be written to."""
        with (self.folder / name).open("w") as file:
            yield _FileLock(self, file)

    def is_held(self, name: str) -> bool:
        """Whether somebody holds a lock."""
        with suppress(OSError), (self.folder / name).open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return True
        return False


@dataclass(frozen=True, slots=True)
class _FileLock:
    locks: FolderLocks
    file: IO[str]

    def try_take(self) -> bool:
        with suppress(OSError):
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        return False

    def share(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_SH)

    def release(self) -> None:
        fcntl.flock(self.file, fcntl.LOCK_UN)

    def is_other_held(self, name: str) -> bool:
        return self.locks.is_held(name)


@dataclass(frozen=True, slots=True)
class Turn:
    """The turn of a long writer."""

    _lock: Lock

    @property
    def is_awaited(self) -> bool:
        """Whether an erasure waits for this writer to give way."""
        return self._lock.is_other_held(ERASING)

    def give_way(self) -> None:
        """Let the erasures that wait go first; called where nothing is half done. Returns once they are done."""
        self.leave()
        self.take()

    def leave(self) -> None:
        """Write nothing for a while: erasures need not wait, other long writers do."""
        self._lock.release()

    def take(self) -> None:
        """Write again, once no erasure waits or works."""
        while self.is_awaited or not self._lock.try_take():
            time.sleep(_LOOK_EVERY)


@contextmanager
def writing(locks: Locks, patience: float) -> Iterator[Turn]:
    """The turn of a long writer. patience: seconds to wait for another one.

    Raises LockedError, OSError (the folder may not be written to).
    """
    with _locked(locks, WRITING, patience), locks.opened(_TURN) as lock:
        turn = Turn(lock)
        turn.take()
        yield turn


@contextmanager
def erasing(locks: Locks, patience: float) -> Iterator[None]:
    """The turn of an erasure: other erasures are waited for, a long writer gives way. Raises as ``writing``."""
    end = time.monotonic() + patience
    with _locked(locks, ERASING, patience), _locked(locks, _TURN, end - time.monotonic()):
        yield


@contextmanager
def migrating(locks: Locks, patience: float) -> Iterator[None]:
    """The one who encodes a gallery again. Raises as ``writing``."""
    with _locked(locks, _MIGRATING, patience, "another process is migrating this gallery; what it has done is kept"):
        yield


@contextmanager
def filling_engine(locks: Locks, patience: float) -> Iterator[None]:
    """The one who brings an index engine in step. Raises as ``writing``."""
    with _locked(locks, _FILLING, patience, "another process is filling the index engine; ask again when it is done"):
        yield


@contextmanager
def between_erasures(locks: Locks) -> Iterator[None]:
    """Within, no erasure begins: for a write that takes a moment, by who has no turn. Raises OSError."""
    with locks.opened(ERASING) as lock:
        lock.share()
        yield


@contextmanager
def _locked(
    locks: Locks,
    name: str,
    patience: float,
    held: str = "another process is writing to this gallery; wait until it has finished",
) -> Iterator[None]:
    """Hold a lock. A process that only looks at it holds it for a moment, so that one attempt is too few; the last one
    is made when the patience is over, however long this process was held up meanwhile. held: the message where another
    process holds it.
    """
    end, is_over = time.monotonic() + patience, False
    with locks.opened(name) as lock:
        while not lock.try_take():
            if is_over:
                raise LockedError(held)
            is_over = time.monotonic() > end
            time.sleep(_LOOK_EVERY)
        yield
