"""What a server tells the process of a job of records that are removed while it runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from typing import Final

_PATIENCE: Final = 2.0  # seconds; what the server removes it tells at once, and of what others remove it knows nothing


class ErasedMeanwhile:
    """The words that name what was removed, by the number of the erasure. They are in memory alone, and end with the
    job.
    """

    def __init__(self) -> None:
        self._words: dict[int, frozenset[str]] = {}
        self._came = threading.Condition()

    @staticmethod
    def line(number: int, words: Collection[str]) -> bytes:
        """As ``hear`` takes it."""
        return json.dumps([number, sorted(words)]).encode() + b"\n"

    def hear(self, line: str) -> None:
        """Take in what was told. Raises ValueError for what is not whole."""
        number, words = json.loads(line)
        with self._came:
            self._words[number] = frozenset(words)
            self._came.notify_all()

    def words(self, since: int, until: int) -> frozenset[str] | None:
        """What names all that was removed after one erasure until another; None where that is not known."""
        numbers = range(since + 1, until + 1)
        with self._came:
            if not self._came.wait_for(lambda: self._words.keys() >= set(numbers), _PATIENCE):
                return None
            return frozenset().union(*(self._words[number] for number in numbers))
