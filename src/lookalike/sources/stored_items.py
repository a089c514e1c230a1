"""The items that a gallery's store already holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from lookalike.errors import NOT_READ
from lookalike.readers.events import Finished
from lookalike.sources.pacs import is_one_instance
from lookalike.store import Store, record_id
from lookalike.store.damage import damage_of
from lookalike.store.fetched import FetchedFile, fetched_files
from lookalike.store.identities import files_to_name, instances_there
from lookalike.store.patches import files_without_patches
from lookalike.store.vectors import files_without_vectors
from lookalike.types import Item, Refusal


class StoredItems:
    """The items that need not be read again (``reading.KnownItems``): those stored completely, undamaged, and with
    patches where the gallery keeps them. is_there: whether a place that the store names still holds something. named:
    whether a table may say other patients or dates than before, so that of all files it is to be told who they are.
    """

    def __init__(
        self, store: Store, is_there: Callable[[str], bool], *, with_patches: bool, named: bool = False
    ) -> None:
        self._store, self._is_there = store, is_there
        self._again = damage_of(store).read_again | (files_without_patches(store) if with_patches else set())
        with store.begin() as connection:
            self._again |= files_without_vectors(connection)
        self.files = store.files() - self._again
        self.unnamed = files_to_name(store, every=named)

    def moved_to(self, event: Finished) -> str | None:
        """The place of known content whose old place is gone; None if that is still there, or this one is no path."""
        old, new = self._sources.get(event.sha256), event.file if event.part else event.source
        if old is None or old == new or not Path(new).is_absolute() or self._is_there(old):
            return None
        self._sources[event.sha256] = new  # of several copies the first one counts
        return new

    def part(self, sha256: str, frame: int) -> bool:
        """Whether one picture of a file of arrays is stored."""
        return sha256 not in self._again and record_id(sha256, frame) in self._records

    def item(self, item: Item) -> Sequence[tuple[str, str]]:
        """(source, SHA-256) of everything made from an item; or that all its instances are there, whoever sent them.
        None where some of its instances did not come.
        """
        if self._lacks_some(item):
            return ()
        parts = self._parts.get(item.name, [])
        if parts:
            return parts if all(sha256 in self.files for _source, sha256 in parts) else ()
        if not item.instances or self._again:  # which files are to be read again is told by their names alone
            return ()
        return [(item.name, "")] if len(instances_there(self._store, item.instances)) == len(item.instances) else ()

    def refusals(self, item: Item) -> Sequence[Refusal]:
        """Why an item of a PACS was refused as a whole, or each file of it; none where it was not even fetched."""
        found = self._refused.get(item.name, ()) if item.instances else ()
        whole = any(each.source == item.name for each in found) or len(found) == len(item.instances)
        return found if whole and all(each.reason not in NOT_READ for each in found) else ()

    def as_read(self, item: Item) -> Sequence[FetchedFile]:
        """What was read of an item in this version; none where some of it is no longer stored, or damaged."""
        files = self._fetched.get(item.name, ())
        whole = all(each.version == item.version and (each.told or each.sha256 in self.files) for each in files)
        return files if whole else ()

    def earlier(self, item: Item) -> Sequence[str]:
        """The SHA-256 of what was made from fewer or other instances of an item's series (``sources.pacs``): what was
        made of the item itself, too, where some of it did not come.
        """
        if is_one_instance(item):
            return ()
        series, _, _ = item.name.rpartition("/")
        found, lacks_some = self._of_series.get(series, ()), self._lacks_some(item)
        return [sha256 for source, sha256 in found if lacks_some or not f"{source}/".startswith(f"{item.name}/")]

    def _lacks_some(self, item: Item) -> bool:
        refused = self._refused.get(item.name, ()) if item.instances else ()
        return any(each.reason in NOT_READ for each in refused)

    @cached_property
    def _records(self) -> set[str]:
        return {record.id for record in self._store.records().values()}

    @cached_property
    def _sources(self) -> dict[str, str]:
        return self._store.sources_of_files()

    @cached_property
    def _fetched(self) -> dict[str, list[FetchedFile]]:
        with self._store.begin() as connection:
            return fetched_files(connection)

    @cached_property
    def _of_series(self) -> dict[str, list[tuple[str, str]]]:
        """Files and series by the part of their names before the first "/"."""
        parts: dict[str, list[tuple[str, str]]] = {}
        for sha256, source in self._sources.items():
            parts.setdefault(source.partition("/")[0], []).append((source, sha256))
        return parts

    @cached_property
    def _refused(self) -> dict[str, list[Refusal]]:
        """Refusals by the name of what was refused, and by the part of it before the last "/"."""
        refused: dict[str, list[Refusal]] = {}
        for refusal in self._store.refused():
            for name in (refusal.source, refusal.source.rpartition("/")[0]):
                refused.setdefault(name, []).append(refusal)
        return refused

    @cached_property
    def _parts(self) -> dict[str, list[tuple[str, str]]]:
        """Files and series by their name, and by the part of it before the last "/"."""
        parts: dict[str, list[tuple[str, str]]] = {}
        for sha256, source in self._sources.items():
            for name in (source, source.rpartition("/")[0]):
                parts.setdefault(name, []).append((source, sha256))
        return parts


def is_there(source: str) -> bool:
    """Whether a record's file, or the folder of its series with anything in it, exists; true for what is no path."""
    if not Path(source).is_absolute():
        return True
    if not os.path.isdir(source):  # noqa: PTH112 - False for any impossible name
        return os.path.exists(source)  # noqa: PTH110
    with os.scandir(source) as entries:
        return any(entries)
