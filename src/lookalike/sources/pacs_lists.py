"""How a PACS is asked for lists, over whichever protocol: not too fast, several at a time, and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

NARROW: Final = "narrow what is asked for: ?StudyDate=20260101-20260107"
"""What to do where a list is too long."""
_AHEAD: Final = 4  # things that are made ahead of the one that is looked at, for each at a time

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


@dataclass(slots=True)
class Tally:
    """What is told of the lists of one server. repeated: rows that came before. capped: the fewest rows of an answer
    that was not all of a list, below what was asked for; 0 if none. stuck: lists that could not be asked for to their
    end, and that may lack something. without: rows without a usable UID. fewer: lists with less than the level above
    says; missing: how much less in all.
    """

    repeated: int = 0
    capped: int = 0
    stuck: int = 0
    without: int = 0
    fewer: int = 0
    missing: int = 0

    def compare(self, listed: int, expected: int | None) -> bool:
        """Note where a list lacks something; whether it does. expected: how many there should be, where it is known."""
        missing = 0 if expected is None else max(0, expected - listed)
        self.fewer += missing > 0
        self.missing += missing
        return missing > 0

    @property
    def lists_all(self) -> bool:
        """Whether no list may lack something."""
        return not (self.stuck or self.without or self.fewer)

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence for each of them, without a name of anything."""
        told = (
            (self.capped, f"the PACS caps its lists at {self.capped} rows: part after part was asked for"),
            (self.repeated, f"the PACS listed things twice ({self.repeated} rows): each counts once"),
            (self.stuck, f"the PACS sends no more than the beginning ({self.stuck} lists): is there more? {NARROW}"),
            (self.without, f"{self.without} rows of the PACS bear no usable UID and were left out"),
            (self.fewer, f"{self.fewer} lists of the PACS lack {self.missing} of what it counts itself; pull again"),
        )
        return tuple(note for count, note in told if count)


class Pace:
    """So many beginnings a second, at most, of several threads together. a_second: 0 for no limit."""

    def __init__(self, a_second: float) -> None:
        self._a_second, self._lock, self._next = a_second, threading.Lock(), 0.0

    def wait(self) -> None:
        """Wait for one's turn to begin."""
        if self._a_second:
            with self._lock:
                start = max(self._next, time.monotonic())
                self._next = start + 1 / self._a_second
            time.sleep(max(0.0, start - time.monotonic()))


def made_ahead(make: Callable[[_Given], _Made], given: Iterable[_Given], at_once: int) -> Iterator[_Made]:
    """What ``make`` gives for each, in their order: so many at the same time, and few ahead of what is consumed."""
    with ThreadPoolExecutor(at_once, "pacs") as threads:
        waiting = iter(given)
        begun = [threads.submit(make, each) for each in islice(waiting, _AHEAD * at_once)]
        try:
            while begun:
                yield begun.pop(0).result()
                begun += [threads.submit(make, each) for each in islice(waiting, 1)]
        finally:
            for each in begun:
                each.cancel()
