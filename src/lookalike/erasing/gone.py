"""What a PACS no longer lists of what came from it: deleted there, or moved out of the query.

A study that a query listed once, and does not list now; and of the studies that it lists, records of which an instance
is missing. Nothing is taken for gone where a list may lack something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Final

from lookalike.gallery import Gallery
from lookalike.sources.inbox import INBOX_SCHEME
from lookalike.sources.pacs import NAMES, ListedSeries, ListedStudy
from lookalike.store.pulled import held_of_study, note_pulled, pulled_studies, records_of_studies

_FROM_PACS: Final = (NAMES, INBOX_SCHEME)


@dataclass(slots=True)
class GoneRecords:
    """What is gone of one query. uri: its address with its filters, of which a pseudonym is kept alone. some_series:
    whether it selects series, so that others of a study are not listed.
    """

    gallery: Gallery
    uri: str
    some_series: bool
    _of_listed: dict[str, set[str]] = field(default_factory=dict)  # the ids of records, by the UID of their study

    def look(self, study: ListedStudy, listed: Sequence[ListedSeries]) -> None:
        """Compare what is held of a study with what is listed of it."""
        store = self.gallery.store
        held = held_of_study(store, store.study_group(study.uid), _FROM_PACS)
        if not held:
            return
        series = {store.series_group(each.uid) for each in listed}
        there = {store.instance_group(uid) for each in listed for uid, _ in each.instances}
        self._of_listed[study.uid] = {
            identity
            for identity, of in held.items()
            if not of.instances <= there and (of.series in series or not self.some_series)
        }

    @property
    def studies(self) -> Set[str]:
        """The UIDs of the listed studies of which something is gone."""
        return {uid for uid, ids in self._of_listed.items() if ids}

    def ids(self, listed: Iterable[ListedStudy]) -> set[str]:
        """The ids of the records that are gone. listed: all the studies."""
        store = self.gallery.store
        gone = pulled_studies(store, self._query) - {store.study_group(each.uid) for each in listed}
        whole = records_of_studies(store, gone, _FROM_PACS)
        found = set().union(*self._of_listed.values(), *whole.values())
        return {identity for identity in found if store.find(identity) is not None}  # what has grown was replaced

    def note(self, listed: Iterable[ListedStudy]) -> None:
        """Note what the query lists now; a study that is gone is remembered for as long as a record is of it."""
        store = self.gallery.store
        now = {store.study_group(each.uid) for each in listed}
        gone = pulled_studies(store, self._query) - now
        note_pulled(store, self._query, now, gone - records_of_studies(store, gone, _FROM_PACS).keys())

    @property
    def _query(self) -> str:
        return self.gallery.store.identity.group("query", self.uri)
