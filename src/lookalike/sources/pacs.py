"""What a PACS lists, over whichever protocol, and the items that it makes, under names that give nobody away.

A series whose pictures are slices (``geometry.MODALITIES``) is one item of all its instances: its name says which
series it is and which instances it has, by pseudonyms, so that a series that has grown is another item. Of other
series each instance is an item. What its SOP class tells to be no image is never fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from lookalike.readers.dicom_kinds import kind_of_object
from lookalike.readers.geometry import MODALITIES
from lookalike.sources.source import NamedByGallery, Pseudonym
from lookalike.types import Item

NAMES: Final = "pacs:"
"""What the names of items begin with, whichever PACS they come from."""
_UID: Final = re.compile(r"(?=.{1,64}$)[0-9]+(\.[0-9]+)*")
_DIGITS: Final = 16  # of the digest of a series' instances


@dataclass(frozen=True, slots=True)
class ListedStudy:
    """uid: StudyInstanceUID. counts: of its series and its instances, None where the server does not say so. patient,
    date: PatientID and StudyDate, "" where it says none.
    """

    uid: str
    counts: tuple[int | None, int | None]
    patient: str = field(default="", repr=False)
    date: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ListedSeries:
    """A series. instances: (SOPInstanceUID, SOPClassUID) of each, by UID."""

    study: str
    uid: str
    modality: str
    instances: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PacsPlace:
    """Where an item's instances are. instances: their SOPInstanceUIDs."""

    study: str
    series: str
    instances: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PacsLimits:
    """How a PACS is asked. at_once: requests on their way at the same time. a_second: how many begin, at most; 0 for no
    limit. silence: seconds that nothing may come. seconds: of one request, all in all. page_bytes: of one page of a
    listing. object_bytes: of one object. bytes_here: of all the files on this machine at the same time. first_wait:
    seconds before a request is made again, twice as long each time. tries: of one request.
    """

    at_once: int = 4
    a_second: float = 0.0
    silence: float = 30.0
    seconds: float = 900.0
    page_bytes: int = 64 << 20
    object_bytes: int = 2 << 30
    bytes_here: int = 16 << 30
    first_wait: float = 1.0
    tries: int = 6


@runtime_checkable
class PacsSource(NamedByGallery, Protocol):
    """A PACS as a source: its studies are listed first, then what is in those that are looked into."""

    @property
    def lists_all(self) -> bool:
        """Whether nothing lacks in its lists, as far as can be told."""
        ...

    @property
    def selects_series(self) -> bool:
        """Whether some series of its studies are not listed since they are not asked for."""
        ...

    def within(self, limits: PacsLimits) -> PacsSource:
        """The source, asked within these limits."""
        ...

    def studies(self) -> list[ListedStudy]:
        """The studies, by UID, without what is in them. Raises PacsError."""
        ...

    def series_of(self, studies: Iterable[ListedStudy]) -> Iterator[list[ListedSeries]]:
        """The series of each study, with their instances. Raises PacsError."""
        ...

    def items_of(self, series: ListedSeries) -> Iterator[Item]:
        """The items that a series makes."""
        ...

    def close(self) -> None:
        """End what it holds open. It may be asked again."""
        ...


def pacs_items(series: ListedSeries, pseudonym: Pseudonym, *, reports: bool) -> Iterator[tuple[Item, PacsPlace]]:
    """The items that a series makes, each with where it is. reports: whether structured reports are images' equals."""
    name = f"{NAMES}{pseudonym('series', series.uid)}"
    images: list[tuple[str, str]] = []
    for uid, sop_class in series.instances:
        instance = pseudonym("instance", uid)
        kind = kind_of_object(sop_class, series.modality)
        if kind and not (reports and kind == "SR"):
            yield Item(f"{name}/{instance}", apart=kind), PacsPlace("", "", ())
        elif series.modality in MODALITIES:
            images.append((uid, instance))
        else:
            yield _item(series, f"{name}/{instance}", [(uid, instance)])
    if images:
        digest = hashlib.sha256(" ".join(sorted(instance for _, instance in images)).encode()).hexdigest()
        yield _item(series, f"{name}/{digest[:_DIGITS]}", images)


def is_uid(text: str) -> bool:
    """Whether a text of a PACS has the form of a UID (PS3.5 9.1), and may stand in a request."""
    return _UID.fullmatch(text) is not None


def is_one_instance(item: Item) -> bool:
    """Whether an item of a PACS is named by its one instance, so that it cannot grow."""
    return item.name.endswith(f"/{item.instances[0]}")


def hashed(kind: str, uid: str) -> str:
    """The name of what is in a PACS where there is no gallery: a hash without a key, which nobody keeps."""
    return hashlib.sha256(f"{kind} {uid}".encode()).hexdigest()[:32]


def _item(series: ListedSeries, name: str, instances: Sequence[tuple[str, str]]) -> tuple[Item, PacsPlace]:
    uids, names = zip(*instances, strict=True)
    return Item(name, instances=names), PacsPlace(series.study, series.uid, uids)
