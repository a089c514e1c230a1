"""pull: bring what is new in a PACS into a gallery, once or again and again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, cast

from lookalike.erasing import GoneRecords, erase
from lookalike.errors import NOT_READ, LockedError, PacsError, UsageError
from lookalike.gallery import Gallery
from lookalike.progress import Progress
from lookalike.sources.arrivals import Arrivals
from lookalike.sources.pacs import NAMES, ListedStudy, PacsLimits, PacsSource
from lookalike.sources.reports import STRUCTURED
from lookalike.sources.source import Selected, source_of
from lookalike.sources.stored_items import StoredItems
from lookalike.store.edit import change_labels, forget_refused, ids_of_files, labels_by_hand
from lookalike.store.identities import instances_of_files
from lookalike.store.kept_out import kept_out
from lookalike.store.named import named_by_ids
from lookalike.store.patches import kept
from lookalike.types import Item, Refusal
from lookalike.verbs.index import index

_EXAMPLES: Final = "dicomweb+https://host/path or dimse://OUR-TITLE@host:port/ITS-TITLE"
_TOGETHER: Final = 1000  # series and pictures that are indexed in one go


@dataclass(frozen=True, slots=True)
class PullResult:
    """added: new records. skipped: series and pictures that were there already. refused: those that could not be read,
    with reason codes, of earlier pulls too. studies: how many the PACS listed. waiting: series that still grow, or are
    too new to tell. replaced: records of series that have grown, in place of which there are new ones. gone: records
    that the PACS no longer lists, or not all of; removed: how many of them were removed. kept_out: studies of patients
    who were erased, and pictures whose study did not tell. ignored: how many objects are no images; kinds: of each
    kind. records: how many the gallery now holds. notes: what was noticed of the PACS and of the files. failed: why a
    pull that is followed by others came to no end, "" where it did.
    """

    added: int
    skipped: int
    refused: tuple[Refusal, ...]
    seconds: float
    studies: int
    waiting: int
    replaced: int
    gone: int
    removed: int
    kept_out: int
    ignored: int
    kinds: dict[str, int]
    records: int
    notes: tuple[str, ...] = ()
    failed: str = ""


def pull(
    gallery: Gallery,
    sources: Sequence[str],
    *,
    stable: float = 60.0,
    at_once: int = 4,
    rate: float = 0.0,
    disk: float = 16.0,
    reports: str | None = None,
    remove_gone: bool = False,
    retry_refused: bool = False,
    progress: Progress | None = None,
) -> PullResult:
    """Bring what is new in a PACS into a gallery. sources: URIs, ``dicomweb+https://host/path`` or, where there is no
    DICOMweb, ``dimse://OUR-TITLE@host:port/ITS-TITLE`` (C-FIND and C-MOVE); what proves who asks stands in the
    environment or in a private file (``sources.dicomweb.login``), never in a URI or in the gallery.

    The PACS is asked for its metadata first; what the gallery holds already, by pseudonyms of the instances, is not
    fetched. Files are on this machine while they are read, a few at a time, and read as local ones are. A pull that was
    cut short is finished by the next one.

    stable: seconds for which a series of slices must have had the same instances; a pull waits so long once. Series
    that have grown by then wait for the next pull; 0 waits for none. at_once: requests on their way at the same time.
    rate: requests a second, 0 without a limit. disk: GiB of fetched files on this machine at the same time. reports:
    "sr" keeps the words of structured reports. remove_gone: remove records that the PACS no longer lists, where two
    looks say so. retry_refused: fetch again what earlier pulls refused.

    Raises UsageError, PacsError (no answer, or a refusal: what was stored is kept), LockedError.
    """
    settings = _Settings(_limits(at_once, rate, disk), reports, remove_gone)
    pulls = [_Pull(gallery, uri, settings, Arrivals(stable)) for uri in _checked(sources)]
    if retry_refused:
        forget_refused(gallery.store, NAMES)
    first = [each.run(progress) for each in pulls]
    waiting = [(each, found) for each, found in zip(pulls, first, strict=True) if found.again]
    time.sleep(max((each.arrivals.seconds_left() for each, _ in waiting), default=0.0))
    for each, found in waiting:
        each.run(progress, found)
    return _result(gallery, first)


def follow(
    gallery: Gallery,
    sources: Sequence[str],
    *,
    every: float = 300.0,
    stable: float = 60.0,
    at_once: int = 4,
    rate: float = 0.0,
    disk: float = 16.0,
    reports: str | None = None,
    remove_gone: bool = False,
    progress: Progress | None = None,
) -> Iterator[PullResult]:
    """``pull`` again and again, a result each time, without end. every: seconds from one beginning to the next. A
    study is looked into again when the PACS says that it has more series or instances than before. What fails is told
    in the result, and the next pull tries again.
    """
    settings = _Settings(_limits(at_once, rate, disk), reports, remove_gone)
    pulls = [_Pull(gallery, uri, settings, Arrivals(stable)) for uri in _checked(sources)]
    while True:
        started = time.monotonic()
        found: list[_Round] = []
        failed = ""
        for each in pulls:
            try:
                found.append(each.run(progress))
            except (PacsError, LockedError) as error:
                failed = str(error)
        yield _result(gallery, found, failed)
        time.sleep(max(0.0, every - (time.monotonic() - started)))


def _limits(at_once: int, rate: float, disk: float) -> PacsLimits:
    return PacsLimits(at_once=at_once, a_second=rate, bytes_here=int(disk * (1 << 30)))


def _checked(sources: Sequence[str]) -> Sequence[str]:
    if not sources:
        raise UsageError(f"name a PACS: {_EXAMPLES}")
    for uri in sources:
        _pacs(uri)
    return sources


def _pacs(uri: str) -> PacsSource:
    source = source_of(uri)
    if not isinstance(source, PacsSource):
        raise UsageError(f"pull reads from a PACS, {_EXAMPLES}; files and folders are for index")
    return source


@dataclass(frozen=True, slots=True)
class _Settings:
    limits: PacsLimits
    reports: str | None
    remove_gone: bool


@dataclass(slots=True)
class _Round:
    """One look at a PACS. listed: its studies. counted: the items that are counted. again: the studies with something
    that waits.
    """

    listed: list[ListedStudy] = field(default_factory=list)
    added: int = 0
    skipped: int = 0
    waiting: int = 0
    replaced: int = 0
    gone: int = 0
    removed: int = 0
    kept_out: int = 0
    refused: list[Refusal] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    notes: dict[str, None] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    again: list[ListedStudy] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(slots=True)
class _Pull:
    """The pulls from one PACS. done: the items that were read in this process, whatever came of them."""

    gallery: Gallery
    uri: str
    settings: _Settings
    arrivals: Arrivals
    done: set[str] = field(default_factory=set)

    def run(self, progress: Progress | None, found: _Round | None = None) -> _Round:
        """Look at all studies; or at those that had something that waited, whose counts are added to."""
        started = time.monotonic()
        with closing(self._opened()) as source:
            gone, is_first = GoneRecords(self.gallery, source.uri, source.selects_series), found is None
            if found is None:
                found = _Round(source.studies())
                studies = [each for each in self._taken(found) if not self.arrivals.is_complete(each)]
            else:
                studies, found.again, found.waiting = found.again, [], 0
            self._read(source, studies, found, gone, progress)
            found.notes |= dict.fromkeys(source.notes)
            if found.listed and source.lists_all:
                if is_first:
                    self._tell_gone(gone, found)
                gone.note(found.listed)
        found.seconds += time.monotonic() - started
        return found

    def _opened(self) -> PacsSource:
        """The PACS, with what now proves who asks."""
        source = _pacs(self.uri).within(self.settings.limits)
        named = source.named_by(self.gallery.store.identity.group, reports=self.settings.reports == STRUCTURED)
        return cast(PacsSource, named)

    def _taken(self, found: _Round) -> list[ListedStudy]:
        """The studies but those of patients who were erased, which are counted."""
        store, out = self.gallery.store, kept_out(self.gallery.store)
        groups = ((each, store.patient_group(each.patient), store.study_group(each.uid)) for each in found.listed)
        taken = [study for study, *names in groups if not out.holds(*names)]
        found.kept_out = len(found.listed) - len(taken)
        return taken

    def _tell_gone(self, gone: GoneRecords, found: _Round) -> None:
        """Count what the PACS no longer lists; remove it where that is wanted and a second look says the same."""
        ids = gone.ids(found.listed)
        found.gone += len(ids)
        if ids and self.settings.remove_gone:
            ids &= self._still_gone(gone.studies)
            found.removed += erase(self.gallery, lambda store: named_by_ids(store, ids)).records if ids else 0

    def _still_gone(self, studies: Set[str]) -> set[str]:
        """What is gone by another look. studies: the UIDs of those that may lack something."""
        with closing(self._opened()) as source:
            gone, every = GoneRecords(self.gallery, source.uri, source.selects_series), source.studies()
            some = [each for each in every if each.uid in studies]
            for study, listed in zip(some, source.series_of(some), strict=True):
                gone.look(study, listed)
            return gone.ids(every) if every and source.lists_all else set()

    def _read(
        self,
        source: PacsSource,
        studies: Sequence[ListedStudy],
        found: _Round,
        gone: GoneRecords,
        progress: Progress | None,
    ) -> None:
        stored = StoredItems(self.gallery.store, self.gallery.places.is_there, with_patches=kept(self.gallery.store))
        new: list[Item] = []
        for study, listed in zip(studies, source.series_of(studies), strict=True):
            gone.look(study, listed)
            items = [item for series in listed for item in source.items_of(series)]
            wanted = [item for item in items if self._is_wanted(item, stored, found)]
            settled = [item for item in wanted if self.arrivals.has_settled(item)]
            if len(settled) < len(wanted):
                found.waiting += len(wanted) - len(settled)
                found.again.append(study)
            elif not wanted:
                self.arrivals.note_complete(study)
            new += settled
            if len(new) >= _TOGETHER:
                self._index(source, new, stored, found, progress)
                new = []
        if new:
            self._index(source, new, stored, found, progress)

    def _is_wanted(self, item: Item, stored: StoredItems, found: _Round) -> bool:
        """Whether an item is to be fetched; what is not is counted, once."""
        if item.name in found.counted:
            return False
        if not item.apart and item.name not in self.done and not stored.item(item) and not stored.refusals(item):
            return True
        found.counted.add(item.name)
        found.kinds.update([item.apart] if item.apart else [])
        found.refused += () if item.apart else stored.refusals(item)
        found.skipped += not item.apart and not stored.refusals(item)
        return False

    def _index(
        self, source: PacsSource, items: list[Item], stored: StoredItems, found: _Round, progress: Progress | None
    ) -> None:
        earlier = {item.name: {*files} for item in items if (files := stored.earlier(item))}
        result = index(self.gallery, [Selected(source, items)], reports=self.settings.reports, progress=progress)
        found.counted |= {item.name for item in items}
        found.added += result.added
        found.skipped += result.skipped
        found.refused += result.refused
        found.kept_out += result.kept_out
        found.kinds.update(result.kinds)
        found.notes |= dict.fromkeys(result.notes)
        found.replaced += _replace_grown(self.gallery, earlier)
        again = [each.source for each in result.refused if each.reason in NOT_READ]
        lacking = {item.name for item in items} & {source.rpartition("/")[0] for source in again}
        for name in lacking:
            self.arrivals.note_lacking(name)
        self.done |= {item.name for item in items} - lacking - {*again}


def _replace_grown(gallery: Gallery, earlier: Mapping[str, Set[str]]) -> int:
    """Remove the records of series that have grown since, where a volume is now made of their slices, which keeps the
    labels that a person set; how many. earlier: the SHA-256 of what was made before of the series of items, by name.
    """
    old: list[str] = []
    for name, files in _made_now(gallery, earlier).items():
        instances = instances_of_files(gallery.store, [*files, *earlier[name]])
        for sha256 in files:
            parts = [each for each in earlier[name] if instances[each] and instances[each] <= instances[sha256]]
            _keep_labels(gallery, parts, sha256)
            old += ids_of_files(gallery.store, parts)
    return erase(gallery, lambda store: named_by_ids(store, old)).records if old else 0


def _made_now(gallery: Gallery, earlier: Mapping[str, Set[str]]) -> dict[str, list[str]]:
    """The SHA-256 of what is made of items and was not before, by their names."""
    made: dict[str, list[str]] = {}
    for sha256, source in gallery.store.sources_of_files().items() if earlier else ():
        for name in (source, source.rpartition("/")[0]):
            if name in earlier and sha256 not in earlier[name]:
                made.setdefault(name, []).append(sha256)
    return made


def _keep_labels(gallery: Gallery, before: Sequence[str], now: str) -> None:
    """Give what is made of files now the labels that a person set before, where these are the same."""
    by_hand = labels_by_hand(gallery.store)
    labels = {each for file in before for each in by_hand.get(file, ())}
    if len(labels) == 1:
        change_labels(gallery.store, ids_of_files(gallery.store, [now]), instead=sorted(*labels), by="pull")


def _result(gallery: Gallery, rounds: Sequence[_Round], failed: str = "") -> PullResult:
    kinds = sum((each.kinds for each in rounds), Counter[str]())
    return PullResult(
        added=sum(each.added for each in rounds),
        skipped=sum(each.skipped for each in rounds),
        refused=tuple(refusal for each in rounds for refusal in each.refused),
        seconds=sum(each.seconds for each in rounds),
        studies=sum(len(each.listed) for each in rounds),
        waiting=sum(each.waiting for each in rounds),
        replaced=sum(each.replaced for each in rounds),
        gone=sum(each.gone for each in rounds),
        removed=sum(each.removed for each in rounds),
        kept_out=sum(each.kept_out for each in rounds),
        ignored=kinds.total(),
        kinds=dict(kinds.most_common()),
        records=gallery.store.count(),
        notes=tuple(dict.fromkeys(note for each in rounds for note in each.notes)),
        failed=failed,
    )
