"""``dimse://LOOKALIKE@pacs.example:104/PACS?listen=11113``: a PACS without DICOMweb as a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from lookalike.errors import MissingExtraError, PacsError, UnreadableImageError
from lookalike.sources.dicomweb.login import PacsLogin, login_for
from lookalike.sources.dimse.address import DimseAddress, parse_dimse
from lookalike.sources.dimse.destination import Destination
from lookalike.sources.dimse.listing import Find
from lookalike.sources.dimse.scu import PacsScu
from lookalike.sources.dimse.statuses import DONE
from lookalike.sources.labels import LabelTable
from lookalike.sources.pacs import ListedSeries, ListedStudy, PacsLimits, PacsPlace, hashed, pacs_items
from lookalike.sources.pacs_lists import Tally
from lookalike.sources.source import Pseudonym, items_since
from lookalike.types import Item

_IN_A_ROW: Final = 8  # items that do not come before a PACS is taken for one that cannot send


@dataclass(slots=True)
class DimseSource:
    """A PACS over DIMSE. pseudonym, reports, tally: as in ``DicomwebSource``."""

    address: DimseAddress
    login: PacsLogin
    pseudonym: Pseudonym
    limits: PacsLimits = field(default_factory=PacsLimits)
    reports: bool = False
    tally: Tally = field(default_factory=Tally)
    _places: dict[str, PacsPlace] = field(default_factory=dict)
    _missed: int = 0  # items in a row
    _scu: PacsScu = field(init=False)
    _destination: Destination = field(init=False)

    def __post_init__(self) -> None:
        self._scu = PacsScu(self.address, self.login, self.limits)
        self._destination = Destination(self.address, self.login, self.limits)

    @property
    def uri(self) -> str:
        """The address."""
        return self.address.uri

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
        return bool(self.address.matching("series"))

    def named_by(self, pseudonym: Pseudonym, *, reports: bool) -> Self:
        """This source with its items named by a gallery's pseudonyms."""
        return replace(self, pseudonym=pseudonym, reports=reports, _places={})

    def within(self, limits: PacsLimits) -> Self:
        """This source, asked within these limits."""
        return replace(self, limits=limits, _places={})

    def items(self, since: str | None = None) -> Iterator[Item]:
        """One item for each series of slices, and for each instance of other series. Raises PacsError."""
        listed = (series for some in self.series_of(self.studies()) for series in some)
        return items_since((item for series in listed for item in self.items_of(series)), since)

    def studies(self) -> list[ListedStudy]:
        """The studies, without what is in them. Raises PacsError."""
        return Find(self._scu, self.address, self.tally).studies()

    def series_of(self, studies: Iterable[ListedStudy]) -> Iterator[list[ListedSeries]]:
        """The series of each study, with their instances. Raises PacsError."""
        return Find(self._scu, self.address, self.tally).series_of(studies, self.limits.at_once)

    def items_of(self, series: ListedSeries) -> Iterator[Item]:
        """The items that a series makes."""
        for item, place in pacs_items(series, self.pseudonym, reports=self.reports):
            self._places[item.name] = place
            yield item

    @contextmanager
    def fetch(self, item: Item) -> Iterator[Sequence[Path]]:
        """The item's objects as the PACS sends them, in a folder that only this user can read; it is removed at the
        end, or by the next run. Of several those that it does not send lack; none: not-fetched. Raises
        UnreadableImageError, PacsError, UsageError, OSError.
        """
        if (place := self._places.get(item.name)) is None:  # of another listing
            raise UnreadableImageError("not-fetched")
        self._destination.open()
        status = self._move(place)
        with ExitStack() as stack:
            try:
                found = self._destination.taken(place, item.instances, is_sent=status == DONE)
                files = stack.enter_context(found)
            except FileNotFoundError:
                raise self._not_sent(status) from None
            self._missed = 0
            yield files

    def _move(self, place: PacsPlace) -> int:
        """Ask for a whole series where that is one item: not every PACS takes a list of instances."""
        if len(place.instances) == 1:
            return self._move_one(place, place.instances[0])
        status = self._scu.move("SERIES", _keys(place))
        return status if status == DONE else self._move_each(place, status)

    def _move_each(self, place: PacsPlace, status: int) -> int:
        """Ask for what has not come of a series one by one: there are PACSs that send nothing of a series in which they
        cannot read one object. The last status.
        """
        missed = 0
        for instance in self._destination.lacking(place):
            status = self._move_one(place, instance)
            missed = 0 if status == DONE else missed + 1
            if missed >= _IN_A_ROW:
                break
        return status

    def _move_one(self, place: PacsPlace, instance: str) -> int:
        return self._scu.move("IMAGE", {**_keys(place), "SOPInstanceUID": instance})

    def _not_sent(self, status: int) -> UnreadableImageError:
        self._missed += 1
        if self._missed >= _IN_A_ROW:
            raise PacsError(
                f"nothing of what the PACS was asked for has come (its last status: 0x{status:04X}); it has to know "
                f"{self.address.calling!r} with this machine's address and port {self.address.listen}, and to reach it"
            ) from None
        return UnreadableImageError("not-fetched")

    def stop(self) -> None:
        """Let what is being fetched fail at once."""
        self._scu.stop()

    def close(self) -> None:
        """End the processes, and remove what came."""
        self._scu.close()
        self._destination.close()

    def labels(self) -> LabelTable | None:
        """None: a PACS has no labels; what its headers say are attributes."""
        return None


def _keys(place: PacsPlace) -> dict[str, str]:
    return {"StudyInstanceUID": place.study, "SeriesInstanceUID": place.series}


def open_dimse(uri: str) -> DimseSource:
    """Open the PACS that a URI names; nothing is asked yet. Raises UsageError, GalleryError, MissingExtraError."""
    address = parse_dimse(uri)
    if find_spec("pynetdicom") is None:
        raise MissingExtraError("a PACS over DIMSE", "pacs")
    return DimseSource(address, login_for(address), hashed)
