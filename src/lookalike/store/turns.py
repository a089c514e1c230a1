"""How long a filter may take, and how many demanding ones run at once: one caller's must not hold up the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lookalike.errors import BusyError, SlowFilterError
from lookalike.filters import Filter, comparisons

_AT_ONCE: Final = 4  # demanding filters that run,
_WAITING: Final = 12  # and that wait: half of a server's threads at most
_DEMANDING: Final = 8  # comparisons, and any that looks into texts


class FilterTurns:
    """seconds: within which a filter is answered or refused, waiting included."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        self._places = threading.BoundedSemaphore(_AT_ONCE + _WAITING)

    def too_slow(self) -> SlowFilterError:
        """The error for a filter that is not done in time."""
        return SlowFilterError(
            f"the filter takes longer than {self.seconds:g} s; compare fewer fields, or with = instead of ~"
        )

    @contextmanager
    def turn(self, tree: Filter) -> Iterator[float]:
        """The time (``time.monotonic``) by which this filter has to be done. Raises BusyError where too many demanding
        ones are running.
        """
        deadline = time.monotonic() + self.seconds
        if not _demanding(tree):
            yield deadline
            return
        with _held(self._places, 0.0), _held(self._free, self.seconds / 2):
            yield deadline


@contextmanager
def _held(places: threading.BoundedSemaphore, patience: float) -> Iterator[None]:
    if not places.acquire(timeout=patience):
        raise BusyError("too many filters are being worked on; ask again in a moment", "filter-busy")
    try:
        yield
    finally:
        places.release()


def _demanding(tree: Filter) -> bool:
    found = list(comparisons(tree))
    return len(found) > _DEMANDING or any(compare.op == "~" for compare in found)
