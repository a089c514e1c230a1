"""What is made of files is made once: pictures and refusals are kept, and who asks at the same time waits for them."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Generic, TypeAlias, TypeVar

from lookalike.errors import UnreadableImageError

_T = TypeVar("_T")
Files: TypeAlias = str  # a hash of the files' names and stamps

_REFUSED: Final = 10_000
_REFUSED_SECONDS: Final = 300.0  # a file may have been refused since the machine was busy


@dataclass(slots=True)
class _Turn:
    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: int = 0


class MadeOnce(Generic[_T]):
    """Results by files and by what is asked for of them, up to a number of bytes; and refusals, for some minutes."""

    def __init__(self, most_bytes: int, size: Callable[[_T], int]) -> None:
        self._most, self._size = most_bytes, size
        self._kept: OrderedDict[tuple[Files, Hashable], _T] = OrderedDict()
        self._refused: OrderedDict[Hashable, tuple[str, float]] = OrderedDict()
        self._good: OrderedDict[Files, None] = OrderedDict()  # that something has been made of
        self._turns: dict[Files, _Turn] = {}
        self._bytes, self._lock = 0, threading.Lock()

    def get(self, files: Files, part: Hashable, make: Callable[[], _T]) -> _T:
        """What ``make`` gives. Only one thread at a time makes something of the same files.

        A refusal holds for every part of the files, unless something has been made of another part before.
        Raises UnreadableImageError, as ``make``.
        """
        with self._turn(files):
            with self._lock:
                self._raise_refusal(files, part)
                if (files, part) in self._kept:
                    self._kept.move_to_end((files, part))
                    return self._kept[files, part]
            try:
                made = make()
            except UnreadableImageError as error:
                self._refuse(files, part, error.reason)
                raise
            self._keep(files, part, made)
            return made

    def forget(self) -> None:
        """Keep no result that was made before."""
        with self._lock:
            self._kept.clear()
            self._good.clear()
            self._bytes = 0

    @contextmanager
    def _turn(self, files: Files) -> Iterator[None]:
        with self._lock:
            turn = self._turns.setdefault(files, _Turn())
            turn.threads += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._lock:
                turn.threads -= 1
                if not turn.threads:
                    del self._turns[files]

    def _raise_refusal(self, files: Files, part: Hashable) -> None:
        for name in (files, (files, part)):
            reason, until = self._refused.get(name, ("", 0.0))
            if time.monotonic() < until:
                raise UnreadableImageError(reason)

    def _refuse(self, files: Files, part: Hashable, reason: str) -> None:
        with self._lock:
            name = (files, part) if files in self._good else files
            self._refused[name] = reason, time.monotonic() + _REFUSED_SECONDS
            self._refused.move_to_end(name)
            while len(self._refused) > _REFUSED:
                self._refused.popitem(last=False)

    def _keep(self, files: Files, part: Hashable, made: _T) -> None:
        with self._lock:
            self._good[files] = None
            while len(self._good) > _REFUSED:
                self._good.popitem(last=False)
            self._kept[files, part] = made
            self._bytes += self._size(made)
            while self._bytes > self._most:
                self._bytes -= self._size(self._kept.popitem(last=False)[1])


def stamped(files: Sequence[Path]) -> Files:
    """A hash of names, sizes and times of change. Raises UnreadableImageError (not-readable)."""
    found = hashlib.sha256()
    for file in files:
        try:
            status = file.stat()
        except OSError:
            raise UnreadableImageError("not-readable") from None
        found.update(
            f"{file}\0{status.st_ino} {status.st_size} {status.st_mtime_ns}\0".encode("utf-8", "surrogateescape")
        )
    return found.hexdigest()
