"""``dicomweb+https://host/path``: a PACS over DICOMweb as a source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from lookalike.errors import UnreadableImageError
from lookalike.scratch import Scratch
from lookalike.sources.dicomweb.address import parse_address
from lookalike.sources.dicomweb.connection import AnswerBody
from lookalike.sources.dicomweb.listing import list_series, list_studies
from lookalike.sources.dicomweb.login import login_for
from lookalike.sources.dicomweb.multipart import ACCEPT, save_object
from lookalike.sources.dicomweb.origin import PacsOrigin
from lookalike.sources.fetching import FETCHED_AT_ONCE
from lookalike.sources.labels import LabelTable
from lookalike.sources.pacs import ListedSeries, ListedStudy, PacsLimits, PacsPlace, hashed, pacs_items
from lookalike.sources.pacs_lists import Tally
from lookalike.sources.source import Pseudonym, items_since
from lookalike.types import Item


class _Room:
    """How many bytes an item may still take on this machine."""

    def __init__(self, most: int) -> None:
        self._left, self._lock = most, threading.Lock()

    def take(self, count: int) -> None:
        """Raises UnreadableImageError where there is no room for so many more."""
        with self._lock:
            self._left -= count
        if self._left < 0:
            raise UnreadableImageError("too-large")

    @contextmanager
    def for_one(self) -> Iterator[Callable[[int], None]]:
        """Takes room for one object, which is given back where that does not come to its end."""
        taken: list[int] = []

        def take(count: int) -> None:
            taken.append(count)
            self.take(count)

        try:
            yield take
        except BaseException:
            with self._lock:
                self._left += sum(taken)
            raise


@dataclass(slots=True)
class DicomwebSource:
    """A PACS over DICOMweb. pseudonym: what items are named by; without a gallery, hashes without a key. reports:
    whether structured reports are fetched too. tally: what was noticed of its lists.
    """

    origin: PacsOrigin
    pseudonym: Pseudonym
    reports: bool = False
    tally: Tally = field(default_factory=Tally)
    _places: dict[str, PacsPlace] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """The address; without credentials, which no URI holds."""
        return self.origin.address.uri

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of its lists."""
        return self.tally.notes

    @property
    def lists_all(self) -> bool:
        """Whether nothing lacks in its lists, as far as can be told."""
        return self.tally.lists_all

    @property
    def selects_series(self) -> bool:
        """Whether some series are not listed since they are not asked for."""
        return bool(self.origin.address.matching("series"))

    def named_by(self, pseudonym: Pseudonym, *, reports: bool) -> Self:
        """This source with its items named by a gallery's pseudonyms."""
        return replace(self, pseudonym=pseudonym, reports=reports, _places={})

    def within(self, limits: PacsLimits) -> Self:
        """This source, asked within these limits."""
        return replace(self, origin=self.origin.within(limits), _places={})

    def items(self, since: str | None = None) -> Iterator[Item]:
        """One item for each series of slices, and for each instance of other series. Raises PacsError."""
        return items_since(self._items(), since)

    def _items(self) -> Iterator[Item]:
        for some in self.series_of(self.studies()):
            for series in some:
                yield from self.items_of(series)

    def studies(self) -> list[ListedStudy]:
        """The studies, without what is in them. Raises PacsError."""
        return list_studies(self.origin, self.tally)

    def series_of(self, studies: Iterable[ListedStudy]) -> Iterator[list[ListedSeries]]:
        """The series of each study, with their instances. Raises PacsError."""
        return list_series(self.origin, studies, self.tally)

    def items_of(self, series: ListedSeries) -> Iterator[Item]:
        """The items that a series makes."""
        for item, place in pacs_items(series, self.pseudonym, reports=self.reports):
            self._places[item.name] = place
            yield item

    @contextmanager
    def fetch(self, item: Item) -> Iterator[Sequence[Path]]:
        """The item's objects as they are stored in the PACS, several at a time, in a folder that only this user can
        read; it is removed at the end, or by the next run. Of several those that are not sent lack; none: not-fetched.
        Raises UnreadableImageError, PacsError, OSError.
        """
        if (place := self._places.get(item.name)) is None:  # of another listing
            raise UnreadableImageError("not-fetched")
        room = _Room(self.origin.limits.bytes_here // FETCHED_AT_ONCE)
        with Scratch("pacs") as scratch:
            folder = scratch.folder / "series"  # of the item's files alone
            folder.mkdir()
            files = [folder / name for name in item.instances]
            within = f"studies/{place.study}/series/{place.series}/instances"
            resources = [f"{within}/{uid}" for uid in place.instances]
            with ThreadPoolExecutor(self.origin.limits.at_once, "pacs") as threads:
                sent = list(threads.map(lambda resource, file: self._save(resource, file, room), resources, files))
            if not any(sent):
                raise UnreadableImageError("not-fetched")
            yield [file for file, is_sent in zip(files, sent, strict=True) if is_sent]

    def _save(self, resource: str, file: Path, room: _Room) -> bool:
        """Whether it was sent."""

        def take(body: AnswerBody) -> None:
            with room.for_one() as take:
                save_object(body, file, take)

        try:
            self.origin.fetched(resource, ACCEPT, take)
        except UnreadableImageError as error:
            if error.reason != "not-fetched":
                raise
            return False
        return True

    def stop(self) -> None:
        """Let what is being fetched fail at once."""
        self.origin.stop()

    def close(self) -> None:
        """Close connections that nobody uses."""
        self.origin.close()

    def labels(self) -> LabelTable | None:
        """None: a PACS has no labels; what its headers say are attributes."""
        return None


def open_dicomweb(uri: str) -> DicomwebSource:
    """Open the PACS that a URI names, with what the environment or the private file says to prove who asks. Nothing is
    asked yet. Raises UsageError, GalleryError.
    """
    address = parse_address(uri)
    return DicomwebSource(PacsOrigin(address, login_for(address), PacsLimits()), hashed)
