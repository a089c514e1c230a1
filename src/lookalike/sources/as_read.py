"""What reading the items that have a version said, so that none is fetched again in the version that was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Final

from lookalike.errors import REASONS
from lookalike.readers.events import Event, Finished
from lookalike.store.fetched import FetchedFile
from lookalike.types import Item, Refusal, SetApart

_WHAT_IT_IS: Final = ("not-an-image", "no-pixel-data", "no-image", "archive", "other-format", "empty-file")
"""Reasons that say what a file is. The others may be of its day: another limit, another setting, a package more."""


class ItemsRead:
    """Notes what is read of some items."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = {item.name: item for item in items if item.version}
        self._files: dict[str, list[FetchedFile]] = {}
        self._again: set[str] = set()

    def take(self, event: object) -> None:
        """Note an event, if it ends a file of one of them."""
        if not isinstance(event, Finished | Refusal | SetApart) or (item := self._item(event.source)) is None:
            return
        sha256 = event.sha256 if isinstance(event, Finished) else ""
        told = event.kind if isinstance(event, SetApart) else getattr(event, "reason", "")
        if isinstance(event, Refusal) and event.reason not in _WHAT_IT_IS:
            self._again.add(item.name)
        self._files.setdefault(item.name, []).append(FetchedFile(event.source, item.name, item.version, sha256, told))

    def _item(self, source: str) -> Item | None:
        return self._items.get(source) or self._items.get(source.rpartition("/")[0])

    def whole(self) -> tuple[FetchedFile, ...]:
        """What was read of those that need not be fetched again."""
        return tuple(each for name, files in self._files.items() if name not in self._again for each in files)


def without_erased(files: Sequence[FetchedFile], erased: Set[str]) -> list[FetchedFile]:
    """What was read of items of which nothing has been erased since. erased: SHA-256."""
    gone = {each.item for each in files if each.sha256 in erased}
    return [each for each in files if each.item not in gone]


def events_of(files: Sequence[FetchedFile]) -> Iterator[Event]:
    """What was said when these files were read."""
    for each in files:
        if each.sha256:
            yield Finished(each.source, each.sha256, known=True, file=each.item)
        elif each.told in REASONS:
            yield Refusal(each.source, each.told)
        else:
            yield SetApart(each.source, each.told)
