"""Which series of a PACS have stopped growing, seen from listing to listing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lookalike.sources.pacs import ListedStudy, is_one_instance
from lookalike.sources.stable_series import is_stable
from lookalike.types import Item

_ASKED_AGAIN_AFTER: Final = 3600.0  # seconds: what a PACS cannot read, it will not be able to in five minutes either


@dataclass(slots=True)
class Arrivals:
    """What earlier listings held. stable: seconds for which a series must have been listed with the same instances. Its
    item's name says which they are; an item that is named by its one instance cannot grow. Kept in memory alone.
    """

    stable: float
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, float] = field(default_factory=dict)
    _not_before: dict[str, float] = field(default_factory=dict)
    _complete: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)

    def has_settled(self, item: Item) -> bool:
        """Whether a new item may be fetched; its time begins when this is asked first."""
        now = self.clock()
        if now < self._not_before.get(item.name, 0.0):
            return False
        if not self.stable or is_one_instance(item):
            return True
        return is_stable(self._seen.setdefault(item.name, now), now, self.stable)

    def seconds_left(self) -> float:
        """How long to wait until all that was seen may have settled."""
        return max(0.0, max(self._seen.values(), default=0.0) + self.stable - self.clock())

    def note_lacking(self, name: str) -> None:
        """Note that some of an item, by its name, did not come: all of it is asked for again in an hour."""
        self._not_before[name] = self.clock() + _ASKED_AGAIN_AFTER

    def note_complete(self, study: ListedStudy) -> None:
        """Note that all of a study is in the gallery."""
        self._complete[study.uid] = study.counts

    def is_complete(self, study: ListedStudy) -> bool:
        """Whether nothing has come to a study since then, as far as the server tells."""
        return None not in study.counts and self._complete.get(study.uid) == study.counts
